// An inverted index in memory.
#include "lab/teacher_similar.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <numeric>

#include "job/row.h"

namespace retort::lab {

std::vector<std::string> Bm25::words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || byte >= 0x80) word.push_back(static_cast<char>(std::tolower(byte)));
    else if (!word.empty()) out.push_back(std::exchange(word, {}));
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

Bm25::Bm25(const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto all = words(texts[i]);
    std::map<std::string, double> counts;
    for (const auto& w : all) counts[w] += 1;
    for (const auto& [w, n] : counts) m_postings[w].push_back({i, n});
    m_lengths.push_back(static_cast<double>(all.size()));
  }
  m_meanLength = m_lengths.empty() ? 0 : std::accumulate(m_lengths.begin(), m_lengths.end(), 0.0) / static_cast<double>(m_lengths.size());
}

std::vector<double> Bm25::scores(std::string_view query) const {
  constexpr double k1 = 1.2, b = 0.75;
  std::vector<double> out(m_lengths.size(), 0);
  const auto total = static_cast<double>(m_lengths.size());
  for (const auto& w : words(query)) {
    const auto it = m_postings.find(w);
    if (it == m_postings.end()) continue;
    const auto n = static_cast<double>(it->second.size());
    const double idf = std::log(1 + (total - n + 0.5) / (n + 0.5));
    for (const auto& p : it->second) out[p.text] += idf * p.count * (k1 + 1) / (p.count + k1 * (1 - b + b * m_lengths[p.text] / m_meanLength));
  }
  return out;
}

std::vector<std::size_t> Bm25::nearest(std::string_view query, std::size_t k) const {
  const auto score = scores(query);
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return score[x] > score[y]; });
  order.resize(std::min(k, order.size()));
  return order;
}

std::string promptText(const Json& messages) {
  std::string out;
  for (const auto& m : messages)
    if (m.is_object() && m.value("role", std::string()) == "user") out += (out.empty() ? "" : "\n") + job::contentText(m);
  return out;
}

}  // namespace retort::lab
