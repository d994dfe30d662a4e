// Asking a local model for the answers of a dataset.
#include "lab/answers.h"

#include <optional>

#include "base/format.h"
#include "job/rpc.h"
#include "lab/answer_cache.h"
#include "lab/derive.h"
#include "models/model_source.h"

namespace retort::lab {
namespace {

struct Tally {
  std::int64_t accepted = 0, empty = 0, cut = 0;
};

/// Asks a worker of its own for what the cache lacks.
Status askMissing(const std::vector<const job::Row*>& rows, AnswerCache& cache, const AnswerOptions& options, int maxTokens, const ProgressFn& progress, std::stop_token stop) {
  std::vector<const job::Row*> missing;
  for (const auto* row : rows)
    if (!cache.find(row->messages, row->tools)) missing.push_back(row);
  if (missing.empty()) return {};
  job::RpcClient::Options rpc;
  rpc.dtype = options.dtype;
  RETORT_TRY(const auto client, job::RpcClient::start(options.teacher, rpc, stop));
  return askAnswers(*client, missing, cache, maxTokens, "Teacher answers", progress, stop);
}

/// The rows with the teacher's answers as targets; what was empty or cut is left out.
std::vector<job::Row> answered(const std::vector<job::Row>& rows, const AnswerCache& cache, const std::string& teacher, Tally& tally) {
  std::vector<job::Row> out;
  for (const auto& row : rows) {
    const Json* answer = cache.find(row.messages, row.tools);
    if (!answer) continue;
    const std::string text((*answer)["text"].get<std::string>());
    if ((*answer)["finish"] != "stop") {
      ++tally.cut;
    } else if (trimmed(text).empty()) {
      ++tally.empty;
    } else {
      ++tally.accepted;
      job::Row next = row;
      next.target = {{"role", "assistant"}, {"content", text}};
      next.teacher = teacher;
      next.golden = false;
      out.push_back(std::move(next));
    }
  }
  return out;
}

}  // namespace

Status askAnswers(job::RpcClient& client, const std::vector<const job::Row*>& rows, AnswerCache& cache, int maxTokens, const std::string& stage,
                  const ProgressFn& progress, std::stop_token stop) {
  ProgressMeter meter(progress, stage, "rows", static_cast<std::int64_t>(rows.size()));
  constexpr std::size_t kPortion = 512;
  for (std::size_t begin = 0; begin < rows.size(); begin += kPortion) {
    const std::size_t end = std::min(begin + kPortion, rows.size());
    Json prompts = Json::array();
    for (std::size_t i = begin; i < end; ++i) prompts.push_back({{"messages", rows[i]->messages}, {"tools", rows[i]->tools}});
    RETORT_TRY(const Json result, client.call("generate", {{"prompts", prompts}, {"max_tokens", maxTokens}, {"temperature", 0}}, [&](const Json& note) {
      if (note.contains("progress")) meter.at(static_cast<std::int64_t>(begin) + note["progress"].value("done", std::int64_t{0}));
    }, stop));
    for (std::size_t i = begin; i < end; ++i) {
      const Json& output = result["outputs"][i - begin];
      RETORT_CHECK(cache.add(rows[i]->messages, rows[i]->tools, {{"text", output["text"]}, {"finish", output["finish"]}}));
    }
  }
  meter.finish();
  return {};
}

Result<data::Dataset> answerDataset(const Workspace& workspace, const data::Dataset& dataset, const AnswerOptions& options, const ProgressFn& progress, std::stop_token stop) {
  RETORT_TRY(DatasetRows rows, readDatasetRows(dataset));
  RETORT_TRY(const auto plan, data::loadPlan(dataset));
  const int maxTokens = options.maxTokens > 0 ? options.maxTokens : plan.maxTokens;
  RETORT_TRY(const auto hash, models::modelSha256(options.teacher, stop));
  RETORT_TRY(const auto source, models::openModel(options.teacher));
  RETORT_TRY(auto cache, AnswerCache::open(workspace.cache(), hash, answerSettings(maxTokens, options.dtype, source->chatTemplate())));
  std::vector<const job::Row*> asked;
  for (const auto* part : {&rows.train, &rows.validation})
    for (const auto& row : *part) asked.push_back(&row);
  RETORT_CHECK(askMissing(asked, cache, options, maxTokens, progress, stop));
  Tally tally;
  rows.train = answered(rows.train, cache, options.teacherName, tally);
  rows.validation = answered(rows.validation, cache, options.teacherName, tally);
  if (rows.train.empty())
    return Error{"lab.answers.none", "The teacher " + options.teacherName + " answered no training row", {},
                 std::to_string(tally.cut) + " answers were cut at " + std::to_string(maxTokens) + " tokens and " + std::to_string(tally.empty) + " were empty",
                 "Raise max_tokens in the plan, or tune the teacher on golden examples first.", {}, {}};
  Derivation d;
  d.name = options.name.empty() ? dataset.name + " answered" : options.name;
  d.how = "answered by " + options.teacherName;
  d.teacher = options.teacherName;
  d.use = "responses";
  d.facts = {{"answers", {{"model_sha256", hash}, {"accepted", tally.accepted}, {"empty", tally.empty}, {"cut", tally.cut}, {"max_tokens", maxTokens}}}};
  return deriveDataset(workspace, dataset, rows, d);
}

}  // namespace retort::lab
