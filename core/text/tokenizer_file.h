// A tokenizer.json as read: vocabulary and merges in flat lists, everything else as JSON.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/added_tokens.h"

namespace retort::text {

struct TokenizerFile {
  Json rest;                                                   ///< the document without "vocab" and "merges" of the model
  std::string modelType;                                       ///< "BPE", "Unigram" or "WordPiece"; found from the fields where the file names none
  std::vector<std::string> tokens;                             ///< by id; holes are empty; with the added tokens
  std::vector<double> scores;                                  ///< of Unigram, by id
  std::vector<std::pair<std::string, std::string>> merges;     ///< in order of rank
  std::vector<AddedToken> added;
  [[nodiscard]] const Json& part(std::string_view name) const;   ///< a member of `rest`, or null
  [[nodiscard]] const Json& model() const { return part("model"); }
};

/// Reads under the limits (64 MiB, depth 64, tokens of 64 KiB, 4 million tokens); lists of a million entries take linear time.
Result<TokenizerFile> readTokenizerFile(std::string_view json, std::string_view where);

}  // namespace retort::text
