// Dot products of grouped codes with f32 vectors. Codes become floats in registers: nothing is rounded twice.
#include "engine/quantised_kernels.h"

#include <atomic>
#include <string_view>

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12's own header warns about itself at -O2.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define RETORT_X86 1
#endif

namespace retort::engine::quant {
namespace {

enum class Set { unknown, plain, avx2, avx512 };
std::atomic<Set> chosen{Set::unknown};

bool has(Set set) {
#if RETORT_X86
  if (set == Set::avx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (set == Set::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return set == Set::plain;
}

Set current() {
  Set set = chosen.load(std::memory_order_relaxed);
  if (set != Set::unknown) return set;
  set = has(Set::avx512) ? Set::avx512 : has(Set::avx2) ? Set::avx2 : Set::plain;
  chosen.store(set, std::memory_order_relaxed);
  return set;
}

void plainFour(const std::uint8_t* codes, const float* scales, const float* minima, std::int64_t groups, const float* x, const float* sums, float* out) {
  float total = 0;
  for (std::int64_t g = 0; g < groups; ++g, codes += 16, x += 32) {
    float sum = 0;
    for (int i = 0; i < 16; ++i) sum += static_cast<float>(codes[i] & 15) * x[i] + static_cast<float>(codes[i] >> 4) * x[i + 16];
    total += scales[g] * sum + minima[g] * sums[g];
  }
  *out = total;
}

void plainEight(const std::int8_t* codes, const float* scales, std::int64_t groups, const float* x, float* out) {
  float total = 0;
  for (std::int64_t g = 0; g < groups; ++g, codes += 32, x += 32) {
    float sum = 0;
    for (int i = 0; i < 32; ++i) sum += static_cast<float>(codes[i]) * x[i];
    total += scales[g] * sum;
  }
  *out = total;
}

#if RETORT_X86

/// The permutation takes the low four bits of each index as the place in a table of the numbers 0 to 15: no mask, no conversion.
template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vl,fma"))) void wideFour(const std::uint8_t* codes, const float* scales, const float* minima, std::int64_t groups,
                                                                       const float* x, std::int64_t xStride, const float* sums, float* out) {
  const __m512 table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512 total[Rows];
  for (int r = 0; r < Rows; ++r) total[r] = _mm512_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g) {
    const __m512i index = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + g * 16)));
    const __m512 low = _mm512_permutexvar_ps(index, table), high = _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), table);
    const __m512 scale = _mm512_set1_ps(scales[g]);
    for (int r = 0; r < Rows; ++r) {
      const float* at = x + r * xStride + g * 32;
      const __m512 sum = _mm512_fmadd_ps(high, _mm512_loadu_ps(at + 16), _mm512_mul_ps(low, _mm512_loadu_ps(at)));
      total[r] = _mm512_fmadd_ps(scale, sum, total[r]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    std::int64_t g = 0;
    for (; g + 16 <= groups; g += 16) total[r] = _mm512_fmadd_ps(_mm512_loadu_ps(minima + g), _mm512_loadu_ps(sums + r * groups + g), total[r]);
    const auto rest = static_cast<__mmask16>((1u << (groups - g)) - 1u);
    total[r] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(rest, minima + g), _mm512_maskz_loadu_ps(rest, sums + r * groups + g), total[r]);
    out[r] = _mm512_reduce_add_ps(total[r]);
  }
}

template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vl,fma"))) void wideEight(const std::int8_t* codes, const float* scales, std::int64_t groups, const float* x,
                                                                        std::int64_t xStride, float* out) {
  __m512 total[Rows];
  for (int r = 0; r < Rows; ++r) total[r] = _mm512_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g) {
    const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + g * 32))));
    const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + g * 32 + 16))));
    const __m512 scale = _mm512_set1_ps(scales[g]);
    for (int r = 0; r < Rows; ++r) {
      const float* at = x + r * xStride + g * 32;
      const __m512 sum = _mm512_fmadd_ps(high, _mm512_loadu_ps(at + 16), _mm512_mul_ps(low, _mm512_loadu_ps(at)));
      total[r] = _mm512_fmadd_ps(scale, sum, total[r]);
    }
  }
  for (int r = 0; r < Rows; ++r) out[r] = _mm512_reduce_add_ps(total[r]);
}

__attribute__((target("avx2,fma"))) float sumOf(__m256 v) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

template <int Rows>
__attribute__((target("avx2,fma"))) void halfFour(const std::uint8_t* codes, const float* scales, const float* minima, std::int64_t groups, const float* x,
                                                  std::int64_t xStride, const float* sums, float* out) {
  const __m256i mask = _mm256_set1_epi32(15);
  __m256 total[Rows];
  for (int r = 0; r < Rows; ++r) total[r] = _mm256_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g) {
    const __m256i first = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + g * 16)));
    const __m256i second = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + g * 16 + 8)));
    const __m256 w[4] = {_mm256_cvtepi32_ps(_mm256_and_si256(first, mask)), _mm256_cvtepi32_ps(_mm256_and_si256(second, mask)),
                         _mm256_cvtepi32_ps(_mm256_srli_epi32(first, 4)), _mm256_cvtepi32_ps(_mm256_srli_epi32(second, 4))};
    const __m256 scale = _mm256_set1_ps(scales[g]);
    for (int r = 0; r < Rows; ++r) {
      const float* at = x + r * xStride + g * 32;
      __m256 sum = _mm256_mul_ps(w[0], _mm256_loadu_ps(at));
      for (int i = 1; i < 4; ++i) sum = _mm256_fmadd_ps(w[i], _mm256_loadu_ps(at + 8 * i), sum);
      total[r] = _mm256_fmadd_ps(scale, sum, total[r]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    out[r] = sumOf(total[r]);
    for (std::int64_t g = 0; g < groups; ++g) out[r] += minima[g] * sums[r * groups + g];
  }
}

template <int Rows>
__attribute__((target("avx2,fma"))) void halfEight(const std::int8_t* codes, const float* scales, std::int64_t groups, const float* x, std::int64_t xStride, float* out) {
  __m256 total[Rows];
  for (int r = 0; r < Rows; ++r) total[r] = _mm256_setzero_ps();
  for (std::int64_t g = 0; g < groups; ++g) {
    __m256 w[4];
    for (int i = 0; i < 4; ++i) w[i] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + g * 32 + 8 * i))));
    const __m256 scale = _mm256_set1_ps(scales[g]);
    for (int r = 0; r < Rows; ++r) {
      const float* at = x + r * xStride + g * 32;
      __m256 sum = _mm256_mul_ps(w[0], _mm256_loadu_ps(at));
      for (int i = 1; i < 4; ++i) sum = _mm256_fmadd_ps(w[i], _mm256_loadu_ps(at + 8 * i), sum);
      total[r] = _mm256_fmadd_ps(scale, sum, total[r]);
    }
  }
  for (int r = 0; r < Rows; ++r) out[r] = sumOf(total[r]);
}

#endif

}  // namespace

void dotFourBit(const std::uint8_t* codes, const float* scales, const float* minima, std::int64_t groups, const float* x, std::int64_t xStride,
                const float* sums, int rows, float* out) {
#if RETORT_X86
  const Set set = current();
  if (set != Set::plain) {
    const bool wide = set == Set::avx512;
    if (rows == 4) return wide ? wideFour<4>(codes, scales, minima, groups, x, xStride, sums, out) : halfFour<4>(codes, scales, minima, groups, x, xStride, sums, out);
    for (int r = 0; r < rows; ++r)
      wide ? wideFour<1>(codes, scales, minima, groups, x + r * xStride, xStride, sums + r * groups, out + r)
           : halfFour<1>(codes, scales, minima, groups, x + r * xStride, xStride, sums + r * groups, out + r);
    return;
  }
#endif
  for (int r = 0; r < rows; ++r) plainFour(codes, scales, minima, groups, x + r * xStride, sums + r * groups, out + r);
}

void dotEightBit(const std::int8_t* codes, const float* scales, std::int64_t groups, const float* x, std::int64_t xStride, int rows, float* out) {
#if RETORT_X86
  const Set set = current();
  if (set != Set::plain) {
    const bool wide = set == Set::avx512;
    if (rows == 4) return wide ? wideEight<4>(codes, scales, groups, x, xStride, out) : halfEight<4>(codes, scales, groups, x, xStride, out);
    for (int r = 0; r < rows; ++r)
      wide ? wideEight<1>(codes, scales, groups, x + r * xStride, xStride, out + r) : halfEight<1>(codes, scales, groups, x + r * xStride, xStride, out + r);
    return;
  }
#endif
  for (int r = 0; r < rows; ++r) plainEight(codes, scales, groups, x + r * xStride, out + r);
}

const char* instructionSet() {
  switch (current()) {
    case Set::avx512: return "avx512";
    case Set::avx2: return "avx2";
    default: return "plain";
  }
}

bool useInstructionSet(const char* name) {
  const std::string_view wanted = name ? name : "";
  const Set set = wanted == "avx512" ? Set::avx512 : wanted == "avx2" ? Set::avx2 : wanted == "plain" ? Set::plain : Set::unknown;
  if (set != Set::unknown && !has(set)) return false;
  chosen.store(set, std::memory_order_relaxed);
  return true;
}

}  // namespace retort::engine::quant
