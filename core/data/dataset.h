// Datasets on disk: datasets/<id>/ with rows by part, an evaluation plan and a card; written once, never edited.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "data/plan.h"

namespace retort::data {

inline constexpr std::string_view kCardSchema = "retort.dataset/1";
/// The row files of a dataset, in the order in which the fingerprint takes them.
inline constexpr std::string_view kDatasetFiles[] = {"train.jsonl", "validation.jsonl", "test.jsonl", "golden.jsonl", "references.jsonl"};

/// One dataset as lists show it; everything is in card.json.
struct Dataset {
  std::string id, name, created;
  std::filesystem::path folder;
  std::string sha256;                ///< the fingerprint
  std::string use;                   ///< responses | prompts
  std::string teacher;               ///< model whose answers the rows hold, or that is asked to answer
  std::int64_t train = 0, validation = 0, test = 0, golden = 0, references = 0;
  std::string state;                 ///< complete | purged
  Json card;
};

Result<std::string> resolveDataset(const Workspace& workspace, std::string_view text);
Result<Dataset> loadDataset(const Workspace& workspace, std::string_view text);
[[nodiscard]] std::vector<Dataset> listDatasets(const Workspace& workspace);
Result<EvalPlan> loadPlan(const Dataset& dataset);
/// "data.dataset.changed", naming the file, unless every file has the hash that the card gives.
Status verifyDataset(const Dataset& dataset);

/// SHA-256 over the names and SHA-256 of the row files, in the order of kDatasetFiles. `hashes` pairs a name with its hash.
[[nodiscard]] std::string datasetFingerprint(const std::vector<std::pair<std::string, std::string>>& hashes);

/// A new dataset with the same rows (hard links) and another plan; `parent` in its card names the old one.
Result<Dataset> withPlan(const Workspace& workspace, const Dataset& dataset, const EvalPlan& plan);

/// References by row id: what evaluation compares with, kept apart from the rows so that training cannot see it.
struct Reference {
  std::string id, reference, source;   ///< source: annotation
};
Result<std::vector<Reference>> loadReferences(const Dataset& dataset);

/// Checks a file of rows or of messages line by line; every problem has its line. `rows` counts the good ones.
struct ValidationReport {
  std::int64_t rows = 0, withAnswer = 0, bad = 0;
  std::vector<std::string> problems;   ///< at most 100
  std::string format;                  ///< "retort.row/1", "messages", "bedrock", "prompt-completion"
};
Result<ValidationReport> validateRows(const std::filesystem::path& file);

/// Writes train, validation and test rows to the folder `out`: jsonl (as they are), openai ({"messages"[,"tools"]}) or bedrock
/// (bedrock-conversation-2024). Rows without an answer keep their prompt. Returns the files.
Result<std::vector<std::filesystem::path>> exportDataset(const Dataset& dataset, std::string_view format, const std::filesystem::path& out);

}  // namespace retort::data
