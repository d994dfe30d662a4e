// Writes the long lists of a tokenizer.json as text; a document tree would search each object for every key.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"

namespace retort::text {

/// What a tokenizer.json of byte-level or SentencePiece BPE holds.
struct BpeDocument {
  std::vector<AddedToken> added;
  Json normalizer, preTokenizer, decoder;                          ///< or null
  std::vector<std::string> tokens;                                 ///< by id; empty ones are left out
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  std::string unknown;                                             ///< "" : none
  bool byteFallback = false, fuseUnknown = false, ignoreMerges = false;
};

[[nodiscard]] std::string writeTokenizerJson(const BpeDocument& document);

}  // namespace retort::text
