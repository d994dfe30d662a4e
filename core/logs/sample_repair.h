// Malformed samples as people paste them from pages into prompt files: mended, with the place and the cause of each repair.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::logs {

struct SampleRepair {
  std::size_t line = 0, column = 0;        ///< from 1, inside the document; columns in bytes
  std::string cause;                       ///< "a comma is missing"
};
struct MendedSample {
  std::string text;                        ///< valid JSON
  std::vector<SampleRepair> repairs;       ///< in order of place
};

/// True when a broken document means to be a prompt of Bedrock's (only those are mended).
[[nodiscard]] bool isPromptSample(std::string_view text);
/// Mends: strings in single quotes or over several lines; a missing quote after a key; a missing or trailing comma; closing
/// brackets too many. Nothing when something else is wrong with it.
[[nodiscard]] std::optional<MendedSample> mendSample(std::string_view text);

}  // namespace retort::logs
