// n-gram overlap and longest common subsequences.
#include "metrics/rouge.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"

namespace retort::metrics {
namespace {

using Tokens = std::vector<std::string>;

Rouge scoreOf(double hits, double target, double prediction) {
  Rouge r;
  r.precision = hits / std::max(prediction, 1.0);
  r.recall = hits / std::max(target, 1.0);
  r.f1 = r.precision + r.recall > 0 ? 2 * r.precision * r.recall / (r.precision + r.recall) : 0;
  return r;
}

std::map<Tokens, int> nGrams(const Tokens& tokens, std::size_t n) {
  std::map<Tokens, int> out;
  for (std::size_t i = 0; i + n <= tokens.size(); ++i) ++out[Tokens(tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.begin() + static_cast<std::ptrdiff_t>(i + n))];
  return out;
}

using Table = std::vector<std::vector<std::uint32_t>>;
Table lcsTable(const Tokens& a, const Tokens& b) {
  Table t(a.size() + 1, std::vector<std::uint32_t>(b.size() + 1, 0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) t[i][j] = a[i - 1] == b[j - 1] ? t[i - 1][j - 1] + 1 : std::max(t[i - 1][j], t[i][j - 1]);
  }
  return t;
}

std::vector<Tokens> sentences(std::string_view text, bool stem) {
  std::vector<Tokens> out;
  for (const std::string_view line : splitView(text, '\n')) {
    if (!line.empty()) out.push_back(rougeTokens(line, stem));
  }
  return out;
}

}  // namespace

std::vector<std::string> rougeTokens(std::string_view text, bool stem) {
  Tokens out;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ' ';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else if (!word.empty()) {
      out.push_back(stem && word.size() > 3 ? porterStem(word) : word);
      word.clear();
    }
  }
  return out;
}

Rouge rougeN(std::string_view target, std::string_view prediction, int n, bool stem) {
  const auto t = nGrams(rougeTokens(target, stem), static_cast<std::size_t>(n)), p = nGrams(rougeTokens(prediction, stem), static_cast<std::size_t>(n));
  double hits = 0, targetCount = 0, predictionCount = 0;
  for (const auto& [gram, count] : t) {
    targetCount += count;
    const auto it = p.find(gram);
    if (it != p.end()) hits += std::min(count, it->second);
  }
  for (const auto& [gram, count] : p) predictionCount += count;
  return scoreOf(hits, targetCount, predictionCount);
}

std::size_t lcsLength(const std::vector<std::string>& a, const std::vector<std::string>& b) { return a.empty() || b.empty() ? 0 : lcsTable(a, b).back().back(); }

Rouge rougeL(std::string_view target, std::string_view prediction, bool stem) {
  const Tokens t = rougeTokens(target, stem), p = rougeTokens(prediction, stem);
  if (t.empty() || p.empty()) return {};
  return scoreOf(static_cast<double>(lcsLength(t, p)), static_cast<double>(t.size()), static_cast<double>(p.size()));
}

std::vector<std::size_t> lcsUnion(const std::vector<std::string>& reference, const std::vector<std::vector<std::string>>& candidates) {
  std::set<std::size_t> out;
  for (const Tokens& candidate : candidates) {
    const Table t = lcsTable(reference, candidate);
    for (std::size_t i = reference.size(), j = candidate.size(); i > 0 && j > 0;) {
      if (reference[i - 1] == candidate[j - 1]) {
        out.insert(i - 1);
        --i;
        --j;
      } else if (t[i][j - 1] > t[i - 1][j]) {
        --j;
      } else {
        --i;
      }
    }
  }
  return {out.begin(), out.end()};
}

Rouge rougeLsum(std::string_view target, std::string_view prediction, bool stem) {
  const std::vector<Tokens> t = sentences(target, stem), p = sentences(prediction, stem);
  std::map<std::string, int> left, right;   // each token of either side counts once at most
  double targetCount = 0, predictionCount = 0, hits = 0;
  for (const Tokens& s : t) {
    for (const auto& w : s) ++left[w];
    targetCount += static_cast<double>(s.size());
  }
  for (const Tokens& s : p) {
    for (const auto& w : s) ++right[w];
    predictionCount += static_cast<double>(s.size());
  }
  if (targetCount == 0 || predictionCount == 0) return {};
  for (const Tokens& s : t) {
    for (const std::size_t i : lcsUnion(s, p)) {
      if (left[s[i]] <= 0 || right[s[i]] <= 0) continue;
      ++hits;
      --left[s[i]];
      --right[s[i]];
    }
  }
  return scoreOf(hits, targetCount, predictionCount);
}

bool rougeIsMisleading(std::string_view text) {
  const auto high = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
  return static_cast<double>(high) > 0.05 * static_cast<double>(text.size());
}

}  // namespace retort::metrics
