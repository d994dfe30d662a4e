// Trains byte-level BPE: counts words once, then merges the commonest pair until the vocabulary is full.
#include "text/bpe_trainer.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include "base/format.h"
#include "text/byte_alphabet.h"
#include "text/gguf_pretokenizers.h"
#include "text/json_text.h"
#include "text/scanner.h"
#include "text/tokenizer_error.h"

namespace retort::text {
namespace {

using Pair = std::uint64_t;   // left id in the upper half, so that pairs sort by left, then right
Pair pairOf(TokenId left, TokenId right) { return (static_cast<Pair>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right); }

struct Word {
  std::vector<TokenId> ids;
  std::int64_t count = 0;
};

struct Candidate {
  std::int64_t count = 0;
  Pair pair = 0;
  bool operator<(const Candidate& o) const { return count != o.count ? count < o.count : pair > o.pair; }   // top: commonest, then smallest
};

class Trainer {
 public:
  Trainer(std::vector<Word> words, BpeDocument& document) : m_words(std::move(words)), m_document(document) {
    for (std::size_t i = 0; i < document.tokens.size(); ++i) m_ids.emplace(document.tokens[i], static_cast<TokenId>(i));
    m_specials = document.added.size();
    for (std::size_t w = 0; w < m_words.size(); ++w) addPairs(w, +1);
    for (const auto& [pair, count] : m_counts) m_heap.push({count, pair});
  }

  void run(std::size_t vocabulary) {
    while (m_document.tokens.size() < vocabulary && !m_heap.empty()) {
      const Candidate best = m_heap.top();
      m_heap.pop();
      const auto it = m_counts.find(best.pair);
      if (it == m_counts.end() || it->second != best.count || best.count <= 0) continue;   // out of date
      merge(best.pair);
    }
  }
  /// The merges in order, as ids.
  [[nodiscard]] const std::vector<Pair>& merges() const { return m_merges; }

 private:
  void addPairs(std::size_t w, int sign) {
    const Word& word = m_words[w];
    for (std::size_t i = 0; i + 1 < word.ids.size(); ++i) {
      const Pair pair = pairOf(word.ids[i], word.ids[i + 1]);
      m_counts[pair] += sign * word.count;
      if (sign > 0) m_places[pair].push_back(w);
      m_touched.push_back(pair);
    }
  }
  void merge(Pair pair) {
    const auto left = static_cast<TokenId>(pair >> 32), right = static_cast<TokenId>(pair & 0xFFFFFFFFu);
    const std::string text = m_document.tokens[static_cast<std::size_t>(left)] + m_document.tokens[static_cast<std::size_t>(right)];
    const auto next = static_cast<TokenId>(m_document.tokens.size());
    const auto [known, isNew] = m_ids.emplace(text, next);
    const TokenId merged = known->second;
    if (static_cast<std::size_t>(merged) < m_specials) {   // text must never merge into a special token
      m_counts.erase(pair);
      return;
    }
    if (isNew) m_document.tokens.push_back(text);
    m_merges.push_back(pair);
    std::vector<std::size_t> places = std::move(m_places[pair]);
    m_places.erase(pair);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    m_touched.clear();
    for (const std::size_t w : places) replace(w, left, right, merged);
    m_counts.erase(pair);
    std::sort(m_touched.begin(), m_touched.end());
    m_touched.erase(std::unique(m_touched.begin(), m_touched.end()), m_touched.end());
    for (const Pair touched : m_touched)
      if (const auto it = m_counts.find(touched); it != m_counts.end() && it->second > 0) m_heap.push({it->second, touched});
  }
  void replace(std::size_t w, TokenId left, TokenId right, TokenId merged) {
    addPairs(w, -1);
    std::vector<TokenId>& ids = m_words[w].ids;
    std::size_t out = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const bool here = i + 1 < ids.size() && ids[i] == left && ids[i + 1] == right;
      ids[out++] = here ? merged : ids[i];
      if (here) ++i;
    }
    ids.resize(out);
    addPairs(w, +1);
  }

  std::vector<Word> m_words;
  BpeDocument& m_document;
  std::size_t m_specials = 0;
  std::unordered_map<std::string, TokenId> m_ids;
  std::unordered_map<Pair, std::int64_t> m_counts;
  std::unordered_map<Pair, std::vector<std::size_t>> m_places;   // words that hold the pair, or held it
  std::vector<Pair> m_touched, m_merges;
  std::priority_queue<Candidate> m_heap;
};

std::vector<Word> countWords(const std::vector<std::string>& texts, TokenId firstByte) {
  std::unordered_map<std::string_view, std::int64_t> counts;
  for (const std::string& text : texts)
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t end = nextSplit(ScanRule::Gpt2, text, i);
      ++counts[std::string_view(text).substr(i, end - i)];
      i = end;
    }
  std::vector<std::pair<std::string_view, std::int64_t>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<Word> words;
  words.reserve(sorted.size());
  for (const auto& [text, count] : sorted) {
    Word word{.count = count};
    for (const char c : text) word.ids.push_back(firstByte + static_cast<unsigned char>(c));
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace

Result<std::string> trainByteBpe(const std::vector<std::string>& texts, std::size_t vocabulary, const std::vector<std::string>& specials) {
  const auto refuse = [&](std::string why, std::string next) {
    return Error{.code = "text.bpe.settings", .what = "A tokenizer cannot be trained", .why = std::move(why), .next = std::move(next)};
  };
  if (vocabulary < specials.size() + 256)
    return refuse("a vocabulary of " + std::to_string(vocabulary) + " is too small for 256 bytes and " + std::to_string(specials.size()) + " special tokens",
                  "Ask for at least " + std::to_string(specials.size() + 256) + " tokens.");
  if (vocabulary > kMaxTokens) return refuse("a vocabulary may have at most 4 million tokens", "Ask for fewer tokens.");
  BpeDocument document;
  const auto pre = ggufPreTokenizer("gpt-2");
  document.preTokenizer = pre->preTokenizer;
  document.decoder = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  for (const std::string& special : specials) {
    const bool taken = std::find(document.tokens.begin(), document.tokens.end(), special) != document.tokens.end();
    if (special.empty() || taken || !isValidUtf8(special)) return refuse("the special token " + shown(special) + " is empty, given twice or not UTF-8", "Name each special token once.");
    document.added.push_back({.id = static_cast<TokenId>(document.tokens.size()), .content = special, .special = true});
    document.tokens.push_back(special);
  }
  for (unsigned b = 0; b < 256; ++b) {
    const std::string_view letter = letterOfByte(static_cast<unsigned char>(b));
    if (std::find(specials.begin(), specials.end(), letter) != specials.end()) return refuse("the special token " + shown(letter) + " is a single byte", "Give it a longer name.");
    document.tokens.emplace_back(letter);
  }
  Trainer trainer(countWords(texts, static_cast<TokenId>(specials.size())), document);
  trainer.run(vocabulary);
  for (const Pair pair : trainer.merges())
    document.merges.emplace_back(document.tokens[static_cast<std::size_t>(pair >> 32)], document.tokens[static_cast<std::size_t>(pair & 0xFFFFFFFFu)]);
  return writeTokenizerJson(document);
}

}  // namespace retort::text
