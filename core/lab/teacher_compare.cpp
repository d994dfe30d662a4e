// One column after the other, from cache where it can; then the figures.
#include "lab/teacher_compare.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/ids.h"
#include "lab/derive.h"
#include "lab/teacher_similar.h"
#include "models/library.h"

namespace retort::lab {
namespace {

Error columnError(const std::string& column, std::string why) {
  return Error{"lab.compare.column", "\"" + shown(column) + "\" is no column to compare", {}, std::move(why), "Columns are logged, teacher:NAME and model:NAME.", {}, {}};
}

/// A column's teacher; a local model is a teacher for this one comparison.
Result<providers::Teacher> teacherOf(const Workspace& workspace, const std::string& column) {
  if (column.starts_with("teacher:")) return providers::loadTeacher(workspace, column.substr(8));
  if (!column.starts_with("model:")) return columnError(column, "no such kind is known");
  providers::Teacher t;
  t.name = column.substr(6);
  t.kind = providers::Kind::local;
  t.note = providers::defaultNote(t.kind);
  RETORT_TRY(t.path, models::Library(workspace.root()).resolve(t.name));
  return t;
}

void askLogged(Comparison& c, const std::vector<const job::Row*>& rows) {
  CompareColumn column;
  column.id = "logged";
  column.host = "the log";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool has = rows[i]->target.is_object();
    c.rows[i].answers.push_back(has ? job::contentText(rows[i]->target) : "");
    c.rows[i].reasons.emplace_back(has ? "" : "no logged answer");
    column.answered += has;
    column.rejected += !has;
  }
  c.columns.push_back(std::move(column));
}

Status askColumn(Comparison& c, const Workspace& workspace, const CompareJob& compare, const std::string& id, const std::vector<const job::Row*>& rows, const data::EvalPlan& plan, const std::string& run,
                 const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(const auto teacher, teacherOf(workspace, id));
  RETORT_TRY(auto desk, TeacherDesk::of(workspace, teacher));
  TeacherJob job;
  job.dataset = compare.dataset;
  job.teacher = teacher.name;
  job.check = "none";                   // what is no label is wrong here, not missing
  job.maxTokens = compare.maxTokens;
  job.capMoney = desk.isFree() ? "" : compare.capMoney;
  job.capSeconds = compare.capSeconds;
  RETORT_TRY(const auto answers, desk.ask(rows, {}, job, plan, run, "Asking " + id, progress, stop));
  CompareColumn column;
  column.id = id;
  column.host = teacher.host();
  column.note = teacher.note;
  std::vector<double> ms;
  providers::NanoUsd worth = 0;
  for (const auto& a : answers) {
    c.rows[a.index].answers.push_back(a.isAccepted ? a.answer.text : "");
    c.rows[a.index].reasons.push_back(a.isAccepted ? "" : a.reason);
    column.answered += a.isAccepted;
    column.rejected += !a.isAccepted;
    if (a.seconds >= 0) ms.push_back(a.seconds * 1000);
    if (a.worth < 0 || worth < 0) worth = -1;
    else worth += a.worth;
  }
  column.timed = static_cast<std::int64_t>(ms.size());
  if (!ms.empty()) column.p50Ms = metrics::percentile(ms, 0.5), column.p95Ms = metrics::percentile(ms, 0.95);
  if (worth >= 0 && !rows.empty()) column.usdPer1000 = static_cast<double>(worth) / 1e9 / static_cast<double>(rows.size()) * 1000;
  c.spent += desk.tally().spent;
  c.columns.push_back(std::move(column));
  return {};
}

}  // namespace

Json toJson(const CompareJob& j) { return {{"dataset", j.dataset}, {"columns", j.columns}, {"rows", j.rows}, {"max_tokens", j.maxTokens}, {"cap_money", j.capMoney}, {"cap_seconds", j.capSeconds}}; }

Result<CompareJob> compareJobFromJson(const Json& json, std::string_view where) {
  CompareJob j;
  ObjectReader r(json, std::string(where));
  r.required("dataset", j.dataset).required("columns", j.columns).optional("rows", j.rows).optional("max_tokens", j.maxTokens).optional("cap_money", j.capMoney).optional("cap_seconds", j.capSeconds);
  r.range("rows", static_cast<double>(j.rows), 1, 1e9);
  if (!r.failed() && !j.capMoney.empty() && !providers::parseMoney(j.capMoney)) r.fail("cap_money", "must be dollars, such as 12.50");
  RETORT_CHECK(r.finish());
  for (const auto& c : j.columns)
    if (c != "logged" && !(c.starts_with("teacher:") && c.size() > 8) && !(c.starts_with("model:") && c.size() > 6)) return columnError(c, "no such kind is known");
  if (j.columns.size() < 2) return Error{"lab.compare.columns", "One column is nothing to compare", {}, {}, "Name two or more: --columns logged,teacher:A,model:M", {}, {}};
  return j;
}

void judgeColumns(Comparison& c, const data::EvalPlan& plan) {
  for (auto& row : c.rows) {
    row.right.clear();
    for (const auto& answer : row.answers) row.right.push_back(row.reference.empty() ? -1 : data::agrees(plan, answer, row.reference) ? 1 : 0);
  }
  for (std::size_t k = 0; k < c.columns.size(); ++k) {
    auto& column = c.columns[k];
    column.right = column.n = 0;
    for (const auto& row : c.rows)
      if (row.right[k] >= 0) ++column.n, column.right += row.right[k];
    column.interval = metrics::wilson(column.right, column.n);
  }
  c.pairs.clear();
  std::vector<double> p;
  for (std::size_t a = 0; a < c.columns.size(); ++a)
    for (std::size_t b = a + 1; b < c.columns.size(); ++b) {
      ComparePair pair;
      pair.first = a, pair.second = b;
      for (const auto& row : c.rows) {
        // The same words, or different words for the same label or document.
        const auto first = data::extractAnswer(plan, row.answers[a]), second = data::extractAnswer(plan, row.answers[b]);
        pair.same += !row.answers[a].empty() && (trimmed(row.answers[a]) == trimmed(row.answers[b]) || (!first.empty() && first == second));
        if (row.right[a] < 0) continue;
        ++pair.n;
        pair.onlyFirst += row.right[a] > row.right[b];
        pair.onlySecond += row.right[b] > row.right[a];
      }
      pair.difference = pair.n > 0 ? static_cast<double>(pair.onlyFirst - pair.onlySecond) / static_cast<double>(pair.n) : 0;
      pair.interval = metrics::tango(pair.onlyFirst, pair.onlySecond, pair.n);
      p.push_back(metrics::mcNemar(pair.onlyFirst, pair.onlySecond));
      c.pairs.push_back(pair);
    }
  const auto adjusted = metrics::holmAdjusted(p);
  for (std::size_t i = 0; i < c.pairs.size(); ++i) c.pairs[i].p = adjusted[i];
}

Result<Comparison> compareColumns(const Workspace& workspace, const CompareJob& job, const std::string& run, const ProgressFn& progress, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto dataset, data::loadDataset(workspace, job.dataset));
  RETORT_TRY(const auto plan, data::loadPlan(dataset));
  RETORT_TRY(const auto all, readDatasetRows(dataset));
  RETORT_TRY(const auto references, data::loadReferences(dataset));
  std::map<std::string, std::string> right;
  for (const auto& r : references) right[r.id] = r.reference;
  std::vector<const job::Row*> rows;
  bool isAnnotated = false;
  for (const auto* part : {&all.validation, &all.train})
    for (const auto& row : *part)
      if (static_cast<std::int64_t>(rows.size()) < job.rows) rows.push_back(&row), isAnnotated = isAnnotated || right.contains(row.id);
  if (rows.empty()) return Error{"lab.compare.rows", "The dataset " + dataset.name + " has no rows outside its test split", {}, {}, "Build it with a validation split.", {}, {}};
  Comparison c;
  c.dataset = dataset.id;
  c.reference = isAnnotated ? "annotations" : "the logged answers (agreement, not correctness)";
  for (const auto* row : rows) {
    CompareRow out;
    out.id = row->id;
    out.prompt = promptText(row->messages);
    if (isAnnotated) out.reference = right.contains(row->id) ? right.at(row->id) : "";
    else out.reference = row->target.is_object() ? job::contentText(row->target) : "";
    c.rows.push_back(std::move(out));
  }
  for (const auto& column : job.columns) {
    if (column == "logged") askLogged(c, rows);
    else RETORT_CHECK(askColumn(c, workspace, job, column, rows, plan, run, progress, stop));
  }
  judgeColumns(c, plan);
  RETORT_CHECK(makeFolders(workspace.root() / "comparisons"));
  RETORT_TRY(auto folder, beginProduct(workspace.root() / "comparisons", c.id));
  std::string lines;
  for (const auto& row : c.rows) {
    Json answers = Json::array();
    for (std::size_t k = 0; k < c.columns.size(); ++k) {
      Json a = {{"column", c.columns[k].id}, {"text", row.answers[k]}};
      if (!row.reasons[k].empty()) a["reason"] = row.reasons[k];
      if (row.right[k] >= 0) a["right"] = row.right[k] == 1;
      answers.push_back(a);
    }
    lines += dumpJson({{"id", row.id}, {"prompt", row.prompt}, {"reference", row.reference}, {"answers", answers}}) + "\n";
  }
  c.sha256 = sha256Hex(lines);
  RETORT_CHECK(writeFileAtomically(folder.path() / "rows.jsonl", lines));
  RETORT_CHECK(writeJsonFile(folder.path() / "comparison.json", toJson(c)));
  RETORT_CHECK(folder.commit());
  return c;
}

Json toJson(const Comparison& c) {
  Json columns = Json::array(), pairs = Json::array();
  for (const auto& k : c.columns) {
    Json column = {{"column", k.id}, {"host", k.host}, {"answered", k.answered}, {"rejected", k.rejected}, {"right", k.right}, {"n", k.n}, {"accuracy", k.n > 0 ? Json(static_cast<double>(k.right) / static_cast<double>(k.n)) : Json()}, {"interval", {k.interval.low, k.interval.high}}};
    column["p50_ms"] = k.p50Ms ? Json(*k.p50Ms) : Json();
    column["p95_ms"] = k.p95Ms ? Json(*k.p95Ms) : Json();
    column["timed"] = k.timed;
    column["usd_per_1000"] = k.usdPer1000 ? Json(*k.usdPer1000) : Json();
    if (k.id != "logged") column["output_use"] = providers::toJson(k.note);
    else column["source"] = "logged";
    columns.push_back(column);
  }
  for (const auto& p : c.pairs)
    pairs.push_back({{"first", c.columns[p.first].id}, {"second", c.columns[p.second].id}, {"difference", p.difference}, {"interval", {p.interval.low, p.interval.high}}, {"p_holm", p.p}, {"only_first", p.onlyFirst}, {"only_second", p.onlySecond}, {"n", p.n},
                     {"agreement", c.rows.empty() ? 0 : static_cast<double>(p.same) / static_cast<double>(c.rows.size())}});
  return {{"schema", "retort.comparison/1"}, {"id", c.id}, {"created", isoUtc(utcMicros())}, {"dataset", c.dataset}, {"reference", c.reference}, {"rows", c.rows.size()}, {"columns", columns}, {"pairs", pairs}, {"rows_sha256", c.sha256}, {"spent_usd", static_cast<double>(c.spent) / 1e9}};
}

}  // namespace retort::lab
