// ROUGE as google-research's rouge_score computes it: n-grams, longest common subsequence, and its union over sentences.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace retort::metrics {

struct Rouge {
  double precision = 0, recall = 0, f1 = 0;
};
/// Tokens are runs of [a-z0-9] after lower-casing ASCII; longer than three letters they are stemmed if asked.
[[nodiscard]] std::vector<std::string> rougeTokens(std::string_view text, bool stem = false);
[[nodiscard]] Rouge rougeN(std::string_view target, std::string_view prediction, int n, bool stem = false);
[[nodiscard]] Rouge rougeL(std::string_view target, std::string_view prediction, bool stem = false);
/// Sentences are lines.
[[nodiscard]] Rouge rougeLsum(std::string_view target, std::string_view prediction, bool stem = false);
/// True when much of the text is of letters that these tokens drop (other scripts, accents): the score means little.
[[nodiscard]] bool rougeIsMisleading(std::string_view text);
/// Porter's stemmer with the two departures that NLTK makes.
[[nodiscard]] std::string porterStem(std::string_view word);

/// Length of the longest common subsequence.
[[nodiscard]] std::size_t lcsLength(const std::vector<std::string>& a, const std::vector<std::string>& b);
/// Indices of `reference` that lie in the longest common subsequence with at least one of the candidates.
[[nodiscard]] std::vector<std::size_t> lcsUnion(const std::vector<std::string>& reference, const std::vector<std::vector<std::string>>& candidates);

}  // namespace retort::metrics
