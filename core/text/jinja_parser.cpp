// Recursive descent over Jinja's grammar; loops where the grammar allows chains, a depth guard where it nests.
#include "text/jinja_parser.h"

#include <algorithm>
#include <array>

#include "base/format.h"
#include "text/jinja_lexer.h"

namespace retort::text::jinja {
namespace {

using Kind = Token::Kind;
using ExprKind = Expr::Kind;

class Parser {
 public:
  Parser(Program& program, std::vector<Token> tokens) : m_program(program), m_tokens(std::move(tokens)) {}

  Status run() {
    m_program.body = body({});
    if (!m_failed && current().kind != Kind::end) fail("\"" + current().text + "\" closes nothing that is open here.");
    return m_failed ? Status(m_error) : Status();
  }

 private:
  struct Deeper {
    explicit Deeper(Parser& p) : parser(p) {
      if (++parser.m_depth > kMaxDepth) parser.fail("The template nests deeper than " + std::to_string(kMaxDepth) + ".", "text.template.limit");
    }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    ~Deeper() { --parser.m_depth; }
    Parser& parser;
  };

  // --- tokens
  [[nodiscard]] const Token& current() const { return m_tokens[m_next]; }
  [[nodiscard]] const Token& ahead() const { return m_tokens[std::min(m_next + 1, m_tokens.size() - 1)]; }
  void advance() {
    if (m_next + 1 < m_tokens.size()) ++m_next;
  }
  [[nodiscard]] bool isOp(std::string_view op) const { return current().kind == Kind::op && current().text == op; }
  [[nodiscard]] bool isName(std::string_view name) const { return current().kind == Kind::name && current().text == name; }
  bool skipOp(std::string_view op) {
    if (m_failed || !isOp(op)) return false;
    advance();
    return true;
  }
  bool skipName(std::string_view name) {
    if (m_failed || !isName(name)) return false;
    advance();
    return true;
  }
  void expectOp(std::string_view op) {
    if (!skipOp(op)) fail("Expected \"" + std::string(op) + "\" but found " + described() + ".");
  }
  void expectName(std::string_view name) {
    if (!skipName(name)) fail("Expected \"" + std::string(name) + "\" but found " + described() + ".");
  }
  void expect(Kind kind, std::string_view what) {
    if (!m_failed && current().kind == kind) return advance();
    fail("Expected " + std::string(what) + " but found " + described() + ".");
  }
  std::string name() {
    std::string out = current().text;
    expect(Kind::name, "a name");
    return out;
  }
  [[nodiscard]] std::string described() const {
    switch (current().kind) {
      case Kind::data: return "text";
      case Kind::printBegin: return "\"{{\"";
      case Kind::printEnd: return "the end of the tag (}})";
      case Kind::blockBegin: return "\"{%\"";
      case Kind::blockEnd: return "the end of the tag (%})";
      case Kind::string: return "a string";
      case Kind::end: return "the end of the template";
      default: return shown(current().text);
    }
  }
  void fail(std::string why, std::string_view code = "text.template.syntax") {
    if (!m_failed) m_error = templateError(m_program.source, m_program.where, current().at, code, std::move(why));
    m_failed = true;
  }
  [[nodiscard]] ExprPtr make(ExprKind kind) const {
    auto e = std::make_unique<Expr>();
    e->kind = kind;
    e->at = current().at;
    return e;
  }

  // --- statements
  [[nodiscard]] bool endsWith(const std::vector<std::string_view>& ends) const {
    return current().kind == Kind::blockBegin && ahead().kind == Kind::name && std::find(ends.begin(), ends.end(), ahead().text) != ends.end();
  }

  // Statements up to {% one of `ends`; the tokens {% and the name are consumed, the name is in m_ended.
  Body body(const std::vector<std::string_view>& ends) {
    const Deeper deeper(*this);
    Body out;
    while (!m_failed && current().kind != Kind::end) {
      if (endsWith(ends)) {
        m_ended = ahead().text;
        advance();
        advance();
        return out;
      }
      if (auto stmt = statement()) out.push_back(std::move(stmt));
    }
    if (!ends.empty() && !m_failed) fail("A block is not closed: {% " + std::string(ends.back()) + " %} is missing.");
    return out;
  }
  void blockEnd() { expect(Kind::blockEnd, "the end of the tag (%})"); }

  std::unique_ptr<Stmt> statement() {
    auto s = std::make_unique<Stmt>();
    s->at = current().at;
    if (current().kind == Kind::data) {
      s->data = Value::string(current().text, kTemplate);
      advance();
    } else if (current().kind == Kind::printBegin) {
      advance();
      s->kind = Stmt::Kind::print;
      s->value = tuple(true);
      expect(Kind::printEnd, "the end of the tag (}})");
    } else if (current().kind == Kind::blockBegin) {
      advance();
      s->at = current().at;
      block(*s);
    } else {
      fail("Unexpected " + described() + ".");
    }
    return s;
  }

  void block(Stmt& s) {
    const std::string word = name();
    if (word == "if") return conditional(s);
    if (word == "for") return loop(s);
    if (word == "set") return set(s);
    if (word == "macro") return macro(s);
    if (word == "call") return callBlock(s);
    if (word == "filter") return filterBlock(s);
    if (word == "generation") {
      s.kind = Stmt::Kind::generation;
      m_program.hasGeneration = true;
      blockEnd();
      const int loops = std::exchange(m_loops, 0);
      s.body = body({"endgeneration"});
      m_loops = loops;
      return blockEnd();
    }
    if (word == "with") return with(s);
    if (word == "break" || word == "continue") {
      s.kind = word == "break" ? Stmt::Kind::stop : Stmt::Kind::next;
      if (m_loops == 0) fail("{% " + word + " %} stands outside a loop.");
      return blockEnd();
    }
    static constexpr std::array<std::string_view, 8> kRefused = {"include", "import", "from", "extends", "block", "autoescape", "do", "trans"};
    const bool known = std::find(kRefused.begin(), kRefused.end(), word) != kRefused.end();
    fail("{% " + shown(word) + (known ? " %} is not supported in chat templates." : " %} is no known statement, or closes nothing that is open here."));
  }

  void conditional(Stmt& s) {
    s.kind = Stmt::Kind::conditional;
    do {
      Branch branch;
      branch.test = tuple(false);
      blockEnd();
      branch.body = body({"elif", "else", "endif"});
      s.branches.push_back(std::move(branch));
    } while (!m_failed && m_ended == "elif");
    if (!m_failed && m_ended == "else") {
      blockEnd();
      s.otherwise = body({"endif"});
    }
    blockEnd();
  }

  void loop(Stmt& s) {
    s.kind = Stmt::Kind::loop;
    s.target = target(false);
    expectName("in");
    s.value = tuple(false);
    if (skipName("if")) s.test = expression();
    s.recursive = skipName("recursive");
    blockEnd();
    ++m_loops;
    s.body = body({"else", "endfor"});
    --m_loops;
    if (!m_failed && m_ended == "else") {
      blockEnd();
      s.otherwise = body({"endfor"});
    }
    blockEnd();
  }

  // Names, tuples of names, and (where allowed) one attribute of a namespace.
  ExprPtr target(bool attributes) {
    const Deeper deeper(*this);
    auto first = make(ExprKind::tuple);
    bool isTuple = false;
    while (!m_failed) {
      if (skipOp("(")) {
        first->children.push_back(target(false));
        expectOp(")");
      } else {
        auto one = make(ExprKind::name);
        one->name = name();
        static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none", "True", "False", "None"};
        if (std::find(kConstants.begin(), kConstants.end(), one->name) != kConstants.end()) fail("\"" + one->name + "\" cannot be assigned.");
        if (attributes && isOp(".")) {
          auto chain = make(ExprKind::chain);
          Postfix postfix;
          postfix.at = current().at;
          advance();
          postfix.name = name();
          chain->children.push_back(std::move(one));
          chain->postfixes.push_back(std::move(postfix));
          one = std::move(chain);
        }
        first->children.push_back(std::move(one));
      }
      if (!skipOp(",")) break;
      isTuple = true;
      if (isOp("=") || isOp(")") || isName("in")) break;
    }
    if (m_failed || isTuple) return first;
    return std::move(first->children.front());
  }

  void set(Stmt& s) {
    s.kind = Stmt::Kind::set;
    s.target = target(true);
    if (skipOp("=")) {
      s.value = tuple(true);
      return blockEnd();
    }
    s.kind = Stmt::Kind::setBlock;
    if (skipOp("|")) s.filters = filters();
    blockEnd();
    s.body = body({"endset"});
    blockEnd();
  }

  void with(Stmt& s) {
    s.kind = Stmt::Kind::with;
    while (!m_failed && current().kind != Kind::blockEnd) {
      auto to = target(false);
      expectOp("=");
      s.bindings.emplace_back(std::move(to), expression());
      if (!skipOp(",")) break;
    }
    blockEnd();
    s.body = body({"endwith"});
    blockEnd();
  }

  // f(a)|g … without the first bar.
  std::vector<Postfix> filters() {
    std::vector<Postfix> out;
    do {
      Postfix f;
      f.kind = Postfix::Kind::filter;
      f.at = current().at;
      f.name = dottedName();
      if (isOp("(")) f.args = arguments();
      out.push_back(std::move(f));
    } while (skipOp("|"));
    return out;
  }
  void filterBlock(Stmt& s) {
    s.kind = Stmt::Kind::filter;
    s.filters = filters();
    blockEnd();
    s.body = body({"endfilter"});
    blockEnd();
  }

  void parameters(MacroCode& code) {
    expectOp("(");
    while (!m_failed && !isOp(")")) {
      Parameter p;
      p.name = name();
      if (skipOp("=")) {
        p.value = expression();
      } else if (!code.parameters.empty() && code.parameters.back().value) {
        fail("A parameter without a default follows one with a default.");
      }
      code.parameters.push_back(std::move(p));
      if (!skipOp(",")) break;
    }
    expectOp(")");
  }
  void codeBody(MacroCode& code, std::string_view end) {
    blockEnd();
    MacroCode* outer = std::exchange(m_macro, &code);
    const int loops = std::exchange(m_loops, 0);
    code.body = body({end});
    m_macro = outer;
    m_loops = loops;
    blockEnd();
  }
  void macro(Stmt& s) {
    s.kind = Stmt::Kind::macro;
    s.macro = std::make_unique<MacroCode>();
    s.macro->name = name();
    MacroCode* outer = std::exchange(m_macro, s.macro.get());
    parameters(*s.macro);
    m_macro = outer;
    codeBody(*s.macro, "endmacro");
  }
  void callBlock(Stmt& s) {
    s.kind = Stmt::Kind::call;
    s.macro = std::make_unique<MacroCode>();
    s.macro->name = "caller";
    if (isOp("(")) parameters(*s.macro);
    s.value = expression();
    const bool isCall = s.value && s.value->kind == ExprKind::chain && s.value->postfixes.back().kind == Postfix::Kind::call;
    if (!isCall) fail("{% call %} needs a call.");
    codeBody(*s.macro, "endcall");
  }

  // --- expressions
  ExprPtr expression() {
    const Deeper deeper(*this);
    if (m_failed) return make(ExprKind::literal);
    auto value = disjunction();
    while (skipName("if")) {
      auto whole = make(ExprKind::conditional);
      whole->children.push_back(std::move(value));
      whole->children.push_back(disjunction());
      whole->children.push_back(skipName("else") ? expression() : nullptr);
      value = std::move(whole);
    }
    return value;
  }

  // Expressions separated by commas: one is itself, several are a tuple. `conditional`: allows inline if.
  ExprPtr tuple(bool conditionals) {
    const Deeper deeper(*this);
    if (m_failed) return make(ExprKind::literal);
    auto out = make(ExprKind::tuple);
    bool isTuple = false;
    while (!m_failed) {
      out->children.push_back(conditionals ? expression() : disjunction());
      if (!skipOp(",")) break;
      isTuple = true;
      if (current().kind == Kind::printEnd || current().kind == Kind::blockEnd || isOp(")")) break;
    }
    return isTuple || m_failed ? std::move(out) : std::move(out->children.front());
  }

  ExprPtr disjunction() {
    auto first = conjunction();
    if (!isName("or")) return first;
    auto all = make(ExprKind::disjunction);
    all->children.push_back(std::move(first));
    while (skipName("or")) all->children.push_back(conjunction());
    return all;
  }
  ExprPtr conjunction() {
    auto first = negation();
    if (!isName("and")) return first;
    auto all = make(ExprKind::conjunction);
    all->children.push_back(std::move(first));
    while (skipName("and")) all->children.push_back(negation());
    return all;
  }
  ExprPtr negation() {
    if (!isName("not") || m_failed) return comparison();
    const Deeper deeper(*this);
    auto out = make(ExprKind::negation);
    advance();
    out->children.push_back(m_failed ? make(ExprKind::literal) : negation());
    return out;
  }
  ExprPtr comparison() {
    auto first = sum();
    ExprPtr out;
    for (;;) {
      Op op;
      if (isOp("==")) op = Op::equal;
      else if (isOp("!=")) op = Op::unequal;
      else if (isOp("<")) op = Op::less;
      else if (isOp("<=")) op = Op::lessEqual;
      else if (isOp(">")) op = Op::greater;
      else if (isOp(">=")) op = Op::greaterEqual;
      else if (isName("in")) op = Op::in;
      else if (isName("not") && ahead().kind == Kind::name && ahead().text == "in") op = Op::notIn;
      else break;
      if (m_failed) break;
      if (!out) {
        out = make(ExprKind::compare);
        out->children.push_back(std::move(first));
      }
      if (op == Op::notIn) advance();
      advance();
      out->ops.push_back(op);
      out->children.push_back(sum());
    }
    return out ? std::move(out) : std::move(first);
  }

  // A level of left-associative operators.
  template <std::size_t N>
  ExprPtr chainOf(const std::array<std::pair<std::string_view, Op>, N>& table, ExprPtr (Parser::*operand)()) {
    auto first = (this->*operand)();
    ExprPtr out;
    for (;;) {
      const auto it = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return isOp(entry.first); });
      if (it == table.end() || m_failed) break;
      if (!out) {
        out = make(ExprKind::binary);
        out->children.push_back(std::move(first));
      }
      advance();
      out->ops.push_back(it->second);
      out->children.push_back((this->*operand)());
    }
    return out ? std::move(out) : std::move(first);
  }
  ExprPtr sum() {
    static constexpr std::array<std::pair<std::string_view, Op>, 2> kTable = {{{"+", Op::add}, {"-", Op::subtract}}};
    return chainOf(kTable, &Parser::joined);
  }
  ExprPtr joined() {
    static constexpr std::array<std::pair<std::string_view, Op>, 1> kTable = {{{"~", Op::concat}}};
    return chainOf(kTable, &Parser::product);
  }
  ExprPtr product() {
    static constexpr std::array<std::pair<std::string_view, Op>, 4> kTable = {
        {{"*", Op::multiply}, {"/", Op::divide}, {"//", Op::floorDivide}, {"%", Op::modulo}}};
    return chainOf(kTable, &Parser::power);
  }
  ExprPtr power() {
    static constexpr std::array<std::pair<std::string_view, Op>, 1> kTable = {{{"**", Op::power}}};
    return chainOf(kTable, &Parser::unaryWithFilters);
  }
  ExprPtr unaryWithFilters() { return unary(true); }

  ExprPtr unary(bool withFilters) {
    ExprPtr node;
    if (isOp("-") || isOp("+")) {
      const Deeper deeper(*this);
      node = make(isOp("-") ? ExprKind::minus : ExprKind::plus);
      advance();
      node->children.push_back(m_failed ? make(ExprKind::literal) : unary(false));
    } else {
      node = primary();
    }
    return postfixes(std::move(node), withFilters);
  }

  ExprPtr postfixes(ExprPtr base, bool withFilters) {
    auto chain = make(ExprKind::chain);
    while (!m_failed) {
      Postfix p;
      p.at = current().at;
      if (isOp(".") || isOp("[")) {
        subscript(p);
      } else if (isOp("(")) {
        p.kind = Postfix::Kind::call;
        p.args = arguments();
      } else if (withFilters && isOp("|")) {
        advance();
        p.kind = Postfix::Kind::filter;
        p.name = dottedName();
        if (isOp("(")) p.args = arguments();
      } else if (withFilters && isName("is")) {
        advance();
        test(p);
      } else {
        break;
      }
      chain->postfixes.push_back(std::move(p));
    }
    if (chain->postfixes.empty()) return base;
    chain->at = base->at;
    chain->children.push_back(std::move(base));
    return chain;
  }

  std::string dottedName() {
    std::string out = name();
    while (skipOp(".")) out += "." + name();
    return out;
  }

  void subscript(Postfix& p) {
    if (skipOp(".")) {
      if (current().kind == Kind::integer) {
        p.kind = Postfix::Kind::item;
        p.parts.push_back(primary());
      } else {
        p.name = name();
      }
      return;
    }
    advance();
    p.kind = Postfix::Kind::item;
    ExprPtr parts[3];
    std::size_t part = 0;
    while (!m_failed && !isOp("]")) {
      if (skipOp(":")) {
        p.kind = Postfix::Kind::slice;
        if (++part > 2) fail("A slice has at most three parts.");
      } else {
        if (parts[part]) fail("Expected \"]\" but found " + described() + ".");
        if (!m_failed) parts[part] = p.kind == Postfix::Kind::item ? tuple(true) : expression();
      }
    }
    expectOp("]");
    if (p.kind == Postfix::Kind::item) {
      if (!parts[0]) fail("The brackets are empty.");
      p.parts.push_back(std::move(parts[0]));
    } else {
      for (auto& e : parts) p.parts.push_back(std::move(e));
    }
  }

  void test(Postfix& p) {
    p.kind = Postfix::Kind::test;
    p.negated = skipName("not");
    p.name = dottedName();
    if (isOp("(")) {
      p.args = arguments();
      return;
    }
    const Token& t = current();
    const bool starts = t.kind == Kind::name || t.kind == Kind::string || t.kind == Kind::integer || t.kind == Kind::real || isOp("[") || isOp("{");
    static constexpr std::array<std::string_view, 7> kNot = {"else", "or", "and", "if", "in", "not", "recursive"};
    if (!starts || (t.kind == Kind::name && std::find(kNot.begin(), kNot.end(), t.text) != kNot.end())) return;
    if (isName("is")) return fail("Tests cannot be chained with \"is\".");
    Argument argument;
    argument.value = postfixes(primary(), false);
    p.args.push_back(std::move(argument));
  }

  std::vector<Argument> arguments() {
    const Deeper deeper(*this);
    std::vector<Argument> out;
    expectOp("(");
    while (!m_failed && !isOp(")")) {
      Argument a;
      if (skipOp("*")) {
        a.kind = Argument::Kind::star;
      } else if (skipOp("**")) {
        a.kind = Argument::Kind::doubleStar;
      } else if (current().kind == Kind::name && ahead().kind == Kind::op && ahead().text == "=") {
        a.kind = Argument::Kind::keyword;
        a.name = name();
        advance();
      } else if (!out.empty() && out.back().kind != Argument::Kind::positional) {
        fail("A positional argument follows a named one.");
      }
      a.value = expression();
      out.push_back(std::move(a));
      if (!skipOp(",")) break;
    }
    expectOp(")");
    return out;
  }

  ExprPtr primary() {
    auto e = make(ExprKind::literal);
    if (m_failed) return e;
    const Token& t = current();
    switch (t.kind) {
      case Kind::name: {
        const std::string& n = t.text;
        if (n == "true" || n == "True") e->literal = Value::boolean(true);
        else if (n == "false" || n == "False") e->literal = Value::boolean(false);
        else if (n == "none" || n == "None") e->literal = Value::none();
        else {
          e->kind = ExprKind::name;
          e->name = n;
          if (m_macro && n == "varargs") m_macro->usesVarargs = true;
          if (m_macro && n == "kwargs") m_macro->usesKwargs = true;
          if (m_macro && n == "caller") m_macro->usesCaller = true;
        }
        advance();
        return e;
      }
      case Kind::string: {
        std::string text;
        while (current().kind == Kind::string) {
          text += current().text;
          advance();
        }
        e->literal = Value::string(text, kTemplate);
        return e;
      }
      case Kind::integer: e->literal = Value::integer(t.integer); advance(); return e;
      case Kind::real: e->literal = Value::real(t.real); advance(); return e;
      default: break;
    }
    if (isOp("(")) return parenthesised();
    if (isOp("[")) return listLiteral();
    if (isOp("{")) return dictLiteral();
    fail("Expected an expression but found " + described() + ".");
    return e;
  }

  ExprPtr parenthesised() {
    auto e = make(ExprKind::tuple);
    advance();
    if (skipOp(")")) return e;
    e = tuple(true);
    expectOp(")");
    return e;
  }
  ExprPtr listLiteral() {
    auto e = make(ExprKind::list);
    advance();
    while (!m_failed && !isOp("]")) {
      e->children.push_back(expression());
      if (!skipOp(",")) break;
    }
    expectOp("]");
    return e;
  }
  ExprPtr dictLiteral() {
    auto e = make(ExprKind::dict);
    advance();
    while (!m_failed && !isOp("}")) {
      e->children.push_back(expression());
      expectOp(":");
      e->children.push_back(expression());
      if (!skipOp(",")) break;
    }
    expectOp("}");
    return e;
  }

  Program& m_program;
  std::vector<Token> m_tokens;
  std::size_t m_next = 0;
  int m_depth = 0, m_loops = 0;
  MacroCode* m_macro = nullptr;
  std::string m_ended;
  bool m_failed = false;
  Error m_error;
};

}  // namespace

Result<std::unique_ptr<Program>> parseProgram(std::string_view source, std::string_view where) {
  if (source.size() > kMaxSource) {
    return templateError({}, where, 0, "text.template.limit", "It has " + formatBytes(source.size()) + "; templates have at most 1 MiB.");
  }
  if (!isValidUtf8(source)) return templateError({}, where, 0, "text.template.utf8", "It is not valid UTF-8.");
  auto program = std::make_unique<Program>();
  program->source = normalisedSource(source);
  program->where = where;
  RETORT_TRY(auto tokens, lex(program->source, program->where));
  RETORT_CHECK(Parser(*program, std::move(tokens)).run());
  return program;
}

}  // namespace retort::text::jinja
