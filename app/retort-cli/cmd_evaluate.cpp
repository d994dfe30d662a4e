// `evaluate` and `report …`: models on held-out rows, and what came of it.
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "job/job_folder.h"
#include "job/run_spec.h"
#include "models/library.h"
#include "report/evaluator.h"
#include "report/report.h"
#include "run/supervisor.h"

namespace retort::cli {
namespace {

/// The model that a run started from, for gates that compare with it.
Result<std::string> beforeTraining(const Workspace& workspace, const std::string& run) {
  const Error unknown{"cli.evaluate.base", "The gate needs the model before training", {}, "\"" + shown(run) + "\" is no run whose layers were kept as they were", "Name the model with --base.", {}, {}};
  const auto id = resolveProduct(workspace.runs(), run, "run", [&](const std::string& candidate) {
    const auto spec = readJsonFile(workspace.runs() / candidate / "spec.json");
    return spec.ok() && spec->is_object() ? spec->value("name", std::string()) : std::string();
  });
  if (!id.ok()) return unknown;
  RETORT_TRY(const Json json, readJsonFile(workspace.runs() / *id / "spec.json"));
  RETORT_TRY(const auto spec, job::runSpecFromJson(json, "spec.json"));
  if (!spec.student.layers.empty() || spec.student.model.path.empty()) return unknown;
  return spec.student.model.path;
}

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
  else if (const std::string gate = args.get("--gate"); gate == "improved" || gate == "no-regression") {
    RETORT_TRY(const auto before, beforeTraining(workspace, args.positional().front()));
    RETORT_CHECK(add(before, "base"));
  }
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
    if (!r.verdict) return gateUndecided;
    return r.verdict->decision == "as-good" ? done : r.verdict->decision == "worse" ? gateFailed : gateUndecided;
  }
  const auto* d = find("base");
  if (!d) return gateUndecided;
  const auto bound = metrics::tango(d->counts, 0.9);  // one-sided 95 %
  if (gate == "improved") return bound.low > 0 ? done : bound.high <= 0 ? gateFailed : gateUndecided;
  const double margin = r.verdict && r.verdict->margin > 0 ? r.verdict->margin : 0.02;
  return bound.high < 0 ? gateFailed : bound.low > -margin ? done : gateUndecided;  // no-regression
}

std::string xmlEscaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '"') out += "&quot;";
    else out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

/// One test case a gate (or "evaluate"), with the figures as its output; undecided is a failure that says so.
Status writeJunit(const std::filesystem::path& file, const report::Report& r, const std::string& gate, int code) {
  std::string figures;
  for (const auto& m : r.models) figures += m.role + " " + m.name + ": " + formatPercent(m.accuracy) + " of " + formatCount(r.rows) + " rows\n";
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"retort evaluate\" tests=\"1\" failures=\"" + std::to_string(code == done ? 0 : 1) +
                    "\">\n  <testcase classname=\"" + xmlEscaped(r.dataset) + "\" name=\"" + gate + "\">\n";
  if (code != done) xml += "    <failure message=\"" + std::string(code == gateFailed ? "failed" : "undecided") + "\">" + xmlEscaped(r.verdict ? r.verdict->sentence : "") + "</failure>\n";
  return writeFileAtomically(file, xml + "    <system-out>" + xmlEscaped(figures) + "</system-out>\n  </testcase>\n</testsuite>\n");
}

void printReport(const Context& context, const report::Report& r) {
  context.print("Report " + r.id + ": " + formatCount(r.rows) + " rows, reference: " + r.source);
  for (const auto& m : r.models)
    context.print("  " + m.role + "  " + m.name + "  accuracy " + formatPercent(m.accuracy) + " (" + formatNumber(m.interval.low * 100, 1) + "–" + formatNumber(m.interval.high * 100, 1) + ")" +
                  (m.latency ? "  p50 " + formatNumber(m.latency->requestP50, 1) + " ms  " + formatNumber(m.latency->tokensPerSecond, 1) + " tokens/s" : "") + "  " + (m.logged ? std::string("logged answers") : formatBytes(m.bytes)));
  for (const auto& d : r.differences)
    context.print("  " + d.first + " − " + d.second + ": " + formatNumber(d.counts.difference() * 100, 1) + " points (" + formatNumber(d.interval.low * 100, 1) + " to " + formatNumber(d.interval.high * 100, 1) +
                  "), McNemar p " + formatNumber(d.p, 4));
  if (r.verdict) context.print(r.verdict->sentence);
  if (r.baseVerdict && (!r.verdict || r.verdict->sentence != r.baseVerdict->sentence)) context.print(r.baseVerdict->sentence);
  for (const auto& alarm : r.alarms) context.print("Got worse: " + alarm);
  context.printJson(report::toJson(r));
}

/// The evaluation as a job of the supervisor.
int detach(Context& context, const Workspace& workspace, const report::EvaluateOptions& options) {
  Json models = Json::array();
  for (const auto& m : options.models) models.push_back({{"name", m.name}, {"path", std::filesystem::absolute(m.path).string()}, {"role", m.role}, {"latency", m.measureLatency}});
  const auto id = job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", "evaluate"}, {"name", "evaluation"},
                                                    {"params", {{"dataset", options.dataset}, {"part", options.part}, {"max_rows", options.maxRows}, {"models", models}}}});
  if (!id.ok()) return context.fail(id.error());
  if (auto started = run::ensureSupervisor(workspace); !started.ok()) return context.fail(started.error());
  context.print("Started job " + *id);
  context.printJson({{"id", *id}});
  return done;
}

int evaluateVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().empty() || !args.has("--dataset")) return context.usage("evaluate needs at least one model and --dataset");
  const std::string gate = args.get("--gate");
  if (!gate.empty() && gate != "noninferior" && gate != "improved" && gate != "no-regression") return context.usage("--gate is noninferior, improved or no-regression");
  const auto options = optionsOf(*workspace, args);
  if (!options.ok()) return context.fail(options.error());
  if (args.has("--detach")) return detach(context, *workspace, *options);
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
  context.printJson({{"id", r->id}, {"path", args.positional()[1]}});
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
    item.measureLatency = m.value("latency", true);
    RETORT_TRY(item.path, library.resolve(m.value("path", item.name)));
    options.models.push_back(std::move(item));
  }
  RETORT_TRY(const auto id, report::evaluate(job.workspace, options, job.progress, job.stop));
  return Json{{"report", id}};
}

const Registration e{{"evaluate", "", "evaluate MODEL… --dataset D [--against TEACHER] [--base M] [--gate noninferior|improved|no-regression] [--junit FILE]",
                      "Judges models on held-out rows, with intervals, and writes a report; a gate exits with 5 (failed) or 6 (undecided).",
                      {{"--dataset", "D", "id or name"}, {"--against", "TEACHER", "the teacher"}, {"--base", "M", "the student before training"}, {"--gate", "GATE", "noninferior, improved or no-regression"},
                       {"--junit", "FILE", "also as JUnit XML"}, {"--part", "PART", "test or validation"}, {"--rows", "N", "at most so many rows"}, {"--no-latency", "", "answers only"},
                       {"--detach", "", "as a job in the background"}}, evaluateVerb}};
const Registration l{{"report", "list", "report list", "Lists reports.", {}, listVerb}};
const Registration s{{"report", "show", "report show ID", "Shows a report's figures.", {}, showVerb}};
const Registration h{{"report", "html", "report html ID OUT", "Writes a report as one self-contained page.", {}, htmlVerb}};
const JobRegistration executor{"evaluate", execEvaluate};

}  // namespace
}  // namespace retort::cli
