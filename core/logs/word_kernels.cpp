// The loops; each is short enough for the vectoriser.
#include "logs/word_kernels.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RETORT_FAST __attribute__((optimize("O3"), target_clones("arch=haswell", "default")))
#define RETORT_INLINE __attribute__((always_inline)) inline
#else
#define RETORT_FAST
#define RETORT_INLINE inline
#endif

namespace retort::logs {

RETORT_FAST void andWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] &= with[i];
}
RETORT_FAST void andNotWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] &= ~with[i];
}
RETORT_FAST void orWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] |= with[i];
}
RETORT_FAST void orNotWords(std::uint64_t* into, const std::uint64_t* with) {
  for (std::size_t i = 0; i < kChunkWords; ++i) into[i] |= ~with[i];
}
RETORT_FAST void notWords(std::uint64_t* words) {
  for (std::size_t i = 0; i < kChunkWords; ++i) words[i] = ~words[i];
}
RETORT_FAST std::uint32_t countWords(const std::uint64_t* words) {
  std::uint64_t a = 0, b = 0, c = 0, d = 0;
  for (std::size_t i = 0; i < kChunkWords; i += 4) {
    a += static_cast<std::uint64_t>(__builtin_popcountll(words[i]));
    b += static_cast<std::uint64_t>(__builtin_popcountll(words[i + 1]));
    c += static_cast<std::uint64_t>(__builtin_popcountll(words[i + 2]));
    d += static_cast<std::uint64_t>(__builtin_popcountll(words[i + 3]));
  }
  return static_cast<std::uint32_t>(a + b + c + d);
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

RETORT_FAST std::size_t listBits(const std::uint64_t* bits, std::uint32_t first, std::uint32_t* out) {
  std::size_t n = 0;
  for (std::size_t word = 0; word < kChunkWords; ++word)
    for (std::uint64_t rest = bits[word]; rest; rest &= rest - 1) out[n++] = first + static_cast<std::uint32_t>(word * 64) + static_cast<std::uint32_t>(__builtin_ctzll(rest));
  return n;
}

}  // namespace retort::logs
