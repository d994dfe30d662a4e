// `evaluate` and `report …`: models on held-out rows, and what came of it.
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "models/library.h"
#include "report/evaluator.h"
#include "report/report.h"

namespace retort::cli {
namespace {

/// teacher, base and student by their options, the positional models as students (the first) and others.
Result<report::EvaluateOptions> optionsOf(const Workspace& workspace, const Args& args) {
  const models::Library library(workspace.root());
  report::EvaluateOptions options;
  options.dataset = args.get("--dataset");
  options.part = args.get("--part", "test");
  const auto add = [&](const std::string& text, const std::string& role) -> Status {
    RETORT_TRY(const auto path, library.resolve(text));
    options.models.push_back({text, path, role, !args.has("--no-latency")});
    return {};
  };
  if (args.has("--against")) RETORT_CHECK(add(args.get("--against"), "teacher"));
  if (args.has("--base")) RETORT_CHECK(add(args.get("--base"), "base"));
  for (std::size_t i = 0; i < args.positional().size(); ++i) RETORT_CHECK(add(args.positional()[i], i == 0 ? "student" : "other"));
  RETORT_TRY(const auto rows, args.integer("--rows", 0));
  options.maxRows = static_cast<int>(rows);
  return options;
}

/// 0 passed, 5 failed, 6 undecided.
int gateExit(const report::Report& r, const std::string& gate) {
  const auto find = [&](std::string_view role) -> const report::Difference* {
    std::string name;
    for (const auto& m : r.models)
      if (m.role == role) name = m.name;
    for (const auto& d : r.differences)
      if (d.second == name) return &d;
    return nullptr;
  };
  if (gate == "noninferior") {
    if (!r.verdict || r.verdict->source == "teacher") return gateUndecided;
    if (r.verdict->bound > 0) return done;
    return r.verdict->sentence.starts_with("Worse") ? gateFailed : gateUndecided;
  }
  const auto* d = find("base");
  if (!d) return gateUndecided;
  const auto bound = metrics::tango(d->counts, 0.9);  // one-sided 95 %
  if (gate == "improved") return bound.low > 0 ? done : bound.high <= 0 ? gateFailed : gateUndecided;
  return bound.high < 0 ? gateFailed : bound.low >= -0.02 ? done : gateUndecided;  // no-regression
}

Status writeJunit(const std::filesystem::path& file, const report::Report& r, const std::string& gate, int code) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"retort evaluate\" tests=\"1\" failures=\"" + std::to_string(code == done ? 0 : 1) + "\"><testcase name=\"" + gate + "\">";
  if (code != done) xml += "<failure message=\"" + std::string(code == gateFailed ? "failed" : "undecided") + "\">" + (r.verdict ? r.verdict->sentence : "") + "</failure>";
  return writeFileAtomically(file, xml + "</testcase></testsuite>\n");
}

void printReport(const Context& context, const report::Report& r) {
  context.print("Report " + r.id + ": " + formatCount(r.rows) + " rows, reference: " + r.source);
  for (const auto& m : r.models)
    context.print("  " + m.role + "  " + m.name + "  accuracy " + formatPercent(m.accuracy) + " (" + formatNumber(m.interval.low * 100, 1) + "–" + formatNumber(m.interval.high * 100, 1) + ")" +
                  (m.latency ? "  p50 " + formatNumber(m.latency->requestP50, 1) + " ms  " + formatNumber(m.latency->tokensPerSecond, 1) + " tokens/s" : "") + "  " + formatBytes(m.bytes));
  for (const auto& d : r.differences)
    context.print("  " + d.first + " − " + d.second + ": " + formatNumber(d.counts.difference() * 100, 1) + " points (" + formatNumber(d.interval.low * 100, 1) + " to " + formatNumber(d.interval.high * 100, 1) +
                  "), McNemar p " + formatNumber(d.p, 4));
  if (r.verdict) context.print(r.verdict->sentence);
  context.printJson(report::toJson(r));
}

int evaluateVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().empty() || !args.has("--dataset")) return context.usage("evaluate needs at least one model and --dataset");
  const std::string gate = args.get("--gate");
  if (!gate.empty() && gate != "noninferior" && gate != "improved" && gate != "no-regression") return context.usage("--gate is noninferior, improved or no-regression");
  const auto options = optionsOf(*workspace, args);
  if (!options.ok()) return context.fail(options.error());
  const auto id = report::evaluate(*workspace, *options, context.progress(), context.stop);
  if (!id.ok()) return context.fail(id.error());
  const auto r = report::loadReport(*workspace, *id);
  if (!r.ok()) return context.fail(r.error());
  printReport(context, *r);
  const int code = gate.empty() ? static_cast<int>(done) : gateExit(*r, gate);
  if (args.has("--junit"))
    if (auto written = writeJunit(args.get("--junit"), *r, gate.empty() ? "evaluate" : gate, code); !written.ok()) return context.fail(written.error());
  return code;
}

int listVerb(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  Json all = Json::array();
  for (const auto& id : report::listReports(*workspace)) {
    const auto r = report::loadReport(*workspace, id);
    if (!r.ok()) {
      context.note(r.error().text());
      continue;
    }
    context.print(id + "  " + formatCount(r->rows) + " rows  " + std::to_string(r->models.size()) + " models  " + (r->verdict ? r->verdict->sentence : ""));
    all.push_back(report::toJson(*r));
  }
  context.printJson(all);
  return done;
}

int showVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().size() != 1) return context.usage("report show needs one id");
  const auto r = report::loadReport(*workspace, args.positional()[0]);
  if (!r.ok()) return context.fail(r.error());
  printReport(context, *r);
  return done;
}

int htmlVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().size() != 2) return context.usage("report html needs an id and a file");
  const auto r = report::loadReport(*workspace, args.positional()[0]);
  if (!r.ok()) return context.fail(r.error());
  const auto rows = report::loadRows(*workspace, args.positional()[0]);
  if (!rows.ok()) return context.fail(rows.error());
  if (auto written = writeFileAtomically(args.positional()[1], report::toHtml(*r, *rows)); !written.ok()) return context.fail(written.error());
  context.print("Wrote " + args.positional()[1]);
  return done;
}

Result<Json> execEvaluate(JobContext& job) {
  report::EvaluateOptions options;
  ObjectReader reader(job.params, "spec.json: params");
  reader.required("dataset", options.dataset).optional("part", options.part).optional("max_rows", options.maxRows);
  const Json* models = reader.member("models", true);
  RETORT_CHECK(reader.finish());
  const models::Library library(job.workspace.root());
  for (const auto& m : *models) {
    report::ModelToEvaluate item;
    item.name = m.value("name", std::string());
    item.role = m.value("role", std::string("other"));
    RETORT_TRY(item.path, library.resolve(m.value("path", item.name)));
    options.models.push_back(std::move(item));
  }
  RETORT_TRY(const auto id, report::evaluate(job.workspace, options, job.progress, job.stop));
  return Json{{"report", id}};
}

const Registration e{{"evaluate", "", "evaluate MODEL… --dataset D [--against TEACHER] [--base M] [--gate noninferior|improved|no-regression] [--junit FILE]",
                      "Judges models on held-out rows, with intervals, and writes a report; a gate exits with 5 (failed) or 6 (undecided).",
                      {{"--dataset", "D", "id or name"}, {"--against", "TEACHER", "the teacher"}, {"--base", "M", "the student before training"}, {"--gate", "GATE", "noninferior, improved or no-regression"},
                       {"--junit", "FILE", "also as JUnit XML"}, {"--part", "PART", "test or validation"}, {"--rows", "N", "at most so many rows"}, {"--no-latency", "", "answers only"}}, evaluateVerb}};
const Registration l{{"report", "list", "report list", "Lists reports.", {}, listVerb}};
const Registration s{{"report", "show", "report show ID", "Shows a report's figures.", {}, showVerb}};
const Registration h{{"report", "html", "report html ID OUT", "Writes a report as one self-contained page.", {}, htmlVerb}};
const JobRegistration executor{"evaluate", execEvaluate};

}  // namespace
}  // namespace retort::cli
