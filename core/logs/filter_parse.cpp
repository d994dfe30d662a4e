// Filter text to tree: a small lexer and a recursive parser whose errors point at the place.
#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/format.h"
#include "logs/filter_test.h"
#include "logs/word_query.h"

namespace retort::logs {

namespace {

enum class Kind { end, word, key, field, text, number, symbol };

struct Token {
  Kind kind = Kind::end;
  std::string text;          ///< decoded
  std::size_t at = 0;        ///< byte
};

bool isWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isWordChar(char c) { return isWordStart(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

Error errorAt(std::string_view text, std::size_t at, std::string_view code, std::string what, std::string next) {
  Error error;
  error.code = code;
  error.what = std::move(what);
  const std::size_t column = utf8Length(text.substr(0, std::min(at, text.size())));
  error.where = at >= text.size() ? "at the end" : "character " + std::to_string(column + 1);
  error.next = std::move(next);
  std::string line(text);
  std::replace_if(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  // A long filter is shown around the place.
  std::size_t from = column > 60 ? at - std::min<std::size_t>(at, 60) : 0;
  while (from > 0 && from < line.size() && (line[from] & 0xc0) == 0x80) --from;
  std::size_t to = std::min(line.size(), from + 120);
  while (to < line.size() && (line[to] & 0xc0) == 0x80) ++to;
  error.detail = line.substr(from, to - from) + "\n" + std::string(utf8Length(std::string_view(line).substr(from, std::min(at, line.size()) - from)), ' ') + "^";
  return error;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : m_text(text) {}

  Result<Token> next() {
    while (m_at < m_text.size() && (m_text[m_at] == ' ' || (m_text[m_at] >= '\t' && m_text[m_at] <= '\r'))) ++m_at;
    Token token;
    token.at = m_at;
    if (m_at == m_text.size()) return token;
    const char c = m_text[m_at];
    if (isWordStart(c)) return word(Kind::word, m_at);
    if (c == '@') {
      if (m_at + 1 < m_text.size() && isWordStart(m_text[m_at + 1])) return word(Kind::field, m_at + 1);
      return errorAt(m_text, m_at, "filter.syntax", "A name is expected behind @", "For example @model or @time.");
    }
    if (c == '`') return backticks();
    if (c == '"') return quotedText();
    if (isDigit(c) || (c == '-' && m_at + 1 < m_text.size() && isDigit(m_text[m_at + 1]))) return number();
    return symbol();
  }

 private:
  Result<Token> word(Kind kind, std::size_t from) {
    Token token{kind, {}, m_at};
    std::size_t end = from;
    while (end < m_text.size() && isWordChar(m_text[end])) ++end;
    token.text = m_text.substr(m_at, end - m_at);
    m_at = end;
    return token;
  }
  Result<Token> backticks() {
    Token token{Kind::key, {}, m_at};
    std::size_t i = m_at + 1;
    while (true) {
      if (i >= m_text.size()) return errorAt(m_text, token.at, "filter.syntax", "The key in backticks has no end", "Close it with a backtick; a backtick inside is written twice.");
      if (m_text[i] == '`') {
        if (i + 1 < m_text.size() && m_text[i + 1] == '`') ++i;
        else break;
      }
      token.text += m_text[i++];
    }
    if (token.text.empty()) return errorAt(m_text, token.at, "filter.syntax", "A key is expected in the backticks", {});
    m_at = i + 1;
    return token;
  }
  Result<Token> quotedText() {
    Token token{Kind::text, {}, m_at};
    std::size_t i = m_at + 1;
    while (i < m_text.size() && m_text[i] != '"') i += m_text[i] == '\\' ? 2 : 1;
    if (i >= m_text.size()) return errorAt(m_text, token.at, "filter.syntax", "The text has no closing quote", "End it with \".");
    const Json json = Json::parse(m_text.substr(m_at, i + 1 - m_at), nullptr, false);
    if (!json.is_string())
      return errorAt(m_text, token.at, "filter.syntax", "The text has an escape that JSON does not know", "Write \\\\ for a backslash, \\\" for a quote, \\n for a line break.");
    token.text = json.get_ref<const std::string&>();
    m_at = i + 1;
    return token;
  }
  Result<Token> number() {
    Token token{Kind::number, {}, m_at};
    std::size_t i = m_at + (m_text[m_at] == '-');
    const auto digits = [&] {
      const auto from = i;
      while (i < m_text.size() && isDigit(m_text[i])) ++i;
      return i > from;
    };
    bool ok = digits();
    if (ok && i < m_text.size() && m_text[i] == '.') ++i, ok = digits();
    if (ok && i < m_text.size() && (m_text[i] == 'e' || m_text[i] == 'E')) {
      ++i;
      if (i < m_text.size() && (m_text[i] == '+' || m_text[i] == '-')) ++i;
      ok = digits();
    }
    token.text = m_text.substr(m_at, i - m_at);
    if (!ok || !decimalOf(token.text) || (i < m_text.size() && isWordChar(m_text[i])))
      return errorAt(m_text, token.at, "filter.syntax", "This is no number", "Put text in double quotes, for example \"2025-01-31\".");
    m_at = i;
    return token;
  }
  Result<Token> symbol() {
    static constexpr std::array<std::string_view, 9> kSymbols = {"!=", "<=", ">=", "=", "<", ">", "(", ")", ","};
    for (const auto s : kSymbols)
      if (m_text.substr(m_at, s.size()) == s) {
        Token token{Kind::symbol, std::string(s), m_at};
        m_at += s.size();
        if (s == "=" && m_at < m_text.size() && m_text[m_at] == '=') ++m_at;  // "==" is a habit of programmers
        return token;
      }
    std::string next = "Names are letters, digits, _ . -; any other key goes into backticks.";
    if (m_text[m_at] == '\'') next = "Put text in double quotes.";
    if (m_text[m_at] == '&') next = "Write and.";
    if (m_text[m_at] == '|') next = "Write or.";
    if (m_text[m_at] == '!') next = "Write not, or != between key and value.";
    return errorAt(m_text, m_at, "filter.syntax", "This character does not belong here", next);
  }

  std::string_view m_text;
  std::size_t m_at = 0;
};

const std::vector<std::string>& keywords() {
  static const std::vector<std::string> all = {"and", "or", "not", "in", "between", "contains", "prefix", "regex", "exists", "missing"};
  return all;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : m_text(text), m_lexer(text) {}

  Result<Filter> parse() {
    Filter filter;
    RETORT_CHECK(advance());
    if (m_token.kind != Kind::end && !(isWord("missing") && followedByBracket())) {
      RETORT_TRY(filter.root, orChain());
    }
    if (isWord("missing")) {
      RETORT_CHECK(advance());
      RETORT_CHECK(expect("("));
      if (isWord("differs")) filter.missing = Missing::differs;
      else if (isWord("absent")) filter.missing = Missing::absent;
      else return wrong("missing(…) takes differs or absent", nearest({"differs", "absent"}));
      RETORT_CHECK(advance());
      RETORT_CHECK(expect(")"));
    }
    if (m_token.kind == Kind::end) return filter;
    return wrong(isSymbol(")") ? "This bracket has no partner" : "The filter should end here, or go on with and / or", nearest({"and", "or", "missing"}));
  }

 private:
  static constexpr int kMaxDepth = 100;

  Status advance() {
    RETORT_TRY(m_token, m_lexer.next());
    return {};
  }
  [[nodiscard]] bool isWord(std::string_view word) const { return m_token.kind == Kind::word && lowerAscii(m_token.text) == word; }
  [[nodiscard]] bool isSymbol(std::string_view symbol) const { return m_token.kind == Kind::symbol && m_token.text == symbol; }
  [[nodiscard]] bool followedByBracket() const {
    auto rest = m_text.substr(m_token.at + m_token.text.size());
    return trimmed(rest).starts_with("(");
  }
  [[nodiscard]] Error wrong(std::string what, std::string next) const { return errorAt(m_text, m_token.at, "filter.syntax", std::move(what), std::move(next)); }
  [[nodiscard]] std::string nearest(const std::vector<std::string>& words) const {
    if (m_token.kind != Kind::word && m_token.kind != Kind::field) return {};
    const auto near = nearestName(lowerAscii(m_token.text), words);
    return near.empty() ? std::string() : "Did you mean " + near + "?";
  }
  Status expect(std::string_view symbol) {
    if (!isSymbol(symbol)) return wrong("\"" + std::string(symbol) + "\" is expected here", {});
    return advance();
  }

  Result<FilterNode> chain(std::string_view word, FilterNode::Kind kind, Result<FilterNode> (Parser::*item)()) {
    RETORT_TRY(auto node, (this->*item)());
    if (!isWord(word)) return node;
    FilterNode list;
    list.kind = kind;
    list.children.push_back(std::move(node));
    while (isWord(word)) {
      RETORT_CHECK(advance());
      RETORT_TRY(auto next, (this->*item)());
      list.children.push_back(std::move(next));
    }
    return list;
  }
  Result<FilterNode> orChain() { return chain("or", FilterNode::Kind::orNode, &Parser::andChain); }
  Result<FilterNode> andChain() { return chain("and", FilterNode::Kind::andNode, &Parser::unary); }

  Result<FilterNode> unary() {
    if (++m_depth > kMaxDepth) return wrong("The filter is nested too deep", "At most 100 brackets and nots.");
    auto node = unaryInside();
    --m_depth;
    return node;
  }
  Result<FilterNode> unaryInside() {
    if (isWord("not")) {
      RETORT_CHECK(advance());
      FilterNode node;
      node.kind = FilterNode::Kind::notNode;
      RETORT_TRY(auto child, unary());
      node.children.push_back(std::move(child));
      return node;
    }
    if (isSymbol("(")) {
      RETORT_CHECK(advance());
      RETORT_TRY(auto node, orChain());
      RETORT_CHECK(expect(")"));
      return node;
    }
    return test();
  }

  Status readField(FilterNode& node) {
    if (m_token.kind == Kind::field) {
      node.isBuiltIn = true;
      if (!findBuiltIn(m_token.text)) {
        std::vector<std::string> names;
        for (const auto& field : builtIns()) names.emplace_back(field.name);
        auto next = nearest(names);
        if (next.empty()) next = "There are " + join(names, ", ") + ".";
        return errorAt(m_text, m_token.at, "filter.field.unknown", "The field " + shown(m_token.text) + " is unknown", next);
      }
    } else if (m_token.kind == Kind::word) {
      const auto word = lowerAscii(m_token.text);
      const auto& reserved = keywords();
      if (std::find(reserved.begin(), reserved.end(), word) != reserved.end())
        return wrong("A key is expected here", "A key named " + word + " goes into backticks: `" + word + "`.");
    } else if (m_token.kind != Kind::key) {
      return wrong("A key is expected here", m_token.kind == Kind::text ? "Keys stand without quotes; special ones go into backticks." : "For example env = \"prod\".");
    }
    node.field = m_token.text;
    return advance();
  }

  Result<FilterNode> test() {
    FilterNode node;
    node.kind = FilterNode::Kind::test;
    if (isWord("exists")) {
      RETORT_CHECK(advance());
      RETORT_CHECK(expect("("));
      RETORT_CHECK(readField(node));
      RETORT_CHECK(expect(")"));
      node.op = FilterOp::exists;
      return node;
    }
    RETORT_CHECK(readField(node));
    const std::size_t opAt = m_token.at;
    RETORT_CHECK(readOperator(node));
    RETORT_CHECK(checkOperator(node, opAt));
    if (node.op == FilterOp::in) {
      RETORT_CHECK(expect("("));
      RETORT_CHECK(readValue(node));
      while (isSymbol(",")) {
        RETORT_CHECK(advance());
        RETORT_CHECK(readValue(node));
      }
      RETORT_CHECK(expect(")"));
      return node;
    }
    RETORT_CHECK(readValue(node));
    if (node.op == FilterOp::between) {
      if (!isWord("and")) return wrong("between needs a second value: between A and B", {});
      RETORT_CHECK(advance());
      RETORT_CHECK(readValue(node));
    }
    return node;
  }

  Status readOperator(FilterNode& node) {
    static const std::vector<std::pair<std::string_view, FilterOp>> symbols = {{"=", FilterOp::equal}, {"!=", FilterOp::notEqual}, {"<", FilterOp::less},
                                                                               {"<=", FilterOp::lessEqual}, {">", FilterOp::greater}, {">=", FilterOp::greaterEqual}};
    static const std::vector<std::pair<std::string_view, FilterOp>> words = {
        {"in", FilterOp::in}, {"between", FilterOp::between}, {"contains", FilterOp::contains}, {"prefix", FilterOp::prefix}, {"regex", FilterOp::regex}, {"match", FilterOp::match}};
    const auto& list = m_token.kind == Kind::symbol ? symbols : words;
    for (const auto& [text, op] : list)
      if (isSymbol(text) || isWord(text)) {
        node.op = op;
        return advance();
      }
    std::vector<std::string> names;
    for (const auto& [text, op] : words) names.emplace_back(text);
    auto next = nearest(names);
    return wrong("An operator is expected behind " + shown(node.field), next.empty() ? "One of = != < <= > >= in between contains prefix regex, and of @text match." : next);
  }

  [[nodiscard]] FieldType typeOf(const FilterNode& node) const { return node.isBuiltIn ? findBuiltIn(node.field)->type : FieldType::text; }

  Status checkOperator(const FilterNode& node, std::size_t at) const {
    const auto type = typeOf(node);
    const bool isOrder = node.op == FilterOp::less || node.op == FilterOp::lessEqual || node.op == FilterOp::greater || node.op == FilterOp::greaterEqual || node.op == FilterOp::between;
    const bool isText = node.op == FilterOp::contains || node.op == FilterOp::prefix || node.op == FilterOp::regex;
    const char* allowed = type != FieldType::search && node.op == FilterOp::match ? "= != < <= > >= in between contains prefix regex exists" : nullptr;
    if (type == FieldType::text && node.isBuiltIn && isOrder) allowed = "= != in contains prefix regex exists";
    if ((type == FieldType::number || type == FieldType::time) && isText) allowed = "= != < <= > >= in between exists";
    if (type == FieldType::id && (isOrder || isText)) allowed = "= != in exists";
    if (type == FieldType::flags && (isOrder || isText)) allowed = "= != in exists";
    if (type == FieldType::search && !(node.op == FilterOp::contains || node.op == FilterOp::regex || node.op == FilterOp::match)) allowed = "contains regex match exists";
    if (!allowed) return {};
    return errorAt(m_text, at, "filter.operator", shown(node.field) + " does not take this operator", "It takes " + std::string(allowed) + ".");
  }

  Status readValue(FilterNode& node) {
    const auto type = typeOf(node);
    if (m_token.kind != Kind::text && m_token.kind != Kind::number) {
      if (m_token.kind == Kind::word || m_token.kind == Kind::key) return wrong("A value is expected here", "Put text in double quotes: \"" + shown(m_token.text) + "\".");
      return wrong("A value is expected here", "Text in double quotes, or a number.");
    }
    const bool isOrder = node.op == FilterOp::less || node.op == FilterOp::lessEqual || node.op == FilterOp::greater || node.op == FilterOp::greaterEqual || node.op == FilterOp::between;
    if ((type == FieldType::number || (type == FieldType::text && isOrder)) && !decimalOf(m_token.text))
      return errorAt(m_text, m_token.at, "filter.value", "A number is expected here", {});
    if (type == FieldType::time && !parseIsoTime(m_token.text))
      return errorAt(m_text, m_token.at, "filter.value", "This is no time", "Write it as \"2025-01-31\" or \"2025-01-31T12:00:00Z\".");
    if (type == FieldType::flags) {
      std::vector<std::string> words;
      for (const auto word : flagWords(~0u)) words.emplace_back(word);
      if (std::find(words.begin(), words.end(), m_token.text) == words.end()) {
        const auto near = nearestName(m_token.text, words);
        return errorAt(m_text, m_token.at, "filter.value", "There is no flag \"" + shown(m_token.text) + "\"", near.empty() ? "There are " + join(words, ", ") + "." : "Did you mean \"" + near + "\"?");
      }
    }
    if (node.op == FilterOp::regex) {
      auto pattern = Pattern::compile(m_token.text);
      if (!pattern.ok()) {
        auto error = errorAt(m_text, m_token.at, "filter.regex", pattern.error().what, pattern.error().next);
        error.why = pattern.error().why + " (" + pattern.error().where + " of the expression)";
        return error;
      }
    }
    if (node.op == FilterOp::match)
      if (const auto words = WordQuery::parse(m_token.text); !words.ok()) {
        auto error = errorAt(m_text, m_token.at, words.error().code, words.error().what, words.error().next);
        error.why = words.error().why;
        return error;
      }
    node.values.push_back({m_token.text, m_token.kind == Kind::number});
    return advance();
  }

  std::string_view m_text;
  Lexer m_lexer;
  Token m_token;
  int m_depth = 0;
};

}  // namespace

Result<Filter> parseFilter(std::string_view text) {
  if (text.size() > (1u << 20)) return Error{"filter.long", "The filter is too long", {}, "it has more than 1 MiB", {}, {}, {}};
  if (!isValidUtf8(text)) return Error{"filter.utf8", "The filter is not valid UTF-8", {}, {}, {}, {}, {}};
  return Parser(text).parse();
}

}  // namespace retort::logs
