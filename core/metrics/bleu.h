// BLEU as sacreBLEU computes it: corpus-level, clipped n-grams up to 4, closest reference length.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace retort::metrics {

enum class BleuTokens { v13a, intl, none };
enum class BleuSmooth { exp, floor, addK, none };
struct BleuOptions {
  BleuTokens tokens = BleuTokens::v13a;
  BleuSmooth smooth = BleuSmooth::exp;
  double smoothValue = 0.1;                 ///< of floor; k of addK
};

struct Bleu {
  double score = 0;                         ///< 0..100
  double brevityPenalty = 1;
  std::vector<double> precisions;           ///< of the four orders, 0..100
  long answerLength = 0, referenceLength = 0;   ///< tokens
  std::string signature;                    ///< "BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|retort:1"
};

/// `references[i]` are those of answer i (at least one each; rows may have different numbers). No rows, or empty answers: 0.
[[nodiscard]] Bleu bleu(const std::vector<std::string>& answers, const std::vector<std::vector<std::string>>& references, const BleuOptions& options = {});
/// The tokens that the score counts.
[[nodiscard]] std::vector<std::string> bleuTokens(std::string_view text, BleuTokens tokens);

}  // namespace retort::metrics
