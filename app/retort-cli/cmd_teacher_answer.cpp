// `teacher answer`: a teacher's answers for a dataset: dry run, trial, the range of cost, then a job in the background.
#include "app/retort-cli/cli.h"
#include "app/retort-cli/spend.h"
#include "base/format.h"
#include "job/job_folder.h"
#include "lab/teacher_answers.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::cli {
namespace {

Result<lab::TeacherJob> jobOf(const Args& args) {
  lab::TeacherJob j;
  j.dataset = args.positional()[0];
  j.teacher = args.get("--teacher");
  j.name = args.get("--name");
  if (args.has("--golden")) j.golden = "similar";
  if (args.has("--golden-ids")) {
    j.golden = "chosen";
    const std::string ids = args.get("--golden-ids");   // views of it follow
    for (const auto id : splitView(ids, ',')) j.goldenIds.emplace_back(trimmed(id));
  }
  const auto whole = [&](std::string_view option, std::int64_t otherwise, auto& out) -> Status {
    RETORT_TRY(const auto value, args.integer(option, otherwise));
    out = static_cast<std::remove_reference_t<decltype(out)>>(value);
    return {};
  };
  RETORT_CHECK(whole("--golden-count", j.goldenCount, j.goldenCount));
  RETORT_CHECK(whole("--best-of", 1, j.bestOf));
  RETORT_CHECK(whole("--max-tokens", 0, j.maxTokens));
  RETORT_CHECK(whole("--seed", 1, j.seed));
  RETORT_CHECK(whole("--rows", 0, j.rows));
  RETORT_CHECK(whole("--cap-tokens", -1, j.capTokens));
  RETORT_TRY(j.temperature, args.number("--temperature", 0));
  RETORT_TRY(j.capSeconds, args.number("--cap-time", -1));
  j.check = args.get("--check");
  j.effort = args.get("--effort");
  j.keepReasoning = args.has("--keep-reasoning");
  j.askAgain = args.has("--ask-again");
  j.capMoney = args.get("--cap-money");
  return lab::teacherJobFromJson(lab::toJson(j), "teacher answer");
}

Json previewJson(const lab::TeacherPreview& p) {
  Json rows = Json::array();
  for (const auto& a : p.answers) {
    Json row = {{"row", p.rows[a.index].id}, {"accepted", a.isAccepted}, {"text", a.answer.text}};
    if (!a.isAccepted) row["reason"] = a.reason;
    if (!a.golden.empty()) row["steered_by"] = a.golden;
    rows.push_back(row);
  }
  return {{"rows", rows}, {"forecast", providers::toJson(p.forecast)}, {"spent_usd", static_cast<double>(p.spent) / 1e9}, {"notices", p.notices}};
}

void printPreview(const Context& context, const lab::TeacherPreview& p) {
  for (const auto& a : p.answers) {
    const auto text = a.isAccepted ? shown(a.answer.text) : "rejected: " + a.reason;
    context.print(p.rows[a.index].id + "  " + text);
  }
  for (const auto& n : p.notices) context.note(n);
}

std::string points(double share) { return formatNumber(share * 100, 1); }

int trial(Context& context, const Workspace& workspace, const lab::TeacherJob& job, int rows) {
  const auto t = lab::tryTeacher(workspace, job, rows, context.progress(), context.stop);
  if (!t.ok()) return context.fail(t.error());
  context.print("On " + formatCount(t->rows) + " rows, against " + t->reference + ":");
  for (const auto& a : t->arms) {
    context.print("  " + a.name + ": " + formatPercent(static_cast<double>(a.right) / static_cast<double>(a.n)) + " [" + points(a.interval.low) + ", " + points(a.interval.high) + "]" +
                  (a.name == "plain" ? "" : ", gain " + points(a.gain) + " points [" + points(a.gainInterval.low) + ", " + points(a.gainInterval.high) + "], p " + formatNumber(a.p, 3)) +
                  (a.rejected > 0 ? ", " + formatCount(a.rejected) + " rejected" : ""));
    context.print("    " + a.forecast.sentence());
  }
  context.print("Spent: " + providers::formatMoney(t->spent));
  context.printJson(lab::toJson(*t));
  return done;
}

int start(Context& context, const Workspace& workspace, const Args& args, const lab::TeacherJob& job) {
  const auto id = job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", "teacher-answers"}, {"name", job.name.empty() ? job.teacher + " answers " + job.dataset : job.name}, {"params", lab::toJson(job)}});
  if (!id.ok()) return context.fail(id.error());
  if (auto started = run::ensureSupervisor(workspace); !started.ok()) return context.fail(started.error());
  if (args.has("--detach")) {
    context.print("Started job " + *id);
    context.printJson({{"id", *id}});
    return done;
  }
  const auto state = run::waitForEnd(workspace, workspace.jobs() / *id, context.progress(), context.stop);
  if (!state.ok()) {
    if (isCancelled(state.error())) context.note("It goes on in the background; see it with: retort-cli job status " + *id);
    return context.fail(state.error());
  }
  if (state->phase != job::Phase::done) {
    context.note("What was answered is kept. Go on with: retort-cli job resume " + *id);
    if (state->error.is_object()) return context.fail(job::errorFromJson(state->error));
    return cancelled;
  }
  const Json& e = state->extra;
  context.print("Made the dataset " + e.value("name", "") + " (" + e.value("dataset", "") + "): " + formatCount(e.value("accepted", std::int64_t{0})) + " answers accepted, " + formatCount(e.value("rejected", std::int64_t{0})) + " rejected");
  const Json reasons = e.value("reasons", Json::object());
  for (const auto& [reason, n] : reasons.items()) context.print("  " + formatCount(n.get<std::int64_t>()) + " " + reason);
  context.print("Spent: " + (e["spent_usd"].is_number() ? "$" + formatNumber(e["spent_usd"].get<double>(), 4) : std::string("unknown")) + ", " + formatCount(e.value("cached", std::int64_t{0})) + " answers from the cache");
  if (e.value("possibly_billed", std::int64_t{0}) > 0) context.print("  " + formatCount(e.value("possibly_billed", std::int64_t{0})) + " possibly billed twice, at most $" + formatNumber(e["possibly_billed_usd"].get<double>(), 4));
  Json out = e;
  out["job"] = *id;
  context.printJson(out);
  return e.value("rejected", std::int64_t{0}) > 0 ? someRejected : done;
}

int submit(Context& context, const Workspace& workspace, const lab::TeacherJob& job) {
  const auto batch = lab::submitTeacherBatch(workspace, job, context.stop);
  if (!batch.ok()) return context.fail(batch.error());
  const auto folder = workspace.root() / "batches" / batch->id;
  if (batch->state == "running") context.print("Submitted batch " + batch->id + ": " + formatCount(batch->items) + " questions. See how far it is, and fetch its answers, with: retort-cli teacher batches");
  else context.print("Wrote batch " + batch->id + " to " + folder.string() + ": bring its files to S3, run the batch there, then: retort-cli teacher batches --join FILE --id " + batch->id);
  context.printJson(providers::toJson(*batch));
  return done;
}

int answer(Context& context, const Args& args) {
  if (args.positional().size() != 1 || !args.has("--teacher")) return context.usage("teacher answer needs a dataset and --teacher");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  auto job = jobOf(args);
  if (!job.ok()) return context.fail(job.error());
  const auto teacher = providers::loadTeacher(*workspace, job->teacher);
  if (!teacher.ok()) return context.fail(teacher.error());
  const auto prices = providers::PriceTable::load(&*workspace);
  if (!prices.ok()) return context.fail(prices.error());
  const auto price = providers::priceOf(*teacher, *prices);
  if (auto noted = showNote(context, args, *teacher); !noted.ok()) return context.fail(noted.error());
  if (auto may = mayAskAtAll(context, args, *teacher, price); !may.ok()) return context.fail(may.error());
  const bool isFree = price && price->input == 0 && price->output == 0;
  if (args.has("--batch")) {
    if (!isFree)
      if (auto ok = confirm(context, args, "Submit what is not answered yet as a batch?"); !ok.ok()) return context.fail(ok.error());
    return submit(context, *workspace, *job);
  }
  if (args.has("--trial")) {
    const auto rows = args.integer("--trial-rows", 50);
    if (!rows.ok()) return context.fail(rows.error());
    if (!isFree)
      if (auto ok = confirm(context, args, "Ask " + teacher->name + " about " + formatCount(*rows) + " rows in up to three ways?"); !ok.ok()) return context.fail(ok.error());
    return trial(context, *workspace, *job, static_cast<int>(*rows));
  }
  // A model of this machine is not started twice for a range that is zero.
  if (!isFree || args.has("--dry-run")) {
    if (!isFree)
      if (auto ok = confirm(context, args, "Ask " + teacher->name + " about 16 rows first, to see answers and cost?"); !ok.ok()) return context.fail(ok.error());
    const auto preview = lab::previewTeacher(*workspace, *job, 16, context.progress(), context.stop);
    if (!preview.ok()) return context.fail(preview.error());
    if (args.has("--dry-run")) {
      printPreview(context, *preview);
      context.print(preview->forecast.sentence());
      context.printJson(previewJson(*preview));
      return done;
    }
    context.note(preview->forecast.sentence());
    if (auto ok = confirm(context, args, "Buy them?"); !ok.ok()) return context.fail(ok.error());
    // The cap is for the whole purchase, the probe rows included; those come out of the cache now.
    if (const auto cap = providers::parseMoney(job->capMoney); cap && !job->capMoney.empty()) {
      const auto left = std::max<providers::NanoUsd>(0, *cap - preview->spent);
      const std::string decimals = std::to_string(left % 1'000'000'000);
      job->capMoney = std::to_string(left / 1'000'000'000) + "." + std::string(9 - decimals.size(), '0') + decimals;
      if (preview->forecast.low && *preview->forecast.low > left) context.note("The cap will pause it before the end.");
    }
    job->askAgain = false;
  }
  return start(context, *workspace, args, *job);
}

/// Watches every batch, or joins a result file that the user brought.
int batches(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.has("--join") && !args.has("--id")) return context.usage("--join needs the batch it belongs to: --id BATCH");
  Json all = Json::array();
  for (const auto& b : providers::listBatches(*workspace)) {
    if (args.has("--id") && !b.id.starts_with(args.get("--id"))) continue;
    auto desk = lab::TeacherDesk::open(*workspace, b.teacher);
    if (!desk.ok()) return context.fail(desk.error());
    const auto now = args.has("--join") ? providers::collectBatchFile(*workspace, desk->teacher(), b.id, args.get("--join"), desk->cache(), desk->log(), desk->price())
                                        : providers::watchBatch(*workspace, desk->teacher(), b.id, desk->cache(), desk->log(), desk->price(), {}, context.stop);
    if (!now.ok()) return context.fail(now.error());
    context.print(now->id + "  " + now->teacher + "  " + now->state + "  " + formatCount(now->answered) + " of " + formatCount(now->items) + " answered" + (now->failed > 0 ? ", " + formatCount(now->failed) + " failed" : "") +
                  (now->missing > 0 ? ", " + formatCount(now->missing) + " missing" : ""));
    all.push_back(providers::toJson(*now));
  }
  if (all.empty()) context.note("There are no batches.");
  context.printJson({{"batches", all}});
  return done;
}

Result<Json> execAnswers(JobContext& job) {
  RETORT_TRY(const auto request, lab::teacherJobFromJson(job.params, "spec.json: params"));
  return lab::answerWithTeacher(job.workspace, job.folder, request, job.progress, job.stop);
}

const Registration rAnswer{{"teacher", "answer", "teacher answer DATASET --teacher T [--golden] [--best-of N] [--check C] [--cap-money X] [--dry-run] [--trial] [--yes]",
                            "Lets a teacher answer a dataset's prompts; the accepted answers are a new dataset. Nothing is paid for twice.",
                            {{"--teacher", "T", "see teacher list"}, {"--name", "NAME", "of the new dataset"}, {"--golden", "", "the most similar golden examples steer each answer"}, {"--golden-count", "K", "examples a prompt (4)"},
                             {"--golden-ids", "A,B", "these examples, for every prompt"}, {"--best-of", "N", "samples a row; the check and the vote choose (1)"}, {"--check", "C", "labels, labels:a,b, regex:PATTERN, json, json:key1,key2 or none"},
                             {"--keep-reasoning", "", "keep what the teacher thought before its answer"}, {"--temperature", "T", "of the first sample (0)"}, {"--max-tokens", "N", "of an answer (the plan's)"}, {"--effort", "E", "of reasoning: low, medium or high"},
                             {"--seed", "S", "of sampling (1)"}, {"--rows", "N", "only the first N rows"}, {"--ask-again", "", "not from the cache"}, {"--cap-money", "X", "most dollars"}, {"--cap-tokens", "N", "most tokens"}, {"--cap-time", "S", "most seconds"},
                             {"--dry-run", "", "asks the first 16 rows and shows answers and cost of the rest"}, {"--trial", "", "plain, golden and best-of-n on 50 rows with references"}, {"--trial-rows", "N", "rows of the trial (50)"},
                             {"--batch", "", "as a batch at a lower price, answered within a day; see teacher batches"},
                             {"--despite-note", "", "although the note says that answers may not train a model"}, {"--yes", "", "spend without asking"}, {"--detach", "", "start it and return"}}, answer}};
const Registration rBatches{{"teacher", "batches", "teacher batches [--join FILE --id BATCH]", "Asks how far batches are and brings their answers home; teacher answer then finds them.",
                             {{"--join", "FILE", "a result file that you fetched yourself"}, {"--id", "BATCH", "of this batch"}}, batches}};
const JobRegistration executor{"teacher-answers", execAnswers};

}  // namespace
}  // namespace retort::cli
