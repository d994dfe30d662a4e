// Bedrock's requestMetadataFilters: strict in, and out only where the tree says what Bedrock can say.
#include <algorithm>

#include "base/format.h"
#include "logs/filter.h"

namespace retort::logs {

namespace {

constexpr std::size_t kMostChildren = 16, kMostCharacters = 256;

/// [a-zA-Z0-9\s._:/=+$@-]
bool isAllowed(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ' || (c >= '\t' && c <= '\r') ||
           std::string_view("._:/=+$@-").find(c) != std::string_view::npos;
  });
}

Error wrong(std::string where, std::string why, std::string next = {}) {
  return Error{"filter.bedrock", "The Bedrock filter cannot be read", std::move(where), std::move(why), std::move(next), {}, {}};
}

/// Why a key or value is outside Bedrock's characters; empty when it is inside.
std::string whyNot(std::string_view name, const std::string& text, bool mayBeEmpty) {
  if (text.empty() && !mayBeEmpty) return "the " + std::string(name) + " is empty";
  if (text.size() > kMostCharacters) return "the " + std::string(name) + " has more than 256 characters";
  if (!isAllowed(text)) return "the " + std::string(name) + " \"" + shown(text) + "\" has a character that Bedrock does not allow in filters";
  return {};
}

Result<FilterNode> readPair(const Json& pair, const std::string& where, FilterOp op) {
  if (!pair.is_object() || pair.size() != 1) return wrong(where, "it must be an object with exactly one key", "Combine several with andAll.");
  FilterNode node;
  node.kind = FilterNode::Kind::test;
  node.op = op;
  node.field = pair.begin().key();
  if (!pair.begin().value().is_string()) return wrong(where, "the value of \"" + shown(node.field) + "\" is no text");
  node.values.push_back({pair.begin().value().get<std::string>(), false});
  for (const auto& why : {whyNot("key", node.field, false), whyNot("value", node.values[0].text, true)})
    if (!why.empty()) return wrong(where, why, "Such tags can be logged but not filtered on in Bedrock; write the filter as an expression instead.");
  return node;
}

/// equals, notEquals, or both in one object: both must hold then.
Result<FilterNode> readBase(const Json& base, const std::string& where) {
  if (!base.is_object() || base.empty()) return wrong(where, "it must hold equals or notEquals");
  FilterNode both;
  both.kind = FilterNode::Kind::andNode;
  for (const auto& [name, pair] : base.items()) {
    if (name != "equals" && name != "notEquals") {
      const auto near = nearestName(name, {"equals", "notEquals"});
      return wrong(where, "\"" + shown(name) + "\" is unknown here", near.empty() ? "Only equals and notEquals may stand inside a list." : "Did you mean " + near + "?");
    }
    RETORT_TRY(auto node, readPair(pair, where + "." + name, name == "equals" ? FilterOp::equal : FilterOp::notEqual));
    both.children.push_back(std::move(node));
  }
  if (both.children.size() == 1) return std::move(both.children[0]);
  return both;
}

Result<FilterNode> readList(const Json& list, const std::string& name) {
  if (!list.is_array() || list.empty() || list.size() > kMostChildren) return wrong(name, "it must be a list of 1 to 16 filters");
  FilterNode node;
  node.kind = name == "andAll" ? FilterNode::Kind::andNode : FilterNode::Kind::orNode;
  for (std::size_t i = 0; i < list.size(); ++i) {
    RETORT_TRY(auto child, readBase(list[i], name + "[" + std::to_string(i) + "]"));
    node.children.push_back(std::move(child));
  }
  if (node.children.size() == 1) return std::move(node.children[0]);
  return node;
}

Error notExportable(const FilterNode& clause, std::string why) {
  Filter alone;
  alone.root = clause;
  return Error{"filter.bedrock.export", "Bedrock cannot say this filter", shown(printFilter(alone)), std::move(why),
               "Use it here, or leave this clause out for Bedrock.", {}, {}};
}

Result<Json> writeTest(const FilterNode& node) {
  if (node.kind != FilterNode::Kind::test) {
    const char* what = node.kind == FilterNode::Kind::notNode ? "it knows no not" : "it allows one level of and or or";
    return notExportable(node, what);
  }
  if (node.isBuiltIn) return notExportable(node, "it filters on request metadata only");
  if (node.op != FilterOp::equal && node.op != FilterOp::notEqual) return notExportable(node, "it knows only equals and notEquals");
  for (const auto& why : {whyNot("key", node.field, false), whyNot("value", node.values[0].text, true)})
    if (!why.empty()) return notExportable(node, why);
  return Json{{node.op == FilterOp::equal ? "equals" : "notEquals", Json{{node.field, node.values[0].text}}}};
}

}  // namespace

Result<Filter> filterFromBedrock(std::string_view text) {
  auto parsed = parseJson(text, "the filter", 16, true);
  if (!parsed.ok()) {
    Error error = std::move(parsed).error();
    // A dictionary that says equals three times keeps one of them, silently, in most programs.
    if (error.code == "base.json.duplicate")
      error.next = "Two members of one name cannot both count: put each into its own object of an andAll list.";
    return error;
  }
  const Json* root = &*parsed;
  if (root->is_object() && root->size() == 1 && root->contains("requestMetadataFilters")) root = &(*root)["requestMetadataFilters"];
  if (!root->is_object() || root->empty()) return wrong({}, "it must be an object with equals, notEquals, andAll or orAll");
  Filter filter;
  const std::string name = root->begin().key();
  const bool isList = name == "andAll" || name == "orAll";
  if (isList && root->size() > 1) return wrong(name, "nothing may stand beside it");
  if (isList) {
    RETORT_TRY(filter.root, readList(root->begin().value(), name));
  } else if (nearestName(name, {"equals", "notEquals", "andAll", "orAll"}).empty() || name == "equals" || name == "notEquals") {
    RETORT_TRY(filter.root, readBase(*root, "the filter"));
  } else {
    return wrong({}, "\"" + shown(name) + "\" is unknown", "Did you mean " + nearestName(name, {"equals", "notEquals", "andAll", "orAll"}) + "?");
  }
  return filter;
}

Result<Json> filterToBedrock(const Filter& filter) {
  using Kind = FilterNode::Kind;
  const FilterNode& root = filter.root;
  if (root.kind == Kind::all)
    return Error{"filter.bedrock.export", "Bedrock cannot say this filter", {}, "a filter that takes all records is written by leaving it out", {}, {}, {}};
  if (root.kind == Kind::andNode || root.kind == Kind::orNode) {
    Json list = Json::array();
    for (const auto& child : root.children) {
      RETORT_TRY(auto test, writeTest(child));
      list.push_back(std::move(test));
    }
    if (list.size() > kMostChildren) return notExportable(root.children[kMostChildren], "it takes at most 16 clauses");
    return Json{{root.kind == Kind::andNode ? "andAll" : "orAll", std::move(list)}};
  }
  return writeTest(root);
}

std::vector<std::pair<std::string, std::string>> beyondBedrock(const Filter& filter) {
  using Kind = FilterNode::Kind;
  std::vector<std::pair<std::string, std::string>> out;
  const auto look = [&](const FilterNode& node) {
    const auto test = writeTest(node);
    if (!test.ok()) out.emplace_back(test.error().where, test.error().why);
  };
  const FilterNode& root = filter.root;
  if (root.kind == Kind::all) return out;
  if (root.kind != Kind::andNode && root.kind != Kind::orNode) return look(root), out;
  for (std::size_t i = 0; i < root.children.size(); ++i) {
    look(root.children[i]);
    if (i == kMostChildren) {
      const auto error = notExportable(root.children[i], "it takes at most 16 clauses");
      out.emplace_back(error.where, error.why);
    }
  }
  return out;
}

}  // namespace retort::logs
