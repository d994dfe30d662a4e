// A small byte-level BPE trainer, for the built-in tiny model.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace retort::text {

/// Trains a byte-level BPE with the gpt-2 split on `texts`: 256 bytes, then merges by frequency (ties: smaller pair of token
/// ids first) until `vocabulary` tokens, `specials` first (ids 0..). Deterministic. Returns the bytes of a tokenizer.json.
Result<std::string> trainByteBpe(const std::vector<std::string>& texts, std::size_t vocabulary, const std::vector<std::string>& specials);

}  // namespace retort::text
