// What the names in tokenizer.ggml.pre mean, written as the parts of a tokenizer.json.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace retort::text {

struct GgufPreTokenizer {
  std::string name;            ///< the name without aliases
  Json normalizer;             ///< or null
  Json preTokenizer;
  bool ignoreMerges = false;
};

/// What `name` or one of its aliases stands for.
[[nodiscard]] std::optional<GgufPreTokenizer> ggufPreTokenizer(std::string_view name);
/// The names without aliases, the ones a tokenizer.json is recognised by first.
[[nodiscard]] std::vector<std::string> ggufPreTokenizerNames();

}  // namespace retort::text
