// The errors of tokenizer files, worded alike.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace retort::text {

inline constexpr std::size_t kMaxTokenizerJson = 64u << 20, kMaxTokenBytes = 64u << 10, kMaxTokens = 4u << 20, kMaxEncodeBytes = 256u << 20;
inline constexpr std::size_t kMaxSteps = 32;   ///< of a normalizer, a pre-tokenizer or a decoder

/// A part of a tokenizer file that this program does not interpret.
[[nodiscard]] inline Error unsupportedPart(std::string_view part, std::string_view name, std::string_view where) {
  return {.code = "text.tokenizer.unsupported", .what = "The tokenizer cannot be used", .where = std::string(where),
          .why = "its " + std::string(part) + " " + shown(name) + " is not supported",
          .next = "Use a model with another tokenizer; byte-level BPE, SentencePiece BPE, Unigram and WordPiece are known."};
}

/// A tokenizer file that contradicts itself or the format.
[[nodiscard]] inline Error badTokenizer(std::string why, std::string_view where) {
  return {.code = "text.tokenizer.bad", .what = "The tokenizer cannot be read", .where = std::string(where), .why = std::move(why),
          .next = "Check that the file is whole and belongs to the model."};
}

}  // namespace retort::text
