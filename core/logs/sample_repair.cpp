// A reader of almost-JSON that writes JSON as it goes.
#include "logs/sample_repair.h"

#include <algorithm>

namespace retort::logs {

namespace {

constexpr int kMostDepth = 64;
constexpr std::size_t kMostRepairs = 64;
constexpr std::size_t kMostBytes = 4u << 20;

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool isNameChar(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

class Mender {
 public:
  explicit Mender(std::string_view text) : m_text(text) { m_out.text.reserve(text.size() + 64); }

  std::optional<MendedSample> run() {
    if (m_text.size() > kMostBytes || !value(0)) return std::nullopt;
    blanks();
    if (now() == '}' || now() == ']') note("a closing bracket too many");
    while (now() == '}' || now() == ']' || now() == ',') {
      ++m_at;
      blanks();
    }
    if (m_at != m_text.size() || m_out.repairs.empty() || m_out.repairs.size() > kMostRepairs) return std::nullopt;
    return std::move(m_out);
  }

 private:
  [[nodiscard]] char now() const { return m_at < m_text.size() ? m_text[m_at] : '\0'; }
  void blanks() {
    while (m_at < m_text.size() && isBlank(m_text[m_at])) ++m_at;
  }
  void note(std::string cause) {
    SampleRepair repair;
    const auto before = m_text.substr(0, std::min(m_at, m_text.size()));
    repair.line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const auto newline = before.rfind('\n');
    repair.column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    repair.cause = std::move(cause);
    if (m_out.repairs.size() <= kMostRepairs) m_out.repairs.push_back(std::move(repair));
  }

  bool value(int depth) {
    blanks();
    const char c = now();
    if (c == '{' || c == '[') return depth < kMostDepth && container(depth, c == '{');
    if (c == '"' || c == '\'') return string(false);
    const auto begin = m_at;
    while (m_at < m_text.size() && (isNameChar(m_text[m_at]) || m_text[m_at] == '.' || m_text[m_at] == '+')) ++m_at;
    m_out.text += m_text.substr(begin, m_at - begin);
    return m_at > begin;
  }

  bool container(int depth, bool isObject) {
    const char close = isObject ? '}' : ']';
    m_out.text += now();
    ++m_at;
    bool isFirst = true, hasComma = false;
    while (true) {
      blanks();
      if (now() == close) {
        if (hasComma) note("a comma stands before the closing bracket");
        m_out.text += close;
        ++m_at;
        return true;
      }
      const char c = now();
      if (c == '\0') return false;
      if (!isFirst && !hasComma) {
        if (c != '"' && c != '\'' && c != '{' && c != '[') return false;
        note("a comma is missing");
      }
      if (!isFirst) m_out.text += ',';
      isFirst = false;
      hasComma = false;
      if (isObject) {
        if (c == '"' || c == '\'' ? !string(true) : !bareName()) return false;
        blanks();
        if (now() != ':') return false;
        ++m_at;
        m_out.text += ':';
      }
      if (!value(depth + 1)) return false;
      blanks();
      if (now() == ',') hasComma = true, ++m_at;
    }
  }

  /// A member's name without quotes, or with the last one only.
  bool bareName() {
    const auto begin = m_at;
    while (isNameChar(now())) ++m_at;
    const auto name = m_text.substr(begin, m_at - begin);
    if (name.empty()) return false;
    if (now() == '"') ++m_at;
    const auto end = m_at;
    m_at = begin;
    note("the quote before a member's name is missing");
    m_at = end;
    m_out.text += '"' + std::string(name) + '"';
    return true;
  }

  /// A single quote ends a text only before what may follow a value: "don't" stays whole.
  [[nodiscard]] bool endsHere(std::size_t at) const {
    for (++at; at < m_text.size() && isBlank(m_text[at]); ++at) {}
    return at == m_text.size() || m_text[at] == ',' || m_text[at] == '}' || m_text[at] == ']' || m_text[at] == ':';
  }

  bool string(bool isKey) {
    const char quote = now();
    if (quote == '\'') note("a text stands in single quotes");
    ++m_at;
    m_out.text += '"';
    bool isLong = false;
    const auto begin = m_at;
    while (m_at < m_text.size()) {
      const char c = m_text[m_at];
      if (c == quote && (quote == '"' || endsHere(m_at))) {
        ++m_at;
        m_out.text += '"';
        return true;
      }
      // "description: "…": the name of a member lacks its closing quote.
      if (isKey && c == ':' && m_at > begin && std::all_of(m_text.begin() + static_cast<std::ptrdiff_t>(begin), m_text.begin() + static_cast<std::ptrdiff_t>(m_at), isNameChar)) {
        note("the quote after a member's name is missing");
        m_out.text += '"';
        return true;
      }
      if (c == '\\' && m_at + 1 < m_text.size()) {
        const char next = m_text[m_at + 1];
        if (next == '\'') m_out.text += '\'';
        else if (next == '\n') m_out.text += "\\n";
        else m_out.text += c, m_out.text += next;
        m_at += 2;
        continue;
      }
      if (c == '\n' || c == '\r' || c == '\t') {
        if (c != '\t' && !isLong) note("a text goes over several lines"), isLong = true;
        m_out.text += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "";
      } else if (c == '"') {
        m_out.text += "\\\"";
      } else {
        m_out.text += c;
      }
      ++m_at;
    }
    return false;
  }

  std::string_view m_text;
  std::size_t m_at = 0;
  MendedSample m_out;
};

}  // namespace

bool isPromptSample(std::string_view text) { return text.find("bedrock-conver") != std::string_view::npos; }

std::optional<MendedSample> mendSample(std::string_view text) { return Mender(text).run(); }

}  // namespace retort::logs
