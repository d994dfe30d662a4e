// Greedy longest match; a word with a part that is no token is unknown as a whole.
#include "text/wordpiece.h"

#include <algorithm>

#include "base/format.h"

namespace retort::text {

WordPieceModel::WordPieceModel(const TokenTable& tokens, const std::vector<bool>& isData, TokenId unknown, std::string prefix, std::size_t maxCharacters)
    : m_tokens(tokens), m_isData(isData), m_unknown(unknown), m_prefix(std::move(prefix)), m_maxCharacters(maxCharacters) {
  for (std::size_t i = 0; i < tokens.size(); ++i) m_longest = std::max(m_longest, tokens.at(static_cast<TokenId>(i)).size());
}

void WordPieceModel::encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const {
  const std::size_t idsBefore = ids.size(), endsBefore = ends ? ends->size() : 0;
  const auto isTail = [&](std::size_t i) { return i < word.size() && (static_cast<std::uint8_t>(word[i]) & 0xC0u) == 0x80u; };
  bool known = utf8Length(word) <= m_maxCharacters;
  std::string candidate;
  for (std::size_t begin = 0; known && begin < word.size();) {
    std::size_t end = std::min(word.size(), begin + m_longest);
    TokenId id = -1;
    for (; end > begin; --end) {
      if (isTail(end)) continue;
      candidate.assign(begin > 0 ? m_prefix : std::string());
      candidate += word.substr(begin, end - begin);
      id = m_tokens.find(candidate);
      if (id >= 0 && m_isData[static_cast<std::size_t>(id)]) break;
    }
    known = end > begin;
    if (!known) break;
    ids.push_back(id);
    if (ends) ends->push_back(end);
    begin = end;
  }
  if (known) return;
  ids.resize(idsBefore);
  if (ends) ends->resize(endsBefore);
  if (m_unknown < 0) return;
  ids.push_back(m_unknown);
  if (ends) ends->push_back(word.size());
}

}  // namespace retort::text
