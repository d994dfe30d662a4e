// The tests behind "is": what kind of value something is, and comparisons by name.
#include <array>
#include <cmath>
#include <utility>

#include <utf8proc.h>

#include "base/format.h"
#include "text/jinja_interpreter.h"

namespace retort::text::jinja {
namespace {

// All cased characters of `s` have the wanted case, and there is one at least.
bool isCase(const Value& v, bool upper) {
  if (!v.is(Kind::string)) return false;
  bool any = false;
  for (std::size_t pos = 0; pos < v.str().bytes.size();) {
    const auto c = static_cast<utf8proc_int32_t>(decodeAt(v.str().bytes, pos));
    const bool isUpper = utf8proc_tolower(c) != c, isLower = utf8proc_toupper(c) != c;
    if (upper ? isLower && !isUpper : isUpper && !isLower) return false;
    any = any || isUpper || isLower;
  }
  return any;
}

std::int64_t modulo(std::int64_t a, std::int64_t b) { return b == -1 ? 0 : ((a % b) + b) % b; }

}  // namespace

bool Interpreter::test(std::string_view name, const Value& v, CallArgs& args) {
  const auto one = [&](std::string_view argument) -> const Value* {
    const Value* a = args.get(0, argument);
    if (!a) fail("The test \"" + std::string(name) + "\" needs a value to compare with.");
    return a;
  };
  static constexpr std::array<std::pair<std::string_view, Op>, 18> kComparisons = {{{"equalto", Op::equal}, {"eq", Op::equal}, {"==", Op::equal},
    {"sameas", Op::equal}, {"ne", Op::unequal}, {"!=", Op::unequal}, {"lt", Op::less}, {"<", Op::less}, {"lessthan", Op::less}, {"le", Op::lessEqual},
    {"<=", Op::lessEqual}, {"gt", Op::greater}, {">", Op::greater}, {"greaterthan", Op::greater}, {"ge", Op::greaterEqual}, {">=", Op::greaterEqual},
    {"in", Op::in}, {"", Op::in}}};
  if (name == "defined") return !v.is(Kind::undefined);
  if (name == "undefined") return v.is(Kind::undefined);
  if (name == "none") return v.is(Kind::none);
  if (name == "boolean") return v.is(Kind::boolean);
  if (name == "true") return v.is(Kind::boolean) && v.whole() != 0;
  if (name == "false") return v.is(Kind::boolean) && v.whole() == 0;
  if (name == "integer") return v.is(Kind::integer);
  if (name == "float") return v.is(Kind::real);
  if (name == "number") return v.isNumber();
  if (name == "string") return v.is(Kind::string);
  if (name == "mapping") return v.is(Kind::dict);
  if (name == "iterable") return v.is(Kind::undefined) || v.is(Kind::string) || v.isSequence() || v.is(Kind::dict) || v.is(Kind::loop);
  if (name == "sequence") return v.is(Kind::undefined) || v.is(Kind::string) || (v.isSequence() && !v.list().generator) || v.is(Kind::dict);
  if (name == "callable") return v.is(Kind::callable) || (v.is(Kind::loop) && v.loop().statement);
  if (name == "upper") return isCase(v, true);
  if (name == "lower") return isCase(v, false);
  if (name == "escaped") return v.is(Kind::string) && v.str().markup;
  if (name == "odd" || name == "even" || name == "divisibleby") {
    if (v.is(Kind::undefined)) return fail(v.undefinedName() + " is undefined."), false;
    if (!v.isWhole()) return fail("The test \"" + std::string(name) + "\" needs a whole number."), false;
    if (name != "divisibleby") return modulo(v.whole(), 2) == (name == "odd" ? 1 : 0);
    const Value* by = one("num");
    if (!by) return false;
    if (!by->isWhole() || by->whole() == 0) return fail("The divisor must be a whole number that is not zero."), false;
    return modulo(v.whole(), by->whole()) == 0;
  }
  if (name == "filter" || name == "test") return fail("The test \"" + std::string(name) + "\" is not supported."), false;
  for (const auto& [word, op] : kComparisons) {
    if (word.empty() || word != name) continue;
    const Value* other = one("other");
    if (!other) return false;
    if (name == "sameas" && v.kind() != other->kind()) return false;
    return compare(op, v, *other);
  }
  fail("There is no test " + shown(name) + ".");
  return false;
}

}  // namespace retort::text::jinja
