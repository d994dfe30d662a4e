// What a source line must hold before its decoded text can match: a sound first look that spares most lines their parsing.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "logs/byte_search.h"

namespace retort::logs {

class LineFilter {
 public:
  /// Lets every line through.
  LineFilter() = default;
  /// Of a decoded text that contains `text`. Holds for records whose texts stand in their line as they are (no kJoined, no kRepaired).
  static LineFilter ofText(std::string_view text);
  /// Of a decoded text in which `expression` is found: by a text that every match contains, where there is one.
  static LineFilter ofRegex(std::string_view expression);
  /// Of a line that itself contains `text`, or in which `expression` is found.
  static LineFilter ofRawText(std::string_view text);
  static LineFilter ofRawRegex(std::string_view expression);

  /// Sets mayMatch[i] for the lines of `block` that can match. `lines` ascend and do not overlap.
  void mark(std::string_view block, std::span<const std::string_view> lines, std::vector<std::uint8_t>& mayMatch) const;

 private:
  std::vector<ByteSearch> m_texts;       ///< one of them stands in a line that matches, unless its characters were escaped
  bool m_hasEscapes = false;             ///< they may be: lines with such escapes go through as well
  bool m_isAscii = true;                 ///< of m_texts: only escapes of ASCII can hide them
};

/// Texts of which one stands in every match of a regular expression (PCRE2): the longest that are plain to see; none where none is.
struct RequiredTexts {
  std::vector<std::string> anyOf;
  bool ignoresCase = false;
};
[[nodiscard]] RequiredTexts requiredTexts(std::string_view expression);

}  // namespace retort::logs
