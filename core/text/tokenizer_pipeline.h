// The tokenizer: added tokens, normalizer, pre-tokenizer, model and decoder put together from their parts.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/token_decoder.h"
#include "text/token_table.h"
#include "text/tokenizer.h"
#include "text/tokenizer_model.h"

namespace retort::text {

/// What a tokenizer is made of; tokens first, since the model refers to them.
struct TokenizerParts {
  std::unique_ptr<TokenTable> tokens;
  std::vector<AddedToken> added;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  TokenDecoder decoder;
  std::unique_ptr<TokenizerModel> model;
  std::string where;
};

/// Fails only when a normalizer cannot normalise the added tokens.
Result<std::shared_ptr<const Tokenizer>> makeTokenizer(TokenizerParts parts);

}  // namespace retort::text
