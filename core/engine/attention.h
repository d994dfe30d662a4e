// Attention as the decoder needs it: which keys a query may see, and the call that computes it on each device.
#pragma once
#include <optional>
#include <vector>

#include "engine/tensor.h"

namespace retort::engine {

/// What queries may see. Mask and causal never go together (torch aligns causal top-left, wrong with a cache).
struct AttentionRule {
  bool causal = true;                            ///< queries and keys are the same positions
  at::Tensor mask;                               ///< bool or additive, broadcast to [B, heads, Tq, Tkv]; undefined: none
  std::vector<std::int64_t> documents;           ///< lengths of packed documents (batch 1); empty: none
  at::Tensor cumulative;                         ///< [documents + 1] i32 on the device: their starts, where varlen is used
  std::int64_t longest = 0;                      ///< of the documents
  std::int64_t window = 0;                       ///< sliding window over documents; 0: none
  std::vector<std::int64_t> from, until;         ///< one position a row: the keys [from, until) that row b sees; empty: not so
};

/// Full causal attention over T positions, with a window where it is shorter than T.
AttentionRule causalRule(std::int64_t t, std::int64_t window, const at::Device& device);
/// Packed documents in a batch of one.
AttentionRule packedRule(const std::vector<std::int64_t>& documents, std::int64_t window, const at::Device& device);
/// Tq new positions after `past` cached ones, all rows alike.
AttentionRule chunkRule(std::int64_t tq, std::int64_t past, std::int64_t window, const at::Device& device);
/// One new position a row; row b sees positions 0..lengths[b] of `seen` = max + 1 cached ones.
AttentionRule decodeRule(const std::vector<std::int64_t>& lengths, std::int64_t window, at::ScalarType dtype, const at::Device& device);

/// q [B, T, heads, D], k and v [B, Tkv, kvHeads, D] -> [B, T, heads * D]. Differentiable.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule);
/// The same with keys and values as a cache has them, [B, kvHeads, Tkv, D].
at::Tensor attendHeadsFirst(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule);

}  // namespace retort::engine
