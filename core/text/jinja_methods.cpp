// Methods of strings, lists and dictionaries, and the global functions.
#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <utf8proc.h>

#include "base/clock.h"
#include "base/format.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_strings.h"

namespace retort::text::jinja {
namespace {

constexpr std::array<std::string_view, 26> kStringMethods = {
    "split", "rsplit", "strip", "lstrip", "rstrip", "startswith", "endswith", "replace", "lower", "upper", "capitalize", "title", "find", "rfind",
    "count", "join", "splitlines", "isdigit", "isspace", "isalpha", "isalnum", "islower", "isupper", "removeprefix", "removesuffix", "format"};
constexpr std::array<std::string_view, 6> kListMethods = {"append", "pop", "extend", "insert", "index", "count"};
constexpr std::array<std::string_view, 9> kDictMethods = {"get", "keys", "values", "items", "copy", "pop", "update", "setdefault", "clear"};
constexpr std::array<std::string_view, 5> kFunctions = {"range", "dict", "namespace", "raise_exception", "strftime_now"};

template <std::size_t N>
std::string_view known(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? std::string_view() : *it;
}

Value split(Interpreter& in, const Value& self, CallArgs& args, bool fromRight) {
  const std::string& s = self.str().bytes;
  const Value* separator = args.get(0, "sep");
  const std::int64_t most = in.wholeArg(args, 1, "maxsplit", -1);
  if (in.failed() || !in.step(s.size() / 64)) return {};
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  if (!separator || separator->is(Kind::none)) {
    std::size_t pos = 0;
    while (pos < s.size()) {
      std::size_t next = pos;
      if (isSpace(decodeAt(s, next))) {
        pos = next;
        continue;
      }
      const std::size_t begin = pos;
      if (!fromRight && most >= 0 && parts.size() >= static_cast<std::size_t>(most)) {
        parts.emplace_back(begin, stripRange(s, nullptr, false, true).second);
        break;
      }
      while (pos < s.size()) {
        next = pos;
        if (isSpace(decodeAt(s, next))) break;
        pos = next;
      }
      parts.emplace_back(begin, pos);
    }
    if (fromRight && most >= 0 && parts.size() > static_cast<std::size_t>(most) + 1) {
      const std::size_t merged = parts.size() - static_cast<std::size_t>(most);
      parts[0].second = parts[merged - 1].second;
      parts.erase(parts.begin() + 1, parts.begin() + static_cast<std::ptrdiff_t>(merged));
    }
  } else {
    if (!separator->is(Kind::string) || separator->str().bytes.empty()) return in.fail("The separator of split must be a string that is not empty.");
    const std::string& by = separator->str().bytes;
    std::size_t start = 0, end = s.size();
    std::int64_t left = most;
    for (; left != 0; --left) {
      const std::size_t found = fromRight ? (end < by.size() ? std::string::npos : s.rfind(by, end - by.size())) : s.find(by, start);
      if (found == std::string::npos) break;
      if (fromRight) {
        parts.emplace_back(found + by.size(), end);
        end = found;
      } else {
        parts.emplace_back(start, found);
        start = found + by.size();
      }
    }
    parts.emplace_back(start, end);
    if (fromRight) std::reverse(parts.begin(), parts.end());
  }
  std::vector<Value> out;
  for (const auto& [begin, end] : parts) {
    if (!in.step()) return {};
    out.push_back(sliceBytes(in, self, begin, end));
  }
  return in.makeList(std::move(out));
}

bool hasAffix(Interpreter& in, const Value& self, const Value* affix, bool start) {
  if (affix && affix->is(Kind::tuple)) {
    return std::any_of(affix->list().items.begin(), affix->list().items.end(), [&](const Value& v) { return hasAffix(in, self, &v, start); });
  }
  if (!affix || !affix->is(Kind::string)) {
    in.fail("startswith and endswith need a string.");
    return false;
  }
  const std::string_view s = self.str().bytes, a = affix->str().bytes;
  return start ? s.starts_with(a) : s.ends_with(a);
}

template <typename Predicate>
Value allOf(const Str& s, Predicate holds) {
  for (std::size_t pos = 0; pos < s.bytes.size();) {
    if (!holds(decodeAt(s.bytes, pos))) return Value::boolean(false);
  }
  return Value::boolean(!s.bytes.empty());
}
bool isDecimal(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND; }
bool isLetter(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

// "{}", "{0}", "{name}" without format specifications.
Value formatBraces(Interpreter& in, const Value& self, CallArgs& args) {
  const Str& s = self.str();
  StrBuilder out;
  std::size_t start = 0, next = 0;
  for (std::size_t i = 0; i < s.bytes.size(); ++i) {
    const char c = s.bytes[i];
    if (c != '{' && c != '}') continue;
    out.add(s, start, i);
    if (i + 1 < s.bytes.size() && s.bytes[i + 1] == c) {
      out.add(s, i, i + 1);
      start = ++i + 1;
      continue;
    }
    const std::size_t end = c == '{' ? s.bytes.find('}', i) : std::string::npos;
    if (end == std::string::npos) return in.fail("The format has a single brace.");
    const std::string field = s.bytes.substr(i + 1, end - i - 1);
    std::size_t index = next;
    const bool number = !field.empty() && std::all_of(field.begin(), field.end(), [](char d) { return d >= '0' && d <= '9'; });
    if (number) std::from_chars(field.data(), field.data() + field.size(), index);
    if (field.empty()) ++next;
    const Value* v = args.get(field.empty() || number ? index : args.positional.size(), field);
    if (!v) return in.fail("The format has no value for {" + shown(field) + "}.");
    in.write(out, *v);
    i = end;
    start = end + 1;
  }
  out.add(s, start, s.bytes.size());
  return in.failed() ? Value() : in.finished(out, s.markup);
}

Value stringMethod(Interpreter& in, const Value& self, std::string_view name, CallArgs& args) {
  const Str& s = self.str();
  const auto text = [&](std::size_t index, std::string_view argument) -> const Value* {
    const Value* v = args.get(index, argument);
    if (v && v->is(Kind::string)) return v;
    in.fail("The method \"" + std::string(name) + "\" needs a string.");
    return nullptr;
  };
  if (name == "split" || name == "rsplit") return split(in, self, args, name == "rsplit");
  if (name == "strip" || name == "lstrip" || name == "rstrip") return stripText(in, self, args.get(0, "chars"), name != "rstrip", name != "lstrip");
  if (name == "startswith" || name == "endswith") return Value::boolean(hasAffix(in, self, args.get(0, "prefix"), name == "startswith"));
  if (name == "lower" || name == "upper") return changeCase(in, self, name == "lower" ? Case::lower : Case::upper);
  if (name == "capitalize" || name == "title") return changeCase(in, self, name == "title" ? Case::title : Case::capital);
  if (name == "splitlines") return in.makeList(splitLines(in, self));
  if (name == "format") return formatBraces(in, self, args);
  if (name == "isdigit") return allOf(s, isDecimal);
  if (name == "isspace") return allOf(s, isSpace);
  if (name == "isalpha") return allOf(s, isLetter);
  if (name == "isalnum") return allOf(s, [](char32_t c) { return isLetter(c) || isDecimal(c); });
  if (name == "islower" || name == "isupper") {
    CallArgs none;
    return Value::boolean(in.test(name == "islower" ? "lower" : "upper", self, none));
  }
  if (name == "join") {
    const Value* what = args.get(0, "iterable");
    if (!what) return in.fail("The method \"join\" needs a list.");
    const std::vector<Value> parts = in.elements(*what);
    for (const Value& part : parts) {
      if (!part.is(Kind::string)) return in.fail("The method \"join\" needs strings, and found " + std::string(part.typeName()) + ".");
    }
    return in.failed() ? Value() : joinText(in, parts, self);
  }
  if (name == "replace") {
    const Value* old = text(0, "old");
    const Value* with = old ? text(1, "new") : nullptr;
    const std::int64_t count = in.wholeArg(args, 2, "count", -1);
    return in.failed() ? Value() : replaceText(in, self, *old, *with, count);
  }
  const Value* what = text(0, "sub");
  if (!what || !in.step(s.bytes.size() / 64)) return {};
  const std::string& sub = what->str().bytes;
  if (name == "removeprefix") return s.bytes.starts_with(sub) ? sliceBytes(in, self, sub.size(), s.bytes.size()) : self;
  if (name == "removesuffix") return s.bytes.ends_with(sub) ? sliceBytes(in, self, 0, s.bytes.size() - sub.size()) : self;
  if (name == "find" || name == "rfind") {
    const std::size_t at = name == "find" ? s.bytes.find(sub) : s.bytes.rfind(sub);
    return Value::integer(at == std::string::npos ? -1 : static_cast<std::int64_t>(utf8Length(std::string_view(s.bytes).substr(0, at))));
  }
  std::int64_t count = sub.empty() ? static_cast<std::int64_t>(utf8Length(s.bytes)) + 1 : 0;   // count
  for (std::size_t at = sub.empty() ? std::string::npos : s.bytes.find(sub); at != std::string::npos; at = s.bytes.find(sub, at + sub.size())) ++count;
  return Value::integer(count);
}

Value listMethod(Interpreter& in, const Value& self, std::string_view name, CallArgs& args) {
  List& list = self.list();
  const Value* first = args.get(0, "object");
  if (name == "index" || name == "count") {
    if (!first) return in.fail("The method \"" + std::string(name) + "\" needs a value.");
    std::int64_t count = 0;
    for (std::size_t i = 0; i < list.items.size() && !in.failed(); ++i) {
      if (!in.equal(list.items[i], *first)) continue;
      if (name == "index") return Value::integer(static_cast<std::int64_t>(i));
      ++count;
    }
    return name == "count" ? Value::integer(count) : in.fail("The list does not hold the value.");
  }
  if (!list.madeByTemplate) return in.fail("The list came with the messages; a template may change only lists that it made itself.");
  if (name == "pop") {
    const auto size = static_cast<std::int64_t>(list.items.size());
    std::int64_t at = in.wholeArg(args, 0, "index", -1);
    if (at < 0) at += size;
    if (in.failed() || at < 0 || at >= size) return in.fail("There is nothing to pop at that place of the list.");
    Value out = list.items[static_cast<std::size_t>(at)];
    list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(at));
    in.step(list.items.size() / 32);
    return out;
  }
  std::vector<Value> added;
  auto at = static_cast<std::int64_t>(list.items.size());
  if (name == "extend") {
    if (!first) return in.fail("The method \"extend\" needs a list.");
    added = in.elements(*first);
  } else if (name == "insert") {
    const Value* value = args.get(1, "value");
    const std::int64_t size = at;
    at = in.wholeArg(args, 0, "index", 0);
    at = std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
    if (!value) return in.fail("The method \"insert\" needs an index and a value.");
    added.push_back(*value);
  } else {
    if (!first) return in.fail("The method \"append\" needs a value.");
    added.push_back(*first);
  }
  if (in.failed() || !in.step(1 + (list.items.size() - static_cast<std::size_t>(at) + added.size()) / 32)) return {};
  for (const Value& v : added) list.depth = std::max(list.depth, v.depth() + 1);
  if (list.depth > kMaxDepth + kMaxDataDepth) return in.fail("A list nests deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
  list.items.insert(list.items.begin() + static_cast<std::ptrdiff_t>(at), added.begin(), added.end());
  return Value::none();
}

Value dictMethod(Interpreter& in, const Value& self, std::string_view name, CallArgs& args) {
  const Dict& dict = self.dict();
  if (name == "get") {
    const Value* key = args.get(0, "key");
    if (!key) return in.fail("The method \"get\" needs a key.");
    if (!isHashable(*key)) return in.fail(std::string(key->typeName()) + " cannot be the key of a dictionary.");
    if (const Value* found = dict.find(*key)) return *found;
    const Value* otherwise = args.get(1, "default");
    return otherwise ? *otherwise : Value::none();
  }
  if (name == "copy") return self;   // dictionaries never change
  std::vector<Value> out;
  if (name != "keys" && name != "values" && name != "items") return in.fail("Dictionaries cannot be changed by a template.");
  for (const auto& [key, value] : dict.items) {
    if (!in.step()) return {};
    out.push_back(name == "keys" ? key : name == "values" ? value : in.makeList({key, value}, Kind::tuple));
  }
  Value list = in.makeList(std::move(out));
  if (!in.failed()) list.list().madeByTemplate = false;
  return list;
}

Value range(Interpreter& in, CallArgs& args) {
  std::int64_t bounds[3] = {0, 0, 1};
  const std::size_t n = args.positional.size();
  if (n < 1 || n > 3) return in.fail("range() takes one to three whole numbers.");
  for (std::size_t i = 0; i < n; ++i) {
    if (!args.positional[i].isWhole()) return in.fail("range() takes whole numbers, not " + std::string(args.positional[i].typeName()) + ".");
    bounds[n == 1 ? 1 : i] = args.positional[i].whole();
  }
  const auto [start, stop, by] = bounds;
  if (by == 0) return in.fail("The step of range() is zero.");
  std::vector<Value> out;
  for (std::int64_t i = start; by > 0 ? i < stop : i > stop;) {
    if (out.size() >= static_cast<std::size_t>(kMaxRepeat)) return in.fail("range() has more than 10,000 numbers.", "text.template.limit");
    out.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  Value list = in.makeList(std::move(out));
  if (!in.failed()) list.list().madeByTemplate = false;
  return list;
}

}  // namespace

std::string_view functionName(std::string_view name) { return known(kFunctions, name); }
bool isFunction(std::string_view name) { return !functionName(name).empty(); }

std::string_view methodName(const Value& value, std::string_view name) {
  switch (value.kind()) {
    case Kind::string: return known(kStringMethods, name);
    case Kind::list: return known(kListMethods, name);
    case Kind::tuple: return name == "append" || name == "pop" || name == "extend" || name == "insert" ? std::string_view() : known(kListMethods, name);
    case Kind::dict: return known(kDictMethods, name);
    default: return {};
  }
}
bool hasMethod(const Value& value, std::string_view name) { return !methodName(value, name).empty(); }

Value Interpreter::method(const Value& self, std::string_view name, CallArgs& args) {
  if (failed() || !step()) return {};
  switch (self.kind()) {
    case Kind::string: return stringMethod(*this, self, name, args);
    case Kind::list:
    case Kind::tuple: return listMethod(*this, self, name, args);
    case Kind::dict: return dictMethod(*this, self, name, args);
    case Kind::loop: {
      Loop& l = self.loop();
      if (name == "cycle") {
        if (args.positional.empty()) return fail("loop.cycle() needs values.");
        return args.positional[l.index % args.positional.size()];
      }
      const Value now = makeList(args.positional, Kind::tuple);
      const bool changed = !l.everChanged || !equal(now, l.lastChanged);
      l.everChanged = true;
      l.lastChanged = now;
      return Value::boolean(changed);
    }
    default: return fail("There is no method " + shown(name) + ".");
  }
}

Value Interpreter::function(std::string_view name, CallArgs& args) {
  if (name == "range") return range(*this, args);
  if (name == "dict" || name == "namespace") {
    auto dict = std::make_shared<Dict>();
    if (!args.positional.empty()) {
      if (!args.positional[0].is(Kind::dict)) return fail("dict() and namespace() take a dictionary or named values.");
      *dict = args.positional[0].dict();
    }
    for (auto& [key, value] : args.keyword) dict->set(Value::string(key, kTemplate), std::move(value));
    if (name == "dict") return makeDict(std::move(dict));
    auto space = std::make_shared<Space>();
    for (auto& [key, value] : dict->items) {
      if (key.is(Kind::string)) space->items.emplace_back(key.str().bytes, value);
    }
    m_containers.push_back(space);
    return Value(Kind::space, std::move(space));
  }
  if (name == "raise_exception") {
    const Value* message = args.get(0, "message");
    StrBuilder text;
    if (message) write(text, *message);
    return fail("The template refuses the messages: " + shown(text.text().bytes), "text.template.raised");
  }
  // strftime_now: the local time, or the clock that the caller fixed (as UTC).
  const Value* format = args.get(0, "format");
  if (!format || !format->is(Kind::string) || format->str().bytes.size() > 256) return fail("strftime_now() needs a short format.");
  const std::time_t seconds = m_input.clockMicros ? static_cast<std::time_t>(*m_input.clockMicros / 1'000'000) : static_cast<std::time_t>(utcMicros() / 1'000'000);
  std::tm parts{};
  if (m_input.clockMicros) gmtime_r(&seconds, &parts);
  else localtime_r(&seconds, &parts);
  char buffer[2048];
  const std::size_t length = std::strftime(buffer, sizeof buffer, format->str().bytes.c_str(), &parts);
  return Value::string(repairUtf8(std::string_view(buffer, length)), kTemplate);
}

}  // namespace retort::text::jinja
