// Batches: many questions in one file, answered within a day at a lower price; written, submitted, watched, joined by id.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/workspace.h"
#include "providers/generation.h"
#include "providers/prices.h"
#include "providers/response_cache.h"
#include "providers/teacher.h"
#include "providers/usage_log.h"

namespace retort::providers {

/// A question under the id by which its answer is found again: its request hash (64 hex digits fit every provider's rules).
struct BatchItem {
  std::string hash;
  GenRequest request;
};

/// batches/<id>/ in the workspace: batch.json (retort.batch/1) and the files that were sent and came back.
struct Batch {
  std::string id, teacher;
  std::string state = "written";           ///< written | running | ended | failed | collected
  std::string submitted;                   ///< ISO time
  struct Part {
    std::string file, remoteId, state;     ///< file: what was sent, relative; state as the provider says it
    std::vector<std::string> results;      ///< references of result files
  };
  std::vector<Part> parts;
  std::int64_t items = 0, answered = 0, failed = 0, missing = 0;
};
[[nodiscard]] Json toJson(const Batch& batch);
Result<Batch> loadBatch(const Workspace& workspace, std::string_view id);
[[nodiscard]] std::vector<Batch> listBatches(const Workspace& workspace);

/// The texts of the files to send, cut at the provider's limits. OpenAI and compatible: JSON lines of custom_id, method, url, body; Anthropic: one
/// document of requests; Bedrock: JSON lines of recordId and modelInput. "providers.batch.kind" for teachers without batches.
Result<std::vector<std::string>> batchFiles(const Teacher& teacher, const std::vector<BatchItem>& items);

/// One line or entry of a result file.
struct BatchAnswer {
  std::string hash;
  Outcome outcome;
};
/// Reads a result file of the teacher's provider, in whatever order it is; lines that cannot be read are counted in `bad`.
Status readBatchResults(const Teacher& teacher, std::string_view text, const std::function<Status(BatchAnswer&&)>& each, std::int64_t* bad = nullptr);

/// Writes the files, notes every question in the usage log, submits. Bedrock's files wait to be brought to S3 by the user's own `aws`; their
/// results are joined with collectBatchFile().
Result<Batch> submitBatch(const Workspace& workspace, const Teacher& teacher, const std::vector<BatchItem>& items, UsageLog& log, const std::optional<Price>& price, std::shared_ptr<HttpClient> http, std::stop_token stop);
/// Asks how far it is, also after a restart; when it ended, brings its answers into the cache and the usage log (state collected).
Result<Batch> watchBatch(const Workspace& workspace, const Teacher& teacher, std::string_view id, ResponseCache& cache, UsageLog& log, const std::optional<Price>& price, std::shared_ptr<HttpClient> http, std::stop_token stop);
/// Joins a result file that the user brought.
Result<Batch> collectBatchFile(const Workspace& workspace, const Teacher& teacher, std::string_view id, const std::filesystem::path& file, ResponseCache& cache, UsageLog& log, const std::optional<Price>& price);

}  // namespace retort::providers
