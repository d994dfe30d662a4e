// The model inside a tokenizer: one pre-token ("word") to token ids.
#pragma once
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace retort::text {

class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  /// Appends the ids of `word`; `ends` (if given) receives for each id the byte offset in the word where it ends.
  virtual void encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const = 0;
};

}  // namespace retort::text
