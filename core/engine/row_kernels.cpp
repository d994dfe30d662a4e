// The inner loops of the fused operators, written for the compiler's vectoriser. Built with -O3; only the marked sums may be
// added in another order, because exp's range reduction must not be.
#include "engine/row_kernels.h"

#include <bit>
#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define RETORT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RETORT_CLONES
#endif
#define RETORT_INLINE [[gnu::always_inline]] inline

namespace retort::engine::rows {
namespace {

RETORT_INLINE float load(float x) { return x; }
RETORT_INLINE float load(Bf16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }
RETORT_INLINE void store(float* out, float x) { *out = x; }
RETORT_INLINE Bf16 rounded(float x) {
  // Round to nearest, ties to even; a NaN stays one.
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t up = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<Bf16>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : up);
}
RETORT_INLINE void store(Bf16* out, float x) { *out = rounded(x); }

/// exp by range reduction to [-ln2/2, ln2/2] and a polynomial of degree 6; relative error below 2e-7, no branch.
RETORT_INLINE float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const auto scale = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return p * scale;
}

template <typename T>
RETORT_INLINE float rmsForwardOf(const T* x, const T* w, T* y, std::int64_t n, float epsilon) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += load(x[i]) * load(x[i]);
  const float inverse = 1.0f / std::sqrt(sum / static_cast<float>(n) + epsilon);
  for (std::int64_t i = 0; i < n; ++i) store(y + i, load(x[i]) * inverse * load(w[i]));
  return inverse;
}

template <typename T>
RETORT_INLINE void rmsBackwardOf(const T* x, const T* w, const T* dy, T* dx, float* dw, std::int64_t n, float inverse) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (std::int64_t i = 0; i < n; ++i) dot += load(dy[i]) * load(w[i]) * load(x[i]);
  const float share = dot * inverse * inverse / static_cast<float>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(dy[i]);
    const float v = load(x[i]);
    store(dx + i, inverse * (g * load(w[i]) - v * share));
    dw[i] += g * v * inverse;
  }
}

template <typename T>
RETORT_INLINE void swiGluForwardOf(const T* gate, const T* up, T* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(gate[i]);
    store(y + i, g / (1.0f + exponential(-g)) * load(up[i]));
  }
}

template <typename T>
RETORT_INLINE void swiGluBackwardOf(const T* gate, const T* up, const T* dy, T* dGate, T* dUp, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(gate[i]);
    const float d = load(dy[i]);
    const float s = 1.0f / (1.0f + exponential(-g));
    store(dGate + i, d * load(up[i]) * s * (1.0f + g * (1.0f - s)));
    store(dUp + i, d * g * s);
  }
}

template <typename T>
RETORT_INLINE void rotateHeadsOf(const T* x, T* y, const float* cos, const float* sin, std::int64_t heads, std::int64_t half,
                                 float direction) {
  for (std::int64_t h = 0; h < heads; ++h) {
    const T* a = x + h * 2 * half;
    T* out = y + h * 2 * half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float first = load(a[i]);
      const float second = load(a[i + half]);
      const float s = sin[i] * direction;
      store(out + i, first * cos[i] - second * s);
      store(out + i + half, second * cos[i] + first * s);
    }
  }
}

template <typename T>
RETORT_INLINE void attendOneOf(const T* q, const T* k, std::int64_t kStride, const T* v, std::int64_t vStride, std::int64_t count, std::int64_t d,
                               std::int64_t group, float* weights, float* wide, T* out) {
  float* const queries = wide;
  float* const sums = wide + group * d;
  float* const row = wide + 2 * group * d;
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  for (std::int64_t i = 0; i < group * d; ++i) {
    queries[i] = load(q[i]) * scale;
    sums[i] = 0;
  }
  for (std::int64_t s = 0; s < count; ++s) {
    for (std::int64_t i = 0; i < d; ++i) row[i] = load(k[s * kStride + i]);
    for (std::int64_t g = 0; g < group; ++g) {
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (std::int64_t i = 0; i < d; ++i) dot += queries[g * d + i] * row[i];
      weights[g * count + s] = dot;
    }
  }
  for (std::int64_t g = 0; g < group; ++g) {
    float* w = weights + g * count;
    float best = w[0];
    for (std::int64_t s = 1; s < count; ++s) best = w[s] > best ? w[s] : best;
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (std::int64_t s = 0; s < count; ++s) total += w[s] = exponential(w[s] - best);
    for (std::int64_t s = 0; s < count; ++s) w[s] /= total;
  }
  for (std::int64_t s = 0; s < count; ++s) {
    for (std::int64_t i = 0; i < d; ++i) row[i] = load(v[s * vStride + i]);
    for (std::int64_t g = 0; g < group; ++g)
      for (std::int64_t i = 0; i < d; ++i) sums[g * d + i] += weights[g * count + s] * row[i];
  }
  for (std::int64_t i = 0; i < group * d; ++i) store(out + i, sums[i]);
}

}  // namespace

RETORT_CLONES float rmsForward(const float* x, const float* w, float* y, std::int64_t n, float epsilon) { return rmsForwardOf(x, w, y, n, epsilon); }
RETORT_CLONES float rmsForward(const Bf16* x, const Bf16* w, Bf16* y, std::int64_t n, float epsilon) { return rmsForwardOf(x, w, y, n, epsilon); }
RETORT_CLONES void rmsBackward(const float* x, const float* w, const float* dy, float* dx, float* dw, std::int64_t n, float inverse) {
  rmsBackwardOf(x, w, dy, dx, dw, n, inverse);
}
RETORT_CLONES void rmsBackward(const Bf16* x, const Bf16* w, const Bf16* dy, Bf16* dx, float* dw, std::int64_t n, float inverse) {
  rmsBackwardOf(x, w, dy, dx, dw, n, inverse);
}
RETORT_CLONES void swiGluForward(const float* gate, const float* up, float* y, std::int64_t n) { swiGluForwardOf(gate, up, y, n); }
RETORT_CLONES void swiGluForward(const Bf16* gate, const Bf16* up, Bf16* y, std::int64_t n) { swiGluForwardOf(gate, up, y, n); }
RETORT_CLONES void swiGluBackward(const float* gate, const float* up, const float* dy, float* dGate, float* dUp, std::int64_t n) {
  swiGluBackwardOf(gate, up, dy, dGate, dUp, n);
}
RETORT_CLONES void swiGluBackward(const Bf16* gate, const Bf16* up, const Bf16* dy, Bf16* dGate, Bf16* dUp, std::int64_t n) {
  swiGluBackwardOf(gate, up, dy, dGate, dUp, n);
}
RETORT_CLONES void rotateHeads(const float* x, float* y, const float* cos, const float* sin, std::int64_t heads, std::int64_t half, float direction) {
  rotateHeadsOf(x, y, cos, sin, heads, half, direction);
}
RETORT_CLONES void rotateHeads(const Bf16* x, Bf16* y, const float* cos, const float* sin, std::int64_t heads, std::int64_t half, float direction) {
  rotateHeadsOf(x, y, cos, sin, heads, half, direction);
}
RETORT_CLONES void dotFour(const Bf16* w, std::int64_t stride, const float* x, std::int64_t n, float* out) {
  const Bf16* b = w + stride;
  const Bf16* c = b + stride;
  const Bf16* d = c + stride;
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = x[i];
    s0 += load(w[i]) * v;
    s1 += load(b[i]) * v;
    s2 += load(c[i]) * v;
    s3 += load(d[i]) * v;
  }
  out[0] = s0;
  out[1] = s1;
  out[2] = s2;
  out[3] = s3;
}
RETORT_CLONES void dotFourByFour(const Bf16* w, std::int64_t stride, const float* x, std::int64_t xStride, std::int64_t n, float* out) {
  const Bf16 *w1 = w + stride, *w2 = w1 + stride, *w3 = w2 + stride;
  const float *x1 = x + xStride, *x2 = x1 + xStride, *x3 = x2 + xStride;
  float s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0, s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
#pragma omp simd reduction(+ : s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33)
  for (std::int64_t i = 0; i < n; ++i) {
    const float a = load(w[i]), b = load(w1[i]), c = load(w2[i]), d = load(w3[i]);
    s00 += a * x[i], s01 += b * x[i], s02 += c * x[i], s03 += d * x[i];
    s10 += a * x1[i], s11 += b * x1[i], s12 += c * x1[i], s13 += d * x1[i];
    s20 += a * x2[i], s21 += b * x2[i], s22 += c * x2[i], s23 += d * x2[i];
    s30 += a * x3[i], s31 += b * x3[i], s32 += c * x3[i], s33 += d * x3[i];
  }
  const float all[16] = {s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33};
  for (int i = 0; i < 16; ++i) out[i] = all[i];
}
RETORT_CLONES void attendOne(const float* q, const float* k, std::int64_t kStride, const float* v, std::int64_t vStride, std::int64_t count,
                             std::int64_t d, std::int64_t group, float* weights, float* wide, float* out) {
  attendOneOf(q, k, kStride, v, vStride, count, d, group, weights, wide, out);
}
RETORT_CLONES void attendOne(const Bf16* q, const Bf16* k, std::int64_t kStride, const Bf16* v, std::int64_t vStride, std::int64_t count,
                             std::int64_t d, std::int64_t group, float* weights, float* wide, Bf16* out) {
  attendOneOf(q, k, kStride, v, vStride, count, d, group, weights, wide, out);
}
RETORT_CLONES float dotOne(const Bf16* w, const float* x, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += load(w[i]) * x[i];
  return sum;
}
RETORT_CLONES void widen(const Bf16* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = load(x[i]);
}
Bf16 narrow(float x) { return rounded(x); }

}  // namespace retort::engine::rows
