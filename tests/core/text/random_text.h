// Test help: random Unicode text with the traps of tokenizers in it.
#pragma once
#include <array>
#include <string>

#include "base/random.h"
#include "text/unicode.h"

namespace retort::test {

/// Pieces that regular expressions and normalisers disagree about: contractions in odd cases, U+017F, U+180E, line ends,
/// decomposed letters, joined emoji, unassigned code points, digits of many scripts.
inline std::string trap(Random& random) {
  static constexpr std::array<const char*, 48> traps = {
      "'s", "'S", "'\xC5\xBF", "'ll", "'LL", "'Ve", "n't", "\r\n", "\n\n", "\r", "\n", " \n ", "   ", "\t", "\xC2\xA0", "\xE1\xA0\x8E", "\xE2\x80\x83", "\xE3\x80\x80",
      "e\xCC\x81", "\xC3\xA9", "A\xCC\x8A", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7", "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA",
      "\xE2\x9D\xA4\xEF\xB8\x8F", "\xCD\xB8", "\xF3\xA0\x80\x81", "123", "3.14", "1234567", "\xD9\xA1\xD9\xA2", "\xC2\xBD", "\xE2\x85\xA7", "\xE4\xB8\xAD\xE6\x96\x87", "\xE3\x81\x82\xE3\x82\xA2",
      "\xD0\x9F\xD1\x80\xD0\xB8", "\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87", "__", "...", "!?", "</s>", "<0x0A>", "\xE2\x96\x81", "\xEF\xAC\x81", "\xEF\xBC\xA1", "\xC4\xB0", "\xC7\x85"};
  return traps[random.below(traps.size())];
}

inline std::string randomCodePoint(Random& random, std::uint32_t top) {
  const std::array<std::uint32_t, 8> tops = {0x80, 0x80, 0x250, 0x600, 0x3000, 0xD800, 0x1F000, top};
  std::uint32_t c = 0;
  do c = static_cast<std::uint32_t>(random.below(tops[random.below(tops.size())]));
  while (c >= 0xD800 && c <= 0xDFFF);
  return text::utf8Of(c);
}

inline std::string randomText(Random& random, std::uint32_t top = 0x110000) {
  static constexpr std::array<const char*, 12> words = {"hello", "World", " the", " a", "model", " 42", "x", "Token", " of", "izers", " I", "'m"};
  std::string out;
  for (std::size_t n = random.below(24); n > 0; --n) {
    const std::uint64_t kind = random.below(10);
    if (kind < 4) out += words[random.below(words.size())];
    else if (kind < 8) out += trap(random);
    else out += randomCodePoint(random, top);
  }
  return out;
}

/// Random text that NFC leaves as it is: letters of Latin, Greek, Cyrillic, kana and Han, digits, signs, spaces.
inline std::string randomComposed(Random& random) {
  static constexpr std::array<const char*, 20> words = {"hello", "World", " the", "'s", "\r\n", "  ", "\n", "12345", "\xC3\xA9t\xC3\xA9", " \xCE\xB1\xCE\xB2", "\xD0\x9F\xD1\x80", "\xE4\xB8\xAD\xE6\x96\x87",
                                                        "\xE3\x81\x82", "...", "!?", "\xF0\x9F\x98\x80", "\xC2\xA0", "_", "\t", "'LL"};
  std::string out;
  for (std::size_t n = random.below(24); n > 0; --n) out += words[random.below(words.size())];
  return out;
}

}  // namespace retort::test
