// One test of a filter, compiled: the same code decides for a record and for an entry of the index.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/filter.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace retort::logs {

/// A regular expression with JIT and limits; searches, case-sensitive unless it says (?i). Not for two threads at once.
class Pattern {
 public:
  /// Error "filter.regex" with PCRE2's reason and position.
  static Result<Pattern> compile(std::string_view expression);
  Pattern(Pattern&& other) noexcept;
  Pattern& operator=(Pattern&& other) noexcept;
  ~Pattern();
  /// False also where a limit was hit.
  [[nodiscard]] bool isFoundIn(std::string_view text, bool isUtf8 = false) const;
  /// Place and length of the first match. `isUtf8`: the text is known to be valid, which is then not tested again.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> find(std::string_view text, bool isUtf8 = false) const;

 private:
  Pattern() = default;
  pcre2_real_code_8* m_code = nullptr;
  pcre2_real_match_data_8* m_data = nullptr;
  pcre2_real_match_context_8* m_context = nullptr;
};

/// A test of one value. `notEqual` is compiled as `equal`: its reader turns the answer by the rule for missing keys.
class ValueTest {
 public:
  static Result<ValueTest> create(const FilterNode& test);
  [[nodiscard]] bool ofText(std::string_view value) const;
  [[nodiscard]] bool ofNumber(double value) const;
  [[nodiscard]] bool ofTime(std::int64_t micros) const;
  [[nodiscard]] FilterOp op() const { return m_op; }

 private:
  template <typename T>
  [[nodiscard]] bool compare(const T& value, const std::vector<T>& with) const;
  FilterOp m_op{};
  std::vector<std::string> m_texts;
  std::vector<double> m_numbers;
  std::vector<std::int64_t> m_times;
  std::optional<Pattern> m_pattern;
};

}  // namespace retort::logs
