// Statements of the template language: output, scopes, loops and macros.
#include "text/jinja_interpreter.h"

#include <algorithm>

#include "text/jinja_lexer.h"

namespace retort::text::jinja {
namespace {
constexpr int kMaxFrames = 1000;            // nested evaluations on our own stack
constexpr std::size_t kBytesPerStep = 128;  // work of copying text, in steps
}  // namespace

struct Interpreter::Deeper {
  explicit Deeper(Interpreter& i) : in(i) {
    if (++in.m_frames > kMaxFrames) in.fail("The template nests too deeply.", "text.template.limit");
  }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  ~Deeper() { --in.m_frames; }
  Interpreter& in;
};

// A fresh scope inside `parent` for the life of this object.
struct Interpreter::InScope {
  InScope(Interpreter& i, std::shared_ptr<Scope> parent) : in(i), before(i.m_scope) {
    in.m_scope = std::make_shared<Scope>();
    in.m_scope->parent = std::move(parent);
  }
  explicit InScope(Interpreter& i) : InScope(i, i.m_scope) {}
  InScope(const InScope&) = delete;
  InScope& operator=(const InScope&) = delete;
  ~InScope() { in.m_scope = std::move(before); }
  Interpreter& in;
  std::shared_ptr<Scope> before;
};

Interpreter::Interpreter(const Program& program, const TemplateInput& input)
    : m_program(program), m_input(input), m_scope(std::make_shared<Scope>()) {}

Interpreter::~Interpreter() {
  for (const auto& scope : m_kept) scope->variables.clear();
  for (const auto& object : m_containers) {
    if (auto* list = dynamic_cast<List*>(object.get())) list->items.clear();
    if (auto* space = dynamic_cast<Space*>(object.get())) space->items.clear();
  }
}

Value Interpreter::fail(std::string why, std::string_view code) {
  if (!m_failed) m_error = templateError(m_program.source, m_program.where, m_at, code, std::move(why));
  m_failed = true;
  return {};
}

bool Interpreter::step(std::size_t count) {
  m_steps += count;
  if (m_steps > kMaxSteps) fail("The template needs more than 1,000,000 steps.", "text.template.limit");
  return !m_failed;
}

Value Interpreter::finished(StrBuilder& builder, bool markup) {
  if (builder.overflowed()) return fail("A text grows beyond 8 MiB.", "text.template.limit");
  if (!step(builder.size() / kBytesPerStep)) return {};
  return Value::string(builder.take(markup));
}

Value Interpreter::makeList(std::vector<Value> items, Kind kind) {
  auto list = std::make_shared<List>();
  for (const Value& v : items) list->depth = std::max(list->depth, v.depth() + 1);
  if (list->depth > kMaxDepth + kMaxDataDepth) return fail("A list nests deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
  list->items = std::move(items);
  list->madeByTemplate = kind == Kind::list;
  if (!step(list->items.size() / 8)) return {};
  if (kind == Kind::list) m_containers.push_back(list);
  return Value(kind, std::move(list));
}

Value Interpreter::makeGenerator(std::vector<Value> items) {
  Value out = makeList(std::move(items));
  if (m_failed) return out;
  out.list().generator = true;
  out.list().madeByTemplate = false;
  return out;
}

Value Interpreter::makeDict(std::shared_ptr<Dict> dict) {
  if (dict->depth > kMaxDepth + kMaxDataDepth) return fail("A dictionary nests deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
  if (!step(dict->items.size() / 8)) return {};
  return Value(Kind::dict, std::move(dict));
}

namespace {
// The special tokens of the model are the template's words, whatever hands them in; all else is data.
std::uint8_t flagsOfVariable(std::string_view name) { return name.ends_with("_token") ? kTemplate : 0; }
}  // namespace

Result<Rendered> Interpreter::run() {
  StrBuilder out;
  if (m_input.variables.is_object()) {
    m_names.reserve(m_input.variables.size());
    for (const auto& [name, value] : m_input.variables.items()) {
      m_names.push_back(name);
      Value converted = fromJson(value, flagsOfVariable(name));
      m_scope->variables.emplace_back(m_names.back(), std::move(converted));
    }
  }
  m_out = &out;
  exec(m_program.body);
  if (!m_failed && out.overflowed()) fail("The output grows beyond 8 MiB.", "text.template.limit");
  if (m_failed) return m_error;
  Rendered rendered;
  std::size_t begin = 0;
  for (const Run& run : out.text().runs) {
    const bool fromTemplate = (run.flags & kTemplate) != 0;
    if (!rendered.spans.empty() && rendered.spans.back().fromTemplate == fromTemplate) {
      rendered.spans.back().end = run.end;
    } else {
      rendered.spans.push_back({begin, run.end, fromTemplate});
    }
    if ((run.flags & kGenerated) != 0) {
      if (!rendered.generation.empty() && rendered.generation.back().second == begin) {
        rendered.generation.back().second = run.end;
      } else {
        rendered.generation.emplace_back(begin, run.end);
      }
    }
    begin = run.end;
  }
  rendered.text = std::move(out.text().bytes);
  return rendered;
}

Flow Interpreter::exec(const Body& body) {
  for (const auto& stmt : body) {
    const Flow flow = exec(*stmt);
    if (m_failed || flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Flow Interpreter::exec(const Stmt& s) {
  const Deeper deeper(*this);
  m_at = s.at;
  if (!step()) return Flow::normal;
  switch (s.kind) {
    case Stmt::Kind::data:
      m_out->add(s.data.str(), m_generating ? kGenerated : 0);
      step(s.data.str().bytes.size() / kBytesPerStep);
      if (m_out->overflowed()) fail("The output grows beyond 8 MiB.", "text.template.limit");
      break;
    case Stmt::Kind::print: print(*s.value); break;
    case Stmt::Kind::conditional: return conditional(s);
    case Stmt::Kind::loop: loop(s); break;
    case Stmt::Kind::set: {
      const Value value = eval(*s.value);
      if (!m_failed) bind(*s.target, value);
      break;
    }
    case Stmt::Kind::setBlock: {
      Value value = capture(s.body, true);
      applyFilters(s.filters, value);
      if (!m_failed) bind(*s.target, value);
      break;
    }
    case Stmt::Kind::macro: assign(s.macro->name, makeMacro(*s.macro)); break;
    case Stmt::Kind::call: callBlock(s); break;
    case Stmt::Kind::filter: {
      Value value = capture(s.body, true);
      applyFilters(s.filters, value);
      if (!m_failed) emit(value);
      break;
    }
    case Stmt::Kind::generation: {
      const InScope scope(*this);
      const bool before = std::exchange(m_generating, true);
      exec(s.body);
      m_generating = before;
      break;
    }
    case Stmt::Kind::with: {
      std::vector<Value> values;
      for (const auto& [target, value] : s.bindings) values.push_back(eval(*value));
      const InScope scope(*this);
      for (std::size_t i = 0; i < values.size() && !m_failed; ++i) bind(*s.bindings[i].first, values[i]);
      return m_failed ? Flow::normal : exec(s.body);
    }
    case Stmt::Kind::stop: return Flow::stop;
    case Stmt::Kind::next: return Flow::next;
  }
  return Flow::normal;
}

void Interpreter::print(const Expr& expr) {
  const Value value = eval(expr);
  if (!m_failed) emit(value);
}

void Interpreter::emit(const Value& value) {
  if (value.is(Kind::string)) {
    m_out->add(value.str(), m_generating ? kGenerated : 0);
  } else if (m_generating) {
    StrBuilder text;
    write(text, value);
    m_out->add(text.text(), kGenerated);
  } else {
    write(*m_out, value);
  }
  if (m_out->overflowed()) fail("The output grows beyond 8 MiB.", "text.template.limit");
  if (value.is(Kind::string)) step(value.str().bytes.size() / kBytesPerStep);
}

Flow Interpreter::conditional(const Stmt& s) {
  for (const Branch& branch : s.branches) {
    const bool holds = eval(*branch.test).truthy();
    if (m_failed) return Flow::normal;
    if (holds) return exec(branch.body);
    if (!step()) return Flow::normal;
  }
  return exec(s.otherwise);
}

void Interpreter::loop(const Stmt& s) {
  const Value iterable = eval(*s.value);
  if (!m_failed) runLoop(s, iterable, 0);
}

void Interpreter::runLoop(const Stmt& s, const Value& iterable, int depth) {
  std::vector<Value> all = elements(iterable);
  if (m_failed) return;
  auto items = std::make_shared<List>();
  if (s.test) {
    for (Value& value : all) {
      const InScope scope(*this);
      bind(*s.target, value);
      if (m_failed) return;
      if (eval(*s.test).truthy()) items->items.push_back(std::move(value));
      if (!step()) return;
    }
  } else {
    items->items = std::move(all);
  }
  auto state = std::make_shared<Loop>();
  state->items = items;
  state->depth = depth;
  state->statement = s.recursive ? &s : nullptr;
  const Value loopValue(Kind::loop, state);
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    if (!step()) return;
    state->index = i;
    const InScope scope(*this);
    assign("loop", loopValue);
    bind(*s.target, items->items[i]);
    if (m_failed) return;
    const Flow flow = exec(s.body);
    if (m_failed || flow == Flow::stop) return;
  }
  if (items->items.empty()) {
    const InScope scope(*this);
    exec(s.otherwise);
  }
}

void Interpreter::bind(const Expr& target, const Value& value) {
  switch (target.kind) {
    case Expr::Kind::name: assign(target.name, value); return;
    case Expr::Kind::chain: {
      const Value space = lookup(target.children[0]->name);
      m_at = target.at;
      if (!space.is(Kind::space)) {
        fail("\"" + target.children[0]->name + "\" is " + std::string(space.typeName()) + ", and only a namespace takes attributes.");
        return;
      }
      const std::string& name = target.postfixes[0].name;
      for (auto& [key, old] : space.space().items) {
        if (key == name) {
          old = value;
          return;
        }
      }
      if (!step(space.space().items.size() / 8)) return;
      space.space().items.emplace_back(name, value);
      return;
    }
    case Expr::Kind::tuple: {
      const std::vector<Value> parts = elements(value);
      if (m_failed) return;
      if (parts.size() != target.children.size()) {
        m_at = target.at;
        fail("There are " + std::to_string(parts.size()) + " values for " + std::to_string(target.children.size()) + " names.");
        return;
      }
      for (std::size_t i = 0; i < parts.size() && !m_failed; ++i) bind(*target.children[i], parts[i]);
      return;
    }
    default: fail("This cannot be assigned.");
  }
}

Value Interpreter::capture(const Body& body, bool ownScope) {
  StrBuilder text;
  StrBuilder* const before = std::exchange(m_out, &text);
  if (ownScope) {
    const InScope scope(*this);
    exec(body);
  } else {
    exec(body);
  }
  m_out = before;
  return m_failed ? Value() : finished(text);
}

void Interpreter::applyFilters(const std::vector<Postfix>& filters, Value& value) {
  for (const Postfix& f : filters) {
    if (m_failed) return;
    value = apply(f, value);
  }
}

Value Interpreter::makeMacro(const MacroCode& code) {
  // Scopes that a macro sees live to the end of the rendering; the macro itself only points at them, so no cycle forms.
  for (auto scope = m_scope; scope && !scope->kept; scope = scope->parent) {
    scope->kept = true;
    m_kept.push_back(scope);
  }
  auto macro = std::make_shared<Callable>();
  macro->kind = Callable::Kind::macro;
  macro->code = &code;
  macro->scope = m_scope.get();
  macro->name = code.name;
  return Value(Kind::callable, std::move(macro));
}

void Interpreter::callBlock(const Stmt& s) {
  const Value caller = makeMacro(*s.macro);
  // The call is the last postfix of the chain: everything before it gives the macro.
  const Expr& chain = *s.value;
  Value callee = eval(*chain.children[0]);
  for (std::size_t i = 0; i + 1 < chain.postfixes.size() && !m_failed; ++i) callee = apply(chain.postfixes[i], callee);
  CallArgs args;
  arguments(chain.postfixes.back().args, args);
  if (m_failed) return;
  m_at = chain.postfixes.back().at;
  if (!callee.is(Kind::callable) || callee.callable().kind != Callable::Kind::macro) {
    fail("{% call %} needs a macro.");
    return;
  }
  const Value out = callMacro(callee.callable(), args, &caller);
  if (!m_failed) emit(out);
}

Value Interpreter::callMacro(const Callable& macro, CallArgs& args, const Value* caller) {
  const MacroCode& code = *macro.code;
  if (m_calls >= kMaxDepth) return fail("Macros call each other deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
  const Deeper deeper(*this);
  if (!step()) return {};
  std::vector<Value> rest;
  if (args.positional.size() > code.parameters.size()) {
    if (!code.usesVarargs) return fail("The macro \"" + code.name + "\" takes " + std::to_string(code.parameters.size()) + " arguments.");
    rest.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(code.parameters.size()), args.positional.end());
  }
  ++m_calls;
  struct Leave {
    int& calls;
    ~Leave() { --calls; }
  } const leave{m_calls};
  // Alive by itself where m_kept holds it: an aliasing pointer without ownership is enough.
  const InScope scope(*this, std::shared_ptr<Scope>(std::shared_ptr<Scope>(), macro.scope));
  std::vector<bool> used(args.keyword.size(), false);
  for (std::size_t i = 0; i < code.parameters.size() && !m_failed; ++i) {
    const Parameter& p = code.parameters[i];
    if (i < args.positional.size()) {
      assign(p.name, args.positional[i]);
      continue;
    }
    const auto it = std::find_if(args.keyword.begin(), args.keyword.end(), [&](const auto& kv) { return kv.first == p.name; });
    if (it != args.keyword.end()) {
      used[static_cast<std::size_t>(it - args.keyword.begin())] = true;
      assign(p.name, it->second);
    } else {
      assign(p.name, p.value ? eval(*p.value) : Value::undefinedNamed("parameter \"" + p.name + "\""));
    }
  }
  auto others = std::make_shared<Dict>();
  for (std::size_t i = 0; i < args.keyword.size(); ++i) {
    if (used[i]) continue;
    if (args.keyword[i].first == "caller" && code.usesCaller) {
      assign("caller", args.keyword[i].second);
      continue;
    }
    if (!code.usesKwargs) return fail("The macro \"" + code.name + "\" has no parameter \"" + args.keyword[i].first + "\".");
    others->set(Value::string(args.keyword[i].first, kTemplate), args.keyword[i].second);
  }
  if (code.usesVarargs) assign("varargs", makeList(std::move(rest), Kind::tuple));
  if (code.usesKwargs) assign("kwargs", makeDict(std::move(others)));
  if (caller) {
    if (!code.usesCaller) return fail("The macro \"" + code.name + "\" does not use its caller.");
    assign("caller", *caller);
  } else if (code.usesCaller) {
    const bool given = std::any_of(m_scope->variables.begin(), m_scope->variables.end(), [](const auto& v) { return v.first == "caller"; });
    if (!given) assign("caller", Value::undefinedNamed("\"caller\""));
  }
  return m_failed ? Value() : capture(code.body, false);
}

}  // namespace retort::text::jinja
