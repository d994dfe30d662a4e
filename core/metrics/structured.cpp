// JSON, numbers, tool calls and citations in answers.
#include "metrics/structured.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "base/format.h"

namespace retort::metrics {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<Json> parsed(std::string_view text) {
  auto json = parseJson(text, "answer");
  return json.ok() ? std::optional(*json) : std::nullopt;
}

/// End of the balanced bracket that opens at `at`; npos when it never closes. Text in quotes does not count.
std::size_t closing(std::string_view text, std::size_t at) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') quoted = true;
    else if (c == '{' || c == '[') ++depth;
    else if ((c == '}' || c == ']') && --depth == 0) return i;
  }
  return std::string_view::npos;
}

void leaves(const Json& value, const std::string& path, std::map<std::string, Json>& out) {
  if (value.is_object() && !value.empty())
    for (const auto& [key, inner] : value.items()) leaves(inner, path.empty() ? key : path + "." + key, out);
  else if (value.is_array() && !value.empty())
    for (std::size_t i = 0; i < value.size(); ++i) leaves(value[i], path + "[" + std::to_string(i) + "]", out);
  else out[path] = value;
}

}  // namespace

std::optional<Json> strictJson(std::string_view answer) { return parsed(trimmed(answer)); }

std::optional<Json> extractedJson(std::string_view answer) {
  for (auto open = answer.find("```"); open != std::string_view::npos;) {
    const auto line = answer.find('\n', open), close = line == std::string_view::npos ? line : answer.find("```", line);
    if (close == std::string_view::npos) break;
    if (auto json = parsed(trimmed(answer.substr(line, close - line)))) return json;
    open = answer.find("```", close + 3);
  }
  // Each opening bracket is tried once; a text of nothing but brackets must not take squared time.
  int tries = 64;
  for (auto at = answer.find_first_of("{["); at != std::string_view::npos && tries-- > 0; at = answer.find_first_of("{[", at + 1)) {
    const auto end = closing(answer, at);
    if (end == std::string_view::npos) continue;
    if (auto json = parsed(answer.substr(at, end - at + 1))) return json;
  }
  return std::nullopt;
}

bool sameJson(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.is_number_float() || b.is_number_float() ? a.get<double>() == b.get<double>() : a == b;
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    return std::all_of(a.items().begin(), a.items().end(), [&](const auto& item) { return b.contains(item.key()) && sameJson(item.value(), b[item.key()]); });
  }
  if (a.is_array() && b.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), sameJson);
  return a == b;
}

FieldMatch matchFields(const Json& answer, const Json& reference) {
  std::map<std::string, Json> mine, theirs;
  leaves(answer, "", mine);
  leaves(reference, "", theirs);
  FieldMatch out;
  out.fields = theirs.size();
  for (const auto& [path, value] : theirs)
    if (const auto it = mine.find(path); it != mine.end() && sameJson(it->second, value)) ++out.right;
  for (const auto& [path, value] : mine)
    if (!theirs.contains(path)) ++out.extra;
  return out;
}

std::optional<double> lastNumber(std::string_view text) {
  std::optional<double> out;
  for (std::size_t i = 0; i < text.size();) {
    if (!isDigit(text[i])) {
      ++i;
      continue;
    }
    std::string digits;
    const std::size_t begin = i;
    while (i < text.size() && isDigit(text[i])) digits += text[i++];
    // 1,234,567: a mark counts before exactly three digits.
    while (i + 3 < text.size() && text[i] == ',' && isDigit(text[i + 1]) && isDigit(text[i + 2]) && isDigit(text[i + 3]) && (i + 4 >= text.size() || !isDigit(text[i + 4])) && digits.size() <= 18) {
      digits.append(text.substr(i + 1, 3));
      i += 4;
    }
    if (i + 1 < text.size() && text[i] == '.' && isDigit(text[i + 1])) {
      digits += text[i++];
      while (i < text.size() && isDigit(text[i])) digits += text[i++];
    }
    if (i + 1 < text.size() && (text[i] == 'e' || text[i] == 'E')) {
      const std::size_t sign = text[i + 1] == '-' || text[i + 1] == '+' ? 1 : 0;
      if (i + 1 + sign < text.size() && isDigit(text[i + 1 + sign])) {
        digits += 'e';
        if (text[i + 1] == '-') digits += '-';
        i += 1 + sign;
        while (i < text.size() && isDigit(text[i])) digits += text[i++];
      }
    }
    double value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) continue;
    // A minus belongs to the number unless something stands right before it ("3-4").
    const bool ascii = begin > 0 && text[begin - 1] == '-', wide = begin >= 3 && text.substr(begin - 3, 3) == "\xE2\x88\x92";
    const std::size_t before = ascii ? begin - 1 : wide ? begin - 3 : 0;
    if ((ascii || wide) && (before == 0 || !(isDigit(text[before - 1]) || text[before - 1] == ')'))) value = -value;
    if (i < text.size() && text[i] == '%') value /= 100;
    out = value;
  }
  return out;
}

bool sameNumber(double answer, double reference, double absolute, double relative) { return std::fabs(answer - reference) <= absolute + relative * std::fabs(reference); }

std::vector<ToolCall> toolCalls(const Json& value) {
  std::vector<ToolCall> out;
  if (value.is_array()) {
    for (const Json& each : value)
      for (auto& call : toolCalls(each)) out.push_back(std::move(call));
    return out;
  }
  if (!value.is_object()) return out;
  for (const char* key : {"function", "toolUse", "tool_calls"})
    if (value.contains(key) && value[key].is_structured()) return toolCalls(value[key]);
  if (!value.contains("name") || !value["name"].is_string()) return out;
  ToolCall call{value["name"].get<std::string>(), Json::object()};
  for (const char* key : {"arguments", "input", "parameters"})
    if (value.contains(key)) {
      call.arguments = value[key];
      break;
    }
  if (call.arguments.is_string())
    if (auto json = strictJson(call.arguments.get<std::string>())) call.arguments = std::move(*json);
  return {std::move(call)};
}

bool sameToolCalls(const std::vector<ToolCall>& answer, const std::vector<ToolCall>& reference) {
  return std::equal(answer.begin(), answer.end(), reference.begin(), reference.end(), [](const ToolCall& a, const ToolCall& b) { return a.name == b.name && sameJson(a.arguments, b.arguments); });
}

Citations citations(std::string_view answer, const std::vector<int>& wanted) {
  std::set<int> marks;
  for (auto at = answer.find('['); at != std::string_view::npos; at = answer.find('[', at + 1)) {
    const auto end = answer.find(']', at);
    if (end == std::string_view::npos) break;
    const auto inner = answer.substr(at + 1, end - at - 1);
    std::set<int> here;
    bool isMark = !inner.empty();
    for (const auto part : splitView(inner, ',')) {
      const auto word = trimmed(part);
      int number = 0;
      const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
      isMark = isMark && read.ec == std::errc() && read.ptr == word.data() + word.size();
      here.insert(number);
    }
    if (isMark) marks.insert(here.begin(), here.end());
  }
  const std::set<int> right(wanted.begin(), wanted.end());
  Citations out;
  out.cited = marks.size(), out.wanted = right.size();
  for (const int mark : marks) out.right += right.contains(mark) ? 1 : 0;
  return out;
}

double calibrationError(const std::vector<double>& confidence, const std::vector<bool>& right, int bins) {
  std::vector<double> sum(static_cast<std::size_t>(bins), 0), hits(sum), count(sum);
  const std::size_t n = std::min(confidence.size(), right.size());
  for (std::size_t i = 0; i < n; ++i) {
    const auto bin = static_cast<std::size_t>(std::clamp(static_cast<int>(std::ceil(confidence[i] * bins)) - 1, 0, bins - 1));
    sum[bin] += confidence[i], hits[bin] += right[i] ? 1 : 0, count[bin] += 1;
  }
  double error = 0;
  for (std::size_t b = 0; b < sum.size(); ++b)
    if (count[b] > 0) error += std::fabs(sum[b] - hits[b]) / static_cast<double>(n);
  return error;
}

}  // namespace retort::metrics
