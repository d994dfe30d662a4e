// Filter trees to canonical text and to plain words.
#include <algorithm>
#include <array>

#include "base/format.h"
#include "logs/filter.h"

namespace retort::logs {

namespace {

constexpr std::array<std::string_view, 13> kOps = {"=", "!=", "<", "<=", ">", ">=", "in", "between", "contains", "prefix", "regex", "exists", "match"};
std::string_view opText(FilterOp op) { return kOps[static_cast<std::size_t>(op)]; }

std::string quotedText(const std::string& text) { return dumpJson(Json(text)); }
std::string valueText(const FilterValue& value) { return value.isNumber ? value.text : quotedText(value.text); }

bool isBareKey(const std::string& key) {
  static const std::vector<std::string> reserved = {"and", "or", "not", "in", "between", "contains", "prefix", "regex", "exists", "missing"};
  const auto start = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto inside = [&](char c) { return start(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  return !key.empty() && start(key[0]) && std::all_of(key.begin(), key.end(), inside) && std::find(reserved.begin(), reserved.end(), lowerAscii(key)) == reserved.end();
}

std::string fieldText(const FilterNode& node) {
  if (node.isBuiltIn || isBareKey(node.field)) return node.field;
  std::string out = "`";
  for (const char c : node.field) {
    out += c;
    if (c == '`') out += c;
  }
  return out + "`";
}

std::string joinedValues(const FilterNode& node, std::string_view separator) {
  std::vector<std::string> parts;
  for (const auto& value : node.values) parts.push_back(valueText(value));
  return join(parts, separator);
}

std::string testText(const FilterNode& node) {
  const std::string field = fieldText(node);
  switch (node.op) {
    case FilterOp::exists: return "exists(" + field + ")";
    case FilterOp::in: return field + " in (" + joinedValues(node, ", ") + ")";
    case FilterOp::between: return field + " between " + joinedValues(node, " and ");
    default: return field + " " + std::string(opText(node.op)) + " " + joinedValues(node, ", ");
  }
}

std::string nodeText(const FilterNode& node, bool inBrackets) {
  using Kind = FilterNode::Kind;
  if (node.kind == Kind::test) return testText(node);
  if (node.kind == Kind::notNode) {
    const auto& child = node.children[0];
    return "not " + nodeText(child, child.kind == Kind::andNode || child.kind == Kind::orNode);
  }
  if (node.kind == Kind::all) return {};
  std::vector<std::string> parts;
  for (const auto& child : node.children)
    parts.push_back(nodeText(child, child.kind == node.kind || (node.kind == Kind::andNode && child.kind == Kind::orNode)));
  const std::string text = join(parts, node.kind == Kind::andNode ? " and " : " or ");
  return inBrackets ? "(" + text + ")" : text;
}

std::string subjectWords(const FilterNode& node) {
  if (!node.isBuiltIn) return node.field;
  const auto* field = findBuiltIn(node.field);
  return field ? std::string(field->words) : node.field;
}

std::string testWords(const FilterNode& node, Missing missing) {
  const std::string subject = subjectWords(node);
  const auto value = [&](std::size_t i) { return valueText(node.values[i]); };
  if (node.field == "@flags" && node.isBuiltIn && node.op != FilterOp::exists) {
    const char* verb = node.op == FilterOp::notEqual ? " do not hold " : node.values.size() > 1 ? " hold one of " : " hold ";
    return subject + verb + joinedValues(node, ", ");
  }
  switch (node.op) {
    case FilterOp::equal: return subject + " is " + value(0);
    case FilterOp::notEqual: return subject + " is not " + value(0) + (missing == Missing::differs ? " (or there is none)" : " (and there is one)");
    case FilterOp::less: return subject + " is less than " + value(0);
    case FilterOp::lessEqual: return subject + " is at most " + value(0);
    case FilterOp::greater: return subject + " is more than " + value(0);
    case FilterOp::greaterEqual: return subject + " is at least " + value(0);
    case FilterOp::in: return node.values.size() == 1 ? subject + " is " + value(0) : subject + " is one of " + joinedValues(node, ", ");
    case FilterOp::between: return subject + " is between " + value(0) + " and " + value(1) + " (both included)";
    case FilterOp::contains: return subject + " contains " + value(0);
    case FilterOp::prefix: return subject + " begins with " + value(0);
    case FilterOp::regex: return subject + " matches the pattern " + value(0);
    case FilterOp::match: return subject + " holds the words " + value(0);
    case FilterOp::exists: return node.field == "@flags" && node.isBuiltIn ? "there is a flag" : subject + " is present";
  }
  return {};
}

std::string nodeWords(const FilterNode& node, Missing missing, bool isInside) {
  using Kind = FilterNode::Kind;
  if (node.kind == Kind::all) return "all records";
  if (node.kind == Kind::test) return testWords(node, missing);
  if (node.kind == Kind::notNode) return "it is not so that " + nodeWords(node.children[0], missing, true);
  std::vector<std::string> parts;
  for (const auto& child : node.children) parts.push_back(nodeWords(child, missing, true));
  const std::string text = join(parts, node.kind == Kind::andNode ? ", and " : ", or ");
  return isInside ? (node.kind == Kind::andNode ? "(all of: " : "(any of: ") + text + ")" : text;
}

}  // namespace

std::string printFilter(const Filter& filter) {
  std::string text = nodeText(filter.root, false);
  if (filter.missing == Missing::absent) text += text.empty() ? "missing(absent)" : " missing(absent)";
  return text;
}

std::string filterInWords(const Filter& filter) { return nodeWords(filter.root, filter.missing, false); }

}  // namespace retort::logs
