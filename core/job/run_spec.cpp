// retort.run/1 to and from JSON, strictly.
#include "job/run_spec.h"

#include <algorithm>

#include "base/format.h"

namespace retort::job {
namespace {

Json modelJson(const ModelRef& m) { return {{"model", m.name}, {"path", m.path}, {"sha256", m.sha256}}; }

void readModel(ObjectReader& r, ModelRef& m) { r.required("model", m.name).required("path", m.path).required("sha256", m.sha256); }

void oneOf(ObjectReader& r, std::string_view key, const std::string& value, const std::vector<std::string>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  const std::string near = nearestName(value, allowed);
  r.fail(key, "must be one of " + join(allowed, ", ") + ", and is \"" + shown(value) + "\"" + (near.empty() ? "" : " (did you mean " + near + "?)"));
}

Status readLora(const Json& json, const std::string& where, LoraSpec& lora) {
  ObjectReader r(json, where);
  r.optional("rank", lora.rank).range("rank", lora.rank, 1, 1024).optional("alpha", lora.alpha).range("alpha", lora.alpha, 1e-6, 1e6);
  r.optional("dropout", lora.dropout).range("dropout", lora.dropout, 0, 0.95).optional("rank_stabilised", lora.rankStabilised);
  return r.finish();
}

Status readStudent(const Json& json, const std::string& where, StudentSpec& s) {
  ObjectReader r(json, where);
  readModel(r, s.model);
  r.optional("layers", s.layers).optional("tuning", s.tuning).optional("freeze_embeddings", s.freezeEmbeddings);
  oneOf(r, "tuning", s.tuning, {"full", "lora", "qlora"});
  if (std::any_of(s.layers.begin(), s.layers.end(), [](int l) { return l < 0; })) r.fail("layers", "must be numbers from 0");
  if (!std::is_sorted(s.layers.begin(), s.layers.end()) || std::adjacent_find(s.layers.begin(), s.layers.end()) != s.layers.end())
    r.fail("layers", "must rise without repeats");
  if (const Json* lora = r.member("lora"); lora && !r.failed()) RETORT_CHECK(readLora(*lora, where + ".lora", s.lora));
  return r.finish();
}

Status readLoss(const Json& json, const std::string& where, LossSpec& l) {
  ObjectReader r(json, where);
  r.optional("divergence", l.divergence).optional("beta", l.beta).optional("temperature", l.temperature).optional("kd_weight", l.kdWeight);
  r.optional("source", l.source).optional("cache", l.cache).optional("top_k", l.topK);
  oneOf(r, "divergence", l.divergence, {"forward-kl", "reverse-kl", "jsd", "skew-kl"});
  oneOf(r, "source", l.source, {"cached", "live"});
  oneOf(r, "cache", l.cache, {"top-k", "rs-kd"});
  r.range("beta", l.beta, 0, 1).range("temperature", l.temperature, 0.05, 100).range("kd_weight", l.kdWeight, 0, 1).range("top_k", l.topK, 1, 4096);
  return r.finish();
}

Status readDpo(const Json& json, const std::string& where, DpoSpec& d) {
  ObjectReader r(json, where);
  r.optional("beta", d.beta).range("beta", d.beta, 1e-4, 100);
  return r.finish();
}

Status readOnPolicy(const Json& json, const std::string& where, OnPolicySpec& o) {
  ObjectReader r(json, where);
  r.optional("rollouts", o.rollouts).range("rollouts", o.rollouts, 1, 64).optional("max_tokens", o.maxTokens).range("max_tokens", o.maxTokens, 1, 1 << 16);
  r.optional("temperature", o.temperature).range("temperature", o.temperature, 0.01, 100).optional("top_p", o.topP).range("top_p", o.topP, 0.01, 1);
  r.optional("every", o.every).range("every", o.every, 1, 1000).optional("estimator", o.estimator).optional("rules", o.rules);
  oneOf(r, "estimator", o.estimator, {"full", "sampled"});
  oneOf(r, "rules", o.rules, {"act", "warn"});
  return r.finish();
}

Status readMethod(const Json& json, const std::string& where, MethodSpec& m) {
  ObjectReader r(json, where);
  r.required("kind", m.kind).optional("steps", m.steps).optional("epochs", m.epochs).optional("learning_rate", m.learningRate);
  r.optional("warmup", m.warmup).optional("floor", m.floor).optional("schedule", m.schedule).optional("together", m.together).optional("share", m.share);
  oneOf(r, "kind", m.kind, {"sft", "logit-kd", "on-policy-kd", "dpo"});
  r.range("steps", static_cast<double>(m.steps), 0, 1e9).range("epochs", m.epochs, 0, 1e4).range("learning_rate", m.learningRate, 0, 1);
  oneOf(r, "schedule", m.schedule, {"linear", "cosine"});
  r.range("warmup", m.warmup, 0, 1).range("floor", m.floor, 0, 1).range("share", m.share, 1e-6, 1e6);
  if (m.kind == "on-policy-kd") m.loss.divergence = "reverse-kl", m.loss.kdWeight = 1, m.loss.source = "live";
  if (const Json* dpo = r.member("dpo"); dpo && !r.failed()) RETORT_CHECK(readDpo(*dpo, where + ".dpo", m.dpo));
  if (const Json* own = r.member("on_policy"); own && !r.failed()) RETORT_CHECK(readOnPolicy(*own, where + ".on_policy", m.onPolicy));
  if (!m.together && m.steps <= 0 && m.epochs <= 0) r.fail("steps", "or epochs must be above 0");
  if (const Json* loss = r.member("loss"); loss && !r.failed()) RETORT_CHECK(readLoss(*loss, where + ".loss", m.loss));
  return r.finish();
}

Status readData(const Json& json, const std::string& where, DataSpec& d) {
  ObjectReader r(json, where);
  r.required("dataset", d.dataset).required("path", d.path).required("sha256", d.sha256).optional("train", d.train).optional("validation", d.validation);
  r.optional("max_tokens", d.maxTokens).range("max_tokens", d.maxTokens, 2, 1 << 20).optional("subset", d.subset).range("subset", d.subset, 1e-6, 1).optional("loss_on", d.lossOn).optional("system_prompt", d.systemPrompt);
  oneOf(r, "loss_on", d.lossOn, {"completion", "assistant"});
  oneOf(r, "system_prompt", d.systemPrompt, {"keep", "drop"});
  for (const auto& [key, name] : {std::pair<std::string, std::string>{"train", d.train}, {"validation", d.validation}})
    if (name.empty() || name.find('/') != std::string::npos || name.front() == '.') r.fail(key, "must be the name of a file in the dataset's folder");
  return r.finish();
}

Status readTrain(const Json& json, const std::string& where, TrainSpec& t) {
  ObjectReader r(json, where);
  r.optional("batch_rows", t.batchRows).range("batch_rows", t.batchRows, 1, 1 << 20).optional("micro_tokens", t.microTokens).range("micro_tokens", t.microTokens, 1, 1 << 24);
  r.optional("beta1", t.beta1).range("beta1", t.beta1, 0, 0.99999).optional("beta2", t.beta2).range("beta2", t.beta2, 0, 0.9999999);
  r.optional("epsilon", t.epsilon).range("epsilon", t.epsilon, 0, 1).optional("weight_decay", t.weightDecay).range("weight_decay", t.weightDecay, 0, 10);
  r.optional("clip", t.clip).range("clip", t.clip, 0, 1e9).optional("precision", t.precision).optional("activation_checkpointing", t.activationCheckpointing);
  r.optional("checkpoint_every", t.checkpointEvery).range("checkpoint_every", t.checkpointEvery, 0, 1e9).optional("keep_last", t.keepLast).range("keep_last", t.keepLast, 1, 1000);
  r.optional("on_nan", t.onNan).optional("on_memory", t.onMemory);
  oneOf(r, "precision", t.precision, {"bf16", "f32"});
  oneOf(r, "on_nan", t.onNan, {"stop", "skip", "lower-rate"});
  oneOf(r, "on_memory", t.onMemory, {"retry", "stop"});
  return r.finish();
}

Status readEval(const Json& json, const std::string& where, EvalSpec& e) {
  ObjectReader r(json, where);
  r.optional("every", e.every).range("every", e.every, 0, 1e9).optional("rows", e.rows).range("rows", e.rows, 0, 1e7).optional("samples", e.samples).range("samples", e.samples, 0, 1000);
  r.optional("sample_tokens", e.sampleTokens).range("sample_tokens", e.sampleTokens, 1, 1e5).optional("patience", e.patience).range("patience", e.patience, 0, 1e6);
  r.optional("keep_best", e.keepBest).optional("metric", e.metric);
  oneOf(r, "metric", e.metric, {"nll", "token-accuracy", "exact-match"});
  return r.finish();
}

/// Reads a list of objects with `read`, naming "methods[1]" in errors.
template <typename T, typename Read>
Status readList(ObjectReader& r, std::string_view key, bool isRequired, std::vector<T>& out, Read read) {
  const Json* list = r.member(key, isRequired);
  if (!list || r.failed()) return {};
  if (!list->is_array()) return r.fail(key, "must be a list"), Status{};
  for (std::size_t i = 0; i < list->size(); ++i) {
    T item;
    RETORT_CHECK(read((*list)[i], r.where() + (r.where().find(": ") == std::string::npos ? ": " : ".") + std::string(key) + "[" + std::to_string(i) + "]", item));
    out.push_back(std::move(item));
  }
  return {};
}

Json methodJson(const MethodSpec& m) {
  Json json = {{"kind", m.kind}, {"steps", m.steps}, {"epochs", m.epochs}, {"learning_rate", m.learningRate}, {"warmup", m.warmup}, {"floor", m.floor}, {"schedule", m.schedule},
               {"loss", {{"divergence", m.loss.divergence}, {"beta", m.loss.beta}, {"temperature", m.loss.temperature}, {"kd_weight", m.loss.kdWeight},
                         {"source", m.loss.source}, {"cache", m.loss.cache}, {"top_k", m.loss.topK}}}};
  if (m.together || m.share != 1) json["together"] = m.together, json["share"] = m.share;
  if (m.kind == "dpo") json["dpo"] = {{"beta", m.dpo.beta}};
  const auto& o = m.onPolicy;
  if (m.kind == "on-policy-kd")
    json["on_policy"] = {{"rollouts", o.rollouts}, {"max_tokens", o.maxTokens}, {"temperature", o.temperature}, {"top_p", o.topP}, {"every", o.every},
                         {"estimator", o.estimator}, {"rules", o.rules}};
  return json;
}

}  // namespace

Json toJson(const RunSpec& s) {
  Json student = modelJson(s.student.model);
  student["layers"] = s.student.layers;
  student["tuning"] = s.student.tuning;
  student["lora"] = {{"rank", s.student.lora.rank}, {"alpha", s.student.lora.alpha}, {"dropout", s.student.lora.dropout}, {"rank_stabilised", s.student.lora.rankStabilised}};
  student["freeze_embeddings"] = s.student.freezeEmbeddings;
  Json teachers = Json::array(), methods = Json::array();
  for (const auto& t : s.teachers) {
    teachers.push_back(modelJson(t.model));
    teachers.back()["weight"] = t.weight;
  }
  for (const auto& m : s.methods) methods.push_back(methodJson(m));
  const auto& d = s.data;
  const auto& t = s.train;
  const auto& e = s.eval;
  return {{"schema", kRunSchema}, {"name", s.name}, {"parent", s.parent}, {"student", student}, {"teachers", teachers}, {"methods", methods},
          {"data", {{"dataset", d.dataset}, {"path", d.path}, {"sha256", d.sha256}, {"train", d.train}, {"validation", d.validation}, {"subset", d.subset}, {"max_tokens", d.maxTokens},
                    {"loss_on", d.lossOn}, {"system_prompt", d.systemPrompt}}},
          {"train", {{"batch_rows", t.batchRows}, {"micro_tokens", t.microTokens}, {"beta1", t.beta1}, {"beta2", t.beta2}, {"epsilon", t.epsilon},
                     {"weight_decay", t.weightDecay}, {"clip", t.clip}, {"precision", t.precision}, {"activation_checkpointing", t.activationCheckpointing},
                     {"checkpoint_every", t.checkpointEvery}, {"keep_last", t.keepLast}, {"on_nan", t.onNan}, {"on_memory", t.onMemory}}},
          {"eval", {{"every", e.every}, {"rows", e.rows}, {"samples", e.samples}, {"sample_tokens", e.sampleTokens}, {"patience", e.patience}, {"keep_best", e.keepBest}, {"metric", e.metric}}},
          {"seed", s.seed}, {"device", s.device}, {"threads", s.threads}, {"launcher", s.launcher}};
}

Result<RunSpec> runSpecFromJson(const Json& json, std::string_view where) {
  RunSpec s;
  ObjectReader r(json, std::string(where));
  std::string schema;
  r.required("schema", schema);
  if (!r.failed() && schema != kRunSchema) r.fail("schema", "must be \"retort.run/1\", and is \"" + shown(schema) + "\"");
  r.optional("name", s.name).optional("parent", s.parent).optional("seed", s.seed).optional("device", s.device).optional("threads", s.threads).range("threads", s.threads, 0, 4096);
  r.optional("launcher", s.launcher);
  oneOf(r, "launcher", s.launcher, {"local"});
  const std::string at = std::string(where) + ": ";
  if (const Json* v = r.member("student", true); v && !r.failed()) RETORT_CHECK(readStudent(*v, at + "student", s.student));
  RETORT_CHECK(readList(r, "teachers", false, s.teachers, [](const Json& v, const std::string& place, TeacherSpec& t) -> Status {
    ObjectReader reader(v, place);
    readModel(reader, t.model);
    reader.optional("weight", t.weight).range("weight", t.weight, 0, 1e6);
    return reader.finish();
  }));
  RETORT_CHECK(readList(r, "methods", true, s.methods, readMethod));
  if (!r.failed() && s.methods.empty()) r.fail("methods", "must name at least one method");
  if (!r.failed() && s.methods.front().together) r.fail("methods", "must begin with a method of its own: the first one goes together with none");
  if (const Json* v = r.member("data", true); v && !r.failed()) RETORT_CHECK(readData(*v, at + "data", s.data));
  if (const Json* v = r.member("train"); v && !r.failed()) RETORT_CHECK(readTrain(*v, at + "train", s.train));
  if (const Json* v = r.member("eval"); v && !r.failed()) RETORT_CHECK(readEval(*v, at + "eval", s.eval));
  if (!r.failed() && s.teachers.empty() && std::any_of(s.methods.begin(), s.methods.end(), [](const MethodSpec& m) { return m.kind.ends_with("-kd"); }))
    r.fail("teachers", "must name a teacher, because a method needs its logits");
  RETORT_CHECK(r.finish());
  return s;
}

Status setField(Json& spec, std::string_view assignment) {
  const auto equals = assignment.find('=');
  const Error bad{"job.spec.set", "\"" + shown(assignment) + "\" is not an assignment", {}, "a name and a value are needed", "Write it like train.batch_rows=16.", {}, {}};
  if (equals == std::string_view::npos || equals == 0) return bad;
  Json* at = &spec;
  for (const auto part : splitView(assignment.substr(0, equals), '.')) {
    if (part.empty()) return bad;
    const bool index = std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; }) && part.size() < 7;
    if (at->is_array() && index) {
      const auto i = static_cast<std::size_t>(std::stoul(std::string(part)));
      if (i >= at->size()) return Error{"job.spec.set", "\"" + shown(assignment) + "\" names no item", {}, "the list has " + std::to_string(at->size()) + ", counted from 0", "Choose one of them.", {}, {}};
      at = &(*at)[i];
    } else if (at->is_object() || at->is_null()) {
      at = &(*at)[std::string(part)];
    } else {
      return Error{"job.spec.set", "\"" + shown(assignment) + "\" goes below a plain value", {}, "only objects and lists have parts", "Name the value itself.", {}, {}};
    }
  }
  const std::string text(assignment.substr(equals + 1));
  const auto parsed = parseJson(text, "value");
  *at = parsed.ok() ? *parsed : Json(text);
  return {};
}

}  // namespace retort::job
