// Runs the steps depth first: each word of one step goes through the next, so that no list of words is kept.
#include "text/pretokenizer.h"

#include <optional>

#include "base/format.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace retort::text {
namespace {

/// Turns a row of separators and texts between them into words, by one of the five behaviours.
template <typename Emit>
class Splitter {
 public:
  Splitter(SplitBehavior behavior, bool invert, Emit emit) : m_behavior(behavior), m_invert(invert), m_emit(std::move(emit)) {}

  Status piece(std::size_t begin, std::size_t end, bool isMatch) {
    if (m_invert) isMatch = !isMatch;
    switch (m_behavior) {
      case SplitBehavior::Removed: return isMatch ? Status() : emit(begin, end);
      case SplitBehavior::Isolated: return emit(begin, end);
      case SplitBehavior::MergedWithPrevious: return hold(begin, end, isMatch, isMatch && !m_heldIsMatch);
      case SplitBehavior::MergedWithNext: return hold(begin, end, isMatch, !isMatch && m_heldIsMatch);
      case SplitBehavior::Contiguous: return hold(begin, end, isMatch, isMatch == m_heldIsMatch);
    }
    return {};
  }
  Status finish() { return m_holds ? emit(m_begin, m_end) : Status(); }

 private:
  Status emit(std::size_t begin, std::size_t end) { return begin == end ? Status() : m_emit(begin, end); }
  /// Joins the piece to the one held back, or gives that one out and holds this.
  Status hold(std::size_t begin, std::size_t end, bool isMatch, bool joins) {
    const bool held = m_holds;
    const std::size_t heldBegin = m_begin, heldEnd = m_end;
    m_heldIsMatch = isMatch;
    m_holds = true;
    m_end = end;
    if (held && joins) return {};
    m_begin = begin;
    return held ? emit(heldBegin, heldEnd) : Status();
  }
  SplitBehavior m_behavior;
  bool m_invert;
  Emit m_emit;
  bool m_holds = false, m_heldIsMatch = false;
  std::size_t m_begin = 0, m_end = 0;
};

/// Calls piece(begin, end, isMatch) for the matches that `find(from)` gives and for the text between them.
template <typename Find, typename Piece>
Status cut(std::size_t size, Find&& find, Piece&& piece) {
  std::size_t done = 0, from = 0;
  while (from < size) {
    RETORT_TRY(const Regex::Match match, find(from));
    if (!match.found) break;
    if (match.begin == match.end) {   // an empty match separates nothing
      from = match.end + 1;
      continue;
    }
    if (match.begin > done) RETORT_CHECK(piece(done, match.begin, false));
    RETORT_CHECK(piece(match.begin, match.end, true));
    done = from = match.end;
  }
  return done < size ? piece(done, size, false) : Status();
}

/// Finds matches in text that may hold invalid UTF-8: the regular expression sees the valid stretches one by one.
class ValidStretches {
 public:
  ValidStretches(const Regex& regex, std::string_view text) : m_regex(regex), m_text(text), m_allValid(isValidUtf8(text)) {}
  Result<Regex::Match> operator()(std::size_t from) {
    if (m_allValid) {
      while (from < m_text.size() && isTail(from)) ++from;
      return m_regex.find(m_text, from);
    }
    while (from < m_text.size()) {
      if (from >= m_end) nextStretch(from);
      if (from < m_end) {
        while (from < m_end && isTail(from)) ++from;
        RETORT_TRY(Regex::Match match, m_regex.find(m_text.substr(m_begin, m_end - m_begin), from - m_begin));
        if (match.found) return Regex::Match{true, match.begin + m_begin, match.end + m_begin};
      }
      from = std::max(from, m_end) + (from >= m_end ? 1 : 0);
    }
    return Regex::Match{};
  }

 private:
  [[nodiscard]] bool isTail(std::size_t i) const { return (static_cast<std::uint8_t>(m_text[i]) & 0xC0u) == 0x80u; }
  void nextStretch(std::size_t from) {
    m_begin = m_end = from;
    const char* end = m_text.data() + m_text.size();
    while (m_end < m_text.size()) {
      const CodePoint c = decodeAt(m_text.data() + m_end, end);
      if (!c.valid) break;
      m_end += c.length;
    }
  }
  const Regex& m_regex;
  std::string_view m_text;
  bool m_allValid;
  std::size_t m_begin = 0, m_end = 0;
};

Regex::Match findFlags(std::string_view text, std::size_t from, unsigned flags) {
  const char* end = text.data() + text.size();
  for (const char* p = text.data() + from; p < end;) {
    const CodePoint c = decodeAt(p, end);
    const auto begin = static_cast<std::size_t>(p - text.data());
    if (c.valid && (flagsOf(c.value) & flags)) return {true, begin, begin + c.length};
    p += c.length;
  }
  return {};
}

/// \w+|[^\w\s]+ of the Whitespace pre-tokenizer: the end of the run of one class that starts at `from`.
Regex::Match findWords(std::string_view text, std::size_t from) {
  const char* end = text.data() + text.size();
  const auto classOf = [](const CodePoint& c) {
    const unsigned flags = c.valid ? flagsOf(c.value) : 0;
    return (flags & kSpace) ? 0 : (flags & kWord) ? 1 : 2;
  };
  int kind = 0;
  std::size_t begin = from;
  for (const char* p = text.data() + from; p < end;) {
    const CodePoint c = decodeAt(p, end);
    const int here = classOf(c);
    const auto at = static_cast<std::size_t>(p - text.data());
    if (kind != 0 && here != kind) return {true, begin, at};
    if (kind == 0 && here != 0) {
      begin = at;
      kind = here;
    }
    p += c.length;
  }
  return kind == 0 ? Regex::Match{} : Regex::Match{true, begin, text.size()};
}

}  // namespace

Status PreTokenizer::step(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const {
  if (text.text.empty()) return {};
  if (k == m_steps.size()) return sink.word(text);
  switch (m_steps[k].kind) {
    case Kind::PrefixSpace:
    case Kind::MapBytes: return rewrite(k, text, track, sink);
    case Kind::Metaspace: return metaspace(k, text, track, sink);
    default: return split(k, text, track, sink);
  }
}

Status PreTokenizer::split(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const {
  const Step& s = m_steps[k];
  const std::string_view view = text.text;
  const bool last = k + 1 == m_steps.size();
  const auto emit = [&](std::size_t begin, std::size_t end) {
    return last ? sink.word(text.sub(begin, end)) : step(k + 1, text.sub(begin, end), track, sink);
  };
  if (s.kind == Kind::Scan && s.behavior == SplitBehavior::Isolated) {   // the common case, kept tight
    for (std::size_t i = 0; i < view.size();) {
      const std::size_t end = nextSplit(s.rule, view, i);
      RETORT_CHECK(emit(i, end));
      i = end;
    }
    return {};
  }
  Splitter splitter(s.behavior, s.invert, emit);
  const auto piece = [&](std::size_t begin, std::size_t end, bool isMatch) { return splitter.piece(begin, end, isMatch); };
  Status status;
  switch (s.kind) {
    case Kind::Scan:
      status = cut(view.size(), [&](std::size_t from) -> Result<Regex::Match> { return Regex::Match{true, from, nextSplit(s.rule, view, from)}; }, piece);
      break;
    case Kind::Pattern: status = cut(view.size(), ValidStretches(*s.regex, view), piece); break;
    case Kind::Literal:
      status = cut(view.size(), [&](std::size_t from) -> Result<Regex::Match> {
        const std::size_t at = s.literal.empty() ? view.npos : view.find(s.literal, from);
        return at == view.npos ? Regex::Match{} : Regex::Match{true, at, at + s.literal.size()};
      }, piece);
      break;
    case Kind::Flags: status = cut(view.size(), [&](std::size_t from) -> Result<Regex::Match> { return findFlags(view, from, s.flags); }, piece); break;
    case Kind::Words: status = cut(view.size(), [&](std::size_t from) -> Result<Regex::Match> { return findWords(view, from); }, piece); break;
    default: break;
  }
  RETORT_CHECK(std::move(status));
  return splitter.finish();
}

Status PreTokenizer::rewrite(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const {
  if (m_steps[k].kind == Kind::PrefixSpace) {
    if (text.text.front() == ' ') return step(k + 1, text, track, sink);
    OwnedText out(text, track);
    out.add(" ", text.base);
    out.copy(text, 0, text.text.size());
    return step(k + 1, out.view(), track, sink);
  }
  OwnedText out(text, track);
  for (std::size_t i = 0; i < text.text.size(); ++i) out.add(letterOfByte(static_cast<unsigned char>(text.text[i])), text.sourceAt(i + 1));
  return step(k + 1, out.view(), track, sink);
}

Status PreTokenizer::metaspace(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const {
  const Step& s = m_steps[k];
  OwnedText out(text, track);
  const std::string_view view = text.text;
  const bool prepends = s.prepend == Step::Prepend::Always || (s.prepend == Step::Prepend::First && text.first);
  if (prepends && view.front() != ' ' && !view.starts_with(s.literal)) out.add(s.literal, text.base);
  std::size_t done = 0;
  for (std::size_t at = view.find(' '); at != view.npos; at = view.find(' ', at + 1)) {
    out.copy(text, done, at);
    out.add(s.literal, text.sourceAt(at + 1));
    done = at + 1;
  }
  out.copy(text, done, view.size());
  const AlignedText all = out.view();
  if (!s.split) return step(k + 1, all, track, sink);
  const auto emit = [&](std::size_t begin, std::size_t end) { return step(k + 1, all.sub(begin, end), track, sink); };
  Splitter splitter(SplitBehavior::MergedWithNext, false, emit);
  RETORT_CHECK(cut(all.text.size(), [&](std::size_t from) -> Result<Regex::Match> {
    const std::size_t at = all.text.find(s.literal, from);
    return at == all.text.npos ? Regex::Match{} : Regex::Match{true, at, at + s.literal.size()};
  }, [&](std::size_t begin, std::size_t end, bool isMatch) { return splitter.piece(begin, end, isMatch); }));
  return splitter.finish();
}

}  // namespace retort::text
