// Keys and values of the tokens already seen, for a batch of sequences of different lengths.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/decoder.h"

namespace retort::engine {

/// One tensor pair a layer, [slots, kvHeads, capacity, headDim]; slot s holds lengths[s] tokens, from position 0.
struct KvCache {
  std::vector<at::Tensor> keys, values;
  std::vector<std::int64_t> lengths;             ///< per slot
  [[nodiscard]] std::int64_t slots() const { return static_cast<std::int64_t>(lengths.size()); }
  [[nodiscard]] std::int64_t capacity() const { return keys.empty() ? 0 : keys.front().size(2); }
  [[nodiscard]] std::int64_t longest() const;

  static KvCache make(const Decoder& decoder, std::int64_t slots, std::int64_t capacity);
  /// Makes room for `capacity` positions; what is there stays.
  void grow(std::int64_t capacity);
  /// Keeps the named slots, in this order (a slot may be named twice: copies).
  void select(const std::vector<std::int64_t>& slots);
};

/// Bytes of cache a token and slot: 2 * layers * kvHeads * headDim * size of the type.
[[nodiscard]] std::int64_t cacheBytesPerToken(const models::DecoderConfig& config, at::ScalarType dtype);

/// Runs `ids` [slots, T] after what the cache holds and adds them to it; hidden states after the final norm [slots, T, H].
/// With T > 1 all slots must hold the same number of tokens; rows shorter than T are right-padded (the caller then corrects
/// `lengths`, and what padding wrote is overwritten later). With T = 1 lengths may differ. No gradients.
at::Tensor forwardCached(const Decoder& decoder, const at::Tensor& ids, KvCache& cache);

}  // namespace retort::engine
