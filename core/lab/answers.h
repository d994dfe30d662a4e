// A local teacher answers a dataset's prompts: a new dataset whose targets are its words.
#pragma once
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/workspace.h"
#include "data/dataset.h"
#include "job/row.h"
#include "job/rpc.h"
#include "lab/answer_cache.h"

namespace retort::lab {

struct AnswerOptions {
  std::filesystem::path teacher;       ///< GGUF file or Hugging Face folder
  std::string teacherName, name;       ///< of the new dataset
  int maxTokens = 0;                   ///< 0: the plan's
  std::string dtype = "bf16";
};

/// Asks `client` greedily for the answers to `rows` and keeps each in `cache`; in portions that fit a line of rpc. `stage` names the
/// progress. What was answered before a stop or an error stays in the cache.
Status askAnswers(job::RpcClient& client, const std::vector<const job::Row*>& rows, AnswerCache& cache, int maxTokens, const std::string& stage,
                  const ProgressFn& progress, std::stop_token stop);

/// Answers train and validation rows greedily (test rows stay as they are: references judge them). A row whose answer is empty or hit
/// the token limit is left out and counted in the card ("answers": {"accepted", "empty", "cut"}). Answers are kept in cache/answers
/// by (model, prompt, settings): a second call, or one after a crash, asks only what is missing.
Result<data::Dataset> answerDataset(const Workspace& workspace, const data::Dataset& dataset, const AnswerOptions& options, const ProgressFn& progress = {},
                                    std::stop_token stop = {});

}  // namespace retort::lab
