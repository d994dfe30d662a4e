// Values that only the interpreter makes: macros, functions, bound methods and the loop variable; and scopes.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_value.h"

namespace retort::text::jinja {

/// Variables of one block. Names point into the tree or into static text.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables;
  bool kept = false;                     ///< some macro was made here
};

struct Callable : Object {
  enum class Kind { macro, function, method, loop } kind = Kind::function;
  std::string_view name;                 ///< of the function or method
  Value self;                            ///< of a method; the loop
  const MacroCode* code = nullptr;
  Scope* scope = nullptr;                ///< where the macro was made; kept alive by the interpreter
};

struct Loop : Object {
  std::shared_ptr<List> items;
  std::size_t index = 0;
  int depth = 0;
  const Stmt* statement = nullptr;       ///< of a recursive loop
  Value lastChanged;
  bool everChanged = false;
};

struct CallArgs {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
  /// The argument at `index` or called `name`, or null.
  [[nodiscard]] const Value* get(std::size_t index, std::string_view name) const {
    if (index < positional.size()) return &positional[index];
    for (const auto& [key, value] : keyword) {
      if (key == name) return &value;
    }
    return nullptr;
  }
};

}  // namespace retort::text::jinja
