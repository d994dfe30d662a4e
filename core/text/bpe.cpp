// Byte-pair encoding of one word: an array for short words, a heap over a linked list for long ones; short words are cached.
#include "text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <queue>

#include "text/byte_alphabet.h"
#include "text/unicode.h"
#include "text/word_cache.h"

namespace retort::text {
namespace {

constexpr std::string_view kBar = "\xE2\x96\x81";   // U+2581, a space in SentencePiece vocabularies
constexpr std::size_t kFewSymbols = 48;   // up to here scanning an array beats a heap

std::string fallbackName(unsigned byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", byte);
  return name;
}

}  // namespace

MergeTable::MergeTable(std::span<const Merge> merges) {
  std::size_t size = 2;
  m_shift = 63;
  while (size < merges.size() * 2) {
    size *= 2;
    --m_shift;
  }
  m_cells.assign(size, {});
  m_mask = size - 1;
  for (const Merge& merge : merges) {
    const std::uint64_t k = key(merge.left, merge.right);
    std::size_t i = (k * 0x9E3779B97F4A7C15ull) >> m_shift;
    while (m_cells[i].key != kFree && m_cells[i].key != k) i = (i + 1) & m_mask;
    m_cells[i] = {k, {merge.rank, merge.merged}};
  }
}

BpeModel::BpeModel(const TokenTable& tokens, std::span<const Merge> merges, const std::vector<bool>& isData, BpeOptions options)
    : m_tokens(tokens), m_isData(isData), m_options(options), m_number(WordCache::nextModelNumber()) {
  std::vector<Merge> usable;
  usable.reserve(merges.size());
  for (const Merge& merge : merges)
    if (m_isData[static_cast<std::size_t>(merge.merged)]) usable.push_back(merge);
  m_merges = MergeTable(usable);
  for (unsigned b = 0; b < 256; ++b)
    m_byte[b] = options.byteLevel ? tokens.find(letterOfByte(static_cast<unsigned char>(b))) : tokens.find(fallbackName(b));
  m_cutsAtBars = canCutAtBars(usable);
  if (!options.byteLevel || !options.ignoreMerges) return;
  std::vector<std::pair<std::size_t, TokenId>> ends;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!m_isData[i]) continue;
    const auto bytes = bytesOfLetters(tokens.at(static_cast<TokenId>(i)));
    if (!bytes || bytes->empty()) continue;
    m_bytesBlock += *bytes;
    ends.emplace_back(m_bytesBlock.size(), static_cast<TokenId>(i));
  }
  m_words.reserve(ends.size());
  std::size_t begin = 0;
  for (const auto& [end, id] : ends) {
    m_words.emplace(std::string_view(m_bytesBlock).substr(begin, end - begin), id);
    begin = end;
  }
}

TokenId BpeModel::wholeWord(std::string_view word) const {
  if (m_options.byteLevel) {
    const auto it = m_words.find(word);
    return it == m_words.end() ? -1 : it->second;
  }
  const TokenId id = m_tokens.find(word);
  return id >= 0 && m_isData[static_cast<std::size_t>(id)] ? id : -1;
}

void BpeModel::start(std::string_view word, std::vector<Symbol>& symbols) const {
  symbols.clear();
  if (!m_options.byteLevel) return startByCharacter(word, symbols);
  std::uint32_t waiting = 0;   // bytes that have no token and become unknown
  for (const char c : word) {
    const TokenId id = m_byte[static_cast<unsigned char>(c)];
    if (id < 0) {
      if (waiting > 0 && !m_options.fuseUnknown && m_options.unknown >= 0) symbols.push_back({m_options.unknown, std::exchange(waiting, 0u)});
      ++waiting;
      continue;
    }
    if (waiting > 0 && m_options.unknown >= 0) symbols.push_back({m_options.unknown, waiting});
    else if (waiting > 0 && !symbols.empty()) symbols.back().length += waiting;   // dropped bytes count to their neighbour
    waiting = 0;
    symbols.push_back({id, 1});
  }
  if (waiting > 0 && m_options.unknown >= 0) symbols.push_back({m_options.unknown, waiting});
}

void BpeModel::startByCharacter(std::string_view word, std::vector<Symbol>& symbols) const {
  std::uint32_t waiting = 0;
  const char* end = word.data() + word.size();
  for (const char* p = word.data(); p < end;) {
    const CodePoint c = decodeAt(p, end);
    const std::string_view letter(p, c.length);
    p += c.length;
    const TokenId id = m_tokens.find(letter);
    if (id >= 0 && m_isData[static_cast<std::size_t>(id)]) {
      if (waiting > 0) symbols.push_back({m_options.unknown, std::exchange(waiting, 0u)});
      symbols.push_back({id, c.length});
      continue;
    }
    const auto hasByte = [&](char b) { return m_byte[static_cast<unsigned char>(b)] >= 0; };
    if (m_options.byteFallback && std::all_of(letter.begin(), letter.end(), hasByte)) {
      for (const char b : letter) symbols.push_back({m_byte[static_cast<unsigned char>(b)], 1});
      continue;
    }
    if (m_options.unknown < 0) {
      if (!symbols.empty()) symbols.back().length += c.length;
      continue;
    }
    if (waiting > 0 && !m_options.fuseUnknown) symbols.push_back({m_options.unknown, std::exchange(waiting, 0u)});
    waiting += c.length;
  }
  if (waiting > 0) symbols.push_back({m_options.unknown, waiting});
}

void BpeModel::mergeFew(std::vector<Symbol>& symbols) const {
  MergeTable::Found next[kFewSymbols];   // next[i]: what i and i + 1 become
  std::size_t n = symbols.size();
  for (std::size_t i = 0; i + 1 < n; ++i) next[i] = m_merges.find(symbols[i].id, symbols[i + 1].id);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i)
      if (next[i].rank < next[best].rank) best = i;
    if (next[best].rank == MergeTable::kNone) break;
    symbols[best] = {next[best].merged, symbols[best].length + symbols[best + 1].length};
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      symbols[i] = symbols[i + 1];
      next[i] = next[i + 1];
    }
    --n;
    if (best > 0) next[best - 1] = m_merges.find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < n) next[best] = m_merges.find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(n);
}

void BpeModel::mergeMany(std::vector<Symbol>& symbols) const {
  struct Candidate {
    std::uint32_t rank;
    std::size_t left;
    TokenId leftId, rightId, merged;
    bool operator<(const Candidate& o) const { return rank != o.rank ? rank > o.rank : left > o.left; }   // for a min-heap
  };
  constexpr std::size_t none = ~std::size_t{0};
  const std::size_t n = symbols.size();
  std::vector<std::size_t> previous(n), next(n);
  std::vector<Candidate> heap;
  const auto consider = [&](std::size_t left, std::size_t right) {
    const MergeTable::Found found = m_merges.find(symbols[left].id, symbols[right].id);
    if (found.rank != MergeTable::kNone) heap.push_back({found.rank, left, symbols[left].id, symbols[right].id, found.merged});
    return found.rank != MergeTable::kNone;
  };
  for (std::size_t i = 0; i < n; ++i) {
    previous[i] = i == 0 ? none : i - 1;
    next[i] = i + 1 == n ? none : i + 1;
    if (i + 1 < n) consider(i, i + 1);
  }
  std::make_heap(heap.begin(), heap.end());
  const auto push = [&](std::size_t left, std::size_t right) {
    if (consider(left, right)) std::push_heap(heap.begin(), heap.end());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate c = heap.back();
    heap.pop_back();
    const std::size_t right = symbols[c.left].length == 0 ? none : next[c.left];
    if (right == none || symbols[c.left].id != c.leftId || symbols[right].id != c.rightId) continue;   // out of date
    symbols[c.left] = {c.merged, symbols[c.left].length + symbols[right].length};
    symbols[right].length = 0;   // gone
    next[c.left] = next[right];
    if (next[right] != none) previous[next[right]] = c.left;
    if (previous[c.left] != none) push(previous[c.left], c.left);
    if (next[c.left] != none) push(c.left, next[c.left]);
  }
  std::erase_if(symbols, [](const Symbol& s) { return s.length == 0; });
}

bool BpeModel::canCutAtBars(std::span<const Merge> merges) const {
  const TokenId bar = m_tokens.find(kBar);
  if (m_options.byteLevel || m_options.ignoreMerges || bar < 0 || !m_isData[static_cast<std::size_t>(bar)]) return false;
  return std::none_of(merges.begin(), merges.end(), [&](const Merge& m) { return !m_tokens.at(m.left).ends_with(kBar) && m_tokens.at(m.right).starts_with(kBar); });
}

void BpeModel::encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const {
  std::size_t begin = 0;
  if (m_cutsAtBars)   // the whole text is one word here; cut where no merge can reach, its words can be cached
    for (std::size_t at = word.find(kBar, 1); at != word.npos; at = word.find(kBar, at + kBar.size())) {
      if (word.substr(0, at).ends_with(kBar)) continue;
      encodeWord(word.substr(begin, at - begin), begin, ids, ends);
      begin = at;
    }
  encodeWord(word.substr(begin), begin, ids, ends);
}

void BpeModel::encodeWord(std::string_view word, std::size_t offset, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const {
  if (word.empty()) return;
  WordCache::Slot* slot = nullptr;
  if (!ends && word.size() <= WordCache::kMaxWord) {
    slot = &WordCache::ofThread(m_number).slot(word);
    if (WordCache::holds(*slot, word)) {
      ids.insert(ids.end(), slot->ids, slot->ids + slot->count);
      return;
    }
  }
  const std::size_t begin = ids.size();
  const TokenId whole = m_options.ignoreMerges ? wholeWord(word) : -1;
  if (whole >= 0) {
    ids.push_back(whole);
    if (ends) ends->push_back(offset + word.size());
  } else {
    thread_local std::vector<Symbol> symbols;
    start(word, symbols);
    if (symbols.size() <= kFewSymbols) mergeFew(symbols);
    else mergeMany(symbols);
    for (const Symbol& symbol : symbols) {
      ids.push_back(symbol.id);
      offset += symbol.length;
      if (ends) ends->push_back(offset);
    }
  }
  const std::size_t count = ids.size() - begin;
  if (slot && count <= WordCache::kMaxIds) WordCache::store(*slot, word, ids.data() + begin, count);
}

bool mergeOf(const TokenTable& tokens, std::string_view left, std::string_view right, std::uint32_t rank, Merge& merge) {
  std::string both(left);
  both += right;
  merge = {tokens.find(left), tokens.find(right), tokens.find(both), rank};
  return merge.left >= 0 && merge.right >= 0 && merge.merged >= 0;
}

Result<std::vector<Merge>> mergesByScore(const TokenTable& tokens, const std::vector<float>& scores, const std::vector<bool>& isData) {
  std::vector<TokenId> order;
  std::uint64_t work = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!isData[i]) continue;
    const std::uint64_t length = tokens.at(static_cast<TokenId>(i)).size();
    work += length * length;
    order.push_back(static_cast<TokenId>(i));
  }
  if (work > (1ull << 32))
    return Error{.code = "text.tokenizer.limit", .what = "The vocabulary cannot be used", .why = "its tokens are too long to find their merges",
                 .next = "Check that the file is a SentencePiece vocabulary of text tokens."};
  const auto scoreOf = [&](TokenId id) { return scores[static_cast<std::size_t>(id)]; };
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return scoreOf(a) > scoreOf(b); });
  std::vector<Merge> merges;
  std::uint32_t rank = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    if (k > 0 && scoreOf(order[k]) < scoreOf(order[k - 1])) ++rank;   // equal scores are equal ranks: the leftmost pair wins
    const std::string_view token = tokens.at(order[k]);
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      if ((static_cast<std::uint8_t>(token[cut]) & 0xC0u) == 0x80u) continue;
      const TokenId left = tokens.find(token.substr(0, cut)), right = tokens.find(token.substr(cut));
      if (left >= 0 && right >= 0 && isData[static_cast<std::size_t>(left)] && isData[static_cast<std::size_t>(right)])
        merges.push_back({left, right, order[k], rank});
    }
  }
  return merges;
}

}  // namespace retort::text
