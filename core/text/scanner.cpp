// Scanners equal to the regular expressions of patternOf(); the tests compare them with PCRE2 and with Hugging Face's tokenizers.
#include "text/scanner.h"

#include "text/unicode.h"

namespace retort::text {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Classes of the characters of one text.
struct Reader {
  const char* text;
  const char* end;
  const std::uint8_t* flags = basicPlaneFlags();

  /// Letter, number and space bits of the character at p (0: a sign); `length` gets its bytes.
  unsigned at(const char* p, std::size_t& length) const {
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte < 0x80) {
      length = 1;
      return flags[byte] & (kLetter | kNumber | kSpace);
    }
    const CodePoint c = decodeAt(p, end);
    length = c.length;
    if (!c.valid) return 0;
    return (c.value < 65536 ? flags[c.value] : flagsOf(c.value)) & (kLetter | kNumber | kSpace);
  }
  /// The end of the run of characters of class `wanted` from p.
  const char* run(const char* p, unsigned wanted) const {
    std::size_t length = 0;
    while (p < end && at(p, length) == wanted) p += length;
    return p;
  }
  /// At most `most` numbers from p.
  const char* numbers(const char* p, int most) const {
    std::size_t length = 0;
    while (p < end && most-- > 0 && at(p, length) == kNumber) p += length;
    return p;
  }
  /// \s+(?!\S)|\s+ from p, which is at a space: all of a run that ends the text, else all but its last space (at least one).
  const char* spaces(const char* p) const {
    std::size_t length = 0;
    const char* last = p;
    const char* begin = p;
    while (p < end && at(p, length) == kSpace) {
      last = p;
      p += length;
    }
    return p == end || last == begin ? p : last;
  }
};

/// Bytes of the contraction at p, which is at an apostrophe; 0: none. With `anyCase` also capitals and U+017F for s.
std::size_t contraction(const char* p, const char* end, bool anyCase) {
  const auto lower = [&](std::ptrdiff_t i) -> char {
    if (end - p <= i) return 0;
    const char c = p[i];
    return anyCase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  const char a = lower(1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  const char b = lower(2);
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
  if (anyCase && a == '\xC5' && b == '\xBF') return 3;
  return 0;
}

const char* nextGpt2(const Reader& r, const char* p) {
  if (*p == '\'')
    if (const std::size_t n = contraction(p, r.end, false)) return p + n;
  std::size_t length = 0;
  unsigned kind = r.at(p, length);
  const char* word = p;
  if (*p == ' ' && p + 1 < r.end) {
    word = p + 1;
    kind = r.at(word, length);
  }
  if (kind == kSpace) return r.spaces(p);
  return r.run(word, kind);
}

const char* nextLlama3(const Reader& r, const char* p, int digits) {
  if (*p == '\'')
    if (const std::size_t n = contraction(p, r.end, true)) return p + n;
  std::size_t length = 0;
  const unsigned kind = r.at(p, length);
  if (kind == kLetter) return r.run(p, kLetter);
  if (kind == kNumber) return r.numbers(p, digits);
  const char* after = p + length;
  unsigned kindAfter = kSpace;
  if (after < r.end) {
    std::size_t lengthAfter = 0;
    kindAfter = r.at(after, lengthAfter);
    if (kindAfter == kLetter && *p != '\r' && *p != '\n') return r.run(after, kLetter);
  }
  if (kind == 0 || (*p == ' ' && kindAfter == 0)) {
    const char* q = r.run(kind == 0 ? p : after, 0);
    while (q < r.end && (*q == '\r' || *q == '\n')) ++q;
    return q;
  }
  const char* lineEnd = nullptr;   // \s*[\r\n]+ ends behind the last line end of the run of spaces
  for (const char* q = p; q < r.end && r.at(q, length) == kSpace; q += length)
    if (*q == '\r' || *q == '\n') lineEnd = q + 1;
  return lineEnd ? lineEnd : r.spaces(p);
}

}  // namespace

std::string_view patternOf(ScanRule rule) {
  switch (rule) {
    case ScanRule::Gpt2: return kGpt2;
    case ScanRule::Llama3: return kLlama3;
    case ScanRule::Qwen2: return kQwen2;
  }
  return {};
}

std::optional<ScanRule> ruleOfPattern(std::string_view pattern) {
  for (const ScanRule rule : {ScanRule::Gpt2, ScanRule::Llama3, ScanRule::Qwen2})
    if (pattern == patternOf(rule)) return rule;
  return std::nullopt;
}

std::size_t nextSplit(ScanRule rule, std::string_view text, std::size_t position) {
  const Reader r{text.data(), text.data() + text.size()};
  const char* p = text.data() + position;
  const char* q = rule == ScanRule::Gpt2 ? nextGpt2(r, p) : nextLlama3(r, p, rule == ScanRule::Llama3 ? 3 : 1);
  return static_cast<std::size_t>(q - text.data());
}

}  // namespace retort::text
