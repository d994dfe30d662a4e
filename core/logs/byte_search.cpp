// 32 places at a time are tested by the two bytes of the needle that logs hold least often.
#include "logs/byte_search.h"

#include <array>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RETORT_HAS_AVX2 1
#endif

namespace retort::logs {

namespace {

/// 0: seldom in logs of model calls; more: more often.
std::uint8_t frequency(char c) {
  static const auto table = [] {
    std::array<std::uint8_t, 256> made{};
    // By falling frequency in English text inside JSON; what is not listed is rare.
    constexpr std::string_view kCommon = " etaoinsrhld\"cumfpgwyb,.:v0k1-2_T{}\\n/";
    for (std::size_t i = 0; i < kCommon.size(); ++i) {
      auto& weight = made[static_cast<unsigned char>(kCommon[i])];
      if (weight == 0) weight = static_cast<std::uint8_t>(2 * (kCommon.size() - i));
    }
    for (std::size_t lead = 0xC2; lead < 0xF5; ++lead) made[lead] = 40;   // beginnings of characters: one in every character of some scripts
    return made;
  }();
  return table[static_cast<unsigned char>(c)];
}

char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

#ifdef RETORT_HAS_AVX2
/// A byte to look for: those that are equal to it once `fold` is set in them.
struct WideByte {
  __m256i byte, fold;
};
/// Bit i: the two bytes stand at the 32 places from `a` and `b` on.
__attribute__((target("avx2"))) inline std::uint32_t placesOf(const char* a, const char* b, const WideByte& first, const WideByte& second) {
  const __m256i isFirst = _mm256_cmpeq_epi8(_mm256_or_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a)), first.fold), first.byte);
  const __m256i isSecond = _mm256_cmpeq_epi8(_mm256_or_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)), second.fold), second.byte);
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_and_si256(isFirst, isSecond)));
}
#endif

}  // namespace

bool ByteSearch::standsAt(const char* place) const {
  if (!m_ignoresCase) return std::memcmp(place, m_needle.data(), m_needle.size()) == 0;
  for (std::size_t i = 0; i < m_needle.size(); ++i)
    if (lowered(place[i]) != m_needle[i]) return false;
  return true;
}

std::size_t ByteSearch::plainFind(std::string_view in, std::size_t from) const {
  if (from > in.size()) return std::string_view::npos;
  if (m_ignoresCase) {
    for (std::size_t at = from; at + m_needle.size() <= in.size(); ++at)
      if (standsAt(in.data() + at)) return at;
    return std::string_view::npos;
  }
  const void* found = memmem(in.data() + from, in.size() - from, m_needle.data(), m_needle.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - in.data()) : std::string_view::npos;
}

#ifdef RETORT_HAS_AVX2
__attribute__((target("avx2"))) std::size_t ByteSearch::wideFind(std::string_view in, std::size_t from) const {
  const auto foldOf = [&](char c) { return static_cast<char>(m_ignoresCase && c >= 'a' && c <= 'z' ? 0x20 : 0); };
  const WideByte a{_mm256_set1_epi8(m_needle[m_first]), _mm256_set1_epi8(foldOf(m_needle[m_first]))};
  const WideByte b{_mm256_set1_epi8(m_needle[m_second]), _mm256_set1_epi8(foldOf(m_needle[m_second]))};
  std::size_t at = from;
  // Every load must stay inside: the last places are left to the plain search.
  for (; at + 64 + m_needle.size() <= in.size(); at += 64) {
    const char* const here = in.data() + at;
    std::uint64_t mask = placesOf(here + m_first, here + m_second, a, b) | static_cast<std::uint64_t>(placesOf(here + m_first + 32, here + m_second + 32, a, b)) << 32;
    for (; mask; mask &= mask - 1) {
      const auto place = static_cast<std::size_t>(__builtin_ctzll(mask));
      if (standsAt(here + place)) return at + place;
    }
  }
  return plainFind(in, at);
}
#endif

ByteSearch::ByteSearch(std::string needle, bool ignoresCase) : m_needle(std::move(needle)), m_ignoresCase(ignoresCase) {
  if (m_ignoresCase)
    for (char& c : m_needle) c = lowered(c);
  for (std::size_t i = 1; i < m_needle.size(); ++i)
    if (frequency(m_needle[i]) < frequency(m_needle[m_first])) m_first = i;
  m_second = m_first == 0 && m_needle.size() > 1 ? 1 : 0;
  for (std::size_t i = 0; i < m_needle.size(); ++i)
    if (i != m_first && frequency(m_needle[i]) < frequency(m_needle[m_second])) m_second = i;
}

std::size_t ByteSearch::find(std::string_view in, std::size_t from) const {
#ifdef RETORT_HAS_AVX2
  static const bool isWide = __builtin_cpu_supports("avx2") > 0;
  if (isWide && from < in.size()) return wideFind(in, from);
#endif
  return plainFind(in, from);
}

}  // namespace retort::logs
