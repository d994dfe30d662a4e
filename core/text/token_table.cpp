// Builds the block and the map of a vocabulary.
#include "text/token_table.h"

namespace retort::text {

TokenTable::TokenTable(const std::vector<std::string>& tokens) {
  std::size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  m_block.reserve(bytes);
  m_begin.reserve(tokens.size() + 1);
  for (const std::string& token : tokens) {
    m_begin.push_back(m_block.size());
    m_block += token;
  }
  m_begin.push_back(m_block.size());
  m_ids.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!tokens[i].empty()) m_ids.emplace(at(static_cast<TokenId>(i)), static_cast<TokenId>(i));
}

}  // namespace retort::text
