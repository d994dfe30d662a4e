// What the dialects share: literals, names, and the regular expressions that all engines read alike.
#include "logs/remote_dialect.h"

#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "base/format.h"
#include "base/json.h"
#include "logs/remote_dialects.h"

namespace retort::logs {

std::string_view engineName(SqlEngine engine) {
  static constexpr std::string_view kNames[] = {"duckdb", "athena", "clickhouse"};
  return kNames[static_cast<int>(engine)];
}

Result<SqlEngine> parseEngine(std::string_view name) {
  std::vector<std::string> names;
  for (const auto engine : {SqlEngine::duckdb, SqlEngine::athena, SqlEngine::clickhouse}) {
    if (engineName(engine) == name) return engine;
    names.emplace_back(engineName(engine));
  }
  const auto near = nearestName(name, names);
  return Error{"logs.remote.engine", "There is no engine " + shown(name), {}, {}, near.empty() ? "There are duckdb, athena and clickhouse." : "Did you mean " + near + "?", {}, {}};
}

const SqlDialect& dialectOf(SqlEngine engine) {
  return engine == SqlEngine::duckdb ? duckDialect() : engine == SqlEngine::athena ? athenaDialect() : clickhouseDialect();
}

std::string sqlCall(std::string_view function, std::initializer_list<std::string> arguments) {
  std::string out(function);
  const char* separator = "(";
  for (const auto& argument : arguments) {
    out += separator + argument;
    separator = ", ";
  }
  return out + ")";
}

std::string SqlDialect::below(const std::string& json, const std::vector<std::string>& path) const {
  std::string out = json;
  for (const auto& key : path) out = member(out, key);
  return out;
}

std::string SqlDialect::number(double value) {
  char text[64];
  if (value == std::floor(value) && std::abs(value) < 1e15) return std::to_string(static_cast<std::int64_t>(value));
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  return {text, end};
}

std::string sqlTime(std::int64_t micros) {
  constexpr std::int64_t kSecond = 1'000'000;
  const auto fraction = ((micros % kSecond) + kSecond) % kSecond;
  std::string iso = isoUtc(micros - fraction);
  iso[iso.find('T')] = ' ';
  iso.back() = '.';   // the Z
  const std::string digits = std::to_string(fraction);
  return iso + std::string(6 - digits.size(), '0') + digits;
}

std::string quotedText(std::string_view plain, std::string_view charCall) {
  std::string out = "'";
  bool isJoined = false;
  for (const char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += "' || " + std::string(charCall) + "(" + std::to_string(byte) + ") || '";
      isJoined = true;
    } else {
      out += c;
      if (c == '\'') out += c;
    }
  }
  out += "'";
  return isJoined ? "(" + out + ")" : out;
}

std::string quotedName(std::string_view plain) {
  std::string out = "\"";
  for (const char c : plain) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

namespace {

bool isAnyOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

/// Takes {n}, {n,} or {n,m} with numbers up to 100; false for anything else.
bool takeCount(std::string_view& rest, std::string& out) {
  const auto end = rest.find('}');
  if (end == std::string_view::npos || end > 8) return false;
  const auto parts = splitView(rest.substr(1, end - 1), ',');
  if (parts.size() > 2 || parts[0].empty()) return false;
  for (const auto part : parts) {
    int n = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), n);
    if (!part.empty() && (error != std::errc() || stop != part.data() + part.size() || n < 0 || n > 100)) return false;
  }
  out += rest.substr(0, end + 1);
  rest.remove_prefix(end + 1);
  return true;
}

/// An escape of one character, inside a class or outside.
bool takeEscape(std::string_view& rest, std::string& out, bool isInClass) {
  if (rest.size() < 2) return false;
  const char c = rest[1];
  if (c == 'd') out += isInClass ? "0-9" : "[0-9]";
  else if (c == 'w') out += isInClass ? "A-Za-z0-9_" : "[A-Za-z0-9_]";
  else if (isAnyOf(c, R"(.\+*?()|[]{}^$-/)")) out += std::string("\\") + c;
  else return false;
  rest.remove_prefix(2);
  return true;
}

bool takeClass(std::string_view& rest, std::string& out) {
  out += '[';
  rest.remove_prefix(1);
  if (rest.starts_with('^')) {
    out += '^';
    rest.remove_prefix(1);
  }
  if (rest.starts_with(']') || rest.empty()) return false;   // a class that begins with its own end is read in two ways
  while (!rest.empty() && rest.front() != ']') {
    if (rest.front() == '\\') {
      if (!takeEscape(rest, out, true)) return false;
      continue;
    }
    if (rest.front() == '[' || rest.starts_with("&&")) return false;   // [[:alpha:]], and Joni's intersections
    out += rest.front();
    rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  out += ']';
  rest.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::string> portableRegex(std::string_view expression) {
  std::string out;
  bool canRepeat = false;
  for (auto rest = expression; !rest.empty();) {
    const char c = rest.front();
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    if (c == '\\') {
      if (!takeEscape(rest, out, false)) return std::nullopt;
      canRepeat = true;
    } else if (c == '[') {
      if (!takeClass(rest, out)) return std::nullopt;
      canRepeat = true;
    } else if (isAnyOf(c, "*+?")) {
      if (!canRepeat) return std::nullopt;   // nothing to repeat, or possessive and lazy forms
      out += c;
      rest.remove_prefix(1);
      canRepeat = false;
    } else if (c == '{') {
      if (!canRepeat || out.ends_with(')') || !takeCount(rest, out)) return std::nullopt;
      canRepeat = false;
    } else if (c == '(') {
      out += "(?:";
      rest.remove_prefix(rest.starts_with("(?:") ? 3 : 1);
      if (rest.starts_with('?') || rest.starts_with('*')) return std::nullopt;
      canRepeat = false;
    } else if (c == '$') {
      out += "(?:\\n?\\z)";   // before a last line break too
      rest.remove_prefix(1);
      if (!rest.empty() && rest.front() != ')' && rest.front() != '|') return std::nullopt;
      canRepeat = false;
    } else {
      if (c == '^' && !(out.empty() || out.ends_with("(?:") || out.ends_with('|'))) return std::nullopt;
      if (c == ']' || c == '}') return std::nullopt;
      out += c;
      // Bytes of one character may follow: a repetition takes all of it, in every engine.
      canRepeat = c != '|' && c != '^';
      rest.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace retort::logs
