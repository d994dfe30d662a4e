// Tokens of a template, with Jinja's whitespace rules (trim_blocks, lstrip_blocks, minus and plus signs) applied.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::text::jinja {

struct Token {
  enum class Kind { data, printBegin, printEnd, blockBegin, blockEnd, name, string, integer, real, op, end } kind = Kind::end;
  std::string text;
  std::uint32_t at = 0;
  std::int64_t integer = 0;
  double real = 0;
};

/// An error about a place of the template: line and column are of `source` (columns count code points from 1).
[[nodiscard]] Error templateError(std::string_view source, std::string_view where, std::uint32_t at, std::string_view code, std::string why);

/// `source` has "\n" line ends and no final newline (see normalisedSource).
Result<std::vector<Token>> lex(std::string_view source, std::string_view where);

/// Line ends as "\n", one final newline dropped, as Jinja reads its source.
[[nodiscard]] std::string normalisedSource(std::string_view source);

}  // namespace retort::text::jinja
