// The rules of single_word, lstrip and rstrip.
#include "text/added_tokens.h"

#include "text/unicode.h"

namespace retort::text {
namespace {

/// The character that ends before `end`.
CodePoint characterBefore(std::string_view text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && end - at < 4 && (static_cast<std::uint8_t>(text[at]) & 0xC0u) == 0x80u) --at;
  const CodePoint c = decodeAt(text.data() + at, text.data() + end);
  return at + c.length == end ? c : CodePoint{0, 1, false};
}

bool is(const CodePoint& c, unsigned flag) { return c.valid && (flagsOf(c.value) & flag); }

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : m_tokens(std::move(tokens)) {
  std::vector<std::pair<std::string_view, std::int32_t>> entries;
  for (std::size_t i = 0; i < m_tokens.size(); ++i) {
    entries.emplace_back(m_tokens[i].content, static_cast<std::int32_t>(i));
    m_onlySpecial = m_onlySpecial && m_tokens[i].special;
  }
  m_trie = Trie(std::move(entries));
}

bool AddedTokenFinder::standsAlone(std::string_view text, std::size_t begin, std::size_t end) {
  const bool wordBefore = begin > 0 && is(characterBefore(text, begin), kWord);
  const bool wordAfter = end < text.size() && is(decodeAt(text.data() + end, text.data() + text.size()), kWord);
  return !wordBefore && !wordAfter;
}

Section AddedTokenFinder::widen(std::string_view text, const AddedToken& token, std::size_t begin, std::size_t end, std::size_t done) {
  while (token.leftStrip && begin > done) {
    const CodePoint c = characterBefore(text, begin);
    if (!is(c, kSpace)) break;
    begin -= c.length;
  }
  while (token.rightStrip && end < text.size()) {
    const CodePoint c = decodeAt(text.data() + end, text.data() + text.size());
    if (!is(c, kSpace)) break;
    end += c.length;
  }
  return {begin, end, token.id};
}

}  // namespace retort::text
