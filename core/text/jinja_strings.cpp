// Case, replacing, stripping, splitting and joining of strings that know who wrote each byte.
#include "text/jinja_strings.h"

#include <utf8proc.h>

namespace retort::text::jinja {
namespace {

std::string mapped(char32_t c, bool upper) {
  std::string out;
  if (upper && c == 0xDF) return "SS";   // the one common character whose upper case is longer
  const auto to = upper ? utf8proc_toupper(static_cast<utf8proc_int32_t>(c)) : utf8proc_tolower(static_cast<utf8proc_int32_t>(c));
  appendUtf8(out, static_cast<char32_t>(to));
  return out;
}

// Jinja's title starts a word after whitespace, "-", "(", "{", "[" or "<".
bool startsWord(char32_t c) { return isSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<'; }

std::uint8_t flagsAt(const Str& s, std::size_t& run, std::size_t pos) {
  while (run < s.runs.size() && s.runs[run].end <= pos) ++run;
  return run < s.runs.size() ? s.runs[run].flags : 0;
}

}  // namespace

Value changeCase(Interpreter& in, const Value& text, Case to) {
  const Str& s = text.str();
  StrBuilder out;
  std::size_t run = 0;
  bool wordStart = true;
  if (!in.step(s.bytes.size() / 32)) return {};
  for (std::size_t pos = 0; pos < s.bytes.size();) {
    const std::uint8_t flags = flagsAt(s, run, pos);
    const char32_t c = decodeAt(s.bytes, pos);
    const bool upper = to == Case::upper || (wordStart && to != Case::lower);
    out.add(mapped(c, upper), flags);
    wordStart = to == Case::title && startsWord(c);
  }
  return in.finished(out, s.markup);
}

Value replaceText(Interpreter& in, const Value& text, const Value& old, const Value& with, std::int64_t count) {
  const Str& s = text.str();
  const std::string_view from = old.str().bytes;
  StrBuilder out;
  std::size_t start = 0;
  if (!in.step(s.bytes.size() / 64)) return {};
  if (from.empty()) {
    std::size_t pos = 0;
    while (count != 0) {
      out.add(with.str());
      if (pos >= s.bytes.size() || out.overflowed()) break;
      const std::size_t begin = pos;
      (void)decodeAt(s.bytes, pos);
      out.add(s, begin, pos);
      if (count > 0) --count;
    }
    out.add(s, pos, s.bytes.size());
    return in.finished(out, s.markup);
  }
  for (; count != 0 && !out.overflowed(); --count) {
    const std::size_t found = s.bytes.find(from, start);
    if (found == std::string::npos) break;
    out.add(s, start, found);
    out.add(with.str());
    start = found + from.size();
  }
  out.add(s, start, s.bytes.size());
  return in.finished(out, s.markup);
}

Value stripText(Interpreter& in, const Value& text, const Value* chars, bool left, bool right) {
  std::string_view set;
  if (chars && !chars->is(Kind::none)) {
    if (!chars->is(Kind::string)) return in.fail("The characters to strip must be a string.");
    set = chars->str().bytes;
  }
  const auto [begin, end] = stripRange(text.str().bytes, chars && !chars->is(Kind::none) ? &set : nullptr, left, right);
  if (!in.step((text.str().bytes.size() - (end - begin)) * (1 + set.size()) / 64)) return {};
  return sliceBytes(in, text, begin, end);
}

Value sliceBytes(Interpreter& in, const Value& text, std::size_t begin, std::size_t end) {
  if (begin == 0 && end == text.str().bytes.size()) return text;
  StrBuilder out;
  out.add(text.str(), begin, end);
  return in.finished(out, text.str().markup);
}

Value joinText(Interpreter& in, const std::vector<Value>& parts, const Value& separator) {
  StrBuilder out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.add(separator.str());
    in.write(out, parts[i]);
    if (in.failed() || out.overflowed()) break;
  }
  return in.finished(out);
}

std::vector<Value> splitLines(Interpreter& in, const Value& text) {
  const std::string& s = text.str().bytes;
  std::vector<Value> out;
  std::size_t start = 0;
  if (!in.step(s.size() / 32)) return {};
  for (std::size_t pos = 0; pos < s.size() && !in.failed();) {
    const std::size_t begin = pos;
    const char32_t c = decodeAt(s, pos);
    const bool end = (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!end) continue;
    out.push_back(sliceBytes(in, text, start, begin));
    if (c == '\r' && pos < s.size() && s[pos] == '\n') ++pos;
    start = pos;
  }
  if (start < s.size()) out.push_back(sliceBytes(in, text, start, s.size()));
  return out;
}

Value escapeHtml(Interpreter& in, const Value& text) {
  if (text.str().markup) return text;
  // Adding to an empty markup string escapes; see Interpreter::binary.
  StrBuilder empty;
  return in.binary(Op::add, Value::string(empty.take(true)), text);
}

}  // namespace retort::text::jinja
