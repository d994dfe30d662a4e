// Fused operators of the decoder: one pass over memory each on the CPU (f32, bf16), torch's own operators elsewhere.
#pragma once
#include <tuple>
#include <vector>

#include "engine/tensor.h"

namespace retort::engine {

/// x [..., n] scaled by 1 / rms over the last dimension and by `weight` [n]; accumulated in f32, rounded once. Differentiable;
/// backward keeps x and one number a row.
at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// gateUp [..., 2 n] -> silu(gate) * up [..., n]. Differentiable; backward keeps gateUp only.
at::Tensor swiGlu(const at::Tensor& gateUp);

/// Angles of positions: cos and sin [rows, headDim / 2] in f32. Token t of a flattened batch uses row t % rows.
struct Rotation {
  at::Tensor cos, sin;
  [[nodiscard]] bool none() const { return !cos.defined(); }
};

/// x [B, T, n, D] turned by its positions' angles, half-split order (dimension i with i + D/2), computed in f32.
at::Tensor rotate(const at::Tensor& x, const Rotation& rotation);

/// qkv [B, T, (heads + 2 kvHeads) D] -> q [B, T, heads, D] and k [B, T, kvHeads, D] rotated, v [B, T, kvHeads, D] as it is.
std::tuple<at::Tensor, at::Tensor, at::Tensor> splitAndRotate(const at::Tensor& qkv, const Rotation& rotation, std::int64_t heads,
                                                             std::int64_t kvHeads, std::int64_t headDim);

/// x [rows, in] times weight [out, in] transposed, for few rows on the CPU (bf16 weights, no gradients): reads the weight once.
/// The result is f32 when `f32Out`, else bf16. `usable` says whether this call may be made, and is faster than torch's product.
bool fewRowsUsable(const at::Tensor& x, const at::Tensor& weight, std::int64_t mostRows = 2);
at::Tensor fewRowsProduct(const at::Tensor& x, const at::Tensor& weight, bool f32Out);

/// Attention of one new position a row on the CPU (f32, bf16; no gradients): q [B, 1, heads, D], k and v [B, kvHeads, S, D] as a
/// cache has them; row b sees positions from[b] to until[b] - 1. Gives [B, 1, heads * D].
bool onePositionUsable(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
at::Tensor onePosition(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::vector<std::int64_t>& from,
                       const std::vector<std::int64_t>& until);

}  // namespace retort::engine
