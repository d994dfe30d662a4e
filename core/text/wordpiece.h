// WordPiece: the longest token first, the rest with a prefix such as "##".
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/token_table.h"
#include "text/tokenizer_model.h"

namespace retort::text {

class WordPieceModel final : public TokenizerModel {
 public:
  /// `tokens` must outlive the model; words of more than `maxCharacters` code points are unknown.
  WordPieceModel(const TokenTable& tokens, const std::vector<bool>& isData, TokenId unknown, std::string prefix, std::size_t maxCharacters);
  void encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const override;

 private:
  const TokenTable& m_tokens;
  std::vector<bool> m_isData;
  TokenId m_unknown;
  std::string m_prefix;
  std::size_t m_maxCharacters, m_longest = 0;   // m_longest: bytes of the longest token
};

}  // namespace retort::text
