// JSON parsed under limits, written atomically, and the strict object reader.
#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/files.h"
#include "base/format.h"

namespace retort {
namespace {

/// Line and column (both from 1) of a byte offset.
std::string placeOf(std::string_view text, std::size_t offset) {
  std::size_t line = 1, column = 1;
  for (std::size_t i = 0; i < std::min(offset, text.size()); ++i) {
    if (text[i] == '\n') ++line, column = 1;
    else ++column;
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// nlohmann's own parser recurses by depth only in the DOM builder's stack; the depth is checked before it is built.
struct Guard {
  int maxDepth;
  bool refuseDuplicates;
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  bool tooDeep = false;

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= maxDepth) tooDeep = true;
      if (refuseDuplicates) keys.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      if (refuseDuplicates && !keys.empty()) keys.pop_back();
    } else if (event == Event::key && refuseDuplicates && !keys.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && duplicate.empty()) duplicate = key;
    }
    return true;
  }
};

/// True when brackets nest deeper than `maxDepth`; looks at bytes only, so hostile depth never reaches a recursive parser.
bool nestsDeeperThan(std::string_view text, int maxDepth) {
  int depth = 0;
  bool inString = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      else if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      if (++depth > maxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

/// The reason in nlohmann's message: what follows its "[json.exception…] parse error at …: " preamble.
std::string reasonOf(std::string_view message) {
  const auto at = message.find(": ", message.find("parse error"));
  return std::string(at == std::string_view::npos ? message : message.substr(at + 2));
}

}  // namespace

Result<Json> parseJson(std::string_view text, std::string_view where, int maxDepth, bool refuseDuplicates) {
  Error e;
  e.code = "base.json.syntax";
  e.what = std::string(where) + " is not valid JSON";
  if (nestsDeeperThan(text, maxDepth)) {
    e.code = "base.json.deep";
    e.why = "it nests deeper than " + std::to_string(maxDepth) + " levels";
    return e;
  }
  try {
    Guard guard{maxDepth, refuseDuplicates, {}, {}, false};
    Json value = refuseDuplicates ? Json::parse(text.begin(), text.end(), std::ref(guard)) : Json::parse(text.begin(), text.end());
    if (!guard.duplicate.empty()) {
      e.code = "base.json.duplicate";
      e.why = "the member \"" + shown(guard.duplicate) + "\" stands twice in one object";
      e.next = "Keep one of the two.";
      return e;
    }
    return value;
  } catch (const Json::parse_error& error) {
    e.where = placeOf(text, error.byte > 0 ? error.byte - 1 : 0);
    e.why = shown(reasonOf(error.what()));
    e.next = "Mend the file there, or make it again.";
    return e;
  } catch (const std::exception& error) {
    e.why = shown(error.what());
    return e;
  }
}

Result<Json> readJsonFile(const std::filesystem::path& path, std::uint64_t maxBytes) {
  RETORT_TRY(const std::string text, readFile(path, maxBytes));
  return parseJson(text, path.string());
}

Status writeJsonFile(const std::filesystem::path& path, const Json& value) {
  return writeFileAtomically(path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string dumpJson(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json jsonNumber(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double numberOf(const Json& value, double otherwise) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (text == "inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
  }
  return otherwise;
}

ObjectReader::ObjectReader(const Json& object, std::string where) : m_object(object), m_where(std::move(where)) {
  if (!object.is_object()) {
    m_failed = true;
    m_error = Error{"base.json.type", m_where, {}, "it must be an object, and is " + std::string(object.type_name()), {}, {}, {}};
  }
}

const Json* ObjectReader::member(std::string_view key, bool isRequired) {
  m_known.emplace_back(key);
  if (m_failed) return nullptr;
  const auto it = m_object.find(std::string(key));
  if (it != m_object.end()) return &*it;
  if (isRequired) fail(key, "is missing");
  return nullptr;
}

void ObjectReader::fail(std::string_view key, std::string_view why) {
  if (m_failed) return;
  m_failed = true;
  const bool nested = m_where.find(": ") != std::string::npos;
  m_error = Error{"base.json.field", m_where + (nested ? "." : ": ") + std::string(key), {}, std::string(why), {}, {}, {}};
}

namespace {

/// 16 rather than 16.0: the bounds of whole numbers are whole.
std::string numberText(double value) {
  return std::isfinite(value) && value == std::trunc(value) && std::abs(value) < 1e15 ? std::to_string(static_cast<std::int64_t>(value)) : jsonNumber(value).dump();
}

std::string knownText(const std::vector<std::string>& known) {
  std::string out;
  for (const auto& name : known) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// What stands there instead of what was wanted: a number itself, else the kind of value.
std::string foundText(const Json& value) { return value.is_number() ? value.dump() : value.is_string() ? "the text " + shown(value.dump()) : value.type_name(); }

}  // namespace

ObjectReader& ObjectReader::range(std::string_view key, double value, double lo, double hi) {
  if (!(value >= lo && value <= hi))
    fail(key, "must be between " + numberText(lo) + " and " + numberText(hi) + ", and is " + numberText(value));
  return *this;
}

Status ObjectReader::finish(bool allowUnknown) {
  if (m_failed) return m_error;
  if (allowUnknown) return {};
  for (const auto& [key, value] : m_object.items()) {
    if (std::find(m_known.begin(), m_known.end(), key) != m_known.end()) continue;
    const std::string near = nearestName(key, m_known);
    const bool nested = m_where.find(": ") != std::string::npos;
    return Error{"base.json.unknown", m_where + (nested ? "." : ": ") + shown(key) + " is unknown", {}, {},
                 near.empty() ? m_known.empty() ? "Take it out." : "Known here: " + knownText(m_known) + "." : "Did you mean " + near + "?", {}, {{"key", key}, {"near", near}}};
  }
  return {};
}

#define RETORT_READ(type, test, words)                                                       \
  ObjectReader& ObjectReader::read(std::string_view key, type& out, bool isRequired) {       \
    const Json* v = member(key, isRequired);                                                 \
    if (!v) return *this;                                                                    \
    if (!(test)) return fail(key, std::string("must be " words ", and is ") + foundText(*v)), *this; \
    out = v->get<type>();                                                                    \
    return *this;                                                                            \
  }
RETORT_READ(std::string, v->is_string(), "a text")
RETORT_READ(bool, v->is_boolean(), "true or false")
RETORT_READ(double, v->is_number(), "a number")
RETORT_READ(std::int64_t, v->is_number_integer() && (!v->is_number_unsigned() || v->get<std::uint64_t>() <= INT64_MAX), "a whole number")
RETORT_READ(std::uint64_t, v->is_number_unsigned(), "a whole number of at least 0")
#undef RETORT_READ

ObjectReader& ObjectReader::read(std::string_view key, int& out, bool isRequired) {
  std::int64_t wide = out;
  read(key, wide, isRequired);
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) fail(key, "is too large");
  else out = static_cast<int>(wide);
  return *this;
}

ObjectReader& ObjectReader::read(std::string_view key, std::vector<std::string>& out, bool isRequired) {
  const Json* v = member(key, isRequired);
  if (!v) return *this;
  if (!v->is_array() || !std::all_of(v->begin(), v->end(), [](const Json& x) { return x.is_string(); }))
    return fail(key, "must be a list of texts"), *this;
  out = v->get<std::vector<std::string>>();
  return *this;
}

ObjectReader& ObjectReader::read(std::string_view key, std::vector<int>& out, bool isRequired) {
  const Json* v = member(key, isRequired);
  if (!v) return *this;
  const auto fits = [](const Json& x) { return x.is_number_integer() && x.get<double>() >= -2e9 && x.get<double>() <= 2e9; };
  if (!v->is_array() || !std::all_of(v->begin(), v->end(), fits)) return fail(key, "must be a list of whole numbers"), *this;
  out = v->get<std::vector<int>>();
  return *this;
}

ObjectReader& ObjectReader::read(std::string_view key, Json& out, bool isRequired) {
  if (const Json* v = member(key, isRequired)) out = *v;
  return *this;
}

std::string nearestName(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t bestDistance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& name : known) {
    std::vector<std::size_t> row(name.size() + 1);
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (word[i - 1] == name[j - 1] ? 0 : 1)});
        diagonal = above;
      }
    }
    if (row.back() < bestDistance) bestDistance = row.back(), best = name;
  }
  return best;
}

}  // namespace retort
