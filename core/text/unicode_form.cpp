// The Unicode normal forms with places kept: each base character and its marks are normalised by themselves.
#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "text/normalizer.h"
#include "text/unicode.h"
#include "text/unicode_older.h"

namespace retort::text {
namespace {

constexpr std::size_t kLongestGroup = 1024;   // code points; utf8proc sorts marks in square time

/// Characters that can join or be reordered with what stands before them.
bool continues(char32_t c) {
  if (c < 0x300) return false;
  if (flagsOf(c) & kMark) return true;
  return (c >= 0x1160 && c <= 0x11FF) || (c >= 0xD7B0 && c <= 0xD7FF) || (c >= 0xFF9E && c <= 0xFFDF);   // jamo, half-width signs
}

void normalizeGroup(const AlignedText& in, std::size_t begin, std::size_t end, int options, OwnedText& out, std::vector<utf8proc_int32_t>& points) {
  points.clear();
  std::string result;
  const char* stop = in.text.data() + end;
  for (const char* p = in.text.data() + begin; p < stop;) {
    const CodePoint c = decodeAt(p, stop);
    utf8proc_int32_t pieces[32];
    int lastBoundClass = 0;
    const bool kept = (options & UTF8PROC_COMPAT) && isIn(kFormsKept, c.value);
    const auto n = kept ? -1 : utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), pieces, 32, static_cast<utf8proc_option_t>(options), &lastBoundClass);
    if (n < 0 || n > 32) points.push_back(static_cast<utf8proc_int32_t>(c.value));
    else points.insert(points.end(), pieces, pieces + n);
    p += c.length;
  }
  const auto classOf = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (std::size_t i = 0; i < points.size();) {   // canonical order of each run of marks
    std::size_t j = i;
    while (j < points.size() && classOf(points[j]) != 0) ++j;
    std::stable_sort(points.begin() + static_cast<std::ptrdiff_t>(i), points.begin() + static_cast<std::ptrdiff_t>(j),
                     [&](auto a, auto b) { return classOf(a) < classOf(b); });
    i = j + 1;
  }
  auto count = static_cast<utf8proc_ssize_t>(points.size());
  if (options & UTF8PROC_COMPOSE)
    count = utf8proc_normalize_utf32(points.data(), count, static_cast<utf8proc_option_t>(options));
  for (utf8proc_ssize_t i = 0; i < count; ++i) appendUtf8(result, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  if (result == in.text.substr(begin, end - begin)) out.copy(in, begin, end);
  else out.add(result, in.sourceAt(end));
}

}  // namespace

void normalizeForm(const AlignedText& in, int options, OwnedText& out) {
  const std::string_view text = in.text;
  const char* stop = text.data() + text.size();
  std::vector<utf8proc_int32_t> points;
  std::size_t begin = 0;   // of the group that is being collected
  std::size_t length = 0;
  bool plain = true;       // the group is one ASCII character
  const auto flush = [&](std::size_t end) {
    if (begin == end) return;
    if (plain) out.copy(in, begin, end);
    else normalizeGroup(in, begin, end, options, out, points);
    begin = end;
    length = 0;
    plain = true;
  };
  for (const char* p = text.data(); p < stop;) {
    const auto at = static_cast<std::size_t>(p - text.data());
    const CodePoint c = decodeAt(p, stop);
    if (!c.valid) {
      flush(at);
      out.copy(in, at, at + 1);
      begin = at + 1;
    } else {
      const bool ascii = c.value < 0x80;
      if (!continues(c.value) || length >= kLongestGroup) {
        if (!(plain && ascii)) flush(at);   // runs of ASCII are copied whole
        else if (begin < at && length > 0) flush(at);
      }
      plain = plain && ascii;
      ++length;
    }
    p += c.length;
  }
  flush(text.size());
}

}  // namespace retort::text
