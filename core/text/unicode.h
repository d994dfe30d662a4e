// Code points of UTF-8 text and the few properties that tokenizers ask about, one table look-up each.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace retort::text {

/// Properties of a code point, as bits.
enum CharFlag : std::uint8_t {
  kLetter = 1,         ///< general category L*
  kNumber = 2,         ///< N*
  kSpace = 4,          ///< White_Space
  kMark = 8,           ///< M*
  kNonspacing = 16,    ///< Mn
  kPunctuation = 32,   ///< P* of Unicode 8, and every ASCII punctuation sign
  kOther = 64,         ///< control, format, surrogate, private use
  kWord = 128,         ///< \w: alphabetic, mark, decimal digit, connector, joiner
};

struct CodePoint {
  char32_t value = 0;
  std::uint32_t length = 1;   ///< bytes
  bool valid = true;          ///< false: one byte that is no UTF-8
};

/// The code point at `p`, which must be below `end`.
inline CodePoint decodeAt(const char* p, const char* end) {
  const auto byte = [&](std::ptrdiff_t i) { return static_cast<std::uint8_t>(p[i]); };
  const auto tail = [&](std::ptrdiff_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const std::uint32_t a = byte(0);
  const std::ptrdiff_t left = end - p;
  if (a < 0x80) return {a, 1, true};
  if (a >= 0xC2 && a < 0xE0 && left > 1 && tail(1)) return {((a & 0x1Fu) << 6) | (byte(1) & 0x3Fu), 2, true};
  if (a >= 0xE0 && a < 0xF0 && left > 2 && tail(1) && tail(2)) {
    const std::uint32_t cp = ((a & 0x0Fu) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu);
    if (cp >= 0x800 && (cp < 0xD800 || cp > 0xDFFF)) return {cp, 3, true};
  }
  if (a >= 0xF0 && a < 0xF5 && left > 3 && tail(1) && tail(2) && tail(3)) {
    const std::uint32_t cp = ((a & 0x07u) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6) | (byte(3) & 0x3Fu);
    if (cp >= 0x10000 && cp <= 0x10FFFF) return {cp, 4, true};
  }
  return {a, 1, false};
}

void appendUtf8(std::string& out, char32_t codePoint);
[[nodiscard]] std::string utf8Of(char32_t codePoint);

/// CharFlag bits of the code points below 65536, by code point.
[[nodiscard]] const std::uint8_t* basicPlaneFlags();
/// CharFlag bits of any code point.
[[nodiscard]] std::uint8_t flagsOf(char32_t codePoint);
/// Appends the lower-case form (full mapping without context, as Rust's char::to_lowercase).
void appendLower(std::string& out, char32_t codePoint);

}  // namespace retort::text
