// What the reader and the converters of GGUF vocabularies share.
#pragma once
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/tokenizer.h"

namespace retort::text {

/// tokenizer.ggml.token_type
enum GgufTokenType : int { kGgufNormal = 1, kGgufUnknown = 2, kGgufControl = 3, kGgufUser = 4, kGgufUnused = 5, kGgufByte = 6 };

/// Limits and lengths of a vocabulary.
Status checkGgufVocabulary(const GgufVocabulary& vocabulary, std::string_view where);
/// The type of a token; where the file gives none, bos, eos and padding count as control tokens.
[[nodiscard]] int ggufTokenType(const GgufVocabulary& vocabulary, std::size_t id);
/// Control, unknown (special) and user-defined (not special) tokens.
[[nodiscard]] std::vector<AddedToken> ggufAddedTokens(const GgufVocabulary& vocabulary);
/// Normalizer and decoder of a SentencePiece vocabulary, as parts of a tokenizer.json.
[[nodiscard]] Json spmNormalizer(bool addSpacePrefix);
[[nodiscard]] Json spmDecoder(bool addSpacePrefix);

}  // namespace retort::text
