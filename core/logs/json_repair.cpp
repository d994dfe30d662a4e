// Repairs of JSON text, and the reason why a text is no JSON.
#include "logs/json_repair.h"

#include <cstdint>
#include <vector>

#include "logs/call.h"

namespace retort::logs {

namespace {

/// The code unit of a \uXXXX escape at `at` (which points at the backslash), or -1.
int escapedUnit(std::string_view s, std::size_t at) {
  if (at + 6 > s.size() || s[at] != '\\' || s[at + 1] != 'u') return -1;
  int unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const char c = s[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// More than 64 bits: above 18446744073709551615, or below -9223372036854775808.
bool isHuge(std::string_view digits, bool isNegative) {
  const std::string_view most = isNegative ? "9223372036854775808" : "18446744073709551615";
  return digits.size() > most.size() || (digits.size() == most.size() && digits > most);
}

}  // namespace

std::string repairSurrogates(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size();) {
    if (json[i] != '\\') {
      out += json[i++];
      continue;
    }
    const int unit = escapedUnit(json, i);
    if (unit < 0xd800 || unit > 0xdfff) {
      const std::size_t length = unit >= 0 ? 6 : 2;  // an escaped backslash must not begin the next escape
      out += json.substr(i, length);
      i += length;
      continue;
    }
    const int next = escapedUnit(json, i + 6);
    if (unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) {
      out += json.substr(i, 12);
      i += 12;
    } else {
      out += "\\ufffd";
      i += 6;
    }
  }
  return out;
}

std::string quoteHugeIntegers(std::string_view json) {
  std::string out;
  out.reserve(json.size() + 16);
  bool inString = false;
  for (std::size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (inString) {
      if (c == '\\' && i + 1 < json.size()) {
        out += json.substr(i, 2);
        i += 2;
        continue;
      }
      inString = c != '"';
      out += c;
      ++i;
    } else if (isDigit(c) || c == '-') {
      std::size_t end = i + (c == '-');
      const std::size_t digits = end;
      while (end < json.size() && isDigit(json[end])) ++end;
      const bool isInteger = end == json.size() || (json[end] != '.' && json[end] != 'e' && json[end] != 'E');
      const bool huge = isInteger && isHuge(json.substr(digits, end - digits), c == '-');
      if (huge) out += '"';
      out += json.substr(i, end - i);
      if (huge) out += '"';
      // the rest of a number with a fraction or exponent must not look like a new integer
      while (!isInteger && end < json.size() && (isDigit(json[end]) || json[end] == '.' || json[end] == 'e' || json[end] == 'E' || json[end] == '+' || json[end] == '-'))
        out += json[end++];
      i = end;
    } else {
      inString = c == '"';
      out += c;
      ++i;
    }
  }
  return out;
}

RejectReason classifyBadJson(std::string_view text) {
  std::vector<bool> stack;  // true: object
  bool inString = false, isBegun = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      else if (c == '"') inString = false;
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (isBegun && stack.empty()) return RejectReason::notJson;  // text behind the document
    if (!isBegun && c != '{' && c != '[') return RejectReason::notJson;
    isBegun = true;
    if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      stack.push_back(c == '{');
      if (stack.size() > 1024) return RejectReason::tooDeep;
    } else if (c == '}' || c == ']') {
      if (stack.back() != (c == '}')) return RejectReason::notJson;
      stack.pop_back();
    }
  }
  return isBegun && (inString || !stack.empty()) ? RejectReason::truncated : RejectReason::notJson;
}

}  // namespace retort::logs
