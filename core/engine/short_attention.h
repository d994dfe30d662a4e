// Causal attention over many short documents at once: batched products instead of a kernel call for every head of each.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/tensor.h"

namespace retort::engine {

/// Documents up to this length are computed so on the CPU; above it torch's flash kernel is faster.
inline constexpr std::int64_t kShortDocument = 256;

/// q [T, heads, D], k and v [T, kvHeads, D]: documents of `lengths` (sum T) one after the other -> [T, heads D]. Computed in f32,
/// rounded once; differentiable. CPU only.
at::Tensor shortDocumentsAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::vector<std::int64_t>& lengths);

}  // namespace retort::engine
