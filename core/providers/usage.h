// Tokens of one request by kind of price, the same for every provider.
#pragma once
#include <cstdint>

namespace retort::providers {

/// `input` is the uncached part of the prompt alone: the whole prompt is input + cacheRead + cacheWrite. `reasoning` is inside `output`.
struct Usage {
  std::int64_t input = 0, cacheRead = 0, cacheWrite = 0, output = 0, reasoning = 0;
  bool isKnown = false;            ///< the provider said so; false: nothing was reported
  [[nodiscard]] std::int64_t prompt() const { return input + cacheRead + cacheWrite; }
  bool operator==(const Usage&) const = default;
};

}  // namespace retort::providers
