// Fields of a tokenizer.json with their defaults; a field of the wrong type counts as absent, as the file's own reader would refuse it.
#pragma once
#include <string>
#include <string_view>

#include "base/json.h"

namespace retort::text {

[[nodiscard]] inline const Json* fieldOf(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}
[[nodiscard]] inline bool boolField(const Json& object, std::string_view key, bool otherwise) {
  const Json* value = fieldOf(object, key);
  return value && value->is_boolean() ? value->get<bool>() : otherwise;
}
[[nodiscard]] inline std::string stringField(const Json& object, std::string_view key, std::string_view otherwise = {}) {
  const Json* value = fieldOf(object, key);
  return value && value->is_string() ? value->get<std::string>() : std::string(otherwise);
}
[[nodiscard]] inline std::string typeOf(const Json& object) { return stringField(object, "type"); }

}  // namespace retort::text
