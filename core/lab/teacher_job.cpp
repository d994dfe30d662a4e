// The job that buys answers for a dataset, its dry run, and the trial that says beforehand what examples and samples are worth.
#include <algorithm>
#include <unordered_map>

#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "lab/derive.h"
#include "lab/teacher_answers.h"

namespace retort::lab {
namespace {

using providers::NanoUsd;

struct Source {
  data::Dataset dataset;
  data::EvalPlan plan;
  DatasetRows rows;
  std::vector<const job::Row*> asked;          ///< train, then validation; test rows are judged by references alone
};

Result<Source> openSource(const Workspace& workspace, const TeacherJob& job) {
  Source s;
  RETORT_TRY(s.dataset, data::loadDataset(workspace, job.dataset));
  RETORT_TRY(s.plan, data::loadPlan(s.dataset));
  RETORT_TRY(s.rows, readDatasetRows(s.dataset));
  return s;
}

/// Pointers into the rows: only once the Source has its final place.
void listAsked(Source& s, std::int64_t most) {
  for (const auto* part : {&s.rows.train, &s.rows.validation})
    for (const auto& row : *part)
      if (most <= 0 || static_cast<std::int64_t>(s.asked.size()) < most) s.asked.push_back(&row);
}

std::string modelName(const providers::Teacher& t) { return t.isRemote() ? t.model : t.name; }

std::vector<providers::ProbeRow> probesOf(const std::vector<TeacherRow>& rows) {
  std::vector<providers::ProbeRow> out;
  for (const auto& r : rows)
    if (r.worth >= 0 && !(r.worth == 0 && !r.isAccepted)) out.push_back({r.worth, r.seconds});
  return out;
}

Json usd(NanoUsd nano) { return static_cast<double>(nano) / 1e9; }

}  // namespace

Result<Json> answerWithTeacher(const Workspace& workspace, const std::filesystem::path& folder, const TeacherJob& job, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(auto source, openSource(workspace, job));
  listAsked(source, job.rows);
  RETORT_TRY(auto desk, TeacherDesk::open(workspace, job.teacher));
  const std::string run = folder.filename().string();
  RETORT_TRY(const auto answers, desk.ask(source.asked, source.rows.golden, job, source.plan, run, "Teacher answers", progress, stop));

  std::map<std::string, std::int64_t> reasons;
  std::string rejected;
  std::unordered_map<const job::Row*, const TeacherRow*> byRow;
  for (const auto& a : answers) {
    byRow[source.asked[a.index]] = &a;
    if (a.isAccepted) continue;
    ++reasons[a.reason];
    rejected += dumpJson({{"row", source.asked[a.index]->id}, {"reason", a.reason}}) + "\n";
  }
  RETORT_CHECK(writeFileAtomically(folder / "rejected.jsonl", rejected));
  std::int64_t accepted = 0;
  const auto take = [&](std::vector<job::Row>& rows) {
    std::vector<job::Row> out;
    for (const auto& row : rows) {
      const auto it = byRow.find(&row);
      if (it == byRow.end() || !it->second->isAccepted) continue;
      job::Row next = row;
      next.target = providers::assistantMessage(it->second->answer, job.keepReasoning);
      next.teacher = modelName(desk.teacher());
      next.golden = false;
      if (next.source.is_object() && !it->second->golden.empty()) next.source["steered_by"] = it->second->golden;
      out.push_back(std::move(next));
      ++accepted;
    }
    return out;
  };
  DatasetRows next;
  next.train = take(source.rows.train);
  next.validation = take(source.rows.validation);
  next.test = source.rows.test;
  next.golden = source.rows.golden;
  if (next.train.empty()) {
    std::string list;
    for (const auto& [reason, n] : reasons) list += (list.empty() ? "" : ", ") + formatCount(n) + " " + reason;
    return Error{"lab.teacher.none", "No training row has an answer of " + desk.teacher().name + " that was accepted", {}, list, "Look into rejected.jsonl of the job, and loosen the check or change the prompt.", {}, {}};
  }
  RETORT_TRY(const auto totals, providers::UsageLog::totals(workspace, run));
  const auto& t = desk.tally();
  const Json summary = {{"teacher", {{"name", desk.teacher().name}, {"kind", providers::kindName(desk.teacher().kind)}, {"model", modelName(desk.teacher())}, {"host", desk.teacher().host()}}},
                        {"accepted", accepted}, {"rejected", static_cast<std::int64_t>(answers.size()) - accepted}, {"reasons", reasons}, {"golden", job.golden}, {"best_of", job.bestOf}, {"check", job.check},
                        {"cached", t.cached}, {"attempts", totals.attempts}, {"spent_usd", t.isCostKnown ? usd(totals.spent) : Json()}, {"possibly_billed", totals.possiblyBilled}, {"possibly_billed_usd", usd(totals.possiblySpent)},
                        {"input_tokens", totals.tokens.prompt()}, {"output_tokens", totals.tokens.output}, {"notices", t.notices}};
  Derivation d;
  d.name = job.name.empty() ? source.dataset.name + " answered" : job.name;
  d.how = "answered by " + desk.teacher().name + " (" + modelName(desk.teacher()) + ")";
  d.teacher = modelName(desk.teacher());
  d.use = "responses";
  d.facts = {{"answers", summary}, {"output_use", providers::toJson(desk.teacher().note)}};
  RETORT_TRY(const auto made, deriveDataset(workspace, source.dataset, next, d));
  Json out = summary;
  out["dataset"] = made.id;
  out["name"] = made.name;
  return out;
}

Result<TeacherPreview> previewTeacher(const Workspace& workspace, const TeacherJob& job, int count, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(auto source, openSource(workspace, job));
  listAsked(source, job.rows);
  RETORT_TRY(auto desk, TeacherDesk::open(workspace, job.teacher));
  const auto all = static_cast<std::int64_t>(source.asked.size());
  if (all > count) source.asked.resize(static_cast<std::size_t>(count));
  TeacherPreview p;
  RETORT_TRY(p.answers, desk.ask(source.asked, source.rows.golden, job, source.plan, "preview-" + newId(), "Dry run", progress, stop));
  for (const auto* row : source.asked) p.rows.push_back(*row);
  p.forecast = providers::forecastSpending(probesOf(p.answers), all - static_cast<std::int64_t>(source.asked.size()), desk.price().has_value(), desk.teacher().maxConcurrent);
  p.notices = desk.tally().notices;
  p.spent = desk.tally().spent;
  return p;
}

Result<TeacherTrial> tryTeacher(const Workspace& workspace, const TeacherJob& job, int rows, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(auto source, openSource(workspace, job));
  RETORT_TRY(const auto references, data::loadReferences(source.dataset));
  std::map<std::string, std::string> right;
  for (const auto& r : references) right[r.id] = r.reference;
  TeacherTrial trial;
  const auto collect = [&](bool fromTargets) {
    for (const auto* part : {&source.rows.validation, &source.rows.train})
      for (const auto& row : *part) {
        if (static_cast<int>(source.asked.size()) >= rows) return;
        if (fromTargets && row.target.is_object()) right[row.id] = job::contentText(row.target);
        if (right.contains(row.id)) source.asked.push_back(&row);
      }
  };
  collect(false);
  trial.reference = "annotations";
  if (source.asked.empty()) {
    collect(true);
    trial.reference = source.dataset.teacher.empty() ? "the rows' own answers" : "the logged answers of " + source.dataset.teacher + " (agreement, not correctness)";
  }
  if (source.asked.empty()) return Error{"lab.teacher.trial", "The dataset " + source.dataset.name + " has nothing to compare answers with", {}, "neither its references nor its rows hold answers outside the test split", "Annotate some records, or skip the trial.", {}, {}};
  trial.rows = static_cast<std::int64_t>(source.asked.size());
  RETORT_TRY(auto desk, TeacherDesk::open(workspace, job.teacher));
  const auto all = static_cast<std::int64_t>(source.rows.train.size() + source.rows.validation.size());

  std::vector<std::pair<std::string, TeacherJob>> arms;
  TeacherJob plain = job;
  plain.golden = "none", plain.bestOf = 1;
  arms.emplace_back("plain", plain);
  TeacherJob steered = job;
  steered.bestOf = 1;
  if (steered.golden == "none" && !source.rows.golden.empty()) steered.golden = "similar";
  if (steered.golden != "none") arms.emplace_back("golden", steered);
  TeacherJob best = steered;
  best.bestOf = std::max(3, job.bestOf);
  arms.emplace_back("best of " + std::to_string(best.bestOf), best);
  const std::string run = "trial-" + newId();   // one cap for all arms
  std::vector<bool> plainRight;
  for (const auto& [name, settings] : arms) {
    RETORT_TRY(const auto answers, desk.ask(source.asked, source.rows.golden, settings, source.plan, run, "Trial, " + name, progress, stop));
    TrialArm arm;
    arm.name = name;
    std::int64_t onlyThis = 0, onlyPlain = 0;
    for (const auto& a : answers) {
      const bool isRight = a.isAccepted && data::agrees(source.plan, a.answer.text, right.at(source.asked[a.index]->id));
      arm.right += isRight;
      arm.rejected += !a.isAccepted;
      if (name == "plain") plainRight.push_back(isRight);
      onlyThis += isRight && !plainRight[a.index];
      onlyPlain += !isRight && plainRight[a.index];
    }
    arm.n = trial.rows;
    arm.interval = metrics::wilson(arm.right, arm.n);
    arm.gain = static_cast<double>(onlyThis - onlyPlain) / static_cast<double>(arm.n);
    arm.gainInterval = metrics::tango(onlyThis, onlyPlain, arm.n);
    arm.p = metrics::mcNemar(onlyThis, onlyPlain);
    arm.forecast = providers::forecastSpending(probesOf(answers), all, desk.price().has_value(), desk.teacher().maxConcurrent);
    trial.arms.push_back(std::move(arm));
  }
  trial.spent = desk.tally().spent;
  return trial;
}

Result<providers::Batch> submitTeacherBatch(const Workspace& workspace, const TeacherJob& job, std::stop_token stop) {
  RETORT_TRY(auto source, openSource(workspace, job));
  listAsked(source, job.rows);
  RETORT_TRY(auto desk, TeacherDesk::open(workspace, job.teacher));
  RETORT_TRY(const auto items, desk.missing(source.asked, source.rows.golden, job, source.plan));
  if (items.empty()) return Error{"lab.teacher.batch", "Nothing is left to ask", {}, "every answer is in the cache", "Run teacher answer without --batch.", {}, {}};
  return providers::submitBatch(workspace, desk.teacher(), items, desk.log(), desk.price(), {}, stop);
}

Json toJson(const TeacherTrial& trial) {
  Json arms = Json::array();
  for (const auto& a : trial.arms)
    arms.push_back({{"name", a.name}, {"right", a.right}, {"n", a.n}, {"accuracy", static_cast<double>(a.right) / static_cast<double>(std::max<std::int64_t>(1, a.n))}, {"interval", {a.interval.low, a.interval.high}}, {"rejected", a.rejected},
                    {"gain", a.gain}, {"gain_interval", {a.gainInterval.low, a.gainInterval.high}}, {"p", a.p}, {"forecast", providers::toJson(a.forecast)}});
  return {{"reference", trial.reference}, {"rows", trial.rows}, {"arms", arms}, {"spent_usd", static_cast<double>(trial.spent) / 1e9}};
}

}  // namespace retort::lab
