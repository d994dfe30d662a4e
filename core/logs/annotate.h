// Labels, grades and outcomes from a table, joined to records as typed columns that filters, slices and metrics read.
#pragma once
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"

namespace retort::logs {

struct AnnotateOptions {
  std::filesystem::path file;              ///< CSV, JSON lines or an array, Parquet (through the user's duckdb); packed or not
  std::string on;                          ///< "request_id", or a metadata key of the records; the file's column has the same name
};

struct AnnotatedColumn {
  std::string name, type;                  ///< type: text, number, boolean, time: what all its values are
  std::string asked;                       ///< its name in the file, where a metadata key of the logs already has that name
  std::int64_t values = 0;
};
struct UnmatchedRow {
  std::int64_t line = 0;                   ///< from 1
  std::string key;                         ///< empty: the row has none
};

/// matched + unmatched = rows.
struct AnnotateSummary {
  std::int64_t rows = 0, matched = 0, unmatched = 0;
  std::int64_t records = 0;                ///< that were annotated; a metadata key may stand for many
  std::int64_t changed = 0;                ///< values that are new or different
  std::vector<AnnotatedColumn> columns;
  std::vector<UnmatchedRow> unmatchedRows; ///< the first 1,000
  [[nodiscard]] Json toJson() const;
};

/// Writes into retort.db (made if absent), by request key, so that the annotations outlive a new import. Run again it updates; an empty cell
/// takes the value away. A column of a metadata key's name becomes "label.NAME". What was there before is kept for one undo.
Result<AnnotateSummary> annotate(const std::filesystem::path& workspace, const AnnotateOptions& options, std::stop_token stop = {}, const ProgressFn& progress = {});

/// Takes the last annotate() back: the number of values that were put right. Error "logs.annotate.noundo" without one.
Result<std::int64_t> undoAnnotate(const std::filesystem::path& workspace);

}  // namespace retort::logs
