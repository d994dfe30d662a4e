// Building a dataset: choose records, keep one teacher's answers, group, split, set the golden examples apart, write once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/workspace.h"
#include "data/dataset.h"

namespace retort::data {

struct BuildOptions {
  std::string name;
  std::string filter;                              ///< filter text; empty: all records
  std::string use = "responses";                   ///< responses: the teacher's logged answers; prompts: prompts only, to be answered
  std::string teacher;                             ///< model id; responses need one where several models answered
  std::filesystem::path golden;                    ///< conversations with the right answer as last turn; empty: those kept in retort.db
  bool keptGolden = true;                          ///< false: none from retort.db
  std::filesystem::path references;                ///< {"request_id","label"} lines, for evaluation only
  std::string split = "80/10/10";
  std::string unit = "call";                       ///< call: a row a record; conversation: of each conversation its last call, which holds the others
  std::string group;                               ///< metadata key: records with one value never cross a split
  std::uint64_t seed = 1;
  std::string system = "keep";                     ///< keep | none (drop system messages) | text: another system message
  std::filesystem::path rows;                      ///< conversations of this JSON-lines file instead of the log store
  std::filesystem::path store;                     ///< another logs.db than the workspace's (a dry run counts without keeping); empty: the workspace's
};

/// The options as the params of a job of kind "dataset", and back; unknown members are errors that name them.
[[nodiscard]] Json toJson(const BuildOptions& options);
Result<BuildOptions> buildOptionsFromJson(const Json& json, std::string_view where);

/// Makes datasets/<id>. Train rows hold the teacher's answers and nothing else; golden answers stand in golden.jsonl only, and what is
/// like a golden prompt never gets into validation or test; references go to references.jsonl, which training never reads. Errors:
/// data.build.teacher (several models and none chosen: each is named with its count), data.build.empty, data.build.golden …
Result<Dataset> buildDataset(const Workspace& workspace, const BuildOptions& options, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::data
