// Properties of code points, from utf8proc (Unicode 15).
#include "text/unicode.h"

#include <utf8proc.h>

#include <array>

#include "text/unicode_newer.h"

namespace retort::text {
namespace {

bool isWhiteSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isAsciiPunctuation(char32_t c) { return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126); }

// Other_Alphabetic that is no mark: the circled and squared Latin letters.
bool isAlphabeticSymbol(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

std::uint8_t computeFlags(char32_t c) {
  unsigned flags = 0;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: flags = kLetter | kWord; break;
    case UTF8PROC_CATEGORY_MN: flags = kMark | kNonspacing | kWord; break;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: flags = kMark | kWord; break;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: flags = kNumber | kWord; break;
    case UTF8PROC_CATEGORY_NO: flags = kNumber; break;
    case UTF8PROC_CATEGORY_PC: flags = kPunctuation | kWord; break;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: flags = kPunctuation; break;
    case UTF8PROC_CATEGORY_CN:
      flags = isIn(kNewerLetters, c) ? kLetter | kWord : isIn(kNewerNumbers, c) ? kNumber | kWord : isIn(kNewerMarks, c) ? kMark | kNonspacing | kWord : 0;
      break;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: flags = kOther; break;
    default: break;
  }
  if (isWhiteSpace(c)) flags |= kSpace;
  if (isAsciiPunctuation(c) || c == 0x166D || c == 0x111C9) flags |= kPunctuation;   // the two were punctuation once
  else if ((flags & kPunctuation) && isIn(kPunctuationSinceUnicode8, c)) flags &= ~static_cast<unsigned>(kPunctuation);
  if (isAlphabeticSymbol(c) || c == 0x200C || c == 0x200D) flags |= kWord;
  return static_cast<std::uint8_t>(flags);
}

struct BasicPlane {
  std::array<std::uint8_t, 65536> flags{};
  BasicPlane() {
    for (char32_t c = 0; c < 65536; ++c) flags[c] = computeFlags(c);
  }
};

}  // namespace

void appendUtf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::string utf8Of(char32_t c) {
  std::string out;
  appendUtf8(out, c);
  return out;
}

const std::uint8_t* basicPlaneFlags() {
  static const BasicPlane plane;
  return plane.flags.data();
}

std::uint8_t flagsOf(char32_t c) { return c < 65536 ? basicPlaneFlags()[c] : computeFlags(c); }

void appendLower(std::string& out, char32_t c) {
  if (c == 0x130) {   // the one code point whose lower case is two
    out += "i\xCC\x87";
    return;
  }
  appendUtf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

}  // namespace retort::text
