// The filters of the template language, by name. Strings keep their provenance; what computes anew counts as data.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "base/format.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_strings.h"

namespace retort::text::jinja {
namespace {

using Filter = Value (*)(Interpreter&, const Value&, CallArgs&);
using Values = std::vector<Value>;

Value length(Interpreter& in, const Value& v, CallArgs&) {
  switch (v.kind()) {
    case Kind::undefined: return Value::integer(0);
    case Kind::string: in.step(v.str().bytes.size() / 256); return Value::integer(static_cast<std::int64_t>(utf8Length(v.str().bytes)));
    case Kind::list:
    case Kind::tuple:
      if (v.list().generator) return in.fail("A generator has no length; use the filter \"list\" first.");
      return Value::integer(static_cast<std::int64_t>(v.list().items.size()));
    case Kind::dict: return Value::integer(static_cast<std::int64_t>(v.dict().items.size()));
    case Kind::loop: return Value::integer(static_cast<std::int64_t>(v.loop().items->items.size()));
    default: return in.fail(std::string(v.typeName()) + " has no length.");
  }
}

Value tojson(Interpreter& in, const Value& v, CallArgs& args) {
  JsonStyle style;
  style.ascii = in.flagArg(args, 0, "ensure_ascii", false);
  style.sorted = in.flagArg(args, 3, "sort_keys", false);
  if (const Value* indent = args.get(1, "indent"); indent && !indent->is(Kind::none)) {
    style.indented = true;
    style.item = ",";
    if (indent->is(Kind::string)) {
      style.indent = indent->str().bytes;
    } else {
      const std::int64_t width = in.wholeArg(args, 1, "indent", 0);
      if (width > 64) return in.fail("tojson indents by 64 blanks at most.", "text.template.limit");
      style.indent.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    }
  }
  if (const Value* separators = args.get(2, "separators"); separators && separators->isSequence()) {
    const Values& two = separators->list().items;
    if (two.size() != 2 || !two[0].is(Kind::string) || !two[1].is(Kind::string)) return in.fail("The separators of tojson are two strings.");
    style.item = two[0].str().bytes;
    style.colon = two[1].str().bytes;
  }
  StrBuilder out;
  in.writeJson(out, v, style);
  return in.failed() ? Value() : in.finished(out);
}

Value fromJsonText(Interpreter& in, const Value& v, CallArgs&) {
  if (!v.is(Kind::string)) return in.fail("from_json needs a string, not " + std::string(v.typeName()) + ".");
  if (!in.step(v.str().bytes.size() / 32)) return {};
  auto parsed = parseJson(v.str().bytes, "the text given to from_json");
  if (!parsed.ok()) return in.fail("from_json: " + parsed.error().why);
  return in.fromJson(*parsed, 0);
}

// A key that ignores case, as Jinja's sorting does.
Value foldedKey(Interpreter& in, const Value& v, bool sensitive) { return !sensitive && v.is(Kind::string) ? changeCase(in, v, Case::lower) : v; }

void sortBy(Interpreter& in, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return !in.failed() && (reverse ? in.less(b.first, a.first) : in.less(a.first, b.first));
  });
}

Value dictsort(Interpreter& in, const Value& v, CallArgs& args) {
  if (!v.is(Kind::dict)) return in.fail("dictsort needs a dictionary, not " + std::string(v.typeName()) + ".");
  const bool sensitive = in.flagArg(args, 0, "case_sensitive", false);
  const Value* by = args.get(1, "by");
  const bool byValue = by && by->is(Kind::string) && by->str().bytes == "value";
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : v.dict().items) {
    keyed.emplace_back(foldedKey(in, byValue ? value : key, sensitive), in.makeList({key, value}, Kind::tuple));
    if (in.failed()) return {};
  }
  sortBy(in, keyed, in.flagArg(args, 2, "reverse", false));
  Values out;
  for (auto& [key, pair] : keyed) out.push_back(std::move(pair));
  return in.failed() ? Value() : in.makeList(std::move(out));
}

Value sortKey(Interpreter& in, const Value& item, const Value* attribute, bool sensitive) {
  if (!attribute || attribute->is(Kind::none)) return foldedKey(in, item, sensitive);
  if (!attribute->is(Kind::string) || attribute->str().bytes.find(',') == std::string::npos) return foldedKey(in, in.path(item, *attribute), sensitive);
  Values parts;
  for (const std::string_view part : splitView(attribute->str().bytes, ',')) parts.push_back(foldedKey(in, in.path(item, Value::string(part)), sensitive));
  return in.makeList(std::move(parts), Kind::tuple);
}

Value sorted(Interpreter& in, const Value& v, CallArgs& args) {
  const bool sensitive = in.flagArg(args, 1, "case_sensitive", false);
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : in.elements(v)) {
    Value key = sortKey(in, item, args.get(2, "attribute"), sensitive);
    if (in.failed()) return {};
    keyed.emplace_back(std::move(key), std::move(item));
  }
  sortBy(in, keyed, in.flagArg(args, 0, "reverse", false));
  Values out;
  for (auto& [key, item] : keyed) out.push_back(std::move(item));
  return in.failed() ? Value() : in.makeList(std::move(out));
}

Value extreme(Interpreter& in, const Value& v, CallArgs& args, bool greatest) {
  const bool sensitive = in.flagArg(args, 0, "case_sensitive", false);
  Value best = Value::undefinedNamed("the extreme of nothing"), bestKey;
  for (Value& item : in.elements(v)) {
    Value key = sortKey(in, item, args.get(1, "attribute"), sensitive);
    if (in.failed()) return {};
    if (best.is(Kind::undefined) || (greatest ? in.less(bestKey, key) : in.less(key, bestKey))) {
      best = std::move(item);
      bestKey = std::move(key);
    }
  }
  return best;
}

Value unique(Interpreter& in, const Value& v, CallArgs& args) {
  const bool sensitive = in.flagArg(args, 0, "case_sensitive", false);
  Dict seen;
  Values out;
  for (Value& item : in.elements(v)) {
    const Value key = sortKey(in, item, args.get(1, "attribute"), sensitive);
    if (in.failed()) return {};
    if (!isHashable(key)) return in.fail("unique cannot compare " + std::string(key.typeName()) + ".");
    if (seen.find(key)) continue;
    seen.set(key, Value::none());
    out.push_back(std::move(item));
    if (!in.step()) return {};
  }
  return in.makeGenerator(std::move(out));
}

// select, reject, selectattr, rejectattr.
Value pick(Interpreter& in, const Value& v, CallArgs& args, bool wanted, bool byAttribute) {
  if (!v.truthy()) return in.makeGenerator({});
  const std::size_t skip = byAttribute ? 1 : 0;
  if (args.positional.size() < skip) return in.fail("The filter needs the name of an attribute.");
  CallArgs rest;
  rest.keyword = args.keyword;
  std::string testName;
  if (args.positional.size() > skip) {
    if (!args.positional[skip].is(Kind::string)) return in.fail("A test is named by a string.");
    testName = args.positional[skip].str().bytes;
    rest.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(skip) + 1, args.positional.end());
  }
  Values out;
  for (Value& item : in.elements(v)) {
    const Value subject = byAttribute ? in.path(item, args.positional[0]) : item;
    if (in.failed()) return {};
    const bool holds = testName.empty() ? subject.truthy() : in.test(testName, subject, rest);
    if (in.failed() || !in.step()) return {};
    if (holds == wanted) out.push_back(std::move(item));
  }
  return in.makeGenerator(std::move(out));
}

Value map(Interpreter& in, const Value& v, CallArgs& args) {
  if (!v.truthy()) return in.makeGenerator({});
  Values out;
  const Value* attribute = nullptr;
  const Value* otherwise = nullptr;
  for (const auto& [key, value] : args.keyword) {
    if (key == "attribute") attribute = &value;
    if (key == "default") otherwise = &value;
  }
  CallArgs rest;
  if (!attribute) {
    if (args.positional.empty() || !args.positional[0].is(Kind::string)) return in.fail("map needs the name of a filter, or attribute=.");
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.keyword = args.keyword;
  }
  for (const Value& item : in.elements(v)) {
    Value mapped = attribute ? in.path(item, *attribute) : in.filter(args.positional[0].str().bytes, item, rest);
    if (in.failed() || !in.step()) return {};
    if (attribute && mapped.is(Kind::undefined) && otherwise) mapped = *otherwise;
    out.push_back(std::move(mapped));
  }
  return in.makeGenerator(std::move(out));
}

Value join(Interpreter& in, const Value& v, CallArgs& args) {
  const Value* by = args.get(0, "d");
  const Value* attribute = args.get(1, "attribute");
  Values parts = in.elements(v);
  if (attribute && !attribute->is(Kind::none)) {
    for (Value& part : parts) part = in.path(part, *attribute);
  }
  const Value separator = by ? in.toString(*by) : Value::string("");
  return in.failed() ? Value() : joinText(in, parts, separator);
}

Value indent(Interpreter& in, const Value& v, CallArgs& args) {
  const Value text = in.toString(v);
  if (in.failed()) return {};
  Value by = Value::string("    ", kTemplate);
  if (const Value* width = args.get(0, "width")) {
    const std::int64_t n = width->is(Kind::string) ? 0 : in.wholeArg(args, 0, "width", 4);
    if (in.failed() || n > kMaxRepeat) return in.fail("indent takes at most 10,000 blanks.", "text.template.limit");
    by = width->is(Kind::string) ? *width : Value::string(std::string(static_cast<std::size_t>(std::max<std::int64_t>(n, 0)), ' '), kTemplate);
  }
  const bool first = in.flagArg(args, 1, "first", false), blank = in.flagArg(args, 2, "blank", false);
  Values lines = splitLines(in, text);
  // Jinja adds a newline before it splits: a final newline leaves an empty last line, an empty text is one empty line.
  const std::string& bytes = text.str().bytes;
  if (bytes.empty() || bytes.back() == '\n' || bytes.back() == '\r') lines.push_back(Value::string(""));
  StrBuilder out;
  for (std::size_t i = 0; i < lines.size() && !out.overflowed(); ++i) {
    if (i > 0) out.add("\n", 0);
    const bool empty = lines[i].str().bytes.empty();
    if (i == 0 ? first : (blank || !empty)) out.add(by.str());
    out.add(lines[i].str());
  }
  return in.finished(out, text.str().markup);
}

Value batch(Interpreter& in, const Value& v, CallArgs& args) {
  const std::int64_t size = in.wholeArg(args, 0, "linecount", 0);
  if (in.failed() || size < 1) return in.fail("batch needs a size of at least one.");
  const Value* fillWith = args.get(1, "fill_with");
  Values out, row;
  for (Value& item : in.elements(v)) {
    row.push_back(std::move(item));
    if (row.size() == static_cast<std::size_t>(size)) out.push_back(in.makeList(std::exchange(row, {})));
    if (in.failed()) return {};
  }
  if (!row.empty()) {
    if (fillWith && size > kMaxRepeat) return in.fail("batch fills at most 10,000 places.", "text.template.limit");
    while (fillWith && row.size() < static_cast<std::size_t>(size)) row.push_back(*fillWith);
    out.push_back(in.makeList(std::move(row)));
  }
  return in.makeGenerator(std::move(out));
}

Value toInt(Interpreter& in, const Value& v, CallArgs& args) {
  const Value* given = args.get(0, "default");
  const Value otherwise = given ? *given : Value::integer(0);
  if (v.is(Kind::undefined)) return in.fail(v.undefinedName() + " is undefined.");
  if (v.isWhole()) return Value::integer(v.whole());
  if (v.is(Kind::real)) return std::abs(v.number()) < 9.2e18 ? Value::integer(static_cast<std::int64_t>(v.number())) : otherwise;
  if (!v.is(Kind::string)) return otherwise;
  std::string text(trimmed(v.str().bytes));
  std::erase(text, '_');
  const std::int64_t base = in.wholeArg(args, 1, "base", 10);
  if (in.failed() || base < 2 || base > 36) return in.failed() ? Value() : otherwise;
  std::size_t start = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  if ((base == 16 && text.substr(start).starts_with("0x")) || (base == 2 && text.substr(start).starts_with("0b"))) start += 2;
  std::int64_t out = 0;
  const auto done = std::from_chars(text.data() + start, text.data() + text.size(), out, static_cast<int>(base));
  if (done.ec == std::errc() && done.ptr == text.data() + text.size() && start < text.size()) return Value::integer(text[0] == '-' ? -out : out);
  double real = 0;
  const auto asReal = std::from_chars(text.data() + (text.starts_with('+') ? 1 : 0), text.data() + text.size(), real);
  const bool good = asReal.ec == std::errc() && asReal.ptr == text.data() + text.size() && !text.empty() && std::abs(real) < 9.2e18;
  return good ? Value::integer(static_cast<std::int64_t>(real)) : otherwise;
}

Value toReal(Interpreter& in, const Value& v, CallArgs& args) {
  const Value* given = args.get(0, "default");
  const Value otherwise = given ? *given : Value::real(0);
  if (v.is(Kind::undefined)) return in.fail(v.undefinedName() + " is undefined.");
  if (v.isNumber()) return Value::real(v.number());
  if (!v.is(Kind::string)) return otherwise;
  const std::string_view text = trimmed(v.str().bytes);
  double out = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), out);
  return done.ec == std::errc() && done.ptr == text.data() + text.size() && !text.empty() ? Value::real(out) : otherwise;
}

Value roundTo(Interpreter& in, const Value& v, CallArgs& args) {
  if (!v.isNumber()) return in.fail("round needs a number, not " + std::string(v.typeName()) + ".");
  const std::int64_t digits = in.wholeArg(args, 0, "precision", 0);
  const Value* how = args.get(1, "method");
  const std::string method = how && how->is(Kind::string) ? how->str().bytes : "common";
  if (in.failed() || std::abs(digits) > 300) return in.fail("round takes a precision of at most 300.");
  if (method == "common") {
    if (digits < 0) {
      const double unit = std::pow(10.0, static_cast<double>(-digits));
      return Value::real(std::nearbyint(v.number() / unit) * unit);
    }
    char buffer[400];   // printf rounds the exact decimal value, half to even only on exact ties: as Python
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(std::min<std::int64_t>(digits, 60)), v.number());
    return Value::real(std::strtod(buffer, nullptr));
  }
  const double unit = std::pow(10.0, static_cast<double>(digits)), scaled = v.number() * unit;
  if (method == "ceil" || method == "floor") return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
  return in.fail("round knows the methods common, ceil and floor.");
}

Value reversed(Interpreter& in, const Value& v, CallArgs&) {
  Values items = in.elements(v);
  std::reverse(items.begin(), items.end());
  if (!v.is(Kind::string)) return in.makeGenerator(std::move(items));
  return joinText(in, items, Value::string(""));
}

Value sum(Interpreter& in, const Value& v, CallArgs& args) {
  const Value* attribute = args.get(0, "attribute");
  const Value* start = args.get(1, "start");
  Value out = start ? *start : Value::integer(0);
  for (const Value& item : in.elements(v)) {
    out = in.binary(Op::add, out, attribute && !attribute->is(Kind::none) ? in.path(item, *attribute) : item);
    if (in.failed()) return {};
  }
  return out;
}

Value itemsOf(Interpreter& in, const Value& v, CallArgs&) {
  if (v.is(Kind::undefined)) return in.makeGenerator({});
  if (!v.is(Kind::dict)) return in.fail("items needs a dictionary, not " + std::string(v.typeName()) + ".");
  Values out;
  for (const auto& [key, value] : v.dict().items) {
    out.push_back(in.makeList({key, value}, Kind::tuple));
    if (in.failed()) return {};
  }
  return in.makeGenerator(std::move(out));
}

Value cased(Interpreter& in, const Value& v, Case to) {
  const Value text = in.toString(v);
  return in.failed() ? Value() : changeCase(in, text, to);
}

Value withMarkup(const Value& v, bool markup) {
  StrBuilder out;
  out.add(v.str());
  return Value::string(out.take(markup));
}

Value replace(Interpreter& in, const Value& v, CallArgs& args) {
  const Value text = in.toString(v);
  const Value* old = args.get(0, "old");
  const Value* with = args.get(1, "new");
  if (!old || !with) return in.fail("replace needs what to replace and what with.");
  const Value from = in.toString(*old), to = in.toString(*with);
  const std::int64_t count = in.wholeArg(args, 2, "count", -1);
  return in.failed() ? Value() : replaceText(in, withMarkup(text, false), from, to, count);
}

Value ends(Interpreter& in, const Value& v, bool first) {
  if (!first && v.isSequence() && v.list().generator) return in.fail("last needs a list.");
  const Values items = in.elements(v);
  if (items.empty()) return Value::undefinedNamed(first ? "the first of nothing" : "the last of nothing");
  return first ? items.front() : items.back();
}

Value format(Interpreter& in, const Value& v, CallArgs& args) {
  const Value text = in.toString(v);
  return in.failed() ? Value() : in.binary(Op::modulo, text, in.makeList(args.positional, Kind::tuple));
}

const std::unordered_map<std::string_view, Filter>& table() {
  static const std::unordered_map<std::string_view, Filter> kTable = {
      {"length", length}, {"count", length}, {"tojson", tojson}, {"from_json", fromJsonText}, {"fromjson", fromJsonText}, {"dictsort", dictsort},
      {"sort", sorted}, {"unique", unique}, {"map", map}, {"join", join}, {"indent", indent}, {"batch", batch}, {"int", toInt}, {"float", toReal},
      {"round", roundTo}, {"reverse", reversed}, {"sum", sum}, {"items", itemsOf}, {"replace", replace}, {"format", format},
      {"min", [](Interpreter& in, const Value& v, CallArgs& a) { return extreme(in, v, a, false); }},
      {"max", [](Interpreter& in, const Value& v, CallArgs& a) { return extreme(in, v, a, true); }},
      {"select", [](Interpreter& in, const Value& v, CallArgs& a) { return pick(in, v, a, true, false); }},
      {"reject", [](Interpreter& in, const Value& v, CallArgs& a) { return pick(in, v, a, false, false); }},
      {"selectattr", [](Interpreter& in, const Value& v, CallArgs& a) { return pick(in, v, a, true, true); }},
      {"rejectattr", [](Interpreter& in, const Value& v, CallArgs& a) { return pick(in, v, a, false, true); }},
      {"lower", [](Interpreter& in, const Value& v, CallArgs&) { return cased(in, v, Case::lower); }},
      {"upper", [](Interpreter& in, const Value& v, CallArgs&) { return cased(in, v, Case::upper); }},
      {"capitalize", [](Interpreter& in, const Value& v, CallArgs&) { return cased(in, v, Case::capital); }},
      {"title", [](Interpreter& in, const Value& v, CallArgs&) { return cased(in, v, Case::title); }},
      {"first", [](Interpreter& in, const Value& v, CallArgs&) { return ends(in, v, true); }},
      {"last", [](Interpreter& in, const Value& v, CallArgs&) { return ends(in, v, false); }},
      {"list", [](Interpreter& in, const Value& v, CallArgs&) { return in.makeList(in.elements(v)); }},
      {"string", [](Interpreter& in, const Value& v, CallArgs&) { return in.toString(v); }},
  };
  return kTable;
}

}  // namespace

Value Interpreter::filter(std::string_view name, const Value& v, CallArgs& args) {
  if (failed() || !step()) return {};
  if (name == "default" || name == "d") {
    const Value* otherwise = args.get(0, "default_value");
    const bool replaced = v.is(Kind::undefined) || (flagArg(args, 1, "boolean", false) && !v.truthy());
    return !replaced ? v : otherwise ? *otherwise : Value::string("");
  }
  if (name == "trim") {
    const Value text = toString(v);
    return failed() ? Value() : stripText(*this, text, args.get(0, "chars"), true, true);
  }
  if (name == "safe" || name == "escape" || name == "e" || name == "forceescape") {
    const Value text = toString(v);
    if (failed()) return {};
    return name == "safe" ? withMarkup(text, true) : escapeHtml(*this, name == "forceescape" ? withMarkup(text, false) : text);
  }
  if (name == "abs") {
    if (!v.isNumber()) return fail("abs needs a number, not " + std::string(v.typeName()) + ".");
    if (v.is(Kind::real)) return Value::real(std::abs(v.number()));
    return v.whole() < 0 ? binary(Op::subtract, Value::integer(0), v) : Value::integer(v.whole());
  }
  if (name == "attr") {
    const Value* key = args.get(0, "name");
    if (!key || !key->is(Kind::string)) return fail("attr needs a name.");
    return v.is(Kind::dict) && !hasMethod(v, key->str().bytes) ? Value::undefinedNamed("attribute " + shown(key->str().bytes)) : attribute(v, key->str().bytes);
  }
  const auto it = table().find(name);
  if (it == table().end()) return fail("There is no filter " + shown(name) + ".");
  return it->second(*this, v, args);
}

}  // namespace retort::text::jinja
