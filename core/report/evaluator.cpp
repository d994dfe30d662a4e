// The evaluator: rows in, answers, counts, report out.
#include "report/evaluator.h"

#include <map>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "data/dataset.h"
#include "job/row.h"
#include "job/rpc.h"
#include "lab/answer_cache.h"
#include "lab/answers.h"
#include "metrics/rouge.h"
#include "metrics/text_scores.h"
#include "models/model_source.h"
#include "report/compare.h"
#include "report/report.h"

namespace retort::report {
namespace {

struct HeldOut {
  job::Row row;
  std::string reference;
};

struct Facts {
  data::Dataset dataset;
  data::EvalPlan plan;
  std::vector<HeldOut> rows;
  std::string source;               ///< annotation | teacher
  std::int64_t unreferenced = 0;
};

Result<Facts> factsOf(const Workspace& workspace, const EvaluateOptions& options) {
  Facts facts;
  RETORT_TRY(facts.dataset, data::loadDataset(workspace, options.dataset));
  RETORT_CHECK(data::verifyDataset(facts.dataset));
  RETORT_TRY(facts.plan, data::loadPlan(facts.dataset));
  RETORT_TRY(const auto references, data::loadReferences(facts.dataset));
  std::map<std::string, std::string> byId;
  for (const auto& r : references) byId[r.id] = r.reference;
  facts.source = byId.empty() ? "teacher" : "annotation";
  RETORT_TRY(auto rows, job::readAllRows(facts.dataset.folder / (options.part + ".jsonl")));
  for (auto& row : rows) {
    std::string reference;
    if (const auto it = byId.find(row.id); it != byId.end()) reference = it->second;
    else if (byId.empty() && row.target.is_object()) reference = job::contentText(row.target);
    else {
      ++facts.unreferenced;
      continue;
    }
    facts.rows.push_back({std::move(row), std::move(reference)});
    if (options.maxRows > 0 && facts.rows.size() == static_cast<std::size_t>(options.maxRows)) break;
  }
  if (facts.rows.empty())
    return Error{"report.evaluate.rows", "Nothing can be evaluated", (facts.dataset.folder / (options.part + ".jsonl")).string(), "no row has a reference to compare with",
                 "Build the dataset with --references, or from a teacher's logged answers.", {}, {}};
  return facts;
}

/// The answers of one model to all rows, from the cache or from a worker, which also measures latency where asked.
class Examiner {
 public:
  Examiner(const Workspace& workspace, const EvaluateOptions& options, const Facts& facts, const ProgressFn& progress, std::stop_token stop)
      : m_workspace(workspace), m_options(options), m_facts(facts), m_progress(progress), m_stop(stop) {}

  Result<std::vector<std::string>> answers(const ModelToEvaluate& model, ModelScore& score) {
    RETORT_TRY(const auto source, models::openModel(model.path));
    RETORT_TRY(score.sha256, models::modelSha256(model.path, m_stop));
    score.name = model.name;
    score.role = model.role;
    score.path = model.path.string();
    score.bytes = source->weightBytes();
    score.parameters = source->config().parameters();
    RETORT_TRY(auto cache, lab::AnswerCache::open(m_workspace.cache(), score.sha256, lab::answerSettings(m_facts.plan.maxTokens, m_options.dtype, source->chatTemplate())));
    std::unique_ptr<job::RpcClient> client;
    const auto worker = [&]() -> Status {
      if (client) return {};
      job::RpcClient::Options rpc;
      rpc.dtype = m_options.dtype;
      RETORT_TRY(client, job::RpcClient::start(model.path, rpc, m_stop));
      return {};
    };
    std::vector<const job::Row*> missing;
    for (const auto& held : m_facts.rows)
      if (!cache.find(held.row.messages, held.row.tools)) missing.push_back(&held.row);
    if (!missing.empty()) {
      RETORT_CHECK(worker());
      RETORT_CHECK(lab::askAnswers(*client, missing, cache, m_facts.plan.maxTokens, "Evaluating " + model.name, m_progress, m_stop));
    }
    if (model.measureLatency && m_options.latencyPrompts > 0) {
      RETORT_CHECK(worker());
      RETORT_TRY(score.latency, latency(*client, model.name));
    }
    std::vector<std::string> out;
    for (const auto& held : m_facts.rows) {
      const Json* answer = cache.find(held.row.messages, held.row.tools);
      out.push_back(answer ? (*answer).value("text", std::string()) : std::string());
    }
    return out;
  }

 private:
  Result<std::optional<Latency>> latency(job::RpcClient& client, const std::string& name) {
    ProgressMeter meter(m_progress, "Measuring the latency of " + name, "requests",
                        std::min<std::int64_t>(m_options.latencyPrompts, static_cast<std::int64_t>(m_facts.rows.size())));
    Json prompts = Json::array();
    for (const auto& held : m_facts.rows) {
      if (prompts.size() == static_cast<std::size_t>(m_options.latencyPrompts)) break;
      prompts.push_back({{"messages", held.row.messages}, {"tools", held.row.tools}});
    }
    RETORT_TRY(const Json r, client.call("profile", {{"prompts", prompts}, {"warmup", 3}, {"max_tokens", m_facts.plan.maxTokens}, {"batch", 1}}, [&](const Json& note) {
      if (note.contains("progress")) meter.at(note["progress"].value("done", std::int64_t{0}));
    }, m_stop));
    const auto at = [&](const char* group, const char* key) { return numberOf(r[group][key], 0); };
    return std::optional<Latency>(Latency{at("ttft_ms", "p50"), at("ttft_ms", "p95"), at("request_ms", "p50"), at("request_ms", "p95"), numberOf(r["tokens_per_s"], 0),
                                          r.value("rows", std::int64_t{0}), r.value("definition", std::string()) + ", " + client.hello().value("device", std::string("this device")) + ", " + m_options.dtype});
  }

  const Workspace& m_workspace;
  const EvaluateOptions& m_options;
  const Facts& m_facts;
  const ProgressFn& m_progress;
  std::stop_token m_stop;
};

/// Right, valid, macro-F1 or text scores of one model's answers; adds them to the rows.
void grade(const Facts& facts, const std::vector<std::string>& answers, ModelScore& score, std::vector<RowAnswer>& rows) {
  std::vector<std::string> said, wanted;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool right = data::agrees(facts.plan, answers[i], rows[i].reference);
    said.push_back(data::extractAnswer(facts.plan, answers[i]));
    wanted.push_back(data::extractAnswer(facts.plan, rows[i].reference));
    score.right += right ? 1 : 0;
    score.valid += said.back().empty() ? 0 : 1;
    rows[i].answers.push_back(answers[i]);
    rows[i].right.push_back(right);
  }
  const auto n = static_cast<double>(rows.size());
  score.accuracy = static_cast<double>(score.right) / n;
  score.interval = metrics::wilson(score.right, static_cast<std::int64_t>(rows.size()));
  if (facts.plan.extractor == "label") {
    auto table = metrics::classify(said, wanted);
    score.macroF1 = table.macroF1;
    score.classes = std::move(table.classes);
    return;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    score.tokenF1 += metrics::squadF1(answers[i], rows[i].reference, metrics::SquadVariant::v2) / n;
    score.rougeL += metrics::rougeL(rows[i].reference, answers[i]).f1 / n;
  }
}

/// The logged answers of the teacher, where annotations judge and no teacher was named: known without asking anybody.
std::optional<ModelScore> loggedTeacher(const Facts& facts, const EvaluateOptions& options, std::vector<std::string>& answers) {
  if (facts.source == "teacher") return {};
  for (const auto& model : options.models)
    if (model.role == "teacher") return {};
  for (const auto& held : facts.rows) {
    if (!held.row.target.is_object() || held.row.teacher == "gold") return {};
    answers.push_back(job::contentText(held.row.target));
  }
  ModelScore score;
  score.name = facts.dataset.teacher.empty() ? facts.rows.front().row.teacher : facts.dataset.teacher;
  if (score.name.empty()) score.name = "logged answers";
  score.role = "teacher";
  score.logged = true;
  return score;
}

/// Rows of one group (a conversation, near-duplicates) count as one in intervals.
std::vector<int> clustersOf(const Facts& facts) {
  std::map<std::string, int> numbers;
  std::vector<int> out;
  for (const auto& held : facts.rows) out.push_back(numbers.emplace(held.row.group.empty() ? "row " + held.row.id : held.row.group, static_cast<int>(numbers.size())).first->second);
  return out;
}

/// Reports so far on the same part of the same data, and this one.
std::int64_t openingOf(const Workspace& workspace, const Report& report) {
  std::int64_t count = 1;
  for (const auto& id : listReports(workspace)) {
    const auto json = readJsonFile(workspace.reports() / id / "report.json");
    if (json.ok() && json->is_object() && json->value("dataset_sha256", std::string()) == report.datasetSha256 && json->value("part", std::string()) == report.part) ++count;
  }
  return count;
}

Status write(const fs::path& folder, const Report& report, const std::vector<RowAnswer>& rows) {
  std::string lines;
  for (const auto& row : rows) lines += dumpJson({{"id", row.id}, {"prompt", row.prompt}, {"reference", row.reference}, {"answers", row.answers}, {"right", row.right}}) + "\n";
  RETORT_CHECK(writeJsonFile(folder / "report.json", toJson(report)));
  RETORT_CHECK(writeFileAtomically(folder / "rows.jsonl", lines));
  return writeFileAtomically(folder / "report.html", toHtml(report, rows));
}

/// The last user message, at most about 300 bytes of it.
std::string previewOf(const job::Row& row) {
  std::string text;
  for (const auto& message : row.messages)
    if (message.value("role", std::string()) == "user") text = job::contentText(message);
  return text.size() <= 300 ? text : repairUtf8(text.substr(0, 300)) + "…";
}

}  // namespace

Result<std::string> evaluate(const Workspace& workspace, const EvaluateOptions& options, const ProgressFn& progress, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  if (options.part != "test" && options.part != "validation") return Error{"report.evaluate.part", "\"" + shown(options.part) + "\" is no part to evaluate on", {}, "it must be test or validation", {}, {}, {}};
  if (options.models.empty()) return Error{"report.evaluate.models", "No model was named", {}, {}, "Name at least one.", {}, {}};
  RETORT_TRY(const auto facts, factsOf(workspace, options));
  Report report;
  report.dataset = facts.dataset.id;
  report.datasetSha256 = facts.dataset.sha256;
  report.planHash = data::planHash(facts.plan);
  report.part = options.part;
  report.source = facts.source;
  report.labels = facts.plan.labels;
  report.rows = static_cast<std::int64_t>(facts.rows.size());
  report.unreferenced = facts.unreferenced;
  std::vector<RowAnswer> rows;
  for (const auto& held : facts.rows) rows.push_back({held.row.id, previewOf(held.row), held.reference, {}, {}});
  Examiner examiner(workspace, options, facts, progress, stop);
  for (const auto& model : options.models) {
    ModelScore score;
    RETORT_TRY(const auto answers, examiner.answers(model, score));
    grade(facts, answers, score, rows);
    report.models.push_back(std::move(score));
  }
  std::vector<std::string> logged;
  if (auto score = loggedTeacher(facts, options, logged)) {
    grade(facts, logged, *score, rows);
    report.models.push_back(std::move(*score));
  }
  compareModels(report, facts.plan, rows, clustersOf(facts));
  report.opening = openingOf(workspace, report);
  report.created = isoUtc(utcMicros());
  RETORT_TRY(auto folder, beginProduct(workspace.reports(), report.id));
  RETORT_CHECK(write(folder.path(), report, rows));
  RETORT_CHECK(folder.commit());
  return report.id;
}

}  // namespace retort::report
