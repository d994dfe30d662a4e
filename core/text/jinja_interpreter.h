// Runs a template tree under a budget of steps, depth and bytes. The first failure is kept and ends everything.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template.h"
#include "text/jinja_objects.h"

namespace retort::text::jinja {

enum class Flow { normal, stop, next };

/// How tojson writes.
struct JsonStyle {
  std::string item = ", ", colon = ": ";
  bool indented = false, ascii = false, sorted = false;
  std::string indent;
};

class Interpreter {
 public:
  Interpreter(const Program& program, const TemplateInput& input);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;
  Result<Rendered> run();

  // --- services to filters, tests and methods (jinja_filters.cpp …)
  /// Keeps the first error, at the place being evaluated; returns undefined so that callers can `return in.fail(…)`.
  Value fail(std::string why, std::string_view code = "text.template.render");
  [[nodiscard]] bool failed() const { return m_failed; }
  /// Counts work: false when the budget is used up (then the error is set).
  bool step(std::size_t count = 1);
  /// The built string as a value; charges for its bytes, fails when it is too long.
  Value finished(StrBuilder& builder, bool markup = false);
  Value makeList(std::vector<Value> items, Kind kind = Kind::list);
  Value makeGenerator(std::vector<Value> items);
  Value makeDict(std::shared_ptr<Dict> dict);
  /// The elements of anything iterable (a copy); fails on others. Uses up a generator.
  std::vector<Value> elements(const Value& value);
  Value attribute(const Value& value, std::string_view name);
  Value item(const Value& value, const Value& key);
  /// A dotted path of attributes and indices, as `map(attribute="a.b")` has it.
  Value path(const Value& value, const Value& dotted);
  Value call(const Value& callee, CallArgs& args);
  Value filter(std::string_view name, const Value& input, CallArgs& args);   // jinja_filters.cpp
  bool test(std::string_view name, const Value& input, CallArgs& args);      // jinja_tests.cpp
  Value method(const Value& self, std::string_view name, CallArgs& args);    // jinja_methods.cpp
  Value function(std::string_view name, CallArgs& args);                     // jinja_methods.cpp
  Value binary(Op op, const Value& a, const Value& b);                       // jinja_eval.cpp
  bool compare(Op op, const Value& a, const Value& b);                       // jinja_eval.cpp

  // --- printing and comparing (jinja_write.cpp)
  void write(StrBuilder& out, const Value& value);                           ///< str()
  void writeRepr(StrBuilder& out, const Value& value, int depth = 0);        ///< repr()
  void writeJson(StrBuilder& out, const Value& value, const JsonStyle& style, int depth = 0);
  Value toString(const Value& value);                                        ///< a string stays as it is
  bool equal(const Value& a, const Value& b, int depth = 0);
  bool contains(const Value& container, const Value& element);
  bool less(const Value& a, const Value& b, int depth = 0);                  ///< fails when there is no order
  Value fromJson(const Json& json, std::uint8_t flags, int depth = 0);
  /// The whole-number argument, or `otherwise`; fails on other types.
  std::int64_t wholeArg(const CallArgs& args, std::size_t index, std::string_view name, std::int64_t otherwise);
  bool flagArg(const CallArgs& args, std::size_t index, std::string_view name, bool otherwise);

 private:
  struct Deeper;
  struct InScope;
  // statements
  Flow exec(const Body& body);
  Flow exec(const Stmt& stmt);
  void print(const Expr& expr);
  void emit(const Value& value);
  Flow conditional(const Stmt& stmt);
  void loop(const Stmt& stmt);
  void runLoop(const Stmt& stmt, const Value& iterable, int depth);
  void callBlock(const Stmt& stmt);
  void bind(const Expr& target, const Value& value);
  Value capture(const Body& body, bool ownScope);
  void applyFilters(const std::vector<Postfix>& filters, Value& value);
  // expressions
  Value eval(const Expr& expr);
  Value evalInner(const Expr& expr);
  Value evalChain(const Expr& expr);
  Value evalCompare(const Expr& expr);
  Value apply(const Postfix& postfix, const Value& value);
  Value slice(const Postfix& postfix, const Value& value);
  void arguments(const std::vector<Argument>& from, CallArgs& into);
  Value lookup(const std::string& name);
  void assign(std::string_view name, Value value);
  Value callMacro(const Callable& macro, CallArgs& args, const Value* caller);
  Value makeMacro(const MacroCode& code);
  Value arithmetic(Op op, const Value& a, const Value& b);
  Value repeat(const Value& sequence, std::int64_t times);
  Value formatPercent(const Value& format, const Value& arguments);
  Value loopAttribute(Loop& loop, std::string_view name);

  const Program& m_program;
  const TemplateInput& m_input;
  std::shared_ptr<Scope> m_scope;
  std::vector<std::string> m_names;                        ///< of the input variables
  std::vector<std::shared_ptr<Scope>> m_kept;              ///< scopes in which macros were made
  std::vector<std::shared_ptr<Object>> m_containers;       ///< mutable ones, emptied at the end: they may form cycles
  StrBuilder* m_out = nullptr;
  std::size_t m_steps = 0;
  int m_frames = 0, m_calls = 0;
  std::uint32_t m_at = 0;
  bool m_failed = false, m_generating = false;
  Error m_error;
};

/// Names of the methods a kind of value has (dictionaries answer `.name` with a method before a key).
[[nodiscard]] bool hasMethod(const Value& value, std::string_view name);
[[nodiscard]] bool isFunction(std::string_view name);
[[nodiscard]] std::string_view functionName(std::string_view name);   ///< the static text of a known function
[[nodiscard]] std::string_view methodName(const Value& value, std::string_view name);

}  // namespace retort::text::jinja
