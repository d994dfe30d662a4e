// Hand-written scanners that split text as the well-known pre-tokenizer regular expressions do, at many times their speed.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace retort::text {

/// The regular expressions that have a scanner. Each matches at every position, so a text is cut without gaps.
enum class ScanRule {
  Gpt2,      ///< the split of GPT-2, also of ByteLevel with use_regex
  Llama3,    ///< numbers in groups of three, line ends kept with signs
  Qwen2,     ///< as Llama3 with single digits
};

/// The regular expression a rule stands for.
[[nodiscard]] std::string_view patternOf(ScanRule rule);
/// The rule that stands for exactly this regular expression.
[[nodiscard]] std::optional<ScanRule> ruleOfPattern(std::string_view pattern);
/// The end of the match that starts at `position` < text.size(). Bytes that are no UTF-8 count as signs.
[[nodiscard]] std::size_t nextSplit(ScanRule rule, std::string_view text, std::size_t position);

}  // namespace retort::text
