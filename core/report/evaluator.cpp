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
#include "models/model_source.h"
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
    else continue;
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
    RETORT_TRY(auto cache, lab::AnswerCache::open(m_workspace.cache(), score.sha256, {{"max_tokens", m_facts.plan.maxTokens}, {"temperature", 0}, {"dtype", m_options.dtype}}));
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
      RETORT_CHECK(ask(*client, missing, cache, model.name));
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
  Status ask(job::RpcClient& client, const std::vector<const job::Row*>& rows, lab::AnswerCache& cache, const std::string& name) {
    ProgressMeter meter(m_progress, "Evaluating " + name, "rows", static_cast<std::int64_t>(rows.size()));
    constexpr std::size_t kPortion = 512;
    for (std::size_t begin = 0; begin < rows.size(); begin += kPortion) {
      const std::size_t end = std::min(begin + kPortion, rows.size());
      Json prompts = Json::array();
      for (std::size_t i = begin; i < end; ++i) prompts.push_back({{"messages", rows[i]->messages}, {"tools", rows[i]->tools}});
      RETORT_TRY(const Json result, client.call("generate", {{"prompts", prompts}, {"max_tokens", m_facts.plan.maxTokens}, {"temperature", 0}}, [&](const Json& note) {
        if (note.contains("progress")) meter.at(static_cast<std::int64_t>(begin) + note["progress"].value("done", std::int64_t{0}));
      }, m_stop));
      for (std::size_t i = begin; i < end; ++i) {
        const Json& output = result["outputs"][i - begin];
        RETORT_CHECK(cache.add(rows[i]->messages, rows[i]->tools, {{"text", output["text"]}, {"finish", output["finish"]}}));
      }
    }
    meter.finish();
    return {};
  }

  Result<std::optional<Latency>> latency(job::RpcClient& client, const std::string& name) {
    ProgressMeter meter(m_progress, "Measuring the latency of " + name, "requests", m_options.latencyPrompts);
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

/// Mean over the labels that occur among references of the F1 of predicting them.
double macroF1(const data::EvalPlan& plan, const std::vector<HeldOut>& rows, const std::vector<std::string>& said) {
  struct Counts { std::int64_t tp = 0, fp = 0, fn = 0; };
  std::map<std::string, Counts> byLabel;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto reference = data::extractAnswer(plan, rows[i].reference), answer = data::extractAnswer(plan, said[i]);
    if (answer == reference) {
      ++byLabel[reference].tp;
    } else {
      ++byLabel[reference].fn;
      if (!answer.empty()) ++byLabel[answer].fp;
    }
  }
  double sum = 0;
  std::int64_t labels = 0;
  for (const auto& [label, c] : byLabel) {
    if (c.tp + c.fn == 0) continue;  // never a reference here
    ++labels;
    sum += 2.0 * static_cast<double>(c.tp) / static_cast<double>(2 * c.tp + c.fp + c.fn);
  }
  return labels > 0 ? sum / static_cast<double>(labels) : 0;
}

Difference pairedDifference(const Report& report, const std::vector<RowAnswer>& rows, std::size_t first, std::size_t second) {
  Difference d;
  d.first = report.models[first].name;
  d.second = report.models[second].name;
  d.counts.n = static_cast<std::int64_t>(rows.size());
  for (const auto& row : rows) {
    if (row.right[first] && row.right[second]) ++d.both;
    else if (row.right[first]) ++d.counts.b;
    else if (row.right[second]) ++d.counts.c;
    else ++d.neither;
  }
  d.interval = metrics::tango(d.counts);
  d.p = metrics::mcNemarP(d.counts.b, d.counts.c);
  return d;
}

std::optional<std::size_t> indexOf(const Report& report, std::string_view role) {
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (report.models[i].role == role) return i;
  return {};
}

/// Differences, agreement and the verdict from the rows' right and wrong.
void compare(Report& report, const Facts& facts, const std::vector<RowAnswer>& rows) {
  const auto teacher = indexOf(report, "teacher"), base = indexOf(report, "base"), student = indexOf(report, "student");
  if (teacher)
    for (std::size_t i = 0; i < report.models.size(); ++i) {
      for (const auto& row : rows) report.models[i].agreeing += data::agrees(facts.plan, row.answers[i], row.answers[*teacher]) ? 1 : 0;
      report.models[i].agreement = static_cast<double>(report.models[i].agreeing) / static_cast<double>(rows.size());
    }
  if (!student) return;
  if (teacher) report.differences.push_back(pairedDifference(report, rows, *student, *teacher));
  if (base) report.differences.push_back(pairedDifference(report, rows, *student, *base));
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (report.models[i].role == "other") report.differences.push_back(pairedDifference(report, rows, *student, i));
  if (facts.source == "teacher") {
    const auto right = report.models[*student].right;
    report.verdict = judge(right, 0, report.rows - right, 0, facts.plan.margin, facts.plan.alpha, "teacher");
  } else if (teacher) {
    const auto& d = report.differences.front();
    report.verdict = judge(d.both, d.counts.b, d.counts.c, d.neither, facts.plan.margin, facts.plan.alpha, facts.source);
  }
}

Status write(const fs::path& folder, const Report& report, const std::vector<RowAnswer>& rows) {
  std::string lines;
  for (const auto& row : rows) lines += dumpJson({{"id", row.id}, {"prompt", row.prompt}, {"reference", row.reference}, {"answers", row.answers}, {"right", row.right}}) + "\n";
  RETORT_CHECK(writeJsonFile(folder / "report.json", toJson(report)));
  RETORT_CHECK(writeFileAtomically(folder / "rows.jsonl", lines));
  return writeFileAtomically(folder / "report.html", toHtml(report, rows));
}

/// The last user message, at most 300 bytes of it.
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
  std::vector<RowAnswer> rows;
  for (const auto& held : facts.rows) rows.push_back({held.row.id, previewOf(held.row), held.reference, {}, {}});
  Examiner examiner(workspace, options, facts, progress, stop);
  for (const auto& model : options.models) {
    ModelScore score;
    RETORT_TRY(const auto answers, examiner.answers(model, score));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool right = data::agrees(facts.plan, answers[i], rows[i].reference);
      score.right += right ? 1 : 0;
      score.valid += data::extractAnswer(facts.plan, answers[i]).empty() ? 0 : 1;
      rows[i].answers.push_back(answers[i]);
      rows[i].right.push_back(right);
    }
    score.accuracy = static_cast<double>(score.right) / static_cast<double>(report.rows);
    score.interval = metrics::wilson(score.right, report.rows);
    if (facts.plan.extractor == "label") score.macroF1 = macroF1(facts.plan, facts.rows, answers);
    report.models.push_back(std::move(score));
  }
  compare(report, facts, rows);
  report.created = isoUtc(utcMicros());
  RETORT_TRY(auto folder, beginProduct(workspace.reports(), report.id));
  RETORT_CHECK(write(folder.path(), report, rows));
  RETORT_CHECK(folder.commit());
  return report.id;
}

}  // namespace retort::report
