// Unigram: the most probable way to cut a word into tokens (Viterbi).
#pragma once
#include <array>
#include <string_view>
#include <vector>

#include "text/token_table.h"
#include "text/tokenizer_model.h"
#include "text/trie.h"

namespace retort::text {

class UnigramModel final : public TokenizerModel {
 public:
  /// `scores` are log-probabilities by id; ids from `count` on are added tokens and no part of the model. `unknown` -1: characters
  /// without a token are dropped.
  UnigramModel(const TokenTable& tokens, std::vector<double> scores, std::size_t count, const std::vector<bool>& isData, TokenId unknown, bool byteFallback);
  void encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const override;

 private:
  void emitUnknown(std::string_view piece, std::size_t end, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const;

  Trie m_trie;
  std::vector<double> m_scores;
  double m_unknownScore = 0;
  TokenId m_unknown;
  bool m_byteFallback;
  std::array<TokenId, 256> m_byte{};
};

}  // namespace retort::text
