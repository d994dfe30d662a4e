// Reports to and from JSON; the verdict.
#include "report/report.h"

#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"

namespace retort::report {
namespace {

Json intervalJson(const metrics::Interval& i) { return Json::array({i.low, i.high}); }

metrics::Interval intervalFrom(const Json& json) {
  return json.is_array() && json.size() == 2 ? metrics::Interval{numberOf(json[0], 0), numberOf(json[1], 1)} : metrics::Interval{0, 1};
}

Json latencyJson(const Latency& l) {
  return {{"ttft_ms", {{"p50", l.ttftP50}, {"p95", l.ttftP95}}}, {"request_ms", {{"p50", l.requestP50}, {"p95", l.requestP95}}},
          {"tokens_per_s", l.tokensPerSecond}, {"rows", l.rows}, {"definition", l.definition}};
}

Latency latencyFrom(const Json& json) {
  const auto at = [&](const char* group, const char* key) { return json.contains(group) && json[group].contains(key) ? numberOf(json[group][key], 0) : 0.0; };
  return {at("ttft_ms", "p50"), at("ttft_ms", "p95"), at("request_ms", "p50"), at("request_ms", "p95"), numberOf(json.value("tokens_per_s", Json(0)), 0),
          json.value("rows", std::int64_t{0}), json.value("definition", std::string())};
}

Json classesJson(const std::vector<metrics::ClassScore>& classes) {
  Json out = Json::array();
  for (const auto& c : classes)
    out.push_back({{"label", c.label}, {"support", c.support}, {"predicted", c.predicted}, {"correct", c.correct}, {"precision", c.precision}, {"recall", c.recall}, {"f1", c.f1}});
  return out;
}

std::vector<metrics::ClassScore> classesFrom(const Json& json) {
  std::vector<metrics::ClassScore> out;
  if (!json.is_array()) return out;
  for (const auto& c : json)
    if (c.is_object())
      out.push_back({c.value("label", std::string()), c.value("support", std::int64_t{0}), c.value("predicted", std::int64_t{0}), c.value("correct", std::int64_t{0}),
                     numberOf(c.value("precision", Json(0)), 0), numberOf(c.value("recall", Json(0)), 0), numberOf(c.value("f1", Json(0)), 0)});
  return out;
}

Json modelJson(const ModelScore& m) {
  Json out = {{"name", m.name}, {"path", m.path}, {"sha256", m.sha256}, {"role", m.role}, {"right", m.right}, {"valid", m.valid}, {"agreeing", m.agreeing},
          {"accuracy", m.accuracy}, {"interval", intervalJson(m.interval)}, {"macro_f1", m.macroF1}, {"agreement", m.agreement ? Json(*m.agreement) : Json(nullptr)},
          {"latency", m.latency ? latencyJson(*m.latency) : Json(nullptr)}, {"bytes", m.logged ? Json(nullptr) : Json(m.bytes)}, {"parameters", m.logged ? Json(nullptr) : Json(m.parameters)},
          {"logged", m.logged}};
  if (m.classes.empty()) {
    out["token_f1"] = m.tokenF1;
    out["rouge_l"] = m.rougeL;
  } else {
    out["classes"] = classesJson(m.classes);
  }
  return out;
}

Result<ModelScore> modelFrom(const Json& json, const std::string& where) {
  ModelScore m;
  ObjectReader r(json, where);
  r.required("name", m.name).optional("path", m.path).optional("sha256", m.sha256).required("role", m.role).optional("right", m.right).optional("valid", m.valid);
  r.optional("agreeing", m.agreeing).required("accuracy", m.accuracy).optional("macro_f1", m.macroF1).optional("logged", m.logged);
  r.optional("token_f1", m.tokenF1).optional("rouge_l", m.rougeL);
  if (const Json* v = r.member("bytes"); v && v->is_number_unsigned()) m.bytes = v->get<std::uint64_t>();
  if (const Json* v = r.member("parameters"); v && v->is_number_integer()) m.parameters = v->get<std::int64_t>();
  if (const Json* v = r.member("classes")) m.classes = classesFrom(*v);
  if (const Json* v = r.member("interval")) m.interval = intervalFrom(*v);
  if (const Json* v = r.member("agreement"); v && v->is_number()) m.agreement = v->get<double>();
  if (const Json* v = r.member("latency"); v && v->is_object()) m.latency = latencyFrom(*v);
  RETORT_CHECK(r.finish(true));
  return m;
}

Json differenceJson(const Difference& d) {
  return {{"first", d.first}, {"second", d.second}, {"estimate", d.counts.difference()}, {"interval", intervalJson(d.interval)}, {"mcnemar_p", d.p}, {"holm_p", d.pHolm},
          {"detectable", d.detectable},
          {"both", d.both}, {"only_first", d.counts.b}, {"only_second", d.counts.c}, {"neither", d.neither}, {"rows", d.counts.n}};
}

Json verdictJson(const std::optional<Verdict>& v) {
  if (!v) return nullptr;
  return {{"sentence", v->sentence}, {"decision", v->decision}, {"source", v->source}, {"margin", v->margin}, {"alpha", v->alpha}, {"mean", v->mean}, {"bound", v->bound}, {"upper", v->upper},
          {"method", v->method}, {"rows_needed", v->rowsNeeded}};
}

std::optional<Verdict> verdictFrom(const Json* json) {
  if (!json || !json->is_object()) return {};
  const auto number = [&](const char* key) { return numberOf(json->value(key, Json(0)), 0); };
  Verdict v;
  v.sentence = json->value("sentence", std::string());
  v.source = json->value("source", std::string());
  v.margin = number("margin");
  v.alpha = number("alpha");
  v.bound = number("bound");
  v.rowsNeeded = json->value("rows_needed", std::int64_t{0});
  v.upper = number("upper");
  v.mean = number("mean");
  v.decision = json->value("decision", std::string());
  v.method = json->value("method", std::string());
  return v;
}

}  // namespace

Json toJson(const Report& report) {
  Json models = Json::array(), differences = Json::array();
  for (const auto& m : report.models) models.push_back(modelJson(m));
  for (const auto& d : report.differences) differences.push_back(differenceJson(d));
  return {{"schema", "retort.report/1"}, {"id", report.id}, {"created", report.created}, {"dataset", report.dataset}, {"dataset_sha256", report.datasetSha256},
          {"plan_sha256", report.planHash}, {"part", report.part}, {"source", report.source}, {"rows", report.rows}, {"labels", report.labels},
          {"unreferenced", report.unreferenced}, {"opening", report.opening}, {"models", models}, {"differences", differences}, {"verdict", verdictJson(report.verdict)},
          {"base_verdict", verdictJson(report.baseVerdict)}, {"gap_recovered", report.gapRecovered ? Json(*report.gapRecovered) : Json(nullptr)}, {"alarms", report.alarms}};
}

Result<Report> reportFromJson(const Json& json, std::string_view where) {
  Report report;
  ObjectReader r(json, std::string(where));
  r.optional("id", report.id).optional("created", report.created).optional("dataset", report.dataset).optional("dataset_sha256", report.datasetSha256);
  r.optional("plan_sha256", report.planHash).optional("part", report.part).optional("source", report.source).required("rows", report.rows).optional("labels", report.labels);
  const Json* models = r.member("models", true);
  const Json* differences = r.member("differences");
  r.optional("unreferenced", report.unreferenced).optional("opening", report.opening).optional("alarms", report.alarms);
  report.verdict = verdictFrom(r.member("verdict"));
  report.baseVerdict = verdictFrom(r.member("base_verdict"));
  if (const Json* v = r.member("gap_recovered"); v && v->is_number()) report.gapRecovered = v->get<double>();
  RETORT_CHECK(r.finish(true));
  for (std::size_t i = 0; models->is_array() && i < models->size(); ++i) {
    RETORT_TRY(auto model, modelFrom((*models)[i], std::string(where) + ": models[" + std::to_string(i) + "]"));
    report.models.push_back(std::move(model));
  }
  if (differences && differences->is_array())
    for (const auto& d : *differences) {
      Difference item;
      item.first = d.value("first", std::string());
      item.second = d.value("second", std::string());
      item.counts = {d.value("only_first", std::int64_t{0}), d.value("only_second", std::int64_t{0}), d.value("rows", std::int64_t{0})};
      item.both = d.value("both", std::int64_t{0});
      item.neither = d.value("neither", std::int64_t{0});
      item.interval = intervalFrom(d.value("interval", Json()));
      item.p = numberOf(d.value("mcnemar_p", Json(1)), 1);
      item.pHolm = numberOf(d.value("holm_p", Json(1)), 1);
      item.detectable = numberOf(d.value("detectable", Json(0)), 0);
      report.differences.push_back(std::move(item));
    }
  return report;
}

namespace {
Verdict verdictOf(const metrics::Verdict& v, const metrics::MarginRule& rule, std::string_view source) {
  Verdict out;
  out.sentence = v.sentence;
  out.source = source;
  out.margin = rule.margin;
  out.alpha = rule.alpha;
  out.bound = v.bounds.low;
  out.rowsNeeded = v.moreRows;
  out.upper = v.bounds.high;
  out.mean = v.mean;
  out.decision = metrics::decisionName(v.decision);
  out.method = v.method;
  return out;
}
}  // namespace

Verdict judge(const std::vector<double>& student, const std::vector<double>& teacher, const std::vector<int>& clusters, double margin, double alpha, std::string_view source) {
  const metrics::MarginRule rule{margin, true, alpha, 12'345};
  if (source != "teacher") return verdictOf(metrics::nonInferiority(student, teacher, clusters, rule), rule, source);
  // The reference is the teacher itself: a row is right where the student says the same.
  metrics::Verdict v;
  v.decision = metrics::Decision::onlyAgreement;
  v.mean = metrics::meanError(student).mean;
  v.bounds = {0, 0};
  v.method = "none";
  v.sentence = metrics::sentenceAgreement(v.mean);
  return verdictOf(v, rule, source);
}

std::optional<Verdict> judgeBase(const std::vector<double>& base, const std::vector<double>& teacher, const std::vector<int>& clusters, double margin, double alpha) {
  const metrics::MarginRule rule{margin, false, alpha, 12'345};
  metrics::Verdict v = metrics::nonInferiority(base, teacher, clusters, rule);
  if (v.decision != metrics::Decision::asGood) return {};
  v.decision = metrics::Decision::useBase;
  v.sentence = metrics::kSentenceUseBase;
  return verdictOf(v, rule, "annotation");
}

std::vector<std::string> listReports(const Workspace& workspace) { return listProducts(workspace.reports()); }

Result<Report> loadReport(const Workspace& workspace, std::string_view text) {
  RETORT_TRY(const auto id, resolveProduct(workspace.reports(), text, "report", {}));
  RETORT_TRY(const Json json, readJsonFile(workspace.reports() / id / "report.json"));
  return reportFromJson(json, (workspace.reports() / id / "report.json").string());
}

Result<std::vector<RowAnswer>> loadRows(const Workspace& workspace, std::string_view text) {
  RETORT_TRY(const auto id, resolveProduct(workspace.reports(), text, "report", {}));
  RETORT_TRY(const auto bytes, readFile(workspace.reports() / id / "rows.jsonl"));
  std::vector<RowAnswer> rows;
  for (const auto line : splitView(bytes, '\n')) {
    if (line.empty()) continue;
    RETORT_TRY(const Json json, parseJson(line, "rows.jsonl"));
    RowAnswer row{json.value("id", std::string()), json.value("prompt", std::string()), json.value("reference", std::string()), {}, {}};
    for (const auto& a : json.value("answers", Json::array())) row.answers.push_back(a.is_string() ? a.get<std::string>() : std::string());
    for (const auto& r : json.value("right", Json::array())) row.right.push_back(r.is_boolean() && r.get<bool>());
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace retort::report
