// Reports to and from JSON; the verdict.
#include "report/report.h"

#include <algorithm>
#include <cmath>

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

Json modelJson(const ModelScore& m) {
  return {{"name", m.name}, {"path", m.path}, {"sha256", m.sha256}, {"role", m.role}, {"right", m.right}, {"valid", m.valid}, {"agreeing", m.agreeing},
          {"accuracy", m.accuracy}, {"interval", intervalJson(m.interval)}, {"macro_f1", m.macroF1}, {"agreement", m.agreement ? Json(*m.agreement) : Json(nullptr)},
          {"latency", m.latency ? latencyJson(*m.latency) : Json(nullptr)}, {"bytes", m.bytes}, {"parameters", m.parameters}};
}

Result<ModelScore> modelFrom(const Json& json, const std::string& where) {
  ModelScore m;
  ObjectReader r(json, where);
  r.required("name", m.name).optional("path", m.path).optional("sha256", m.sha256).required("role", m.role).optional("right", m.right).optional("valid", m.valid);
  r.optional("agreeing", m.agreeing).required("accuracy", m.accuracy).optional("macro_f1", m.macroF1).optional("bytes", m.bytes).optional("parameters", m.parameters);
  if (const Json* v = r.member("interval")) m.interval = intervalFrom(*v);
  if (const Json* v = r.member("agreement"); v && v->is_number()) m.agreement = v->get<double>();
  if (const Json* v = r.member("latency"); v && v->is_object()) m.latency = latencyFrom(*v);
  RETORT_CHECK(r.finish(true));
  return m;
}

Json differenceJson(const Difference& d) {
  return {{"first", d.first}, {"second", d.second}, {"estimate", d.counts.difference()}, {"interval", intervalJson(d.interval)}, {"mcnemar_p", d.p},
          {"both", d.both}, {"only_first", d.counts.b}, {"only_second", d.counts.c}, {"neither", d.neither}, {"rows", d.counts.n}};
}

}  // namespace

Json toJson(const Report& report) {
  Json models = Json::array(), differences = Json::array();
  for (const auto& m : report.models) models.push_back(modelJson(m));
  for (const auto& d : report.differences) differences.push_back(differenceJson(d));
  Json verdict = nullptr;
  if (report.verdict)
    verdict = {{"sentence", report.verdict->sentence}, {"source", report.verdict->source}, {"margin", report.verdict->margin}, {"alpha", report.verdict->alpha},
               {"bound", report.verdict->bound}, {"rows_needed", report.verdict->rowsNeeded}};
  return {{"schema", "retort.report/1"}, {"id", report.id}, {"created", report.created}, {"dataset", report.dataset}, {"dataset_sha256", report.datasetSha256},
          {"plan_sha256", report.planHash}, {"part", report.part}, {"source", report.source}, {"rows", report.rows}, {"labels", report.labels},
          {"models", models}, {"differences", differences}, {"verdict", verdict}};
}

Result<Report> reportFromJson(const Json& json, std::string_view where) {
  Report report;
  ObjectReader r(json, std::string(where));
  r.optional("id", report.id).optional("created", report.created).optional("dataset", report.dataset).optional("dataset_sha256", report.datasetSha256);
  r.optional("plan_sha256", report.planHash).optional("part", report.part).optional("source", report.source).required("rows", report.rows).optional("labels", report.labels);
  const Json* models = r.member("models", true);
  const Json* differences = r.member("differences");
  const Json* verdict = r.member("verdict");
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
      report.differences.push_back(std::move(item));
    }
  if (verdict && verdict->is_object())
    report.verdict = Verdict{verdict->value("sentence", std::string()), verdict->value("source", std::string()), numberOf(verdict->value("margin", Json(0)), 0),
                             numberOf(verdict->value("alpha", Json(0)), 0), numberOf(verdict->value("bound", Json(0)), 0), verdict->value("rows_needed", std::int64_t{0})};
  return report;
}

Verdict judge(std::int64_t both, std::int64_t onlyStudent, std::int64_t onlyTeacher, std::int64_t neither, double margin, double alpha, std::string_view source) {
  Verdict v;
  v.source = source;
  v.margin = margin;
  v.alpha = alpha;
  const std::int64_t n = both + onlyStudent + onlyTeacher + neither;
  if (n == 0) return v.sentence = "Not decided: about 1,000 more rows needed.", v;
  if (source == "teacher") {
    // The reference is the teacher itself: a row is right where the student says the same.
    v.sentence = "Agrees with the teacher on " + formatPercent(static_cast<double>(both + onlyStudent) / static_cast<double>(n)) + "; no reference says more.";
    return v;
  }
  // c takes four values: both right: margin; only the student: 1; only the teacher: margin - 1; neither: 0.
  const double rows = static_cast<double>(n);
  const double mean = (static_cast<double>(both) * margin + static_cast<double>(onlyStudent) + static_cast<double>(onlyTeacher) * (margin - 1)) / rows;
  const double squares = (static_cast<double>(both) * margin * margin + static_cast<double>(onlyStudent) + static_cast<double>(onlyTeacher) * (margin - 1) * (margin - 1)) / rows;
  const double variance = std::max(0.0, squares - mean * mean) * rows / std::max(1.0, rows - 1);
  const double se = std::sqrt(variance / rows), z = metrics::normalQuantile(1 - alpha);
  v.bound = mean - z * se;
  if (v.bound > 0) v.sentence = "As good as the teacher (within " + formatNumber(margin * 100, margin * 100 == std::floor(margin * 100) ? 0 : 1) + " %).";
  else if (mean + z * se < 0) v.sentence = "Worse than the teacher.";
  else {
    // Rows at which a student equal to its teacher would be shown to be (power .8), from the observed variance; at least one more.
    const double gap = std::max(mean, margin / 2);
    const double needed = std::pow((z + metrics::normalQuantile(0.8)) / gap, 2) * variance;
    v.rowsNeeded = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(needed)) - n);
    v.sentence = "Not decided: about " + formatCount(v.rowsNeeded) + " more rows needed.";
  }
  return v;
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
