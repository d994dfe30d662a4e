// Which examples are like a prompt: BM25 over words, until an encoder takes its place.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"

namespace retort::lab {

/// Okapi BM25 with k1 = 1.2, b = 0.75 and idf ln(1 + (N - n + 0.5) / (n + 0.5)).
class Bm25 {
 public:
  explicit Bm25(const std::vector<std::string>& texts);
  /// Positions of the best `k` texts, best first; ties by position. Texts that share no word come last.
  [[nodiscard]] std::vector<std::size_t> nearest(std::string_view query, std::size_t k) const;
  [[nodiscard]] std::vector<double> scores(std::string_view query) const;
  /// Lower-case runs of letters and digits; bytes beyond ASCII count as letters.
  static std::vector<std::string> words(std::string_view text);

 private:
  struct Posting {
    std::size_t text = 0;
    double count = 0;
  };
  std::unordered_map<std::string, std::vector<Posting>> m_postings;
  std::vector<double> m_lengths;
  double m_meanLength = 0;
};

/// The text by which a prompt is compared: what users said in it.
[[nodiscard]] std::string promptText(const Json& messages);

}  // namespace retort::lab
