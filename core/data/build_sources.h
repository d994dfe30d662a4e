// Candidates of a dataset: what the log store or a file offers, before a teacher is chosen and rows are split.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "data/dataset_build.h"

namespace retort::data {

/// One record that may become a row.
struct Candidate {
  std::string id;                     ///< request id, or "row-<line>"
  std::optional<std::int64_t> timeUs;
  Json messages, tools, answer;       ///< as in retort.row/1; answer null when there is none that can be used
  Json source;
  std::string model;                  ///< normalised id of the model that answered
  std::string groupValue;             ///< of the group key, or empty
};

struct Candidates {
  std::vector<Candidate> items;
  std::string filter;                 ///< canonical text
  std::string selection, selectionSha256;
  Json queries = Json::array();       ///< what was pulled of them out of stores in place (logs::queriesOf)
  std::int64_t matched = 0;           ///< records under the filter
  std::map<std::string, std::int64_t> leftOut;   ///< reason -> records that cannot be used at all
};

Result<Candidates> candidatesFromStore(const Workspace& workspace, const BuildOptions& options, std::stop_token stop, const ProgressFn& progress);
Result<Candidates> candidatesFromFile(const BuildOptions& options);

/// Applies `system` (keep, none, or a text) to a prompt.
[[nodiscard]] Json withSystem(const Json& messages, const std::string& system);

/// request id -> label. Two different labels for one id are an error.
Result<std::unordered_map<std::string, std::string>> readLabels(const std::filesystem::path& file);

}  // namespace retort::data
