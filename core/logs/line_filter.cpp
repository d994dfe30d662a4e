// JSON writes most characters as they are: the longest run of those in what is looked for is looked for in whole blocks of lines first.
#include "logs/line_filter.h"

#include <algorithm>

namespace retort::logs {

namespace {

/// Written by JSON as it is, or as \u00XX. Brackets are ours in the text of tool calls; a slash may be escaped.
bool isPlain(char c) { return c >= 0x20 && c < 0x7f && std::string_view("\"\\/()").find(c) == std::string_view::npos; }
bool isAscii(char c) { return (c & 0x80) == 0; }

/// Could lie between the strings of a JSON value, whose blanks are dropped in the text of a tool call.
bool isStructure(std::string_view run) {
  return run.find_first_of(",:{}[]") != std::string_view::npos && run.find_first_not_of(",:{}[]0123456789+-.eEtrufalsn") == std::string_view::npos;
}

template <typename Test>
std::string_view longestRun(std::string_view text, Test&& belongs) {
  std::string_view best;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && belongs(text[end])) ++end;
    const auto run = text.substr(at, end - at);
    if (run.size() > best.size() && !isStructure(run)) best = run;
    at = end + 1;
  }
  return best;
}

/// Length of a quantifier at `at`, and whether it allows none.
std::size_t quantifier(std::string_view e, std::size_t at, bool& mayBeNone) {
  mayBeNone = false;
  if (at >= e.size()) return 0;
  std::size_t length = 0;
  if (e[at] == '*' || e[at] == '?' || e[at] == '+') {
    mayBeNone = e[at] != '+';
    length = 1;
  } else if (e[at] == '{') {
    const auto end = e.find('}', at);
    // Newer versions of PCRE2 allow blanks inside: what only some take for a repetition is passed over.
    if (end == std::string_view::npos || e.substr(at + 1, end - at - 1).find_first_not_of("0123456789, ") != std::string_view::npos || end == at + 1) return 0;
    mayBeNone = e[at + 1] < '1' || e[at + 1] > '9';
    length = end - at + 1;
  } else {
    return 0;
  }
  if (at + length < e.size() && (e[at + length] == '?' || e[at + length] == '+')) ++length;
  return length;
}

}  // namespace

namespace {

/// Reads one alternative of an expression from `i` on, to its end or the next | of the top level; false where it says what we do not read.
/// `isText` tells which characters may stand in the text.
template <typename Test>
bool readAlternative(std::string_view e, std::size_t& i, Test&& isText, std::string& best) {
  std::string run;
  const auto end = [&] {
    if (longestRun(run, isText).size() > longestRun(best, isText).size()) best = run;
    run.clear();
  };
  for (int depth = 0; i < e.size();) {
    const char c = e[i];
    std::string literal;
    std::size_t length = 1;
    if (c == '|' && depth == 0) break;
    if (c == '\\') {
      if (i + 1 >= e.size()) return false;
      const char next = e[i + 1];
      length = 2;
      // \. and the like are the character; \d, \b, \1, \x41 … are something else.
      const bool isLetter = (next >= '0' && next <= '9') || ((next | 0x20) >= 'a' && (next | 0x20) <= 'z') || !isAscii(next);
      if (!isLetter) literal = next;
      else if (std::string_view("dDwWsSbBAzZ").find(next) == std::string_view::npos) return false;
    } else if (c == '[') {
      std::size_t close = i + 1;
      if (close < e.size() && e[close] == '^') ++close;
      if (close < e.size() && e[close] == ']') ++close;
      while (close < e.size() && e[close] != ']') close += e[close] == '\\' ? 2 : 1;
      if (close >= e.size()) return false;
      length = close - i + 1;
    } else if (c == '(' || c == ')') {
      depth += c == '(' ? 1 : -1;
    } else if (std::string_view(".^$|").find(c) == std::string_view::npos) {
      while (i + length < e.size() && (e[i + length] & 0xC0) == 0x80) ++length;   // a whole character
      literal = e.substr(i, length);
    }
    bool mayBeNone = false;
    const auto repeat = c == '(' ? 0 : quantifier(e, i + length, mayBeNone);
    if (depth > 0 || literal.empty() || mayBeNone) end();
    else run += literal;
    if (repeat) end();                        // more of the same may stand before what follows
    i += length + repeat;
  }
  end();
  return true;
}

}  // namespace

RequiredTexts requiredTexts(std::string_view e) {
  constexpr std::size_t kMostTexts = 8;
  RequiredTexts out;
  if (e.starts_with("(?i)")) {
    out.ignoresCase = true;
    e.remove_prefix(4);
  }
  // Other options, verbs, \Q and recursion change what plain characters mean: such expressions are left alone.
  for (const std::string_view strange : {"(?", "(*", "\\Q", "[["})
    if (e.find(strange) != std::string_view::npos) return {};
  // K and S have another case beyond ASCII (the kelvin sign, the long s), and other scripts have their own.
  const auto isText = [&](char c) { return isPlain(c) && (!out.ignoresCase || std::string_view("kKsS").find(c) == std::string_view::npos); };
  for (std::size_t i = 0;; ++i) {
    std::string best;
    if (!readAlternative(e, i, isText, best)) return {};
    std::string text(out.ignoresCase ? longestRun(best, isText) : std::string_view(best));
    if (text.empty() || out.anyOf.size() == kMostTexts) return {};
    out.anyOf.push_back(std::move(text));
    if (i >= e.size()) return out;
  }
}

namespace {

/// What JSON shows of a text as it is.
std::string_view shownRun(std::string_view text) {
  const auto run = longestRun(text, isPlain);
  if (run.size() >= 3) return run;
  const auto wider = longestRun(text, [](char c) { return isPlain(c) || !isAscii(c); });
  return wider.size() > run.size() ? wider : run;
}

}  // namespace

LineFilter LineFilter::ofText(std::string_view text) {
  LineFilter filter;
  const auto run = shownRun(text);
  if (run.empty()) return filter;
  filter.m_texts.emplace_back(std::string(run));
  filter.m_hasEscapes = true;
  filter.m_isAscii = std::all_of(run.begin(), run.end(), isAscii);
  return filter;
}

LineFilter LineFilter::ofRegex(std::string_view expression) {
  const auto required = requiredTexts(expression);
  LineFilter filter;
  filter.m_hasEscapes = true;
  for (const auto& text : required.anyOf) {
    const auto run = shownRun(text);
    if (run.empty()) return {};
    filter.m_texts.emplace_back(std::string(run), required.ignoresCase);
    filter.m_isAscii &= std::all_of(run.begin(), run.end(), isAscii);
  }
  return filter;
}

LineFilter LineFilter::ofRawText(std::string_view text) {
  LineFilter filter;
  if (!text.empty()) filter.m_texts.emplace_back(std::string(text));
  return filter;
}

LineFilter LineFilter::ofRawRegex(std::string_view expression) {
  const auto required = requiredTexts(expression);
  LineFilter filter;
  for (const auto& text : required.anyOf) filter.m_texts.emplace_back(text, required.ignoresCase);
  return filter;
}

void LineFilter::mark(std::string_view block, std::span<const std::string_view> lines, std::vector<std::uint8_t>& mayMatch) const {
  if (m_texts.empty()) {
    std::fill(mayMatch.begin(), mayMatch.end(), std::uint8_t(1));
    return;
  }
  // Goes on behind the line that a find settles; a find that hangs over a line's end settles nothing.
  const auto markFinds = [&](const ByteSearch& what, auto&& counts) {
    std::size_t at = 0, line = 0;
    while (line < lines.size()) {
      at = what.find(block, std::max(at, static_cast<std::size_t>(lines[line].data() - block.data())));
      if (at == std::string_view::npos) return;
      while (line < lines.size() && static_cast<std::size_t>(lines[line].data() - block.data()) + lines[line].size() < at + what.needle().size()) ++line;
      if (line == lines.size()) return;
      if (static_cast<std::size_t>(lines[line].data() - block.data()) <= at && counts(at)) {
        mayMatch[line++] = 1;
      } else {
        ++at;
      }
    }
  };
  for (const auto& text : m_texts) markFinds(text, [](std::size_t) { return true; });
  if (!m_hasEscapes) return;
  // \u00e9 is no ASCII; below 0x80 stand the escapes of ASCII and of control characters.
  static const ByteSearch ofAscii("\\u00"), ofAny("\\u");
  if (m_isAscii) markFinds(ofAscii, [&](std::size_t at) { return at + 4 >= block.size() || (block[at + 4] >= '0' && block[at + 4] <= '7'); });
  else markFinds(ofAny, [](std::size_t) { return true; });
}

}  // namespace retort::logs
