// A walk along JSON that is known to be well-formed: strings are skipped 16 bytes at a time, and only texts are copied.
#include "logs/line_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace retort::logs {

namespace {

/// Bits of the 16 bytes at `p` that are a quote or a backslash.
inline unsigned specials(const char* p) {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
  return static_cast<unsigned>(_mm_movemask_epi8(found));
#else
  unsigned mask = 0;
  for (unsigned i = 0; i < 16; ++i) mask |= static_cast<unsigned>(p[i] == '\\' || p[i] == '"') << i;
  return mask;
#endif
}

int hexValue(const char* p) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

char* putUtf8(char* to, std::uint32_t c) {
  if (c < 0x80) {
    *to++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *to++ = static_cast<char>(0xC0 | c >> 6);
    *to++ = static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *to++ = static_cast<char>(0xE0 | c >> 12);
    *to++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (c & 0x3F));
  } else {
    *to++ = static_cast<char>(0xF0 | c >> 18);
    *to++ = static_cast<char>(0x80 | (c >> 12 & 0x3F));
    *to++ = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (c & 0x3F));
  }
  return to;
}

/// Reads a line once, from its beginning to its end. Every function gives false for what it does not know, which ends it all.
class Walk {
 public:
  Walk(std::string_view line, char* out) : m_p(line.data()), m_end(line.data() + line.size()), m_out(out), m_begin(out), m_part(out) {}

  bool read() {
    bool isLog = false, hasInput = false, hasOutput = false;
    return members([&](std::string_view key) {
             if (key == "schemaType") return !isLog && (isLog = isString("ModelInvocationLog"));
             if (key == "input") return once(hasInput) && members([&](std::string_view k) { return k == "inputBodyJson" ? once(m_hasRequest) && request() : skip(); });
             if (key == "output") return once(hasOutput) && members([&](std::string_view k) { return k == "outputBodyJson" ? m_hasRequest && once(m_hasResponse) && response() : skip(); });
             return skip();
           }) && isLog && m_hasResponse;
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(m_out - m_begin); }
  [[nodiscard]] std::size_t answerAt() const { return m_answerAt; }

 private:
  static bool once(bool& seen) { return !seen && (seen = true); }
  bool at(char c) {
    while (m_p < m_end && (*m_p == ' ' || *m_p == '\t' || *m_p == '\n' || *m_p == '\r')) ++m_p;
    return m_p < m_end && *m_p == c;
  }
  bool take(char c) { return at(c) && (++m_p, true); }

  /// The inside of a string, as it stands.
  bool string(std::string_view& raw) {
    if (!take('"')) return false;
    const char* const from = m_p;
    while (m_p < m_end) {
      const unsigned mask = specials(m_p);
      if (mask == 0) {
        m_p += 16;
        continue;
      }
      m_p += __builtin_ctz(mask);
      if (*m_p == '"') {
        if (m_p >= m_end) return false;
        raw = {from, static_cast<std::size_t>(m_p - from)};
        ++m_p;
        return true;
      }
      m_p += 2;
    }
    return false;
  }
  bool isString(std::string_view text) {
    std::string_view raw;
    return string(raw) && raw == text;
  }

  bool skip() {
    std::string_view raw;
    if (at('"')) return string(raw);
    if (m_p < m_end && *m_p != '{' && *m_p != '[') {
      while (m_p < m_end && *m_p != ',' && *m_p != '}' && *m_p != ']') ++m_p;
      return m_p < m_end;
    }
    for (int depth = 0; m_p < m_end;) {
      if (*m_p == '"') {
        if (!string(raw)) return false;
        continue;
      }
      depth += *m_p == '{' || *m_p == '[' ? 1 : *m_p == '}' || *m_p == ']' ? -1 : 0;
      ++m_p;
      if (depth == 0) return true;
    }
    return false;
  }

  /// `member` reads the value behind each key of an object. Keys with escapes are not for us.
  template <typename Member>
  bool members(Member&& member) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view key;
      if (!string(key) || key.find('\\') != std::string_view::npos || !take(':') || !member(key)) return false;
    } while (take(','));
    return take('}');
  }
  template <typename Item>
  bool items(Item&& item) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!item()) return false;
    } while (take(','));
    return take(']');
  }

  bool request() {
    bool hasSystem = false, hasMessages = false;
    return members([&](std::string_view key) {
             if (key == "system") return once(hasSystem) && (hasMessages ? lateSystem() : system());
             if (key == "messages") return once(hasMessages) && items([&] { return message(); });
             return key != "inputText" && skip();
           }) && hasMessages;
  }

  /// A system prompt of nothing is no message.
  bool system() {
    m_part = m_out;
    if (!at('[')) return at('"') && text();
    return items([&] { return at('{') && block(true); });
  }
  /// It stands first whatever the order of members.
  bool lateSystem() {
    if (m_isFirstEmpty) return false;      // what is joined with line breaks then is not worth the trouble
    char* const from = m_out;
    if (!system()) return false;
    if (m_out == from) return true;
    *m_out++ = '\n';
    std::rotate(m_begin, from, m_out);
    return true;
  }

  /// Converse's {"output":{"message"}}, or Claude's whole message.
  bool response() {
    bool hasOutput = false, hasMessage = false, hasContent = false, hasRole = false, isMessage = true;
    m_answerAt = size() + (size() > 0);
    return members([&](std::string_view key) {
             if (key == "output") return once(hasOutput) && members([&](std::string_view k) { return k == "message" ? once(hasMessage) && message() : skip(); });
             if (key == "content") return once(hasContent) && at('[') && next() && content();
             if (key == "role") return once(hasRole) && at('"') && skip();
             bool isKnown = key.starts_with("amazon-bedrock-");
             for (const std::string_view known : {"id", "type", "model", "stop_reason", "stop_sequence", "usage"}) isKnown |= key == known;
             isMessage &= isKnown;
             return skip();
           }) && (hasMessage ? !hasContent : hasContent && hasRole && isMessage);
  }

  /// The line break between messages.
  bool next() {
    if (m_out != m_begin) *m_out++ = '\n';
    m_part = m_out;
    return true;
  }
  bool message() {
    bool hasRole = false, hasContent = false;
    next();
    const bool isKnown = members([&](std::string_view key) {
      if (key == "role") return once(hasRole) && at('"') && skip();
      return key == "content" && once(hasContent) && content();
    });
    m_isFirstEmpty |= m_out == m_begin;
    return isKnown && hasRole && hasContent;
  }
  bool content() {
    if (at('"')) return text();
    return items([&] { return at('"') ? text() : at('{') && block(false); });
  }
  bool block(bool isSystem) {
    bool hasText = false, hasType = false;
    return members([&](std::string_view key) {
             if (key == "text") return once(hasText) && at('"') && text();
             if (key == "type") return once(hasType) && isString("text");
             return (key == "cache_control" || (isSystem && key == "cachePoint")) && skip();
           }) && (hasText || isSystem);
  }

  /// Adds a string to the message, behind a line break where the message has text already.
  bool text() {
    ++m_p;
    if (m_out != m_part && m_p < m_end && *m_p != '"') *m_out++ = '\n';
    while (m_p < m_end) {
      const unsigned mask = specials(m_p) | specials(m_p + 16) << 16;
      std::memcpy(m_out, m_p, 32);
      if (mask == 0) {
        m_p += 32;
        m_out += 32;
        continue;
      }
      const int length = __builtin_ctz(mask);
      m_p += length;
      m_out += length;
      if (*m_p == '"') return m_p < m_end && (++m_p, true);
      if (!escape()) return false;
    }
    return false;
  }
  bool escape() {
    const char kind = m_p[1];
    m_p += 2;
    switch (kind) {
      case 'n': *m_out++ = '\n'; return true;
      case 't': *m_out++ = '\t'; return true;
      case 'r': *m_out++ = '\r'; return true;
      case 'b': *m_out++ = '\b'; return true;
      case 'f': *m_out++ = '\f'; return true;
      case '"':
      case '\\':
      case '/': *m_out++ = kind; return true;
      case 'u': break;
      default: return false;
    }
    int value = hexValue(m_p);
    m_p += 4;
    if (value < 0) return false;
    auto c = static_cast<std::uint32_t>(value);
    if (c >= 0xD800 && c < 0xE000) {
      if (c >= 0xDC00 || m_p[0] != '\\' || m_p[1] != 'u') return false;
      value = hexValue(m_p + 2);
      if (value < 0xDC00 || value >= 0xE000) return false;
      c = 0x10000 + ((c - 0xD800) << 10) + (static_cast<std::uint32_t>(value) - 0xDC00);
      m_p += 6;
    }
    m_out = putUtf8(m_out, c);
    return true;
  }

  const char *m_p, *const m_end;
  char *m_out, *const m_begin;
  char* m_part;                                  ///< where the message's text begins
  bool m_hasRequest = false, m_hasResponse = false, m_isFirstEmpty = false;
  std::size_t m_answerAt = 0;
};

}  // namespace

bool readLineText(std::string_view line, DecodedText& out) {
  Walk walk(line, out.begin(line.size()));
  if (line.empty() || line[0] != '{' || !walk.read()) return false;
  out.end(walk.size(), walk.answerAt());
  return true;
}

}  // namespace retort::logs
