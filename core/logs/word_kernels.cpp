// The loops; each is short enough for the vectoriser.
#include "logs/word_kernels.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <immintrin.h>
// By what the processor can do: a clone for "arch=haswell" would be chosen on that one processor only.
#define RETORT_FAST __attribute__((optimize("O3"), target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define RETORT_INLINE __attribute__((always_inline)) inline
#define RETORT_HAS_WIDE 1
#else
#define RETORT_FAST
#define RETORT_INLINE inline
#endif

namespace retort::logs {

RETORT_FAST void andWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] &= with[i];
}
RETORT_FAST void orWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] |= with[i];
}

RETORT_FAST void joinWords(std::uint64_t* into, std::span<const std::uint64_t* const> with, std::span<const std::uint64_t* const> without, bool isNot) {
  constexpr std::size_t kTile = 32;                    // words that stay in registers while all operands pass
  const std::uint64_t flip = isNot ? ~0ull : 0;
  for (std::size_t at = 0; at < kChunkWords; at += kTile) {
    std::uint64_t tile[kTile];
    for (std::size_t i = 0; i < kTile; ++i) tile[i] = ~0ull;
    for (const auto* words : with)
      for (std::size_t i = 0; i < kTile; ++i) tile[i] &= words[at + i];
    for (const auto* words : without)
      for (std::size_t i = 0; i < kTile; ++i) tile[i] &= ~words[at + i];
    for (std::size_t i = 0; i < kTile; ++i) into[at + i] = tile[i] ^ flip;
  }
}

RETORT_FAST void notWords(std::uint64_t* words) {
  for (std::size_t i = 0; i < kChunkWords; ++i) words[i] = ~words[i];
}
RETORT_FAST std::uint32_t countWords(const std::uint64_t* words) {
  std::uint64_t sums[4] = {};                          // four sums, so that none waits for another
  for (std::size_t i = 0; i < kChunkWords; i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += static_cast<std::uint64_t>(__builtin_popcountll(words[i + k]));
  return static_cast<std::uint32_t>(sums[0] + sums[1] + sums[2] + sums[3]);
}
RETORT_FAST std::uint32_t countBoth(const std::uint64_t* a, const std::uint64_t* b) {
  std::uint64_t sums[4] = {};
  for (std::size_t i = 0; i < kChunkWords; i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += static_cast<std::uint64_t>(__builtin_popcountll(a[i + k] & b[i + k]));
  return static_cast<std::uint32_t>(sums[0] + sums[1] + sums[2] + sums[3]);
}

namespace {

template <typename Code>
RETORT_INLINE std::uint32_t scanCodes(const std::uint8_t* bytes, std::size_t count, Code low, Code span, std::uint64_t* bits) {
  std::uint32_t found = 0;
  for (std::size_t word = 0; word * 64 < count; ++word) {
    Code codes[64];
    std::uint8_t hits[64];
    std::memcpy(codes, bytes + word * 64 * sizeof(Code), sizeof codes);
    for (std::size_t i = 0; i < 64; ++i) hits[i] = static_cast<Code>(codes[i] - low) <= span;
    std::uint64_t mask = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      std::uint64_t eight;
      std::memcpy(&eight, hits + i * 8, 8);
      mask |= ((eight * 0x0102040810204080ull) >> 56) << (i * 8);
    }
    if (word * 64 + 64 > count) mask &= (1ull << (count - word * 64)) - 1;
    bits[word] = mask;
    found += static_cast<std::uint32_t>(__builtin_popcountll(mask));
  }
  return found;
}

}  // namespace

RETORT_FAST std::uint32_t scan8(const std::uint8_t* codes, std::size_t count, std::uint8_t low, std::uint8_t span, std::uint64_t* bits) {
  return scanCodes<std::uint8_t>(codes, count, low, span, bits);
}
RETORT_FAST std::uint32_t scan16(const std::uint8_t* codes, std::size_t count, std::uint16_t low, std::uint16_t span, std::uint64_t* bits) {
  return scanCodes<std::uint16_t>(codes, count, low, span, bits);
}
RETORT_FAST std::uint32_t scan32(const std::uint8_t* codes, std::size_t count, std::uint32_t low, std::uint32_t span, std::uint64_t* bits) {
  return scanCodes<std::uint32_t>(codes, count, low, span, bits);
}
RETORT_FAST std::uint32_t scan64(const std::uint8_t* codes, std::size_t count, std::uint64_t low, std::uint64_t span, std::uint64_t* bits) {
  return scanCodes<std::uint64_t>(codes, count, low, span, bits);
}

// Neighbours of an ascending list share words, and each change of a word waits for the one before: four parts of the list go side by side.
RETORT_FAST void setBits(std::uint64_t* words, const std::uint16_t* list, std::size_t count) {
  const std::size_t part = count / 4;
  const std::uint16_t *a = list, *b = list + part, *c = b + part, *d = c + part;
  for (std::size_t i = 0; i < part; ++i) {
    words[a[i] >> 6] |= 1ull << (a[i] & 63);
    words[b[i] >> 6] |= 1ull << (b[i] & 63);
    words[c[i] >> 6] |= 1ull << (c[i] & 63);
    words[d[i] >> 6] |= 1ull << (d[i] & 63);
  }
  for (std::size_t i = 4 * part; i < count; ++i) words[list[i] >> 6] |= 1ull << (list[i] & 63);
}
RETORT_FAST void clearBits(std::uint64_t* words, const std::uint16_t* list, std::size_t count) {
  const std::size_t part = count / 4;
  const std::uint16_t *a = list, *b = list + part, *c = b + part, *d = c + part;
  for (std::size_t i = 0; i < part; ++i) {
    words[a[i] >> 6] &= ~(1ull << (a[i] & 63));
    words[b[i] >> 6] &= ~(1ull << (b[i] & 63));
    words[c[i] >> 6] &= ~(1ull << (c[i] & 63));
    words[d[i] >> 6] &= ~(1ull << (d[i] & 63));
  }
  for (std::size_t i = 4 * part; i < count; ++i) words[list[i] >> 6] &= ~(1ull << (list[i] & 63));
}
RETORT_FAST std::uint32_t testBits(const std::uint64_t* words, const std::uint16_t* list, std::size_t count) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < count; ++i) n += words[list[i] >> 6] >> (list[i] & 63) & 1;
  return static_cast<std::uint32_t>(n);
}

RETORT_FAST void countCodes(const std::uint64_t* bits, const std::uint16_t* codes, std::size_t count, std::uint32_t* counts) {
  for (std::size_t word = 0; word * 64 < count; ++word)
    for (std::uint64_t rest = bits[word]; rest; rest &= rest - 1) {
      const std::size_t i = word * 64 + static_cast<std::size_t>(__builtin_ctzll(rest));
      if (i < count) ++counts[codes[i]];
    }
}

namespace {

RETORT_FAST std::size_t listBitsOneByOne(const std::uint64_t* bits, std::uint32_t first, std::uint32_t* out) {
  std::size_t n = 0;
  for (std::size_t word = 0; word < kChunkWords; ++word)
    for (std::uint64_t rest = bits[word]; rest; rest &= rest - 1) out[n++] = first + static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(__builtin_ctzll(rest));
  return n;
}

#ifdef RETORT_HAS_WIDE
/// Sixteen bits at a time: their numbers are squeezed together in a register.
__attribute__((target("avx512f"))) std::size_t listBitsWide(const std::uint64_t* bits, std::uint32_t first, std::uint32_t* out) {
  const __m512i step = _mm512_set1_epi32(16);
  __m512i ids = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  std::uint32_t* to = out;
  for (std::size_t word = 0; word < kChunkWords; ++word) {
    const std::uint64_t all = bits[word];
    for (int part = 0; part < 64; part += 16) {
      const auto mask = static_cast<__mmask16>(all >> part);
      _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(mask, ids));
      to += __builtin_popcount(mask);
      ids = _mm512_add_epi32(ids, step);
    }
  }
  return static_cast<std::size_t>(to - out);
}
#endif

}  // namespace

std::size_t listBits(const std::uint64_t* bits, std::uint32_t first, std::uint32_t* out) {
#ifdef RETORT_HAS_WIDE
  static const bool isWide = __builtin_cpu_supports("avx512f") != 0;
  if (isWide) return listBitsWide(bits, first, out);
#endif
  return listBitsOneByOne(bits, first, out);
}

}  // namespace retort::logs
