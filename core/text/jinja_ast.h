// The tree of a parsed template. Chains of operators and of postfixes are flat, so that depth means nesting only.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/jinja_value.h"

namespace retort::text::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Argument {
  enum class Kind { positional, keyword, star, doubleStar } kind = Kind::positional;
  std::string name;
  ExprPtr value;
};

/// One postfix: .name  [item]  [a:b:c]  (arguments)  |filter  is test
struct Postfix {
  enum class Kind { attribute, item, slice, call, filter, test } kind = Kind::attribute;
  std::string name;
  std::vector<ExprPtr> parts;            ///< item: 1; slice: 3, absent ones null
  std::vector<Argument> args;
  bool negated = false;                  ///< is not
  std::uint32_t at = 0;
};

enum class Op { add, subtract, concat, multiply, divide, floorDivide, modulo, power, equal, unequal, less, lessEqual, greater, greaterEqual, in, notIn };

struct Expr {
  enum class Kind { literal, name, list, tuple, dict, chain, binary, compare, conjunction, disjunction, negation, minus, plus, conditional };
  Kind kind = Kind::literal;
  std::uint32_t at = 0;                  ///< byte offset in the source
  std::string name;
  Value literal;
  std::vector<ExprPtr> children;         ///< operands; dict: key, value, key, value …; conditional: value, test, otherwise (may be null)
  std::vector<Op> ops;                   ///< binary, compare: between children
  std::vector<Postfix> postfixes;        ///< chain: applied to children[0]
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

struct Parameter {
  std::string name;
  ExprPtr value;                         ///< default, or null
};

/// The callable part of {% macro %}, {% call %}.
struct MacroCode {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool usesVarargs = false, usesKwargs = false, usesCaller = false;
};

struct Branch {
  ExprPtr test;
  Body body;
};

struct Stmt {
  enum class Kind { data, print, conditional, loop, set, setBlock, macro, call, filter, generation, with, stop, next };
  Kind kind = Kind::data;
  std::uint32_t at = 0;
  Value data;
  ExprPtr target, value, test;           ///< loop: target, iterable, inline if; set: target, value; print, call: value
  Body body, otherwise;
  std::vector<Branch> branches;          ///< conditional: if and elif
  std::vector<Postfix> filters;          ///< filter and set block
  std::vector<std::pair<ExprPtr, ExprPtr>> bindings;   ///< with
  std::unique_ptr<MacroCode> macro;      ///< macro and call
  bool recursive = false;
};

struct Program {
  std::string source, where;
  Body body;
  bool hasGeneration = false;
};

}  // namespace retort::text::jinja
