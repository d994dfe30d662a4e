// The clauses of a filter by the key that they speak of.
#include <algorithm>

#include "logs/filter.h"

namespace retort::logs {

namespace {

/// True for a clause that speaks of this key only.
bool isOwn(const FilterNode& node, std::string_view name, bool isBuiltIn) {
  if (node.kind == FilterNode::Kind::test) return node.field == name && node.isBuiltIn == isBuiltIn;
  return !node.children.empty() && std::all_of(node.children.begin(), node.children.end(), [&](const FilterNode& child) { return isOwn(child, name, isBuiltIn); });
}
}  // namespace

Filter withoutClausesOf(const Filter& filter, std::string_view name, bool isBuiltIn) {
  Filter out = filter;
  if (isOwn(filter.root, name, isBuiltIn)) {
    out.root = FilterNode{};
  } else if (filter.root.kind == FilterNode::Kind::andNode) {
    std::erase_if(out.root.children, [&](const FilterNode& child) { return isOwn(child, name, isBuiltIn); });
    if (out.root.children.size() == 1) {
      FilterNode only = std::move(out.root.children[0]);
      out.root = std::move(only);
    }
  }
  return out;
}

}  // namespace retort::logs
