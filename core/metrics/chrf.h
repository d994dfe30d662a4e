// chrF as sacreBLEU computes it: F of character n-grams, corpus-level.
#pragma once
#include <string>
#include <vector>

namespace retort::metrics {

struct ChrfOptions {
  int order = 6;
  double beta = 2;                          ///< weight of recall
  bool epsSmoothing = false;                ///< chrF++.py's way: orders without n-grams count as nearly 0
};
struct Chrf {
  double score = 0;                         ///< 0..100
  std::string signature;                    ///< "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|retort:1"
};
/// `references[i]` are those of answer i; the best of them counts. Blanks do not count. No rows: 0.
[[nodiscard]] Chrf chrf(const std::vector<std::string>& answers, const std::vector<std::vector<std::string>>& references, const ChrfOptions& options = {});

}  // namespace retort::metrics
