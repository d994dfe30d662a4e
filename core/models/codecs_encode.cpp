// The encoders: float values to blocks. The 32-blocks give the bytes of llama.cpp; the K types (codecs_encode_k.cpp) search.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "models/codecs.h"
#include "models/codecs_fit.h"
#include "models/half.h"

namespace retort::models {
namespace {

using Bytes = std::uint8_t*;

void putHalf(Bytes p, float value) {
  const std::uint16_t bits = f16FromFloat(value);
  std::memcpy(p, &bits, 2);
}

/// Truncated toward zero and kept in 0..top. NaN gives 0.
int clippedTrunc(float value, int top) {
  if (!(value > 0)) return 0;
  return value >= static_cast<float>(top) ? top : static_cast<int>(value);
}

/// Writes quants of 32 values: low nibbles j, high nibbles j + 16, fifth bits in `high` when `fifth`.
void putNibbles(const std::array<int, 32>& q, Bytes high, Bytes nibbles) {
  std::uint32_t bits = 0;
  for (std::size_t j = 0; j < 16; ++j) {
    nibbles[j] = static_cast<std::uint8_t>((q[j] & 15) | ((q[j + 16] & 15) << 4));
    bits |= static_cast<std::uint32_t>((q[j] >> 4) & 1) << j;
    bits |= static_cast<std::uint32_t>((q[j + 16] >> 4) & 1) << (j + 16);
  }
  if (high != nullptr) std::memcpy(high, &bits, 4);
}

/// Q4_0 and Q5_0: the value of largest magnitude maps to -8 or -16 exactly; with an importance the scale of least weighted error.
void encodeSigned(const float* x, const float* importance, Bytes out, bool fifth) {
  float extreme = 0, magnitude = 0;
  for (int j = 0; j < 32; ++j)
    if (std::fabs(x[j]) > magnitude) magnitude = std::fabs(x[j]), extreme = x[j];
  float d = extreme / (fifth ? -16.0F : -8.0F);
  if (importance != nullptr && d != 0) d = fitSigned(x, weightsOf(x, importance, 32).data(), 32, fifth ? 16 : 8);
  const float inverse = d != 0 ? 1.0F / d : 0.0F;
  std::array<int, 32> q{};
  for (std::size_t j = 0; j < 32; ++j) q[j] = clippedTrunc(x[j] * inverse + (fifth ? 16.5F : 8.5F), fifth ? 31 : 15);
  putHalf(out, d);
  putNibbles(q, fifth ? out + 2 : nullptr, out + (fifth ? 6 : 2));
}

/// Q4_1 and Q5_1: from the least to the greatest value in 15 or 31 steps; with an importance the range of least weighted error.
void encodeRanged(const float* x, const float* importance, Bytes out, bool fifth) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  float m = *low, d = (*high - m) / (fifth ? 31.0F : 15.0F);
  if (importance != nullptr && d != 0) {
    const Range fitted = fitRange(x, weightsOf(x, importance, 32).data(), 32, fifth ? 31 : 15, true);
    m = -fitted.minimum, d = fitted.scale;
  }
  const float inverse = d != 0 ? 1.0F / d : 0.0F;
  std::array<int, 32> q{};
  for (std::size_t j = 0; j < 32; ++j) q[j] = clippedTrunc((x[j] - m) * inverse + 0.5F, fifth ? 31 : 15);
  putHalf(out, d);
  putHalf(out + 2, m);
  putNibbles(q, fifth ? out + 4 : nullptr, out + (fifth ? 8 : 4));
}

void encodeQ8(const float* x, Bytes out) {
  float magnitude = 0;
  for (int j = 0; j < 32; ++j) magnitude = std::max(magnitude, std::fabs(x[j]));
  const float d = magnitude / 127.0F, inverse = d != 0 ? 1.0F / d : 0.0F;
  putHalf(out, d);
  for (int j = 0; j < 32; ++j) {
    const float rounded = std::round(x[j] * inverse);   // half away from zero
    out[2 + j] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(rounded, -127.0F, 127.0F)));
  }
}

void encodeBlock(GgmlType type, const float* x, const float* importance, Bytes out) {
  switch (type) {
    case GgmlType::f32: std::memcpy(out, x, 4); return;
    case GgmlType::f16: putHalf(out, *x); return;
    case GgmlType::bf16: {
      const std::uint16_t bits = bf16FromFloat(*x);
      std::memcpy(out, &bits, 2);
      return;
    }
    case GgmlType::q4_0: encodeSigned(x, importance, out, false); return;
    case GgmlType::q5_0: encodeSigned(x, importance, out, true); return;
    case GgmlType::q4_1: encodeRanged(x, importance, out, false); return;
    case GgmlType::q5_1: encodeRanged(x, importance, out, true); return;
    case GgmlType::q8_0: encodeQ8(x, out); return;
    default: encodeK(type, x, importance, out); return;
  }
}

}  // namespace

Status quantise(GgmlType type, std::span<const float> values, std::span<std::byte> out, std::span<const float> importance) {
  const GgmlTraits& traits = ggmlTraits(type);
  const std::string name(traits.name);
  if (!traits.encodes)
    return Error{"models.codec.type", "values cannot be written as " + name, "", "Retort does not make this type",
                 "Choose q8_0, q6_k, q5_k, q4_k, q3_k, q2_k, q5_1, q5_0, q4_1 or q4_0", "", {}};
  if (values.size() % traits.elements != 0 || out.size() != values.size() / traits.elements * traits.bytes)
    return Error{"models.codec.size", "values cannot be written as " + name, "",
                 std::to_string(values.size()) + " values are not whole blocks of " + std::to_string(traits.elements), "Choose another type", "", {}};
  if (!importance.empty() && (importance.size() % traits.elements != 0 || values.size() % importance.size() != 0))
    return Error{"models.codec.importance", "values cannot be written as " + name, "",
                 "the importance has " + std::to_string(importance.size()) + " columns, which do not fit " + std::to_string(values.size()) + " values", "Measure it with this model", "", {}};
  auto* bytes = reinterpret_cast<Bytes>(out.data());
  for (std::size_t i = 0; i < values.size() / traits.elements; ++i)
    encodeBlock(type, values.data() + i * traits.elements, importance.empty() ? nullptr : importance.data() + i * traits.elements % importance.size(), bytes + i * traits.bytes);
  return {};
}

}  // namespace retort::models
