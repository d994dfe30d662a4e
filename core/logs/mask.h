// The variable spans of a prompt replaced by <*>, and its words: what family/1 compares.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace retort::logs {

inline constexpr std::string_view kMask = "<*>";

/// Masks, in order: insides of tags, addresses of the web and of mail, quoted spans, long hexadecimal ids, numbers.
[[nodiscard]] std::string maskVariables(std::string_view text);

inline constexpr std::size_t kMostTokens = 256;
/// Fills `tokens`: split at white space; of a longer text the first and the last 128.
void templateTokens(std::string_view masked, std::vector<std::string_view>& tokens);

}  // namespace retort::logs
