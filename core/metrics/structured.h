// Answers with structure: JSON, fields, numbers, tool calls, citations.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace retort::metrics {

/// The whole answer as JSON; null optional when it is none.
[[nodiscard]] std::optional<Json> strictJson(std::string_view answer);
/// The first fenced block, else the first balanced {…} or […], that is JSON. A rate of its own, never mixed with the strict one.
[[nodiscard]] std::optional<Json> extractedJson(std::string_view answer);
/// Equal as values: key order does not count, 1 and 1.0 are the same, lists are ordered.
[[nodiscard]] bool sameJson(const Json& a, const Json& b);

struct FieldMatch {
  std::size_t fields = 0, right = 0, extra = 0;   ///< leaves of the reference; of them equal; leaves that only the answer has
  [[nodiscard]] double share() const { return fields > 0 ? static_cast<double>(right) / static_cast<double>(fields) : extra == 0 ? 1 : 0; }
};
/// Leaves by path ("a.b[2]").
[[nodiscard]] FieldMatch matchFields(const Json& answer, const Json& reference);

/// The last number of a text: thousands marks, exponent, percent (divided by 100), Unicode minus; none: empty.
[[nodiscard]] std::optional<double> lastNumber(std::string_view text);
/// |a - b| <= absolute + relative |b|; a NaN equals nothing.
[[nodiscard]] bool sameNumber(double answer, double reference, double absolute = 1e-9, double relative = 1e-6);

struct ToolCall {
  std::string name;
  Json arguments;
};
/// {"name","arguments"|"input"|"parameters"}, OpenAI's {"function":{…}} with arguments as text too, or a list of them.
[[nodiscard]] std::vector<ToolCall> toolCalls(const Json& value);
/// Names in order and arguments equal as values.
[[nodiscard]] bool sameToolCalls(const std::vector<ToolCall>& answer, const std::vector<ToolCall>& reference);

struct Citations {
  std::size_t cited = 0, right = 0, wanted = 0;
  [[nodiscard]] double precision() const { return cited > 0 ? static_cast<double>(right) / static_cast<double>(cited) : 0; }
  [[nodiscard]] double recall() const { return wanted > 0 ? static_cast<double>(right) / static_cast<double>(wanted) : 0; }
};
/// Marks like [3] or [3, 5] in an answer, each once, against the marks that support it.
[[nodiscard]] Citations citations(std::string_view answer, const std::vector<int>& wanted);

/// Expected calibration error over `bins` equal-width bins of confidence in 0..1; 0 of nothing.
[[nodiscard]] double calibrationError(const std::vector<double>& confidence, const std::vector<bool>& right, int bins = 15);

}  // namespace retort::metrics
