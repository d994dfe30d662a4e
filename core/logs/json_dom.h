// Reading simdjson's DOM by the rules of log files: the last of several equal members counts, wrong types are absent.
#pragma once
#include <simdjson.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retort::logs::dom {

using Element = simdjson::dom::element;
using Maybe = std::optional<Element>;

inline bool isObject(const Maybe& e) { return e && e->is_object(); }
inline bool isArray(const Maybe& e) { return e && e->is_array(); }
inline bool isString(const Maybe& e) { return e && e->is_string(); }
inline bool isNull(const Maybe& e) { return !e || e->is_null(); }

/// Most names of one length differ in their first or last letter: a call of memcmp is spared.
inline bool isNamed(std::string_view name, std::string_view key) {
  return name.size() == key.size() && (key.empty() || (name.front() == key.front() && name.back() == key.back() && name == key));
}

/// The last member named `key`; nothing if this is no object or has none.
inline Maybe get(const Maybe& object, std::string_view key) {
  Maybe found;
  simdjson::dom::object members;
  if (!object || object->get_object().get(members)) return found;
  for (const auto& member : members)
    if (isNamed(member.key, key)) found = member.value;
  return found;
}
template <typename... More>
Maybe get(const Maybe& object, std::string_view key, std::string_view next, More... more) {
  return get(get(object, key), next, more...);
}

inline std::optional<std::string_view> str(const Maybe& e) {
  std::string_view text;
  if (!e || e->get_string().get(text)) return std::nullopt;
  return text;
}
inline std::string_view strOr(const Maybe& e, std::string_view otherwise = {}) { return str(e).value_or(otherwise); }

/// An integer, or a number without a fraction.
inline std::optional<std::int64_t> integer(const Maybe& e) {
  if (!e) return std::nullopt;
  std::int64_t value = 0;
  if (!e->get_int64().get(value)) return value;
  double real = 0;
  if (!e->get_double().get(real) && std::abs(real) < 9e15 && real == std::floor(real)) return static_cast<std::int64_t>(real);
  return std::nullopt;
}
inline std::optional<double> number(const Maybe& e) {
  double value = 0;
  if (!e || e->get_double().get(value)) return std::nullopt;
  return value;
}

template <typename F>
void forEach(const Maybe& array, F&& visit) {
  simdjson::dom::array items;
  if (!array || array->get_array().get(items)) return;
  for (const auto item : items) visit(Maybe(item));
}
inline Maybe first(const Maybe& array) {
  simdjson::dom::array items;
  if (!array || array->get_array().get(items)) return std::nullopt;
  for (const auto item : items) return Maybe(item);
  return std::nullopt;
}

/// The JSON text of a value, without blanks.
inline std::string minified(const Maybe& e) { return e ? std::string(simdjson::minify(*e)) : std::string(); }

/// True when a number in the value has a fraction or an exponent: minified() may spell it otherwise than its source.
inline bool hasReal(const Element& e) {
  simdjson::dom::array items;
  simdjson::dom::object members;
  if (!e.get_array().get(items)) {
    for (const auto item : items)
      if (hasReal(item)) return true;
    return false;
  }
  if (!e.get_object().get(members)) {
    for (const auto& member : members)
      if (hasReal(member.value)) return true;
    return false;
  }
  return e.is_double();
}

/// Parsers whose documents all live until reset(): a line may hold JSON inside JSON.
class ParserPool {
 public:
  void reset() { m_used = 0; }
  /// `isPadded`: SIMDJSON_PADDING readable bytes follow the text.
  simdjson::error_code parse(std::string_view text, bool isPadded, Maybe& out) {
    if (m_used >= kMost) return simdjson::MEMALLOC;
    if (m_used == m_parsers.size()) m_parsers.push_back(std::make_unique<simdjson::dom::parser>());
    simdjson::dom::parser& parser = *m_parsers[m_used];
    Element root;
    const auto error = parser.parse(text.data(), text.size(), !isPadded).get(root);
    if (error) return error;
    ++m_used;
    out = root;
    return error;
  }
  Maybe parse(std::string_view text) {
    Maybe out;
    (void)parse(text, false, out);
    return out;
  }
  /// A value that may be JSON or JSON in a string.
  Maybe unwrapped(const Maybe& e) {
    const auto text = str(e);
    return text ? parse(*text) : e;
  }

 private:
  static constexpr std::size_t kMost = 4096;   // chunks of a stream may each be text
  std::vector<std::unique_ptr<simdjson::dom::parser>> m_parsers;
  std::size_t m_used = 0;
};

}  // namespace retort::logs::dom
