// Reading foreign JSON without surprises: what is missing or of another type is empty.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace retort::providers {

inline const Json& peek(const Json& json, std::string_view key) {
  static const Json kNull;
  if (!json.is_object()) return kNull;
  const auto it = json.find(key);
  return it == json.end() ? kNull : *it;
}
template <typename... Keys>
const Json& peek(const Json& json, std::string_view first, std::string_view second, Keys... rest) {
  return peek(peek(json, first), second, rest...);
}
inline std::string peekText(const Json& json, std::string_view key) {
  const Json& value = peek(json, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}
/// A count: whole, not negative and below 2^53; else 0.
inline std::int64_t peekCount(const Json& json, std::string_view key) {
  const Json& value = peek(json, key);
  if (!value.is_number()) return 0;
  const double d = value.get<double>();
  return d >= 0 && d < 9e15 ? static_cast<std::int64_t>(d) : 0;
}
inline bool peekFlag(const Json& json, std::string_view key) {
  const Json& value = peek(json, key);
  return value.is_boolean() && value.get<bool>();
}

}  // namespace retort::providers
