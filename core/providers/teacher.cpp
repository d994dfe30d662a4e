// Teachers as files: kinds, defaults, output-use notes.
#include "providers/teacher.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/format.h"
#include "providers/http.h"

namespace retort::providers {
namespace {

struct KindFacts {
  Kind kind;
  std::string_view name, url;
};
constexpr std::array<KindFacts, 11> kKinds = {{{Kind::openai, "openai", "https://api.openai.com/v1"},
                                               {Kind::openaiResponses, "openai-responses", "https://api.openai.com/v1"},
                                               {Kind::anthropic, "anthropic", "https://api.anthropic.com/v1"},
                                               {Kind::bedrock, "bedrock", ""},
                                               {Kind::ollama, "ollama", "http://127.0.0.1:11434"},
                                               {Kind::vllm, "vllm", "http://127.0.0.1:8000/v1"},
                                               {Kind::llamaCpp, "llama.cpp", "http://127.0.0.1:8080/v1"},
                                               {Kind::openRouter, "openrouter", "https://openrouter.ai/api/v1"},
                                               {Kind::compatible, "compatible", ""},
                                               {Kind::replay, "replay", ""},
                                               {Kind::local, "local", ""}}};

const KindFacts& factsOf(Kind kind) { return *std::find_if(kKinds.begin(), kKinds.end(), [&](const KindFacts& f) { return f.kind == kind; }); }

Error teacherError(std::string_view code, std::string what, std::string why, std::string next) { return Error{"providers.teacher." + std::string(code), std::move(what), {}, std::move(why), std::move(next), {}, {}}; }

Status checkTeacher(const Teacher& t) {
  if (t.name.empty() || t.name.size() > 64 || t.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != std::string::npos || t.name.front() == '.')
    return teacherError("name", "\"" + shown(t.name) + "\" cannot be a teacher's name", "a name is up to 64 letters, digits, dots, hyphens and underscores", "For example: --name openai-prod");
  if (t.kind == Kind::replay || t.kind == Kind::local) {
    if (t.path.empty()) return teacherError("path", "The teacher " + t.name + " has no file", "a teacher on this machine is a model or a file of answers", "Add it with: --path FILE");
    return {};
  }
  if (t.model.empty()) return teacherError("model", "The teacher " + t.name + " has no model", "the server must be told which one to ask", "Add it with: --model NAME");
  if (t.baseUrl().empty()) return teacherError("address", "The teacher " + t.name + " has no address", t.kind == Kind::bedrock ? "a region is needed" : "this kind has none of its own", t.kind == Kind::bedrock ? "Add it with: --region us-east-1" : "Add it with: --url https://…/v1");
  RETORT_TRY([[maybe_unused]] const auto origin, originOf(t.baseUrl()));
  if (!t.price.empty() && (!parsePrice(t.price) || !parsePrice(t.priceOutput)))
    return teacherError("price", "The price of " + t.name + " cannot be read", "prices are dollars per million tokens, for input and for output", "For example: --price 2.50,10");
  return {};
}

}  // namespace

std::string_view kindName(Kind kind) { return factsOf(kind).name; }
std::optional<Kind> kindFromName(std::string_view name) {
  for (const auto& f : kKinds)
    if (f.name == name) return f.kind;
  return std::nullopt;
}
std::vector<std::string> kindNames() {
  std::vector<std::string> out;
  for (const auto& f : kKinds) out.emplace_back(f.name);
  return out;
}

std::string OutputNote::sentence() const {
  const std::string head = mayTrain == "yes" ? "Its answers may train a model" : mayTrain == "no" ? "Its answers may not train a model" : mayTrain == "conditions" ? "Its answers may train a model under conditions" : "It is not noted whether its answers may train a model";
  std::string out = head + (text.empty() ? "" : ": " + text);
  if (!source.empty()) out += " (" + source + (date.empty() ? "" : ", " + date) + ")";
  return out;
}

Json toJson(const OutputNote& n) { return {{"may_train", n.mayTrain}, {"text", n.text}, {"source", n.source}, {"date", n.date}}; }

OutputNote defaultNote(Kind kind) {
  switch (kind) {
    case Kind::openai:
    case Kind::openaiResponses: return {"conditions", "the terms forbid models that compete with OpenAI; read them for your use", "https://openai.com/policies/terms-of-use", "2025-11-30"};
    case Kind::anthropic: return {"conditions", "the commercial terms forbid competing models unless agreed; read them for your use", "https://www.anthropic.com/legal/commercial-terms", "2025-11-30"};
    case Kind::bedrock: return {"conditions", "each model's own licence decides, and AWS allows distillation of some pairs only inside its service; read both for your use", "https://aws.amazon.com/service-terms/", "2025-11-30"};
    case Kind::openRouter: return {"conditions", "the terms of the provider behind the model decide", "https://openrouter.ai/terms", "2025-11-30"};
    case Kind::ollama:
    case Kind::vllm:
    case Kind::llamaCpp:
    case Kind::local: return {"conditions", "the licence of the model decides; some open models ask for their name in that of the student", "", ""};
    default: return {};
  }
}

std::string Teacher::baseUrl() const {
  std::string base = url.empty() ? std::string(factsOf(kind).url) : url;
  if (kind == Kind::bedrock && url.empty() && !region.empty()) base = "https://bedrock-runtime." + region + ".amazonaws.com";
  while (base.ends_with('/')) base.pop_back();
  // An address of a server alone: the OpenAI dialects live under /v1.
  const bool wantsVersion = kind != Kind::bedrock && kind != Kind::ollama && isRemote();
  if (wantsVersion && !base.empty())
    if (const auto slashes = base.find("://"); slashes != std::string::npos && base.find('/', slashes + 3) == std::string::npos) base += "/v1";
  return base;
}

std::string Teacher::host() const {
  if (!isRemote()) return "this machine";
  const auto origin = originOf(baseUrl());
  return origin.ok() ? origin->text() : baseUrl();
}

bool Teacher::staysHere() const {
  if (!isRemote()) return true;
  const auto origin = originOf(baseUrl());
  return origin.ok() && origin->isLoopback();
}

Json toJson(const Teacher& t) {
  Json json = {{"schema", "retort.teacher/1"}, {"name", t.name}, {"kind", kindName(t.kind)}};
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  put("url", t.url);
  put("model", t.model);
  put("region", t.region);
  put("path", t.path.string());
  put("key_reference", t.keyReference);
  json["output_use"] = toJson(t.note);
  json["capabilities"] = toJson(t.capabilities);
  if (!t.extra.empty()) json["extra"] = t.extra;
  put("price_input", t.price);
  put("price_output", t.priceOutput);
  json["max_concurrent"] = t.maxConcurrent;
  json["requests_per_minute"] = t.requestsPerMinute;
  json["tokens_per_minute"] = t.tokensPerMinute;
  json["timeouts"] = {{"connect", t.timeouts.connect}, {"first_byte", t.timeouts.firstByte}, {"idle", t.timeouts.idle}, {"total", t.timeouts.total}};
  if (t.contextTokens > 0) json["context_tokens"] = t.contextTokens;
  json["allow_pii"] = t.allowPii;
  json["allow_plain_key"] = t.allowPlainKey;
  put("ca_file", t.caFile);
  put("pinned_key", t.pinnedKey);
  return json;
}

Result<Teacher> teacherFromJson(const Json& json, std::string_view where) {
  Teacher t;
  std::string schema, kind, path;
  Json note, capabilities, timeouts;
  ObjectReader r(json, std::string(where));
  r.required("schema", schema).required("name", t.name).required("kind", kind).optional("url", t.url).optional("model", t.model).optional("region", t.region).optional("path", path);
  r.optional("key_reference", t.keyReference).optional("output_use", note).optional("capabilities", capabilities).optional("extra", t.extra).optional("price_input", t.price);
  r.optional("price_output", t.priceOutput).optional("max_concurrent", t.maxConcurrent).optional("requests_per_minute", t.requestsPerMinute).optional("tokens_per_minute", t.tokensPerMinute);
  r.optional("timeouts", timeouts).optional("context_tokens", t.contextTokens).optional("allow_pii", t.allowPii).optional("allow_plain_key", t.allowPlainKey).optional("ca_file", t.caFile).optional("pinned_key", t.pinnedKey);
  r.range("max_concurrent", t.maxConcurrent, 1, 4096).range("requests_per_minute", t.requestsPerMinute, 0, 1e9).range("tokens_per_minute", t.tokensPerMinute, 0, 1e12);
  if (schema != "retort.teacher/1" && !r.failed()) r.fail("schema", "must be retort.teacher/1");
  if (const auto known = kindFromName(kind)) t.kind = *known;
  else if (!r.failed()) r.fail("kind", "must be one of " + join(kindNames(), ", "));
  RETORT_CHECK(r.finish());
  t.path = path;
  if (note.is_object()) {
    ObjectReader n(note, std::string(where) + ": output_use");
    n.optional("may_train", t.note.mayTrain).optional("text", t.note.text).optional("source", t.note.source).optional("date", t.note.date);
    RETORT_CHECK(n.finish());
  }
  if (timeouts.is_object()) {
    ObjectReader n(timeouts, std::string(where) + ": timeouts");
    n.optional("connect", t.timeouts.connect).optional("first_byte", t.timeouts.firstByte).optional("idle", t.timeouts.idle).optional("total", t.timeouts.total);
    n.range("connect", t.timeouts.connect, 0.01, 86400).range("first_byte", t.timeouts.firstByte, 0.01, 86400).range("idle", t.timeouts.idle, 0.01, 86400).range("total", t.timeouts.total, 0.01, 86400 * 7);
    RETORT_CHECK(n.finish());
  }
  t.capabilities = capabilitiesFromJson(capabilities);
  RETORT_CHECK(checkTeacher(t));
  return t;
}

std::filesystem::path teachersFolder(const Workspace& workspace) { return workspace.root() / "teachers"; }

Status saveTeacher(const Workspace& workspace, const Teacher& teacher, bool replace) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_CHECK(checkTeacher(teacher));
  RETORT_CHECK(makeFolders(teachersFolder(workspace)));
  const auto file = teachersFolder(workspace) / (teacher.name + ".json");
  std::error_code error;
  if (!replace && std::filesystem::exists(file, error)) return teacherError("taken", "There is a teacher called " + teacher.name + " already", {}, "Choose another name, or change it with: teacher add --replace");
  return writeJsonFile(file, toJson(teacher));
}

Result<Teacher> loadTeacher(const Workspace& workspace, std::string_view name) {
  const auto file = teachersFolder(workspace) / (std::string(name) + ".json");
  std::error_code error;
  if (name.find('/') != std::string_view::npos || !std::filesystem::is_regular_file(file, error)) {
    std::vector<std::string> names;
    for (const auto& t : listTeachers(workspace)) names.push_back(t.name);
    const auto near = nearestName(name, names);
    return teacherError("unknown", "There is no teacher called " + shown(name), near.empty() ? "" : "did you mean " + near + "?", "See: retort-cli teacher list");
  }
  RETORT_TRY(const auto json, readJsonFile(file, 4u << 20));
  return teacherFromJson(json, file.filename().string());
}

std::vector<Teacher> listTeachers(const Workspace& workspace, std::vector<Error>* problems) {
  std::vector<Teacher> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(teachersFolder(workspace), error)) {
    if (entry.path().extension() != ".json") continue;
    const auto json = readJsonFile(entry.path(), 4u << 20);
    auto teacher = json.ok() ? teacherFromJson(*json, entry.path().filename().string()) : Result<Teacher>(json.error());
    if (teacher.ok()) out.push_back(std::move(*teacher));
    else if (problems) problems->push_back(teacher.error());
  }
  std::sort(out.begin(), out.end(), [](const Teacher& a, const Teacher& b) { return a.name < b.name; });
  return out;
}

Status removeTeacher(const Workspace& workspace, std::string_view name) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto teacher, loadTeacher(workspace, name));
  std::error_code error;
  std::filesystem::remove(teachersFolder(workspace) / (teacher.name + ".json"), error);
  return error ? Status(systemError("providers.teacher.remove", "remove", teacher.name, error.value())) : Status();
}

std::optional<Price> priceOf(const Teacher& t, const PriceTable& table) {
  if (!t.price.empty()) {
    Price p;
    p.input = parsePrice(t.price).value_or(0);
    p.output = parsePrice(t.priceOutput).value_or(0);
    p.source = "teacher";
    return p;
  }
  // A model on this machine costs no tokens; replayed answers were paid for before.
  if (t.kind == Kind::replay || t.kind == Kind::local || ((t.kind == Kind::ollama || t.kind == Kind::vllm || t.kind == Kind::llamaCpp) && t.staysHere())) {
    Price free;
    free.source = "teacher";
    return free;
  }
  return table.find(t.model);
}

}  // namespace retort::providers
