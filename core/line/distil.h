// Distilling on one's own logs: import, dataset, training, evaluation, export, verification, as one resumable job.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/workspace.h"
#include "job/run_spec.h"
#include "run/estimate.h"

namespace retort::line {

struct DistilRequest {
  std::vector<std::string> logs;            ///< files and folders; empty: the records that the workspace holds already
  std::string student;                      ///< name or path of the model to train
  std::string teacher;                      ///< a logged model's id, or a local model; empty: the only model in the logs
  std::string where;                        ///< filter
  std::string golden, references;           ///< files; may be empty
  std::string use;                          ///< responses | prompts; empty: responses of a logged teacher, prompts for a local one
  std::string recipe = "fast";              ///< fast | better | best
  std::string name;
  std::string split = "80/10/10";
  std::string system = "keep";              ///< system prompt of the rows: keep | none | a text
  std::vector<std::string> formats = {"hf", "gguf:f16", "gguf:q8_0"};
  std::vector<std::string> set;             ///< fields of the run spec
  std::int64_t finishBy = 0;                ///< UTC milliseconds; 0: no deadline. Steps are cut to meet it.
  std::string out;                          ///< folder of the files
  std::uint64_t seed = 1;
};

[[nodiscard]] Json toJson(const DistilRequest& request);
Result<DistilRequest> distilRequestFromJson(const Json& json, std::string_view where);

/// The whole line; returns the summary. `folder` keeps what is done.
Result<Json> runDistil(const Workspace& workspace, const std::filesystem::path& folder, const DistilRequest& request, const ProgressFn& progress, std::stop_token stop);

/// What it would do: counts of records and rows, tokens, time, memory, disk; nothing is kept (a temporary workspace does the counting).
struct DryRun {
  Json imported, dataset;                   ///< figures of the import; the card's counts
  job::RunSpec spec;                        ///< what would be trained
  run::Forecast forecast;
};
/// `workspace`: whose records (of a request without logs) and models are used; null: none but the user's models.
Result<DryRun> dryRun(const DistilRequest& request, const ProgressFn& progress, std::stop_token stop, const Workspace* workspace = nullptr);

}  // namespace retort::line
