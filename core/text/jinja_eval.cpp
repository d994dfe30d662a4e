// Expressions of the template language: names, chains, arithmetic and slices, with Python's rules.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "text/jinja_interpreter.h"

namespace retort::text::jinja {
namespace {
constexpr int kMaxFrames = 1000;
constexpr std::size_t kBytesPerStep = 128;

std::string typeText(const Value& v) { return std::string(v.typeName()); }

void addEscaped(StrBuilder& out, const Str& text) {
  for (std::size_t i = 0, start = 0; i <= text.bytes.size(); ++i) {
    const char c = i < text.bytes.size() ? text.bytes[i] : '\0';
    std::string_view name;
    if (c == '&') name = "&amp;";
    else if (c == '<') name = "&lt;";
    else if (c == '>') name = "&gt;";
    else if (c == '"') name = "&#34;";
    else if (c == '\'') name = "&#39;";
    if (name.empty() && i < text.bytes.size()) continue;
    out.add(text, start, i);
    out.add(name, 0);
    start = i + 1;
  }
}
}  // namespace

Value Interpreter::lookup(const std::string& name) {
  std::size_t scanned = 0;
  for (const Scope* scope = m_scope.get(); scope; scope = scope->parent.get()) {
    for (auto it = scope->variables.rbegin(); it != scope->variables.rend(); ++it) {
      if (it->first == name) {
        step(scanned / 32);
        return it->second;
      }
      ++scanned;
    }
  }
  step(scanned / 32);
  if (isFunction(name)) {
    auto f = std::make_shared<Callable>();
    f->name = functionName(name);
    return Value(Kind::callable, std::move(f));
  }
  return Value::undefinedNamed("\"" + name + "\"");
}

void Interpreter::assign(std::string_view name, Value value) {
  for (auto& [key, old] : m_scope->variables) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  step(m_scope->variables.size() / 32);
  m_scope->variables.emplace_back(name, std::move(value));
}

Value Interpreter::eval(const Expr& e) {
  if (m_failed || !step()) return {};
  if (++m_frames > kMaxFrames) fail("The template nests too deeply.", "text.template.limit");
  Value out = m_failed ? Value() : evalInner(e);
  --m_frames;
  return m_failed ? Value() : out;
}

Value Interpreter::evalInner(const Expr& e) {
  m_at = e.at;
  switch (e.kind) {
    case Expr::Kind::literal: return e.literal;
    case Expr::Kind::name: return lookup(e.name);
    case Expr::Kind::list:
    case Expr::Kind::tuple: {
      std::vector<Value> items;
      for (const auto& child : e.children) items.push_back(eval(*child));
      return m_failed ? Value() : makeList(std::move(items), e.kind == Expr::Kind::list ? Kind::list : Kind::tuple);
    }
    case Expr::Kind::dict: {
      auto dict = std::make_shared<Dict>();
      for (std::size_t i = 0; i + 1 < e.children.size() && !m_failed; i += 2) {
        const Value key = eval(*e.children[i]);
        Value value = eval(*e.children[i + 1]);
        if (m_failed) return {};
        if (!isHashable(key)) return fail(typeText(key) + " cannot be the key of a dictionary.");
        dict->set(key, std::move(value));
      }
      return m_failed ? Value() : makeDict(std::move(dict));
    }
    case Expr::Kind::chain: return evalChain(e);
    case Expr::Kind::binary: {
      Value left = eval(*e.children[0]);
      for (std::size_t i = 0; i < e.ops.size() && !m_failed; ++i) {
        const Value right = eval(*e.children[i + 1]);
        if (m_failed) return {};
        m_at = e.at;
        left = binary(e.ops[i], left, right);
      }
      return left;
    }
    case Expr::Kind::compare: return evalCompare(e);
    case Expr::Kind::conjunction:
    case Expr::Kind::disjunction: {
      Value value;
      for (const auto& child : e.children) {
        value = eval(*child);
        if (m_failed || value.truthy() == (e.kind == Expr::Kind::disjunction)) return value;
      }
      return value;
    }
    case Expr::Kind::negation: return Value::boolean(!eval(*e.children[0]).truthy());
    case Expr::Kind::minus:
    case Expr::Kind::plus: {
      const Value v = eval(*e.children[0]);
      if (m_failed) return {};
      if (!v.isNumber()) return fail(typeText(v) + " has no sign.");
      const bool minus = e.kind == Expr::Kind::minus;
      if (v.is(Kind::real)) return Value::real(minus ? -v.number() : v.number());
      return minus ? arithmetic(Op::subtract, Value::integer(0), v) : Value::integer(v.whole());
    }
    case Expr::Kind::conditional:
      if (eval(*e.children[1]).truthy()) return eval(*e.children[0]);
      if (m_failed) return {};
      return e.children[2] ? eval(*e.children[2]) : Value::undefinedNamed("the inline if without else");
  }
  return {};
}

Value Interpreter::evalChain(const Expr& e) {
  Value value = eval(*e.children[0]);
  for (const Postfix& p : e.postfixes) {
    if (m_failed || !step()) return {};
    value = apply(p, value);
  }
  return value;
}

Value Interpreter::evalCompare(const Expr& e) {
  Value left = eval(*e.children[0]);
  for (std::size_t i = 0; i < e.ops.size(); ++i) {
    Value right = eval(*e.children[i + 1]);
    if (m_failed) return {};
    m_at = e.at;
    if (!compare(e.ops[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

bool Interpreter::compare(Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::equal: return equal(a, b);
    case Op::unequal: return !equal(a, b);
    case Op::less: return less(a, b);
    case Op::greater: return less(b, a);
    case Op::lessEqual: return less(a, b) || (!m_failed && equal(a, b));
    case Op::greaterEqual: return less(b, a) || (!m_failed && equal(a, b));
    case Op::in: return contains(b, a);
    case Op::notIn: return !contains(b, a);
    default: return false;
  }
}

Value Interpreter::apply(const Postfix& p, const Value& value) {
  m_at = p.at;
  switch (p.kind) {
    case Postfix::Kind::attribute: return attribute(value, p.name);
    case Postfix::Kind::item: {
      const Value key = eval(*p.parts[0]);
      m_at = p.at;
      return m_failed ? Value() : item(value, key);
    }
    case Postfix::Kind::slice: return slice(p, value);
    default: break;
  }
  CallArgs args;
  arguments(p.args, args);
  m_at = p.at;
  if (m_failed) return {};
  if (p.kind == Postfix::Kind::call) return call(value, args);
  if (p.kind == Postfix::Kind::filter) return filter(p.name, value, args);
  const bool holds = test(p.name, value, args);
  return Value::boolean(holds != p.negated);
}

void Interpreter::arguments(const std::vector<Argument>& from, CallArgs& into) {
  for (const Argument& a : from) {
    Value value = eval(*a.value);
    if (m_failed) return;
    switch (a.kind) {
      case Argument::Kind::positional: into.positional.push_back(std::move(value)); break;
      case Argument::Kind::keyword: into.keyword.emplace_back(a.name, std::move(value)); break;
      case Argument::Kind::star:
        for (Value& v : elements(value)) into.positional.push_back(std::move(v));
        break;
      case Argument::Kind::doubleStar:
        if (!value.is(Kind::dict)) {
          fail("Only a dictionary can follow \"**\".");
          return;
        }
        for (const auto& [key, v] : value.dict().items) {
          if (key.is(Kind::string)) into.keyword.emplace_back(key.str().bytes, v);
        }
        break;
    }
  }
}

Value Interpreter::attribute(const Value& value, std::string_view name) {
  switch (value.kind()) {
    case Kind::undefined: return fail(value.undefinedName() + " is undefined, so it has no attribute " + shown(name) + ".");
    case Kind::space:
      for (const auto& [key, v] : value.space().items) {
        if (key == name) return v;
      }
      break;
    case Kind::loop: return loopAttribute(value.loop(), name);
    default: break;
  }
  if (hasMethod(value, name)) {
    auto m = std::make_shared<Callable>();
    m->kind = Callable::Kind::method;
    m->name = methodName(value, name);
    m->self = value;
    return Value(Kind::callable, std::move(m));
  }
  if (value.is(Kind::dict)) {
    if (const Value* found = value.dict().find(name)) return *found;
  }
  return Value::undefinedNamed("attribute " + shown(name) + " of " + typeText(value));
}

Value Interpreter::item(const Value& value, const Value& key) {
  if (value.is(Kind::undefined)) return fail(value.undefinedName() + " is undefined, so it has no items.");
  if (value.is(Kind::dict) && isHashable(key)) {
    if (const Value* found = value.dict().find(key)) return *found;
  }
  if (key.isWhole() && (value.isSequence() || value.is(Kind::string))) {
    const bool text = value.is(Kind::string);
    if (!text && value.list().generator) return Value::undefinedNamed("an item of a generator");
    const auto size = static_cast<std::int64_t>(text ? utf8Length(value.str().bytes) : value.list().items.size());
    const std::int64_t index = key.whole() < 0 ? key.whole() + size : key.whole();
    if (index < 0 || index >= size) return Value::undefinedNamed("item " + std::to_string(key.whole()) + " of " + typeText(value));
    if (!text) return value.list().items[static_cast<std::size_t>(index)];
    step(value.str().bytes.size() / kBytesPerStep);
    const std::size_t begin = offsetOf(value.str().bytes, static_cast<std::size_t>(index));
    std::size_t end = begin;
    (void)decodeAt(value.str().bytes, end);
    StrBuilder out;
    out.add(value.str(), begin, end);
    return finished(out, value.str().markup);
  }
  if (key.is(Kind::string)) {
    // As Jinja does: an absent key may still name a method.
    if (!value.is(Kind::dict) || hasMethod(value, key.str().bytes)) return attribute(value, key.str().bytes);
    return Value::undefinedNamed("key " + shown(key.str().bytes));
  }
  return Value::undefinedNamed("an item of " + typeText(value));
}

Value Interpreter::path(const Value& value, const Value& dotted) {
  if (dotted.isWhole()) return item(value, dotted);
  if (!dotted.is(Kind::string)) return fail("An attribute is named by a string.");
  Value out = value;
  for (const std::string_view part : splitView(dotted.str().bytes, '.')) {
    if (m_failed) return {};
    const bool number = !part.empty() && part.size() < 10 && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    out = item(out, number ? Value::integer(std::atoll(std::string(part).c_str())) : Value::string(part, kTemplate));
  }
  return out;
}

Value Interpreter::slice(const Postfix& p, const Value& value) {
  std::int64_t bounds[3] = {0, 0, 1};
  bool given[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!p.parts[i]) continue;
    const Value v = eval(*p.parts[i]);
    if (m_failed) return {};
    if (v.is(Kind::none)) continue;
    m_at = p.at;
    if (!v.isWhole()) return fail("A slice needs whole numbers, not " + typeText(v) + ".");
    bounds[i] = v.whole();
    given[i] = true;
  }
  m_at = p.at;
  const bool text = value.is(Kind::string);
  if (value.is(Kind::undefined)) return fail(value.undefinedName() + " is undefined, so it has no items.");
  if (!text && (!value.isSequence() || value.list().generator)) return Value::undefinedNamed("a slice of " + typeText(value));
  const std::int64_t stepBy = bounds[2];
  if (stepBy == 0) return fail("The step of a slice is zero.");
  std::vector<std::size_t> offsets;   // of code points
  if (text) {
    for (std::size_t pos = 0; pos < value.str().bytes.size();) {
      offsets.push_back(pos);
      (void)decodeAt(value.str().bytes, pos);
    }
    offsets.push_back(value.str().bytes.size());
  }
  const auto size = static_cast<std::int64_t>(text ? offsets.size() - 1 : value.list().items.size());
  if (!step(static_cast<std::size_t>(size) / 32)) return {};
  const std::int64_t low = stepBy > 0 ? 0 : -1, high = stepBy > 0 ? size : size - 1;
  const auto clamp = [&](std::int64_t v) { return std::clamp(v < 0 ? v + size : v, low, high); };
  const std::int64_t start = given[0] ? clamp(bounds[0]) : stepBy > 0 ? low : high;
  const std::int64_t stop = given[1] ? clamp(bounds[1]) : stepBy > 0 ? high : low;
  StrBuilder out;
  std::vector<Value> items;
  if (text && stepBy == 1) {
    if (start < stop) out.add(value.str(), offsets[static_cast<std::size_t>(start)], offsets[static_cast<std::size_t>(stop)]);
    return finished(out, value.str().markup);
  }
  for (std::int64_t i = start; stepBy > 0 ? i < stop : i > stop;) {
    const auto at = static_cast<std::size_t>(i);
    if (text) out.add(value.str(), offsets[at], offsets[at + 1]);
    else items.push_back(value.list().items[at]);
    if (__builtin_add_overflow(i, stepBy, &i)) break;
  }
  return text ? finished(out, value.str().markup) : makeList(std::move(items), value.kind());
}

Value Interpreter::call(const Value& callee, CallArgs& args) {
  if (callee.is(Kind::undefined)) return fail(callee.undefinedName() + " is undefined, so it cannot be called.");
  if (callee.is(Kind::loop)) {
    Loop& state = callee.loop();
    if (!state.statement) return fail("The loop is not recursive.");
    const Value* iterable = args.get(0, "iterable");
    if (!iterable) return fail("loop() needs what to walk through.");
    if (m_calls >= kMaxDepth) return fail("A recursive loop nests deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
    ++m_calls;
    StrBuilder text;
    StrBuilder* const before = std::exchange(m_out, &text);
    runLoop(*state.statement, *iterable, state.depth + 1);
    m_out = before;
    --m_calls;
    return m_failed ? Value() : finished(text);
  }
  if (!callee.is(Kind::callable)) return fail(typeText(callee) + " cannot be called.");
  const Callable& c = callee.callable();
  switch (c.kind) {
    case Callable::Kind::macro: return callMacro(c, args, nullptr);
    case Callable::Kind::method: return method(c.self, c.name, args);
    default: return function(c.name, args);
  }
}

Value Interpreter::loopAttribute(Loop& l, std::string_view name) {
  const auto size = static_cast<std::int64_t>(l.items->items.size());
  const auto index = static_cast<std::int64_t>(l.index);
  if (name == "index") return Value::integer(index + 1);
  if (name == "index0") return Value::integer(index);
  if (name == "revindex") return Value::integer(size - index);
  if (name == "revindex0") return Value::integer(size - index - 1);
  if (name == "first") return Value::boolean(index == 0);
  if (name == "last") return Value::boolean(index + 1 == size);
  if (name == "length") return Value::integer(size);
  if (name == "depth") return Value::integer(l.depth + 1);
  if (name == "depth0") return Value::integer(l.depth);
  if (name == "previtem") return index > 0 ? l.items->items[l.index - 1] : Value::undefinedNamed("the item before the first");
  if (name == "nextitem") return index + 1 < size ? l.items->items[l.index + 1] : Value::undefinedNamed("the item after the last");
  if (name == "cycle" || name == "changed") {
    auto m = std::make_shared<Callable>();
    m->kind = Callable::Kind::method;
    m->name = name == "cycle" ? "cycle" : "changed";
    m->self = lookup("loop");
    return Value(Kind::callable, std::move(m));
  }
  return Value::undefinedNamed("attribute " + shown(name) + " of the loop");
}

Value Interpreter::binary(Op op, const Value& a, const Value& b) {
  if (op == Op::concat) {
    StrBuilder out;
    write(out, a);
    write(out, b);
    return m_failed ? Value() : finished(out);
  }
  if (a.is(Kind::undefined) || b.is(Kind::undefined)) return fail((a.is(Kind::undefined) ? a : b).undefinedName() + " is undefined.");
  if (op == Op::add && a.is(Kind::string) && b.is(Kind::string)) {
    StrBuilder out;
    const bool markup = a.str().markup || b.str().markup;
    a.str().markup || !markup ? out.add(a.str()) : addEscaped(out, a.str());
    b.str().markup || !markup ? out.add(b.str()) : addEscaped(out, b.str());
    return finished(out, markup);
  }
  if (op == Op::add && a.isSequence() && b.kind() == a.kind() && !a.list().generator && !b.list().generator) {
    std::vector<Value> items = a.list().items;
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    return makeList(std::move(items), a.kind());
  }
  if (op == Op::multiply && (a.is(Kind::string) || a.isSequence()) && b.isWhole()) return repeat(a, b.whole());
  if (op == Op::multiply && (b.is(Kind::string) || b.isSequence()) && a.isWhole()) return repeat(b, a.whole());
  if (op == Op::modulo && a.is(Kind::string)) return formatPercent(a, b);
  if (!a.isNumber() || !b.isNumber()) {
    static constexpr std::string_view kNames[] = {"+", "-", "~", "*", "/", "//", "%", "**"};
    return fail(std::string(kNames[static_cast<std::size_t>(op)]) + " does not work between " + typeText(a) + " and " + typeText(b) + ".");
  }
  return arithmetic(op, a, b);
}

Value Interpreter::repeat(const Value& sequence, std::int64_t times) {
  times = std::max<std::int64_t>(times, 0);
  if (times > kMaxRepeat) return fail("A sequence is repeated more than 10,000 times.", "text.template.limit");
  if (sequence.is(Kind::string)) {
    StrBuilder out;
    for (std::int64_t i = 0; i < times && !out.overflowed(); ++i) out.add(sequence.str());
    return finished(out, sequence.str().markup);
  }
  std::vector<Value> items;
  const auto& once = sequence.list().items;
  if (!step(once.size() * static_cast<std::size_t>(times) / 8)) return {};
  for (std::int64_t i = 0; i < times; ++i) items.insert(items.end(), once.begin(), once.end());
  return makeList(std::move(items), sequence.kind());
}

Value Interpreter::arithmetic(Op op, const Value& a, const Value& b) {
  const bool zero = b.number() == 0;
  if (op == Op::divide) return zero ? fail("Division by zero.") : Value::real(a.number() / b.number());
  if (zero && (op == Op::floorDivide || op == Op::modulo)) return fail("Division by zero.");
  if (a.isWhole() && b.isWhole() && !(op == Op::power && b.whole() < 0)) {
    const std::int64_t x = a.whole(), y = b.whole();
    std::int64_t out = 0;
    bool overflow = false;
    switch (op) {
      case Op::add: overflow = __builtin_add_overflow(x, y, &out); break;
      case Op::subtract: overflow = __builtin_sub_overflow(x, y, &out); break;
      case Op::multiply: overflow = __builtin_mul_overflow(x, y, &out); break;
      case Op::floorDivide:
      case Op::modulo: {
        if (y == -1) {
          overflow = op == Op::floorDivide && __builtin_sub_overflow(std::int64_t{0}, x, &out);
          break;
        }
        const std::int64_t quotient = x / y - ((x % y != 0 && (x % y < 0) != (y < 0)) ? 1 : 0);
        out = op == Op::floorDivide ? quotient : x - quotient * y;
        break;
      }
      case Op::power: {
        out = 1;
        if (x == 0 || x == 1 || x == -1) {
          out = y == 0 ? 1 : x == -1 ? (y % 2 == 0 ? 1 : -1) : x;
        } else {
          for (std::int64_t i = 0; i < y && !overflow; ++i) overflow = __builtin_mul_overflow(out, x, &out);
        }
        break;
      }
      default: break;
    }
    return overflow ? fail("A number grows too large.", "text.template.limit") : Value::integer(out);
  }
  const double x = a.number(), y = b.number();
  switch (op) {
    case Op::add: return Value::real(x + y);
    case Op::subtract: return Value::real(x - y);
    case Op::multiply: return Value::real(x * y);
    case Op::floorDivide: return Value::real(std::floor(x / y));
    case Op::modulo: {
      const double r = std::fmod(x, y);
      return Value::real(r != 0 && (r < 0) != (y < 0) ? r + y : r);
    }
    default: return x == 0 && y < 0 ? fail("Division by zero.") : Value::real(std::pow(x, y));
  }
}

Value Interpreter::formatPercent(const Value& format, const Value& arguments) {
  const Str& f = format.str();
  const std::vector<Value> values = arguments.is(Kind::tuple) ? arguments.list().items : std::vector<Value>{arguments};
  StrBuilder out;
  std::size_t next = 0, start = 0;
  for (std::size_t i = 0; i < f.bytes.size(); ++i) {
    if (f.bytes[i] != '%') continue;
    out.add(f, start, i);
    const char c = i + 1 < f.bytes.size() ? f.bytes[i + 1] : '\0';
    start = i + 2;
    ++i;
    if (c == '%') {
      out.add(f, i, i + 1);
      continue;
    }
    if (next >= values.size()) return fail("There are fewer values than places in the format.");
    const Value& v = values[next++];
    if (c == 's') write(out, v);
    else if (c == 'r') writeRepr(out, v);
    else if ((c == 'd' || c == 'i') && v.isNumber()) out.add(std::to_string(static_cast<std::int64_t>(v.number())), 0);
    else if (c == 'f' && v.isNumber()) out.add(formatNumber(v.number(), 6), 0);
    else return fail("The format %" + std::string(1, c) + " is not supported, or not for this value.");
  }
  if (start < f.bytes.size()) out.add(f, start, f.bytes.size());
  if (next < values.size() && !(values.size() == 1 && arguments.is(Kind::dict))) return fail("There are more values than places in the format.");
  return m_failed ? Value() : finished(out, f.markup);
}

}  // namespace retort::text::jinja
