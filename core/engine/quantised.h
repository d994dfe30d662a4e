// Weights in groups of 32 along a row, 4 or 8 bits a number: frozen weights of QLoRA, and fast decoding.
#pragma once
#include <cstdint>

#include "base/result.h"
#include "engine/tensor.h"

namespace retort::engine {

inline constexpr std::int64_t kQuantGroup = 32;

/// A matrix [out, in], `in` a multiple of 32. 4 bits: value = d q + m, q 0..15 (as GGUF's Q4_1; 6 bits a weight with d and m in f32);
/// 8 bits: value = d q, q -127..127 (as Q8_0; 9 bits).
struct Quantised {
  int bits = 0;                      ///< 4 or 8; 0: there is none
  std::int64_t out = 0, in = 0;
  at::Tensor codes;                  ///< u8 [out, in / 2] (byte i of a group holds number i below and i + 16 above), or i8 [out, in]
  at::Tensor scales;                 ///< f32 [out, in / 32], d
  at::Tensor minima;                 ///< f32 [out, in / 32], m; 4 bits only
  [[nodiscard]] bool defined() const { return bits != 0; }
  [[nodiscard]] std::uint64_t bytes() const;
};

/// Whether a matrix of this width can be kept so.
[[nodiscard]] bool quantisable(const at::Tensor& weight);
/// The nearest codes of each group between its least and greatest number. `weight` [out, in] of any floating type.
Quantised quantise(const at::Tensor& weight, int bits);
/// The matrix again. `scratch`: in one buffer of this thread that the next such call overwrites.
at::Tensor dequantised(const Quantised& weight, at::ScalarType type, bool scratch = false);

/// x [..., in] times the matrix transposed, no gradients: few rows read the codes only, many go through the dense matrix. The
/// result has x's type, or f32.
at::Tensor quantisedProduct(const at::Tensor& x, const Quantised& weight, bool f32Out = false);
/// The same through the dense matrix, differentiable in x; nothing of the dense matrix is kept for backward.
at::Tensor quantisedLinear(const at::Tensor& x, const Quantised& weight);

}  // namespace retort::engine
