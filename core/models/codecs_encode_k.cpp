// The encoders of the K types: 256 values with a scale (and minimum) for every 16 or 32 of them, kept in few bits.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "models/codecs_fit.h"
#include "models/half.h"

namespace retort::models {
namespace {

using Bytes = std::uint8_t*;

/// Writes a half and returns the value that a reader will see.
float putHalf(Bytes p, float value) {
  const std::uint16_t bits = f16FromFloat(value);
  std::memcpy(p, &bits, 2);
  return floatFromF16(bits);
}

int rounded(float value, int low, int high) { return static_cast<int>(std::clamp(std::nearbyint(value), static_cast<float>(low), static_cast<float>(high))); }
std::uint8_t byteOf(int value) { return static_cast<std::uint8_t>(value); }
void orInto(std::uint8_t& byte, int bits) { byte = static_cast<std::uint8_t>(byte | bits); }

/// The groups of one block: their small scales and minima (whole numbers), and the quant of every value under the stored d, dmin.
struct Groups {
  std::array<int, 16> scale{}, minimum{};
  std::array<int, 256> q{};
};

/// Weighted error of a group under scale * q - minimum, q in low..high.
double errorOf(const float* x, const float* w, std::size_t n, float scale, float minimum, int low, int high) {
  const float inverse = scale != 0 ? 1 / scale : 0, least = static_cast<float>(low), most = static_cast<float>(high);
  float error = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float off = scale * std::min(std::max(std::nearbyint((x[i] + minimum) * inverse), least), most) - minimum - x[i];
    error += w[i] * off * off;
  }
  return static_cast<double>(error);
}

/// Rounding scale and minimum to few bits moves them; of the neighbours in the grid the one with the least error is taken.
void settle(const float* x, const float* w, std::size_t n, float d, float dmin, int levels, int most, int& scale, int& minimum) {
  const int s0 = scale, m0 = minimum;
  double least = -1;
  for (int s = std::max(s0 - 1, 0); s <= std::min(s0 + 1, most); ++s)
    for (int m = std::max(m0 - 1, 0); m <= std::min(m0 + 1, most); ++m) {
      const double error = errorOf(x, w, n, d * static_cast<float>(s), dmin * static_cast<float>(m), 0, levels);
      if (least < 0 || error < least) least = error, scale = s, minimum = m;
    }
}

/// 256 / size groups in 0..levels; scales and minima in 0..most; d and dmin go to p as halves.
Groups rangeGroups(const float* x, const float* importance, std::size_t size, int levels, int most, Bytes p) {
  const std::size_t count = 256 / size;
  std::array<Range, 16> fits{};
  std::array<std::array<float, 32>, 16> w{};
  float topScale = 0, topMinimum = 0;
  for (std::size_t g = 0; g < count; ++g) {
    w[g] = weightsOf(x + g * size, importance == nullptr ? nullptr : importance + g * size, size);
    fits[g] = fitRange(x + g * size, w[g].data(), size, levels);
    topScale = std::max(topScale, fits[g].scale), topMinimum = std::max(topMinimum, fits[g].minimum);
  }
  const float d = putHalf(p, topScale / static_cast<float>(most)), dmin = putHalf(p + 2, topMinimum / static_cast<float>(most));
  Groups out;
  for (std::size_t g = 0; g < count; ++g) {
    out.scale[g] = d > 0 ? rounded(fits[g].scale / d, 0, most) : 0;
    out.minimum[g] = dmin > 0 ? rounded(fits[g].minimum / dmin, 0, most) : 0;
    settle(x + g * size, w[g].data(), size, d, dmin, levels, most, out.scale[g], out.minimum[g]);
    const float scale = d * static_cast<float>(out.scale[g]), minimum = dmin * static_cast<float>(out.minimum[g]);
    for (std::size_t i = g * size; i < (g + 1) * size; ++i) out.q[i] = scale > 0 ? rounded((x[i] + minimum) / scale, 0, levels) : 0;
  }
  return out;
}

/// 16 groups of 16 in -top..top-1 (stored + top); scales in -most..most-1; d goes to p as half.
Groups signedGroups(const float* x, const float* importance, int top, int most, Bytes p) {
  std::array<float, 16> scales{};
  std::array<std::array<float, 32>, 16> w{};
  float extreme = 0, magnitude = 0;
  for (std::size_t g = 0; g < 16; ++g) {
    w[g] = weightsOf(x + g * 16, importance == nullptr ? nullptr : importance + g * 16, 16);
    scales[g] = fitSigned(x + g * 16, w[g].data(), 16, top);
    if (std::fabs(scales[g]) > magnitude) magnitude = std::fabs(scales[g]), extreme = scales[g];
  }
  Groups out;
  const float d = putHalf(p, magnitude < 1e-15F ? 0.0F : -extreme / static_cast<float>(most));
  for (std::size_t g = 0; g < 16; ++g) {
    const int nearest = d != 0 ? rounded(scales[g] / d, -most, most - 1) : 0;
    double least = -1;
    for (int s = std::max(nearest - 1, -most); s <= std::min(nearest + 1, most - 1); ++s)
      if (const double error = errorOf(x + g * 16, w[g].data(), 16, d * static_cast<float>(s), 0, -top, top - 1); least < 0 || error < least) least = error, out.scale[g] = s;
    const float scale = d * static_cast<float>(out.scale[g]);
    for (std::size_t i = g * 16; i < (g + 1) * 16; ++i) out.q[i] = scale != 0 ? rounded(x[i] / scale, -top, top - 1) + top : top;
  }
  return out;
}

/// Two-bit planes as Q2_K and Q3_K lay them out: two halves of 128 values, in each four planes of 32.
void putPlanes(const std::array<int, 256>& q, Bytes planes) {
  for (std::size_t i = 0; i < 256; ++i) orInto(planes[i / 128 * 32 + i % 32], (q[i] & 3) << (2 * (i % 128 / 32)));
}

void encodeQ2(const float* x, const float* importance, Bytes out) {
  const Groups g = rangeGroups(x, importance, 16, 3, 15, out + 80);
  for (std::size_t i = 0; i < 16; ++i) out[i] = byteOf(g.scale[i] | (g.minimum[i] << 4));
  putPlanes(g.q, out + 16);
}

void encodeQ3(const float* x, const float* importance, Bytes out) {
  const Groups g = signedGroups(x, importance, 4, 32, out + 108);
  for (std::size_t i = 0; i < 256; ++i) orInto(out[i % 32], (g.q[i] >> 2) << (i / 32));   // the high bit: not below zero
  putPlanes(g.q, out + 32);
  for (std::size_t i = 0; i < 16; ++i) {
    const int scale = g.scale[i] + 32;
    orInto(out[96 + i % 8], i < 8 ? scale & 15 : (scale & 15) << 4);
    orInto(out[104 + i % 4], (scale >> 4) << (2 * (i / 4)));
  }
}

/// Q4_K and Q5_K: eight groups of 32, six-bit scales and minima packed in 12 bytes.
void encodeQ45(const float* x, const float* importance, Bytes out, bool fifth) {
  const Groups g = rangeGroups(x, importance, 32, fifth ? 31 : 15, 63, out);
  Bytes s = out + 4, high = out + 16, quants = fifth ? out + 48 : out + 16;
  for (std::size_t i = 0; i < 8; ++i) {
    const int scale = g.scale[i], minimum = g.minimum[i];
    if (i < 4) {
      orInto(s[i], scale), orInto(s[i + 4], minimum);
    } else {
      s[i + 4] = byteOf((scale & 15) | ((minimum & 15) << 4));
      orInto(s[i - 4], (scale >> 4) << 6), orInto(s[i], (minimum >> 4) << 6);
    }
    for (std::size_t j = 0; j < 32; ++j) {
      const int q = g.q[i * 32 + j];
      orInto(quants[i / 2 * 32 + j], i % 2 == 0 ? q & 15 : (q & 15) << 4);
      if (fifth) orInto(high[j], (q >> 4) << i);
    }
  }
}

void encodeQ6(const float* x, const float* importance, Bytes out) {
  const Groups g = signedGroups(x, importance, 32, 128, out + 208);
  for (std::size_t i = 0; i < 16; ++i) out[192 + i] = byteOf(g.scale[i]);
  for (std::size_t i = 0; i < 256; ++i) {
    const std::size_t part = i / 128, plane = i % 128 / 32, lane = i % 32;
    orInto(out[part * 64 + (plane % 2) * 32 + lane], plane < 2 ? g.q[i] & 15 : (g.q[i] & 15) << 4);
    orInto(out[128 + part * 32 + lane], (g.q[i] >> 4) << (2 * plane));
  }
}

}  // namespace

void encodeK(GgmlType type, const float* x, const float* importance, std::uint8_t* out) {
  std::memset(out, 0, ggmlTraits(type).bytes);
  switch (type) {
    case GgmlType::q2_k: return encodeQ2(x, importance, out);
    case GgmlType::q3_k: return encodeQ3(x, importance, out);
    case GgmlType::q4_k: return encodeQ45(x, importance, out, false);
    case GgmlType::q5_k: return encodeQ45(x, importance, out, true);
    default: return encodeQ6(x, importance, out);
  }
}

}  // namespace retort::models
