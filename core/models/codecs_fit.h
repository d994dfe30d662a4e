// How the encoders find a scale: weighted least squares over a few ranges.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "models/codecs.h"

namespace retort::models {

/// value = scale * q - minimum.
struct Range {
  float scale = 0, minimum = 0;
};

/// Weights of the errors of n <= 32 values: sqrt(mean x^2) + |x| (large weights matter more), or, with the importance of the
/// columns, importance * sqrt(mean x^2 + x^2).
[[nodiscard]] std::array<float, 32> weightsOf(const float* x, const float* importance, std::size_t n);
/// The range of n values in 0..levels with the least weighted error. The minimum is >= 0 unless `anyMinimum`.
[[nodiscard]] Range fitRange(const float* x, const float* w, std::size_t n, int levels, bool anyMinimum = false);
/// The scale of n values in -top..top-1 with the least weighted error; 0 where all values are.
[[nodiscard]] float fitSigned(const float* x, const float* w, std::size_t n, int top);

/// One block of 256 values as Q2_K … Q6_K; `importance` has 256 columns or is null.
void encodeK(GgmlType type, const float* x, const float* importance, std::uint8_t* out);

}  // namespace retort::models
