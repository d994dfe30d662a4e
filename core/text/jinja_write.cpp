// Printing (str, repr, JSON), equality and order of template values, as Python has them.
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/format.h"
#include "text/jinja_interpreter.h"

namespace retort::text::jinja {
namespace {
constexpr int kMaxWalk = kMaxDepth + kMaxDataDepth + 8;

std::string hexOf(char32_t c) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", static_cast<unsigned>(c));
  return buffer;
}

bool isPrintable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_ZL: case UTF8PROC_CATEGORY_ZP: case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

void addReprString(StrBuilder& out, const Str& s) {
  const bool single = s.bytes.find('\'') == std::string::npos || s.bytes.find('"') != std::string::npos;
  const char quote = single ? '\'' : '"';
  if (s.markup) out.add("Markup(", 0);
  out.add(std::string_view(&quote, 1), 0);
  std::size_t start = 0;
  for (std::size_t pos = 0; pos < s.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = decodeAt(s.bytes, pos);
    std::string escaped;
    if (c == static_cast<char32_t>(quote) || c == '\\') escaped = std::string("\\") + static_cast<char>(c);
    else if (c == '\n') escaped = "\\n";
    else if (c == '\r') escaped = "\\r";
    else if (c == '\t') escaped = "\\t";
    else if (!isPrintable(c)) escaped = hexOf(c);
    else continue;
    out.add(s, start, begin);
    out.add(escaped, 0);
    start = pos;
  }
  out.add(s, start, s.bytes.size());
  out.add(std::string_view(&quote, 1), 0);
  if (s.markup) out.add(")", 0);
}

void addJsonString(StrBuilder& out, const Str& s, bool ascii) {
  out.add("\"", 0);
  std::size_t start = 0;
  for (std::size_t pos = 0; pos < s.bytes.size();) {
    const std::size_t begin = pos;
    const char32_t c = decodeAt(s.bytes, pos);
    std::string escaped;
    char buffer[16];
    if (c == '"' || c == '\\') escaped = std::string("\\") + static_cast<char>(c);
    else if (c == '\n') escaped = "\\n";
    else if (c == '\r') escaped = "\\r";
    else if (c == '\t') escaped = "\\t";
    else if (c == '\f') escaped = "\\f";
    else if (c == '\b') escaped = "\\b";
    else if (c < 0x20 || (ascii && c > 0x7E && c < 0x10000)) {
      std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(c));
      escaped = c == 0x7F && !ascii ? "" : buffer;
    } else if (ascii && c >= 0x10000) {
      std::snprintf(buffer, sizeof buffer, "\\u%04x\\u%04x", 0xD800 + static_cast<unsigned>((c - 0x10000) >> 10), 0xDC00 + static_cast<unsigned>((c - 0x10000) & 0x3FF));
      escaped = buffer;
    }
    if (c == 0x7F) escaped.clear();
    if (escaped.empty()) continue;
    out.add(s, start, begin);
    out.add(escaped, 0);
    start = pos;
  }
  out.add(s, start, s.bytes.size());
  out.add("\"", 0);
}
}  // namespace

void Interpreter::write(StrBuilder& out, const Value& value) {
  if (value.is(Kind::undefined)) return;
  if (value.is(Kind::string)) out.add(value.str());
  else writeRepr(out, value);
}

Value Interpreter::toString(const Value& value) {
  if (value.is(Kind::string)) return value;
  StrBuilder out;
  write(out, value);
  return m_failed ? Value() : finished(out);
}

void Interpreter::writeRepr(StrBuilder& out, const Value& value, int depth) {
  if (!step() || out.overflowed()) return;
  if (depth > kMaxWalk) {
    fail("A value nests too deeply.", "text.template.limit");
    return;
  }
  switch (value.kind()) {
    case Kind::undefined: out.add("Undefined", 0); break;
    case Kind::none: out.add("None", 0); break;
    case Kind::boolean: out.add(value.whole() ? "True" : "False", 0); break;
    case Kind::integer: out.add(std::to_string(value.whole()), 0); break;
    case Kind::real: out.add(formatReal(value.number()), 0); break;
    case Kind::string: addReprString(out, value.str()); break;
    case Kind::list:
    case Kind::tuple: {
      const auto& items = value.list().items;
      const bool tuple = value.is(Kind::tuple);
      out.add(tuple ? "(" : "[", 0);
      for (std::size_t i = 0; i < items.size() && !m_failed; ++i) {
        if (i > 0) out.add(", ", 0);
        writeRepr(out, items[i], depth + 1);
      }
      out.add(tuple ? (items.size() == 1 ? ",)" : ")") : "]", 0);
      break;
    }
    case Kind::dict: {
      out.add("{", 0);
      bool first = true;
      for (const auto& [key, v] : value.dict().items) {
        if (m_failed) return;
        if (!first) out.add(", ", 0);
        first = false;
        writeRepr(out, key, depth + 1);
        out.add(": ", 0);
        writeRepr(out, v, depth + 1);
      }
      out.add("}", 0);
      break;
    }
    case Kind::space: {
      out.add("<Namespace {", 0);
      bool first = true;
      for (const auto& [key, v] : value.space().items) {
        if (m_failed) return;
        out.add((first ? "'" : ", '") + key + "': ", 0);
        first = false;
        writeRepr(out, v, depth + 1);
      }
      out.add("}>", 0);
      break;
    }
    case Kind::callable: out.add("<Macro '" + std::string(value.callable().name) + "'>", 0); break;
    case Kind::loop:
      out.add("<LoopContext " + std::to_string(value.loop().index + 1) + "/" + std::to_string(value.loop().items->items.size()) + ">", 0);
      break;
  }
}

namespace {
// A dictionary key as JSON writes it; nullptr when it cannot be one.
Value jsonKey(const Value& key) {
  switch (key.kind()) {
    case Kind::string: return key;
    case Kind::none: return Value::string("null");
    case Kind::boolean: return Value::string(key.whole() ? "true" : "false");
    case Kind::integer: return Value::string(std::to_string(key.whole()));
    case Kind::real: return Value::string(formatReal(key.number()));
    default: return {};
  }
}
void newline(StrBuilder& out, const JsonStyle& style, int depth) {
  out.add("\n", 0);
  for (int i = 0; i < depth; ++i) out.add(style.indent, 0);
}
}  // namespace

void Interpreter::writeJson(StrBuilder& out, const Value& value, const JsonStyle& style, int depth) {
  if (!step() || out.overflowed()) return;
  if (depth > kMaxWalk) {
    fail("A value nests too deeply.", "text.template.limit");
    return;
  }
  const bool sequence = value.isSequence() && !value.list().generator;
  if (sequence || value.is(Kind::dict)) {
    std::vector<std::pair<Value, Value>> sorted;
    const std::size_t size = sequence ? value.list().items.size() : value.dict().items.size();
    out.add(sequence ? "[" : "{", 0);
    if (!sequence) {
      sorted = value.dict().items;
      if (style.sorted) std::stable_sort(sorted.begin(), sorted.end(), [this](const auto& a, const auto& b) { return less(a.first, b.first); });
    }
    for (std::size_t i = 0; i < size && !m_failed; ++i) {
      if (i > 0) out.add(style.item, 0);
      if (style.indented) newline(out, style, depth + 1);
      if (!sequence) {
        const Value key = jsonKey(sorted[i].first);
        if (!key.is(Kind::string)) {
          fail("A key of the dictionary is " + std::string(sorted[i].first.typeName()) + ", which JSON cannot write.");
          return;
        }
        addJsonString(out, key.str(), style.ascii);
        out.add(style.colon, 0);
      }
      writeJson(out, sequence ? value.list().items[i] : sorted[i].second, style, depth + 1);
    }
    if (style.indented && size > 0) newline(out, style, depth);
    out.add(sequence ? "]" : "}", 0);
    return;
  }
  switch (value.kind()) {
    case Kind::none: out.add("null", 0); break;
    case Kind::boolean: out.add(value.whole() ? "true" : "false", 0); break;
    case Kind::integer: out.add(std::to_string(value.whole()), 0); break;
    case Kind::real: {
      const double d = value.number();
      out.add(std::isnan(d) ? "NaN" : std::isinf(d) ? (d < 0 ? "-Infinity" : "Infinity") : formatReal(d), 0);
      break;
    }
    case Kind::string: addJsonString(out, value.str(), style.ascii); break;
    default: fail((value.is(Kind::undefined) ? value.undefinedName() + " is undefined" : std::string(value.typeName())) + ", which JSON cannot write.");
  }
}

bool Interpreter::equal(const Value& a, const Value& b, int depth) {
  if (!step()) return false;
  if (depth > kMaxWalk) {
    fail("A value nests too deeply.", "text.template.limit");
    return false;
  }
  if (a.isNumber() && b.isNumber()) {
    if (a.isWhole() && b.isWhole()) return a.whole() == b.whole();
    return a.number() == b.number();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none: return true;
    case Kind::string: step(std::min(a.str().bytes.size(), b.str().bytes.size()) / 1024); return a.str().bytes == b.str().bytes;
    case Kind::list:
    case Kind::tuple: {
      if (a.object() == b.object()) return true;
      const auto& x = a.list().items;
      const auto& y = b.list().items;
      if (x.size() != y.size()) return false;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (!equal(x[i], y[i], depth + 1)) return false;
      }
      return true;
    }
    case Kind::dict: {
      if (a.object() == b.object()) return true;
      if (a.dict().items.size() != b.dict().items.size()) return false;
      for (const auto& [key, v] : a.dict().items) {
        const Value* other = b.dict().find(key);
        if (!other || !equal(v, *other, depth + 1)) return false;
      }
      return true;
    }
    default: return a.object() == b.object();
  }
}

bool Interpreter::contains(const Value& container, const Value& element) {
  switch (container.kind()) {
    case Kind::undefined: return false;
    case Kind::string:
      if (!element.is(Kind::string)) {
        fail("\"in\" needs a string on its left side here, not " + std::string(element.typeName()) + ".");
        return false;
      }
      step(container.str().bytes.size() / 256);
      return container.str().bytes.find(element.str().bytes) != std::string::npos;
    case Kind::list:
    case Kind::tuple:
      for (const Value& v : elements(container)) {
        if (equal(v, element)) return true;
        if (m_failed) return false;
      }
      return false;
    case Kind::dict:
      if (!isHashable(element)) {
        fail(std::string(element.typeName()) + " cannot be the key of a dictionary.");
        return false;
      }
      return container.dict().find(element) != nullptr;
    default: fail(std::string(container.typeName()) + " holds nothing to look for with \"in\"."); return false;
  }
}

bool Interpreter::less(const Value& a, const Value& b, int depth) {
  if (!step() || depth > kMaxWalk) return false;
  if (a.isNumber() && b.isNumber()) return a.isWhole() && b.isWhole() ? a.whole() < b.whole() : a.number() < b.number();
  if (a.is(Kind::string) && b.is(Kind::string)) return a.str().bytes < b.str().bytes;   // UTF-8 keeps the order of code points
  if (a.isSequence() && a.kind() == b.kind()) {
    const auto& x = a.list().items;
    const auto& y = b.list().items;
    for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
      if (!equal(x[i], y[i], depth + 1)) return less(x[i], y[i], depth + 1);
    }
    return x.size() < y.size();
  }
  fail("There is no order between " + std::string(a.typeName()) + " and " + std::string(b.typeName()) + ".");
  return false;
}

std::vector<Value> Interpreter::elements(const Value& value) {
  std::vector<Value> out;
  switch (value.kind()) {
    case Kind::undefined: break;
    case Kind::list:
    case Kind::tuple:
      out = value.list().items;
      if (value.list().generator) value.list().items.clear();
      break;
    case Kind::dict:
      for (const auto& [key, v] : value.dict().items) out.push_back(key);
      break;
    case Kind::string: {
      const Str& s = value.str();
      if (!step(s.bytes.size() / 4)) return {};
      for (std::size_t pos = 0; pos < s.bytes.size();) {
        const std::size_t begin = pos;
        (void)decodeAt(s.bytes, pos);
        StrBuilder one;
        one.add(s, begin, pos);
        out.push_back(Value::string(one.take()));
      }
      break;
    }
    default: fail(std::string(value.typeName()) + " cannot be walked through."); return {};
  }
  if (!step(out.size() / 16)) return {};
  return out;
}

Value Interpreter::fromJson(const Json& json, std::uint8_t flags, int depth) {
  if (depth > kMaxDataDepth) return fail("The data nests deeper than " + std::to_string(kMaxDataDepth) + ".", "text.template.limit");
  switch (json.type()) {
    case Json::value_t::null: return Value::none();
    case Json::value_t::boolean: return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer: return Value::integer(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto u = json.get<std::uint64_t>();
      if (u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return Value::real(static_cast<double>(u));
      return Value::integer(static_cast<std::int64_t>(u));
    }
    case Json::value_t::number_float: return Value::real(json.get<double>());
    case Json::value_t::string: {
      const std::string& s = json.get_ref<const std::string&>();
      if (s.size() > kMaxString) return fail("A text of the data is longer than 8 MiB.", "text.template.limit");
      return isValidUtf8(s) ? Value::string(s, flags) : Value::string(repairUtf8(s), flags);
    }
    case Json::value_t::array: {
      auto list = std::make_shared<List>();
      list->items.reserve(json.size());
      for (const Json& element : json) {
        list->items.push_back(fromJson(element, flags, depth + 1));
        if (m_failed) return {};
        list->depth = std::max(list->depth, list->items.back().depth() + 1);
      }
      return Value(Kind::list, std::move(list));
    }
    case Json::value_t::object: {
      auto dict = std::make_shared<Dict>();
      for (const auto& [key, element] : json.items()) {
        dict->set(Value::string(isValidUtf8(key) ? key : repairUtf8(key), flags), fromJson(element, flags, depth + 1));
        if (m_failed) return {};
      }
      return Value(Kind::dict, std::move(dict));
    }
    default: return Value::none();
  }
}

std::int64_t Interpreter::wholeArg(const CallArgs& args, std::size_t index, std::string_view name, std::int64_t otherwise) {
  const Value* v = args.get(index, name);
  if (!v || v->is(Kind::none)) return otherwise;
  if (!v->isWhole()) {
    fail("The argument \"" + std::string(name) + "\" must be a whole number, not " + std::string(v->typeName()) + ".");
    return otherwise;
  }
  return v->whole();
}

bool Interpreter::flagArg(const CallArgs& args, std::size_t index, std::string_view name, bool otherwise) {
  const Value* v = args.get(index, name);
  return v ? v->truthy() : otherwise;
}

}  // namespace retort::text::jinja
