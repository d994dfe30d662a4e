// The lexer: text up to the next tag, then the tag's tokens until its end at bracket depth zero.
#include "text/jinja_lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/format.h"
#include "text/jinja_value.h"

namespace retort::text::jinja {

Error templateError(std::string_view source, std::string_view where, std::uint32_t at, std::string_view code, std::string why) {
  const std::string_view before = source.substr(0, std::min<std::size_t>(at, source.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t lineStart = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  std::size_t column = 1;
  for (std::size_t pos = lineStart; pos < before.size(); ++column) (void)decodeAt(before, pos);
  Error error;
  error.code = code;
  const bool syntax = code == "text.template.syntax";
  error.what = syntax ? "The chat template cannot be read" : "The chat template cannot be rendered";
  error.where = shown(where) + ", line " + std::to_string(line) + ", column " + std::to_string(column);
  error.why = std::move(why);
  error.next = "Mend the template or the messages, or choose a built-in template (chatml, llama3 or zephyr).";
  error.args = {{"template", std::string(where)}, {"line", std::to_string(line)}, {"column", std::to_string(column)}};
  return error;
}

std::string normalisedSource(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

namespace {

using Kind = Token::Kind;

bool isNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNamePart(char c) { return isNameStart(c) || isDigit(c); }

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view where) : m_source(source), m_where(where) {}

  Result<std::vector<Token>> run() {
    while (m_pos < m_source.size() && !m_failed) root();
    if (m_failed) return m_error;
    push(Kind::end, {});
    return std::move(m_tokens);
  }

 private:
  void fail(std::size_t at, std::string why) {
    if (!m_failed) m_error = templateError(m_source, m_where, static_cast<std::uint32_t>(at), "text.template.syntax", std::move(why));
    m_failed = true;
  }
  void push(Kind kind, std::string text, std::size_t at) { m_tokens.push_back({kind, std::move(text), static_cast<std::uint32_t>(at), 0, 0}); }
  void push(Kind kind, std::string text) { push(kind, std::move(text), m_pos); }
  [[nodiscard]] bool at(std::string_view text) const { return m_source.substr(m_pos).starts_with(text); }
  [[nodiscard]] std::size_t skipSpace(std::size_t pos) const {
    while (pos < m_source.size()) {
      std::size_t next = pos;
      if (!isSpace(decodeAt(m_source, next))) break;
      pos = next;
    }
    return pos;
  }

  // Emits the text before a tag at `tag`, stripped as the tag's sign and kind demand.
  void text(std::size_t tag, char sign, bool mayStripLine) {
    std::string_view data = m_source.substr(m_pos, tag - m_pos);
    if (sign == '-') {
      data = data.substr(0, stripRange(data, nullptr, false, true).second);
    } else if (sign != '+' && mayStripLine) {
      const std::size_t newline = data.rfind('\n');
      const std::size_t lineStart = newline == std::string_view::npos ? 0 : newline + 1;
      if ((lineStart > 0 || m_lineStarts) && skipSpace(m_pos + lineStart) >= tag) data = data.substr(0, lineStart);
    }
    if (!data.empty()) push(Kind::data, std::string(data));
  }

  void root() {
    std::size_t tag = m_pos;
    for (;; ++tag) {
      tag = m_source.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= m_source.size()) {
        push(Kind::data, std::string(m_source.substr(m_pos)));
        m_pos = m_source.size();
        return;
      }
      const char c = m_source[tag + 1];
      if (c == '{' || c == '%' || c == '#') break;
    }
    const char kind = m_source[tag + 1];
    const char sign = tag + 2 < m_source.size() ? m_source[tag + 2] : ' ';
    const bool signedTag = sign == '-' || sign == '+';
    text(tag, sign, kind != '{');
    m_pos = tag + 2 + (signedTag ? 1 : 0);
    if (kind == '#') return comment(tag);
    if (kind == '%' && raw(tag)) return;
    push(kind == '{' ? Kind::printBegin : Kind::blockBegin, {}, tag);
    inside(kind == '{', tag);
  }

  // Consumes what follows a tag's end: whitespace after "-", one newline after a plain block or comment end.
  void afterTag(char sign, bool eatsNewline) {
    const std::size_t start = m_pos;
    if (sign == '-') {
      m_pos = skipSpace(m_pos);
    } else if (sign != '+' && eatsNewline && m_pos < m_source.size() && m_source[m_pos] == '\n') {
      ++m_pos;
    }
    m_lineStarts = m_pos > start && m_source[m_pos - 1] == '\n';
  }

  void comment(std::size_t tag) {
    const std::size_t end = m_source.find("#}", m_pos);
    if (end == std::string_view::npos) return fail(tag, "The comment has no end (#}).");
    const char sign = end > m_pos ? m_source[end - 1] : ' ';
    m_pos = end + 2;
    afterTag(sign, true);
  }

  // {% raw %} … {% endraw %}; false when the block is another one.
  bool raw(std::size_t tag) {
    std::size_t pos = skipSpace(m_pos);
    if (!m_source.substr(pos).starts_with("raw")) return false;
    pos = skipSpace(pos + 3);
    const bool minus = m_source.substr(pos).starts_with("-%}");
    if (!minus && !m_source.substr(pos).starts_with("%}")) return false;
    m_pos = pos + (minus ? 3 : 2);
    afterTag(minus ? '-' : ' ', false);
    for (std::size_t end = m_source.find("{%", m_pos); end != std::string_view::npos; end = m_source.find("{%", end + 2)) {
      const char sign = end + 2 < m_source.size() ? m_source[end + 2] : ' ';
      std::size_t p = skipSpace(end + 2 + (sign == '-' || sign == '+' ? 1 : 0));
      if (!m_source.substr(p).starts_with("endraw")) continue;
      p = skipSpace(p + 6);
      const char closing = p < m_source.size() ? m_source[p] : ' ';
      if (closing == '-' || closing == '+') ++p;
      if (!m_source.substr(p).starts_with("%}")) continue;
      text(end, sign, true);
      m_pos = p + 2;
      afterTag(closing, true);
      return true;
    }
    fail(tag, "{% raw %} has no {% endraw %}.");
    return true;
  }

  void inside(bool print, std::size_t tag) {
    const std::string_view closing = print ? "}}" : "%}";
    std::string brackets;
    while (!m_failed) {
      m_pos = skipSpace(m_pos);
      if (m_pos >= m_source.size()) return fail(tag, print ? "The tag has no end (}})." : "The tag has no end (%}).");
      if (brackets.empty()) {
        const char sign = m_source[m_pos];
        const bool hasSign = (sign == '-' || (sign == '+' && !print)) && m_source.substr(m_pos + 1).starts_with(closing);
        if (hasSign || at(closing)) {
          push(print ? Kind::printEnd : Kind::blockEnd, {});
          m_pos += hasSign ? 3 : 2;
          return afterTag(hasSign ? sign : ' ', !print);
        }
      }
      token(brackets);
    }
  }

  void token(std::string& brackets) {
    const char c = m_source[m_pos];
    if (isDigit(c)) return number();
    if (isNameStart(c)) {
      std::size_t end = m_pos;
      while (end < m_source.size() && isNamePart(m_source[end])) ++end;
      push(Kind::name, std::string(m_source.substr(m_pos, end - m_pos)));
      m_pos = end;
      return;
    }
    if (c == '"' || c == '\'') return quotedString(c);
    static constexpr std::array<std::string_view, 25> kOperators = {"**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "(",
                                                                    ")",  "[",  "]",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};
    for (const std::string_view op : kOperators) {
      if (!at(op)) continue;
      if (op == "(" || op == "[" || op == "{") brackets += op == "(" ? ')' : op == "[" ? ']' : '}';
      if (op == ")" || op == "]" || op == "}") {
        if (brackets.empty() || brackets.back() != op[0]) return fail(m_pos, "There is a \"" + std::string(op) + "\" without its opening bracket.");
        brackets.pop_back();
      }
      push(Kind::op, std::string(op));
      m_pos += op.size();
      return;
    }
    fail(m_pos, "The character " + shown(m_source.substr(m_pos, 1)) + " has no meaning here.");
  }

  void number() {
    const std::size_t start = m_pos;
    const auto digits = [&](std::size_t pos) {
      while (pos < m_source.size() && (isDigit(m_source[pos]) || (m_source[pos] == '_' && pos + 1 < m_source.size() && isDigit(m_source[pos + 1])))) ++pos;
      return pos;
    };
    const auto digitAt = [&](std::size_t pos) { return pos < m_source.size() && isDigit(m_source[pos]); };
    if (m_source[start] == '0' && start + 1 < m_source.size()) {
      const char base = static_cast<char>(m_source[start + 1] | 0x20);
      if (base == 'x' || base == 'o' || base == 'b') return basedInteger(base == 'x' ? 16 : base == 'o' ? 8 : 2);
    }
    std::size_t end = digits(start);
    bool real = false;
    if (end < m_source.size() && m_source[end] == '.' && digitAt(end + 1)) {
      real = true;
      end = digits(end + 1);
    }
    if (end < m_source.size() && (m_source[end] == 'e' || m_source[end] == 'E')) {
      const std::size_t exponent = end + 1 + (end + 1 < m_source.size() && (m_source[end + 1] == '+' || m_source[end + 1] == '-') ? 1 : 0);
      if (digitAt(exponent)) {
        real = true;
        end = digits(exponent);
      }
    }
    std::string text(m_source.substr(start, end - start));
    std::erase(text, '_');
    Token token{real ? Kind::real : Kind::integer, text, static_cast<std::uint32_t>(start), 0, 0};
    if (real) {
      std::from_chars(text.data(), text.data() + text.size(), token.real);
    } else if (std::from_chars(text.data(), text.data() + text.size(), token.integer).ec != std::errc()) {
      return fail(start, "The number " + shown(text) + " is too large.");
    }
    m_tokens.push_back(std::move(token));
    m_pos = end;
  }

  void basedInteger(int base) {
    const std::size_t start = m_pos;
    std::size_t end = start + 2;
    while (end < m_source.size() && isNamePart(m_source[end])) ++end;
    std::string text(m_source.substr(start + 2, end - start - 2));
    std::erase(text, '_');
    Token token{Kind::integer, text, static_cast<std::uint32_t>(start), 0, 0};
    const auto done = std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (done.ec != std::errc() || done.ptr != text.data() + text.size()) return fail(start, "The number is malformed or too large.");
    m_tokens.push_back(std::move(token));
    m_pos = end;
  }

  void quotedString(char quote) {
    const std::size_t start = m_pos++;
    std::string out;
    while (m_pos < m_source.size() && m_source[m_pos] != quote) {
      const char c = m_source[m_pos++];
      if (c != '\\') {
        out += c;
        continue;
      }
      if (m_pos >= m_source.size()) break;
      if (!escape(out, start)) return;
    }
    if (m_pos >= m_source.size()) return fail(start, "The string has no closing quote.");
    ++m_pos;
    push(Kind::string, std::move(out), start);
  }

  // Reads `count` hex digits at m_pos.
  bool hex(int count, char32_t& out) {
    out = 0;
    for (int i = 0; i < count; ++i) {
      const char c = m_pos < m_source.size() ? m_source[m_pos] : ' ';
      const int digit = isDigit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
      if (digit < 0) return false;
      out = out * 16 + static_cast<char32_t>(digit);
      ++m_pos;
    }
    return true;
  }

  bool escape(std::string& out, std::size_t start) {
    const char c = m_source[m_pos++];
    switch (c) {
      case '\n': return true;
      case 'n': out += '\n'; return true;
      case 't': out += '\t'; return true;
      case 'r': out += '\r'; return true;
      case 'a': out += '\a'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case 'v': out += '\v'; return true;
      case '\\': case '\'': case '"': out += c; return true;
      case 'x': case 'u': case 'U': return unicodeEscape(out, c == 'x' ? 2 : c == 'u' ? 4 : 8, start);
      default: break;
    }
    if (c >= '0' && c <= '7') {
      char32_t code = static_cast<char32_t>(c - '0');
      for (int i = 0; i < 2 && m_pos < m_source.size() && m_source[m_pos] >= '0' && m_source[m_pos] <= '7'; ++i)
        code = code * 8 + static_cast<char32_t>(m_source[m_pos++] - '0');
      appendUtf8(out, code);
      return true;
    }
    out += '\\';
    out += c;
    return true;
  }

  bool unicodeEscape(std::string& out, int digits, std::size_t start) {
    char32_t code = 0, low = 0;
    bool good = hex(digits, code);
    if (good && code >= 0xD800 && code < 0xDC00 && at("\\u")) {
      m_pos += 2;
      good = hex(4, low) && low >= 0xDC00 && low < 0xE000;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code < 0xE000) {
      good = false;
    }
    if (!good || code > 0x10FFFF) {
      fail(start, "The string has an escape that is no character.");
      return false;
    }
    appendUtf8(out, code);
    return true;
  }

  std::string_view m_source, m_where;
  std::vector<Token> m_tokens;
  std::size_t m_pos = 0;
  bool m_lineStarts = true, m_failed = false;
  Error m_error;
};

}  // namespace

Result<std::vector<Token>> lex(std::string_view source, std::string_view where) { return Lexer(source, where).run(); }

}  // namespace retort::text::jinja
