// Viterbi over the bytes of a word; unknown characters cost 10 more than the rarest token, and neighbours of them are one token.
#include "text/unigram.h"

#include <algorithm>
#include <cstdio>

#include "text/unicode.h"

namespace retort::text {

UnigramModel::UnigramModel(const TokenTable& tokens, std::vector<double> scores, std::size_t count, const std::vector<bool>& isData, TokenId unknown, bool byteFallback)
    : m_scores(std::move(scores)), m_unknown(unknown), m_byteFallback(byteFallback) {
  constexpr double penalty = 10;
  std::vector<std::pair<std::string_view, std::int32_t>> entries;
  double least = 0;
  for (std::size_t i = 0; i < count && i < m_scores.size(); ++i) {
    least = i == 0 ? m_scores[i] : std::min(least, m_scores[i]);
    if (isData[i] && static_cast<TokenId>(i) != unknown) entries.emplace_back(tokens.at(static_cast<TokenId>(i)), static_cast<std::int32_t>(i));
  }
  m_unknownScore = least - penalty;
  m_trie = Trie(std::move(entries));
  for (unsigned b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    m_byte[b] = tokens.find(name);
  }
}

void UnigramModel::emitUnknown(std::string_view piece, std::size_t end, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const {
  const auto hasByte = [&](char c) { return m_byte[static_cast<unsigned char>(c)] >= 0; };
  if (m_byteFallback && std::all_of(piece.begin(), piece.end(), hasByte)) {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      ids.push_back(m_byte[static_cast<unsigned char>(piece[i])]);
      if (ends) ends->push_back(end - piece.size() + i + 1);
    }
    return;
  }
  if (m_unknown < 0) return;
  ids.push_back(m_unknown);
  if (ends) ends->push_back(end);
}

void UnigramModel::encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const {
  constexpr std::size_t nowhere = ~std::size_t{0};
  constexpr TokenId unknown = -2;
  struct Best {
    double score = 0;
    std::size_t from = nowhere;
    TokenId id = unknown;
  };
  const std::size_t size = word.size();
  std::vector<Best> best(size + 1);
  const auto offer = [&](std::size_t at, double score, std::size_t from, TokenId id) {
    if (best[at].from == nowhere || score > best[at].score) best[at] = {score, from, id};
  };
  for (std::size_t at = 0; at < size;) {
    const std::size_t length = decodeAt(word.data() + at, word.data() + size).length;
    bool single = false;
    m_trie.prefixes(word.substr(at), [&](std::size_t n, std::int32_t id) {
      offer(at + n, best[at].score + m_scores[static_cast<std::size_t>(id)], at, id);
      single = single || n == length;
    });
    if (!single) offer(at + length, best[at].score + m_unknownScore, at, unknown);
    at += length;
  }
  struct Part {
    std::size_t begin, end;
    TokenId id;
  };
  std::vector<Part> parts;
  for (std::size_t end = size; end > 0;) {
    const Best& b = best[end];
    if (b.id == unknown && !parts.empty() && parts.back().id == unknown) parts.back().begin = b.from;   // unknown neighbours are one
    else parts.push_back({b.from, end, b.id});
    end = b.from;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->id == unknown) {
      emitUnknown(word.substr(part->begin, part->end - part->begin), part->end, ids, ends);
      continue;
    }
    ids.push_back(part->id);
    if (ends) ends->push_back(part->end);
  }
}

}  // namespace retort::text
