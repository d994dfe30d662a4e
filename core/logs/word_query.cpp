// A phrase is followed along a text by one bit a word: bit i is set where its first i + 1 words were just read.
#include "logs/word_query.h"

#include <algorithm>

namespace retort::logs {

namespace {

bool isBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

Error noWord(std::string why) { return Error{"filter.words", "There is no word to look for", {}, std::move(why), "Write words, \"phrases\" or beginnings*.", {}, {}}; }

}  // namespace

Status WordQuery::add(std::string_view text, bool isPrefix) {
  Phrase phrase;
  m_tokenizer.read(text, [&](std::string_view word, std::size_t, std::size_t) { phrase.words.emplace_back(word); });
  if (phrase.words.size() > 64) return noWord("a phrase has more than 64 words");
  phrase.isPrefix = isPrefix;
  if (!phrase.words.empty()) m_phrases.push_back(std::move(phrase));
  return {};
}

Result<WordQuery> WordQuery::parse(std::string_view text) {
  RETORT_TRY(auto tokenizer, store::WordTokenizer::create());
  WordQuery query(std::move(tokenizer));
  for (std::size_t i = 0; i < text.size();) {
    if (isBlank(text[i])) {
      ++i;
      continue;
    }
    const bool isQuoted = text[i] == '"';
    std::size_t from = i + isQuoted, end = from;
    while (end < text.size() && (isQuoted ? text[end] != '"' : !isBlank(text[end]) && text[end] != '"')) ++end;
    std::string_view words = text.substr(from, end - from);
    i = end + isQuoted;
    bool isPrefix = false;
    if (isQuoted && i < text.size() && text[i] == '*') isPrefix = true, ++i;
    if (!isQuoted && words.ends_with('*')) isPrefix = true, words.remove_suffix(1);
    RETORT_CHECK(query.add(words, isPrefix));
  }
  if (query.m_phrases.empty()) return noWord("the text has neither letters nor digits");
  return query;
}

void WordQuery::look(std::string_view text, std::size_t offset, std::vector<std::optional<std::pair<std::size_t, std::size_t>>>& found) const {
  std::vector<std::uint64_t> read(m_phrases.size());
  std::vector<std::pair<std::size_t, std::size_t>> recent;        // places of the last words, for where a phrase began
  m_tokenizer.read(text, [&](std::string_view word, std::size_t begin, std::size_t end) {
    recent.emplace_back(begin, end);
    for (std::size_t p = 0; p < m_phrases.size(); ++p) {
      if (found[p]) continue;
      const Phrase& phrase = m_phrases[p];
      const std::size_t last = phrase.words.size() - 1;
      std::uint64_t fits = 0;
      for (std::size_t w = 0; w <= last; ++w)
        if (phrase.words[w] == word || (w == last && phrase.isPrefix && word.starts_with(phrase.words[w]))) fits |= 1ull << w;
      read[p] = (read[p] << 1 | 1) & fits;
      if (read[p] >> last & 1) {
        const std::size_t from = recent[recent.size() - 1 - last].first;
        found[p] = std::pair(offset + from, end - from);
      }
    }
  });
}

std::optional<std::pair<std::size_t, std::size_t>> WordQuery::find(std::string_view prompt, std::string_view answer) const {
  std::vector<std::optional<std::pair<std::size_t, std::size_t>>> found(m_phrases.size());
  look(prompt, 0, found);
  if (!std::all_of(found.begin(), found.end(), [](const auto& f) { return f.has_value(); })) look(answer, prompt.size(), found);
  if (!std::all_of(found.begin(), found.end(), [](const auto& f) { return f.has_value(); })) return std::nullopt;
  return *std::min_element(found.begin(), found.end());
}

std::string WordQuery::ftsExpression() const {
  std::string out;
  for (const auto& phrase : m_phrases) {
    out += out.empty() ? "\"" : " AND \"";
    for (std::size_t i = 0; i < phrase.words.size(); ++i) out += (i ? " " : "") + phrase.words[i];   // letters and digits: nothing to escape
    out += phrase.isPrefix ? "\"*" : "\"";
  }
  return out;
}

}  // namespace retort::logs
