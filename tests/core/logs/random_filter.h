// Random filters over a small vocabulary, for round trips and for holding the index against the plain test.
#pragma once
#include "base/random.h"
#include "logs/filter.h"

namespace retort::logs {

inline FilterNode randomTest(Random& random) {
  static const char* const keys[] = {"env", "app", "tenant", "score", "a b", "tick`s", "not", "gone"};
  static const char* const values[] = {"prod", "dev", "", "12", "-3.5", "12x", "x\"y\\", "\xC3\xA4\n", "t1", "t17", "1e2"};
  static const char* const numbers[] = {"0", "1", "12", "-3.5", "100", "1e2", "250"};
  FilterNode node;
  node.kind = FilterNode::Kind::test;
  const auto pick = [&](const auto& list) { return std::string(list[random.below(std::size(list))]); };
  const auto text = [&] { return random.chance(0.2) ? FilterValue{pick(numbers), true} : FilterValue{pick(values), false}; };
  const auto number = [&] { return FilterValue{pick(numbers), random.chance(0.8)}; };
  static constexpr FilterOp kOrders[] = {FilterOp::less, FilterOp::lessEqual, FilterOp::greater, FilterOp::greaterEqual};
  if (random.chance(0.6)) {
    node.field = pick(keys);
    switch (random.below(9)) {
      case 0: node.op = FilterOp::exists; break;
      case 1: node.op = kOrders[random.below(4)]; node.values = {number()}; break;
      case 2: node.op = FilterOp::between; node.values = {number(), number()}; break;
      case 3: node.op = FilterOp::in; for (std::uint64_t i = 0; i <= random.below(3); ++i) node.values.push_back(text()); break;
      case 4: node.op = FilterOp::contains; node.values = {text()}; break;
      case 5: node.op = FilterOp::prefix; node.values = {text()}; break;
      case 6: node.op = FilterOp::regex; node.values = {{random.chance(0.5) ? "^[pd]" : "1.?", false}}; break;
      case 7: node.op = FilterOp::notEqual; node.values = {text()}; break;
      default: node.op = FilterOp::equal; node.values = {text()};
    }
    return node;
  }
  node.isBuiltIn = true;
  static const char* const numeric[] = {"@input_tokens", "@output_tokens", "@cached_tokens", "@latency", "@turns"};
  static const char* const textual[] = {"@model", "@model.raw", "@op", "@region", "@status", "@stop", "@source", "@error"};
  static const char* const words[] = {"ok", "error", "stop", "length", "Converse", "bedrock", "amazon.nova-lite-v1:0", "meta.llama3-1-8b-instruct-v1:0", "eu-central-1"};
  static const char* const times[] = {"2026-03-02", "2026-03-02T06:30:00Z", "2026-03-03T00:00:00+01:00", "2020-01-01"};
  static const char* const flags[] = {"repaired", "partial", "no_answer", "body_external", "dup_keys"};
  const auto isNegated = random.chance(0.3);
  switch (random.below(4)) {
    case 0:
      node.field = pick(numeric);
      if (random.chance(0.3)) node.op = FilterOp::between, node.values = {number(), number()};
      else if (random.chance(0.2)) node.op = FilterOp::exists;
      else node.op = isNegated ? FilterOp::notEqual : kOrders[random.below(4)], node.values = {number()};
      break;
    case 1:
      node.field = "@time";
      node.op = random.chance(0.1) ? FilterOp::exists : kOrders[random.below(4)];
      if (node.op != FilterOp::exists) node.values = {{pick(times), false}};
      break;
    case 2:
      node.field = "@flags";
      node.op = isNegated ? FilterOp::notEqual : FilterOp::equal;
      node.values = {{pick(flags), false}};
      break;
    default:
      node.field = pick(textual);
      node.op = isNegated ? FilterOp::notEqual : random.chance(0.3) ? FilterOp::prefix : random.chance(0.2) ? FilterOp::exists : FilterOp::equal;
      if (node.op != FilterOp::exists) node.values = {{pick(words), false}};
  }
  return node;
}

inline FilterNode randomNode(Random& random, int depth) {
  if (depth == 0 || random.chance(0.35)) return randomTest(random);
  FilterNode node;
  const auto kind = random.below(3);
  node.kind = kind == 0 ? FilterNode::Kind::notNode : kind == 1 ? FilterNode::Kind::andNode : FilterNode::Kind::orNode;
  const std::uint64_t n = kind == 0 ? 1 : 2 + random.below(3);
  for (std::uint64_t i = 0; i < n; ++i) node.children.push_back(randomNode(random, depth - 1));
  return node;
}

inline Filter randomFilter(Random& random) {
  Filter filter;
  if (!random.chance(0.02)) filter.root = randomNode(random, static_cast<int>(random.below(4)));
  if (random.chance(0.3)) filter.missing = Missing::absent;
  return filter;
}

}  // namespace retort::logs
