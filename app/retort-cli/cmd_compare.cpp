// `compare`: logged answers, teachers and local models side by side on a dataset's rows, as a job.
#include "app/retort-cli/cli.h"
#include "app/retort-cli/spend.h"
#include "base/format.h"
#include "job/job_folder.h"
#include "lab/teacher_compare.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::cli {
namespace {

Result<lab::CompareJob> jobOf(const Args& args) {
  lab::CompareJob j;
  j.dataset = args.positional()[0];
  const std::string columns = args.get("--columns");   // views of it follow
  for (const auto column : splitView(columns, ',')) j.columns.emplace_back(trimmed(column));
  RETORT_TRY(j.rows, args.integer("--rows", j.rows));
  RETORT_TRY(const auto tokens, args.integer("--max-tokens", 0));
  j.maxTokens = static_cast<int>(tokens);
  RETORT_TRY(j.capSeconds, args.number("--cap-time", -1));
  j.capMoney = args.get("--cap-money");
  return lab::compareJobFromJson(lab::toJson(j), "compare");
}

/// Every teacher's note and price, before anything is asked.
Status checkTeachers(const Context& context, const Args& args, const Workspace& workspace, const lab::CompareJob& job) {
  RETORT_TRY(const auto prices, providers::PriceTable::load(&workspace));
  for (const auto& column : job.columns) {
    if (!column.starts_with("teacher:")) continue;
    RETORT_TRY(const auto teacher, providers::loadTeacher(workspace, column.substr(8)));
    context.note(teacher.name + " (" + teacher.host() + "): " + teacher.note.sentence());
    RETORT_CHECK(mayAskAtAll(context, args, teacher, providers::priceOf(teacher, prices)));
    if (!teacher.staysHere()) RETORT_CHECK(confirm(context, args, "Send up to " + formatCount(job.rows) + " rows to " + teacher.host() + "?"));
  }
  return {};
}

std::string points(double share) { return formatNumber(share * 100, 1); }

void printComparison(const Context& context, const Json& c) {
  context.print("On " + formatCount(c["rows"].get<std::int64_t>()) + " rows, against " + c["reference"].get<std::string>() + ":");
  for (const auto& k : c["columns"]) {
    std::string line = "  " + k["column"].get<std::string>() + ": ";
    line += k["accuracy"].is_number() ? formatPercent(k["accuracy"].get<double>()) + " [" + points(k["interval"][0].get<double>()) + ", " + points(k["interval"][1].get<double>()) + "]" : std::string("no reference");
    if (k["rejected"].get<std::int64_t>() > 0) line += ", " + formatCount(k["rejected"].get<std::int64_t>()) + " without an answer";
    if (k["p50_ms"].is_number()) line += ", p50 " + formatDuration(k["p50_ms"].get<double>() / 1000);
    line += k["usd_per_1000"].is_number() ? ", $" + formatNumber(k["usd_per_1000"].get<double>(), 4) + " per 1,000" : k.contains("source") ? ", cost and latency logged" : ", cost unknown";
    context.print(line);
  }
  for (const auto& p : c["pairs"])
    context.print("  " + p["first"].get<std::string>() + " - " + p["second"].get<std::string>() + ": " + points(p["difference"].get<double>()) + " points [" + points(p["interval"][0].get<double>()) + ", " + points(p["interval"][1].get<double>()) +
                  "], p " + formatNumber(p["p_holm"].get<double>(), 3) + ", the same on " + formatPercent(p["agreement"].get<double>()));
}

int compareVerb(Context& context, const Args& args) {
  if (args.positional().size() != 1 || !args.has("--columns")) return context.usage("compare needs a dataset and --columns");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto job = jobOf(args);
  if (!job.ok()) return context.fail(job.error());
  if (auto checked = checkTeachers(context, args, *workspace, *job); !checked.ok()) return context.fail(checked.error());
  const auto id = job::createJob(workspace->jobs(), {{"schema", "retort.job/1"}, {"kind", "compare"}, {"name", "compare " + job->dataset}, {"params", lab::toJson(*job)}});
  if (!id.ok()) return context.fail(id.error());
  if (auto started = run::ensureSupervisor(*workspace); !started.ok()) return context.fail(started.error());
  if (args.has("--detach")) {
    context.print("Started job " + *id);
    context.printJson({{"id", *id}});
    return done;
  }
  const auto state = run::waitForEnd(*workspace, workspace->jobs() / *id, context.progress(), context.stop);
  if (!state.ok()) return context.fail(state.error());
  if (state->phase != job::Phase::done) {
    context.note("What was answered is kept. Go on with: retort-cli job resume " + *id);
    return state->error.is_object() ? context.fail(job::errorFromJson(state->error)) : static_cast<int>(cancelled);
  }
  printComparison(context, state->extra);
  context.printJson(state->extra);
  return done;
}

Result<Json> execCompare(JobContext& job) {
  RETORT_TRY(const auto request, lab::compareJobFromJson(job.params, "spec.json: params"));
  RETORT_TRY(const auto made, lab::compareColumns(job.workspace, request, job.folder.filename().string(), job.progress, job.stop));
  return lab::toJson(made);
}

const Registration r{{"compare", "", "compare DATASET --columns logged,teacher:A,model:M [--rows N] [--cap-money X] [--cap-time S] [--yes]",
                      "Puts logged answers, teachers and local models side by side: accuracy, paired differences, agreement, latency and cost.",
                      {{"--columns", "C,C", "logged, teacher:NAME, model:NAME; two or more"}, {"--rows", "N", "rows, validation first; the test split stays sealed (100)"}, {"--max-tokens", "N", "of an answer (the plan's)"},
                       {"--cap-money", "X", "most dollars, all columns together"}, {"--cap-time", "S", "most seconds a column"}, {"--yes", "", "spend without asking"}, {"--detach", "", "start it and return"}}, compareVerb}};
const JobRegistration executor{"compare", execCompare};

}  // namespace
}  // namespace retort::cli
