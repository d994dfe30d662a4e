// A linear map, possibly several projections fused by rows, with low-rank adapters on row ranges.
#pragma once
#include <vector>

#include "engine/quantised.h"
#include "engine/tensor.h"

namespace retort::engine {

/// One low-rank adapter on rows [rowBegin, rowEnd) of a (fused) weight: y[rows] += scale * (x Aᵀ) Bᵀ.
struct LoraPart {
  std::int64_t rowBegin = 0, rowEnd = 0;
  at::Tensor a;                      ///< [r, in]
  at::Tensor b;                      ///< [rows, r]
  double scale = 1;                  ///< alpha / r, or alpha / sqrt(r)
  double dropout = 0;                ///< on x, while gradients are recorded
};

struct Linear {
  at::Tensor weight;                 ///< [out, in]; undefined where `quantised` stands for it
  Quantised quantised;               ///< frozen: no gradient reaches it
  at::Tensor bias;                   ///< [out], or undefined
  std::vector<LoraPart> lora;
  /// x [..., in] -> [..., out]. A and B are cast to x's type at each call, so that their masters may be f32.
  at::Tensor operator()(const at::Tensor& x) const;
  [[nodiscard]] std::int64_t in() const { return quantised.defined() ? quantised.in : weight.size(1); }
  /// The weight itself, or what its codes stand for in `type`.
  [[nodiscard]] at::Tensor dense(at::ScalarType type) const { return quantised.defined() ? dequantised(quantised, type) : weight; }
  /// Keeps the weight in `bits` from now on.
  void compress(int bits) {
    quantised = quantise(weight, bits);
    weight = at::Tensor();
  }
};

}  // namespace retort::engine
