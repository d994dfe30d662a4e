// Numbers for people: bytes, counts, durations, percentages; and small text helpers that std lacks in C++20 with GCC 12.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retort {

[[nodiscard]] std::string formatBytes(std::uint64_t bytes);          ///< "92.9 MB" (decimal)
[[nodiscard]] std::string formatCount(std::int64_t n);               ///< "1,204,778"
[[nodiscard]] std::string formatDuration(double seconds);            ///< "2 min 10 s", "1 h 5 min", "0.4 s"
[[nodiscard]] std::string formatNumber(double value, int decimals);  ///< fixed, C locale
[[nodiscard]] std::string formatPercent(double share, int decimals = 1);  ///< 0.912 -> "91.2 %"
/// Replaces {} in order by the arguments (strings, numbers); {{ and }} are literal braces.
[[nodiscard]] std::string fill(std::string_view pattern, std::initializer_list<std::string> args);
[[nodiscard]] std::vector<std::string_view> splitView(std::string_view text, char separator);
[[nodiscard]] std::string_view trimmed(std::string_view text);       ///< without ASCII blanks at both ends
[[nodiscard]] std::string lowerAscii(std::string_view text);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
[[nodiscard]] bool isValidUtf8(std::string_view text);
/// `text` with each invalid UTF-8 sequence replaced by U+FFFD.
[[nodiscard]] std::string repairUtf8(std::string_view text);
/// Number of code points of valid UTF-8.
[[nodiscard]] std::size_t utf8Length(std::string_view text);

}  // namespace retort
