// A test of a record's decoded text: contains, a regular expression, or words; the same for filters on @text and for searches.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "logs/decoded_text.h"
#include "logs/filter.h"
#include "logs/filter_test.h"
#include "logs/line_filter.h"
#include "logs/word_query.h"

namespace retort::logs {

/// Not for two threads at once.
class TextTest {
 public:
  /// `op`: contains, regex, match or exists. Errors "filter.regex", "filter.words".
  static Result<TextTest> create(FilterOp op, std::string_view value);
  /// Place and length of the first match. An empty text matches nothing: such a record has no text.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> find(const DecodedText& decoded) const;
  /// The same in a source line, which need not be UTF-8.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> findInLine(std::string_view line) const;
  [[nodiscard]] LineFilter lineFilter(bool isRaw) const;

 private:
  FilterOp m_op = FilterOp::exists;
  std::string m_value;
  std::optional<ByteSearch> m_text;
  std::optional<Pattern> m_pattern;
  std::optional<WordQuery> m_words;
};

}  // namespace retort::logs
