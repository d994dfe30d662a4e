// What the line ends with: teacher, base and student side by side, and the files; as JSON and as one table.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::line {

/// Builds the document that `demo --json` and `distil --json` print, from a report.json and the verify.json of each export:
/// teacher, base, student {accuracy, interval, p50_ms, tokens_per_s, bytes}, speedup_p50, exports [{format, path, sha256, verified}].
/// Models of other roles stand in "also" (name and the same figures).
Result<Json> summaryOf(const std::filesystem::path& reportFolder, const Json& exports);

/// The document as lines of a table for a terminal.
[[nodiscard]] std::vector<std::string> summaryTable(const Json& summary);

}  // namespace retort::line
