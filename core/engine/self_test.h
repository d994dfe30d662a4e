// Holds a device against naive arithmetic and against the CPU, without any file: a bare machine is judged in a minute.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/decoder.h"
#include "engine/device.h"

namespace retort::engine {

struct Check {
  std::string name;
  double error = 0, tolerance = 0;
  [[nodiscard]] bool passed() const { return error <= tolerance; }       ///< a NaN does not pass
};

/// Operators, attention rules, losses, gradients, checkpointing, one training step, generation. An exception of torch in one
/// check is that check's failure (error infinite), not the end.
std::vector<Check> selfTest(const Device& device);

/// A model small enough for f64: 3 layers, width 32, grouped heads, vocabulary 97.
[[nodiscard]] models::DecoderConfig tinyConfig(const std::string& family = "llama");

/// Attention by its definition, in f64 on the CPU: q [B, Tq, heads, D], k and v [B, Tkv, kvHeads, D] -> [B, Tq, heads * D];
/// sees(b, i, j) says whether query i of row b sees key j.
at::Tensor naiveAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const std::function<bool(std::int64_t b, std::int64_t i, std::int64_t j)>& sees);

/// Largest |a - b| / max(1, largest |b|), in f64; infinite where shapes differ or something is not finite.
[[nodiscard]] double deviation(const at::Tensor& a, const at::Tensor& b);

}  // namespace retort::engine
