// Bytes that are printable in Latin-1 stand for themselves; the other 68 get U+0100, U+0101 … in order.
#include "text/byte_alphabet.h"

#include <array>

#include "text/unicode.h"

namespace retort::text {
namespace {

struct Alphabet {
  std::array<std::string, 256> letter;
  std::array<int, 512> byte{};   ///< by code point, -1: none
  Alphabet() {
    byte.fill(-1);
    char32_t next = 256;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
      const char32_t cp = printable ? b : next++;
      letter[b] = utf8Of(cp);
      byte[cp] = static_cast<int>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet a;
  return a;
}

}  // namespace

std::string_view letterOfByte(unsigned char byte) { return alphabet().letter[byte]; }

std::optional<std::string> bytesOfLetters(std::string_view letters) {
  const Alphabet& a = alphabet();
  std::string out;
  out.reserve(letters.size());
  const char* end = letters.data() + letters.size();
  for (const char* p = letters.data(); p < end;) {
    const CodePoint c = decodeAt(p, end);
    if (!c.valid || c.value >= 512 || a.byte[c.value] < 0) return std::nullopt;
    out.push_back(static_cast<char>(a.byte[c.value]));
    p += c.length;
  }
  return out;
}

std::string lettersOfBytes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) out += letterOfByte(static_cast<unsigned char>(c));
  return out;
}

}  // namespace retort::text
