// The encoders: float values to blocks. The 32-blocks give the bytes of llama.cpp; the K types search for the least error.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "models/codecs.h"
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

/// Q4_0 and Q5_0: the value of largest magnitude maps to -8 or -16 exactly.
void encodeSigned(const float* x, Bytes out, bool fifth) {
  float extreme = 0, magnitude = 0;
  for (int j = 0; j < 32; ++j)
    if (std::fabs(x[j]) > magnitude) magnitude = std::fabs(x[j]), extreme = x[j];
  const float d = extreme / (fifth ? -16.0F : -8.0F), inverse = d != 0 ? 1.0F / d : 0.0F;
  std::array<int, 32> q{};
  for (std::size_t j = 0; j < 32; ++j) q[j] = clippedTrunc(x[j] * inverse + (fifth ? 16.5F : 8.5F), fifth ? 31 : 15);
  putHalf(out, d);
  putNibbles(q, fifth ? out + 2 : nullptr, out + (fifth ? 6 : 2));
}

/// Q4_1 and Q5_1: from the least to the greatest value in 15 or 31 steps.
void encodeRanged(const float* x, Bytes out, bool fifth) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float m = *low, d = (*high - m) / (fifth ? 31.0F : 15.0F), inverse = d != 0 ? 1.0F / d : 0.0F;
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

/// Scale and minimum (>= 0, subtracted) of 32 values in 0..15: the best of a few ranges by weighted least squares.
/// Weight sqrt(mean x^2) + |x|: large weights matter more, as in the K types of llama.cpp.
void fitScaleMin(const float* x, float& scale, float& minimum) {
  float low = 0, high = x[0], squares = 0;
  for (int j = 0; j < 32; ++j) low = std::min(low, x[j]), high = std::max(high, x[j]), squares += x[j] * x[j];
  scale = minimum = 0;
  if (high <= low) {
    minimum = -low;
    return;
  }
  const float rms = std::sqrt(squares / 32);
  double best = -1;
  for (int step = -1; step <= 20; ++step) {
    const float inverse = (step < 0 ? 15.0F : 14.0F + 0.1F * static_cast<float>(step)) / (high - low);
    double sw = 0, sq = 0, sqq = 0, sx = 0, sxq = 0;
    std::array<double, 32> q{};
    for (std::size_t j = 0; j < 32; ++j) {
      q[j] = std::clamp(std::nearbyint(static_cast<double>(inverse * (x[j] - low))), 0.0, 15.0);
      const double w = static_cast<double>(rms + std::fabs(x[j])), v = static_cast<double>(x[j]);
      sw += w, sq += w * q[j], sqq += w * q[j] * q[j], sx += w * v, sxq += w * v * q[j];
    }
    const double det = sw * sqq - sq * sq;
    if (det <= 0) continue;
    double a = (sw * sxq - sx * sq) / det, b = (sqq * sx - sq * sxq) / det;
    if (b > 0) b = 0, a = sqq > 0 ? sxq / sqq : 0;
    double error = 0;
    for (std::size_t j = 0; j < 32; ++j) {
      const double w = static_cast<double>(rms + std::fabs(x[j])), r = a * q[j] + b - static_cast<double>(x[j]);
      error += w * r * r;
    }
    if (a > 0 && (best < 0 || error < best)) best = error, scale = static_cast<float>(a), minimum = static_cast<float>(-b);
  }
}

void encodeQ4K(const float* x, Bytes out) {
  std::array<float, 8> scales{}, minima{};
  for (std::size_t g = 0; g < 8; ++g) fitScaleMin(x + g * 32, scales[g], minima[g]);
  const float topScale = *std::max_element(scales.begin(), scales.end()), topMin = *std::max_element(minima.begin(), minima.end());
  putHalf(out, topScale / 63);
  putHalf(out + 2, topMin / 63);
  std::uint16_t bits[2];
  std::memcpy(bits, out, 4);
  const float d = floatFromF16(bits[0]), dmin = floatFromF16(bits[1]);
  Bytes s = out + 4, quants = out + 16;
  std::memset(s, 0, 12 + 128);
  for (std::size_t g = 0; g < 8; ++g) {
    const int sc = topScale > 0 ? std::clamp(static_cast<int>(std::nearbyint(63 * scales[g] / topScale)), 0, 63) : 0;
    const int mn = topMin > 0 ? std::clamp(static_cast<int>(std::nearbyint(63 * minima[g] / topMin)), 0, 63) : 0;
    if (g < 4) {
      s[g] = static_cast<std::uint8_t>(s[g] | sc);
      s[g + 4] = static_cast<std::uint8_t>(s[g + 4] | mn);
    } else {
      s[g + 4] = static_cast<std::uint8_t>((sc & 15) | ((mn & 15) << 4));
      s[g - 4] = static_cast<std::uint8_t>(s[g - 4] | ((sc >> 4) << 6));
      s[g] = static_cast<std::uint8_t>(s[g] | ((mn >> 4) << 6));
    }
    const float scale = d * static_cast<float>(sc), minimum = dmin * static_cast<float>(mn);
    for (std::size_t i = 0; i < 32; ++i) {
      const int q = scale > 0 ? std::clamp(static_cast<int>(std::nearbyint((x[g * 32 + i] + minimum) / scale)), 0, 15) : 0;
      std::uint8_t& byte = quants[(g / 2) * 32 + i];
      byte = static_cast<std::uint8_t>(byte | (g % 2 == 0 ? q : q << 4));
    }
  }
}

/// The best scale of 16 values in -32..31, by least squares with weights x^2 over a few ranges.
float fitSigned(const float* x) {
  float extreme = 0, magnitude = 0;
  for (int j = 0; j < 16; ++j)
    if (std::fabs(x[j]) > magnitude) magnitude = std::fabs(x[j]), extreme = x[j];
  if (magnitude < 1e-15F) return 0;
  double bestScore = 0, bestScale = 0;
  for (int step = -9; step <= 9; ++step) {
    const double inverse = -(32.0 + 0.1 * step) / static_cast<double>(extreme);
    double xq = 0, qq = 0;
    for (int j = 0; j < 16; ++j) {
      const double v = static_cast<double>(x[j]), q = std::clamp(std::nearbyint(inverse * v), -32.0, 31.0), w = v * v;
      xq += w * v * q;
      qq += w * q * q;
    }
    if (qq > 0 && xq * xq > bestScore * qq) bestScore = xq * xq / qq, bestScale = xq / qq;
  }
  return static_cast<float>(bestScale);
}

void encodeQ6K(const float* x, Bytes out) {
  std::array<float, 16> scales{};
  float extreme = 0, magnitude = 0;
  for (std::size_t g = 0; g < 16; ++g) {
    scales[g] = fitSigned(x + g * 16);
    if (std::fabs(scales[g]) > magnitude) magnitude = std::fabs(scales[g]), extreme = scales[g];
  }
  std::memset(out, 0, 210);
  if (magnitude < 1e-15F) return;
  const float inverse = -128.0F / extreme;
  putHalf(out + 208, 1.0F / inverse);
  std::uint16_t bits;
  std::memcpy(&bits, out + 208, 2);
  const float d = floatFromF16(bits);
  for (std::size_t g = 0; g < 16; ++g) {
    const int sc = std::clamp(static_cast<int>(std::nearbyint(inverse * scales[g])), -128, 127);
    out[192 + g] = static_cast<std::uint8_t>(static_cast<std::int8_t>(sc));
    const float scale = d * static_cast<float>(sc);
    for (std::size_t j = 0; j < 16; ++j) {
      const std::size_t i = g * 16 + j, part = i / 128, plane = i % 128 / 32, lane = i % 32;
      const int q = scale != 0 ? std::clamp(static_cast<int>(std::nearbyint(x[i] / scale)), -32, 31) + 32 : 32;
      std::uint8_t& low = out[part * 64 + (plane % 2) * 32 + lane];
      low = static_cast<std::uint8_t>(low | (plane < 2 ? q & 15 : (q & 15) << 4));
      std::uint8_t& high = out[128 + part * 32 + lane];
      high = static_cast<std::uint8_t>(high | ((q >> 4) << (2 * plane)));
    }
  }
}

void encodeBlock(GgmlType type, const float* x, Bytes out) {
  switch (type) {
    case GgmlType::f32: std::memcpy(out, x, 4); return;
    case GgmlType::f16: putHalf(out, *x); return;
    case GgmlType::bf16: {
      const std::uint16_t bits = bf16FromFloat(*x);
      std::memcpy(out, &bits, 2);
      return;
    }
    case GgmlType::q4_0: encodeSigned(x, out, false); return;
    case GgmlType::q5_0: encodeSigned(x, out, true); return;
    case GgmlType::q4_1: encodeRanged(x, out, false); return;
    case GgmlType::q5_1: encodeRanged(x, out, true); return;
    case GgmlType::q8_0: encodeQ8(x, out); return;
    case GgmlType::q4_k: encodeQ4K(x, out); return;
    case GgmlType::q6_k: encodeQ6K(x, out); return;
    default: return;
  }
}

}  // namespace

Status quantise(GgmlType type, std::span<const float> values, std::span<std::byte> out) {
  const GgmlTraits& traits = ggmlTraits(type);
  const std::string name(traits.name);
  if (!traits.encodes)
    return Error{"models.codec.type", "values cannot be written as " + name, "", "Retort reads this type but does not make it",
                 "Choose q8_0, q6_k, q4_k, q5_1, q5_0, q4_1 or q4_0", "", {}};
  if (values.size() % traits.elements != 0 || out.size() != values.size() / traits.elements * traits.bytes)
    return Error{"models.codec.size", "values cannot be written as " + name, "",
                 std::to_string(values.size()) + " values are not whole blocks of " + std::to_string(traits.elements), "Choose another type", "", {}};
  auto* bytes = reinterpret_cast<Bytes>(out.data());
  for (std::size_t i = 0; i < values.size() / traits.elements; ++i)
    encodeBlock(type, values.data() + i * traits.elements, bytes + i * traits.bytes);
  return {};
}

}  // namespace retort::models
