// The steps of a normalizer and their reader.
#include "text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/format.h"
#include "text/json_fields.h"
#include "text/tokenizer_error.h"
#include "text/unicode.h"
#include "text/unicode_older.h"

namespace retort::text {
namespace {

constexpr int kNfc = UTF8PROC_STABLE | UTF8PROC_COMPOSE, kNfd = UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;

/// Calls change(codePoint, piece of source, out) for each character; it adds what the character becomes to the string.
template <typename F>
void mapCharacters(const AlignedText& in, OwnedText& out, F&& change) {
  const char* stop = in.text.data() + in.text.size();
  std::string piece;
  for (const char* p = in.text.data(); p < stop;) {
    const CodePoint c = decodeAt(p, stop);
    const auto at = static_cast<std::size_t>(p - in.text.data());
    if (!c.valid) {
      out.copy(in, at, at + 1);
    } else {
      piece.clear();
      change(c.value, piece);
      if (piece == in.text.substr(at, c.length)) out.copy(in, at, at + c.length);
      else out.add(piece, in.sourceAt(at + c.length));
    }
    p += c.length;
  }
}

bool isChinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void strip(const AlignedText& in, bool left, bool right, OwnedText& out) {
  std::size_t begin = 0, end = in.text.size();
  const char* stop = in.text.data() + end;
  const auto isSpace = [](const CodePoint& c) { return c.valid && (flagsOf(c.value) & kSpace); };
  while (left && begin < end) {
    const CodePoint c = decodeAt(in.text.data() + begin, stop);
    if (!isSpace(c)) break;
    begin += c.length;
  }
  while (right && end > begin) {
    std::size_t at = end - 1;
    while (at > begin && end - at < 4 && (static_cast<std::uint8_t>(in.text[at]) & 0xC0u) == 0x80u) --at;
    const CodePoint c = decodeAt(in.text.data() + at, in.text.data() + end);
    if (!isSpace(c) || at + c.length != end) break;
    end = at;
  }
  out.copy(in, begin, end);
}

void replaceLiteral(const AlignedText& in, std::string_view find, std::string_view content, OwnedText& out) {
  std::size_t done = 0;
  for (std::size_t at = in.text.find(find); at != in.text.npos; at = in.text.find(find, done)) {
    out.copy(in, done, at);
    done = at + find.size();
    out.add(content, in.sourceAt(done));
  }
  out.copy(in, done, in.text.size());
}

Status replacePattern(const AlignedText& in, const Regex& regex, std::string_view content, OwnedText& out) {
  if (!isValidUtf8(in.text)) {   // bytes that are no text stay as they are
    out.copy(in, 0, in.text.size());
    return {};
  }
  std::size_t done = 0, from = 0;
  while (from < in.text.size()) {
    RETORT_TRY(const Regex::Match match, regex.find(in.text, from));
    if (!match.found) break;
    if (match.begin == match.end) {
      from = match.end + 1;
      while (from < in.text.size() && (static_cast<std::uint8_t>(in.text[from]) & 0xC0u) == 0x80u) ++from;
      continue;
    }
    out.copy(in, done, match.begin);
    out.add(content, in.sourceAt(match.end));
    done = from = match.end;
  }
  out.copy(in, done, in.text.size());
  return {};
}

}  // namespace

Status Normalizer::apply(const Step& step, const AlignedText& in, OwnedText& out) {
  switch (step.kind) {
    case Kind::Compose: normalizeForm(in, step.options, out); break;
    case Kind::Lowercase: mapCharacters(in, out, [](char32_t c, std::string& piece) { appendLower(piece, c); }); break;
    case Kind::StripAccents:
    case Kind::BertAccents: {
      const bool bert = step.kind == Kind::BertAccents;
      mapCharacters(in, out, [bert](char32_t c, std::string& piece) {
        const bool goes = flagsOf(c) & (bert ? kNonspacing : kMark);
        if (!goes || (bert ? isIn(kBertKept, c) : isIn(kMarksKept, c))) appendUtf8(piece, c);
      });
      break;
    }
    case Kind::Strip: strip(in, step.left, step.right, out); break;
    case Kind::Literal: replaceLiteral(in, step.find, step.content, out); break;
    case Kind::Pattern: return replacePattern(in, *step.regex, step.content, out);
    case Kind::Prepend:
      if (!in.text.empty()) out.add(step.content, in.base);
      out.copy(in, 0, in.text.size());
      break;
    case Kind::BertClean:
      mapCharacters(in, out, [](char32_t c, std::string& piece) {
        const unsigned flags = flagsOf(c);
        if (c == '\t' || c == '\n' || c == '\r') piece += ' ';
        else if (c == 0 || c == 0xFFFD || ((flags & kOther) && !isIn(kBertKept, c))) return;
        else if (flags & kSpace) piece += ' ';
        else appendUtf8(piece, c);
      });
      break;
    case Kind::BertChinese:
      mapCharacters(in, out, [](char32_t c, std::string& piece) {
        const bool chinese = isChinese(c);
        if (chinese) piece += ' ';
        appendUtf8(piece, c);
        if (chinese) piece += ' ';
      });
      break;
  }
  return {};
}

bool Normalizer::leavesAlone(std::string_view text) const {
  // Below U+0300 NFC changes nothing; other forms and steps may.
  return std::all_of(m_steps.begin(), m_steps.end(), [](const Step& s) { return s.kind == Kind::Compose && s.options == kNfc; }) &&
         std::all_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0xCC; });
}

Result<OwnedText> Normalizer::run(const AlignedText& text, bool track) const {
  OwnedText now(text, track);
  if (m_steps.empty()) {
    now.copy(text, 0, text.text.size());
    return now;
  }
  for (std::size_t i = 0; i < m_steps.size(); ++i) {
    const AlignedText in = i == 0 ? text : now.view();
    OwnedText out(in, track);
    RETORT_CHECK(apply(m_steps[i], in, out));
    if (out.text.size() > kMaxEncodeBytes * 4)
      return Error{.code = "text.tokenizer.limit", .what = "The text cannot be tokenised", .why = "its normalised form is larger than 1 GiB", .next = "Shorten the text."};
    now = std::move(out);
  }
  return now;
}

class NormalizerReader {
 public:
  explicit NormalizerReader(std::string_view where) : m_where(where) {}

  Status read(const Json& json) {
    if (++m_parts > kMaxSteps * 4 || m_out.m_steps.size() > kMaxSteps) return badTokenizer("its normalizer has more than 32 steps", m_where);
    using Kind = Normalizer::Kind;
    const std::string type = typeOf(json);
    const auto add = [&](Normalizer::Step step) {
      m_out.m_steps.push_back(std::move(step));
      return Status();
    };
    if (type == "Sequence") {
      const Json* list = fieldOf(json, "normalizers");
      if (!list || !list->is_array()) return badTokenizer("the normalizer Sequence has no list \"normalizers\"", m_where);
      for (const Json& part : *list) RETORT_CHECK(read(part));
      return {};
    }
    if (type == "NFC") return add({.kind = Kind::Compose, .options = kNfc});
    if (type == "NFD") return add({.kind = Kind::Compose, .options = kNfd});
    if (type == "NFKC") return add({.kind = Kind::Compose, .options = kNfc | UTF8PROC_COMPAT});
    if (type == "NFKD") return add({.kind = Kind::Compose, .options = kNfd | UTF8PROC_COMPAT});
    if (type == "Lowercase") return add({.kind = Kind::Lowercase});
    if (type == "StripAccents") return add({.kind = Kind::StripAccents});
    if (type == "Strip") return add({.kind = Kind::Strip, .left = boolField(json, "strip_left", true), .right = boolField(json, "strip_right", true)});
    if (type == "Prepend") return add({.kind = Kind::Prepend, .content = stringField(json, "prepend", "\xE2\x96\x81")});
    if (type == "Replace") return readReplace(json);
    if (type == "BertNormalizer") {
      if (boolField(json, "clean_text", true)) (void)add({.kind = Kind::BertClean});
      if (boolField(json, "handle_chinese_chars", true)) (void)add({.kind = Kind::BertChinese});
      const bool lowercase = boolField(json, "lowercase", true);
      if (boolField(json, "strip_accents", lowercase)) {
        (void)add({.kind = Kind::Compose, .options = kNfd});
        (void)add({.kind = Kind::BertAccents});
      }
      return lowercase ? add({.kind = Kind::Lowercase}) : Status();
    }
    return unsupportedPart("normalizer", type, m_where);
  }

  Normalizer m_out;

 private:
  Status readReplace(const Json& json) {
    using Kind = Normalizer::Kind;
    const Json* pattern = fieldOf(json, "pattern");
    const std::string literal = pattern ? stringField(*pattern, "String") : "", regex = pattern ? stringField(*pattern, "Regex") : "";
    Normalizer::Step step{.kind = Kind::Literal, .find = literal, .content = stringField(json, "content")};
    if (literal.empty()) {
      if (regex.empty()) return badTokenizer("the normalizer Replace has no pattern", m_where);
      step.kind = Kind::Pattern;
      RETORT_TRY(step.regex, Regex::compile(regex, m_where));
    }
    m_out.m_steps.push_back(std::move(step));
    return {};
  }

  std::size_t m_parts = 0;
  std::string m_where;
};

Result<Normalizer> Normalizer::fromJson(const Json& json, std::string_view where) {
  NormalizerReader reader(where);
  if (!json.is_null()) RETORT_CHECK(reader.read(json));
  return std::move(reader.m_out);
}

}  // namespace retort::text
