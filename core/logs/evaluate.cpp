// Filters on bitmaps: values to unions of postings, numbers to scans of columns, and/or/not to set operations.
#include <algorithm>

#include "logs/snapshot.h"

namespace retort::logs {

namespace {

std::optional<Column> columnOf(std::string_view field) {
  if (field == "@time") return Column::time;
  if (field == "@input_tokens") return Column::input;
  if (field == "@output_tokens") return Column::output;
  if (field == "@cached_tokens") return Column::cached;
  if (field == "@latency") return Column::latency;
  if (field == "@turns") return Column::turns;
  return std::nullopt;
}

struct Evaluator {
  const EvalContext& context;
  Missing missing;

  /// The records that pass, and those that have a value at all.
  struct Answer {
    IdSet yes, present;
  };

  Result<Answer> column(Column which, const ValueTest& test) const {
    const auto& values = context.snapshot.columns[static_cast<int>(which)];
    Answer out;
    std::vector<std::uint32_t> yes, present;
    for (std::uint32_t id = 0; id < values.size(); ++id) {
      if ((id & 0xfffff) == 0 && context.stop.stop_requested()) return cancelledError("The search");
      const auto value = values[id];
      if (value == kNoValue) continue;
      present.push_back(id);
      if (which == Column::time ? test.ofTime(value) : test.ofNumber(static_cast<double>(value))) yes.push_back(id);
    }
    out.yes = IdSet::of(yes);
    out.present = IdSet::of(present);
    return out;
  }

  Result<Answer> values(const FilterNode& node, const ValueTest& test) const {
    Answer out;
    const SnapshotKey* key = context.snapshot.find(node.field, node.isBuiltIn);
    if (!key) return out;
    out.present = key->all;
    if (node.op == FilterOp::exists) {
      out.yes = key->all;
      return out;
    }
    if (test.op() == FilterOp::equal || test.op() == FilterOp::in) {
      std::vector<const IdSet*> sets;
      for (const auto& value : node.values)
        if (const auto found = key->byText.find(value.text); found != key->byText.end()) sets.push_back(&key->values[found->second].ids);
      out.yes = IdSet::unionOf(sets);
      if (key->isHigh)
        for (const auto& value : node.values) {
          RETORT_TRY(const auto more, context.highValue(key->id, value.text));
          out.yes |= more;
        }
      return out;
    }
    if (key->isHigh) {
      FilterNode alone = node;
      RETORT_TRY(out.yes, context.scan(key->all, alone));
      return out;
    }
    std::vector<const IdSet*> sets;
    for (const auto& value : key->values) {
      if (context.stop.stop_requested()) return cancelledError("The search");
      if (test.ofText(value.text)) sets.push_back(&value.ids);
    }
    out.yes = IdSet::unionOf(sets);
    return out;
  }

  /// `among`: where only these ids matter, a scan looks at no others.
  Result<IdSet> test(const FilterNode& node, const IdSet* among) const {
    if (node.isBuiltIn && node.field == "@text") return context.scan(among ? *among : context.snapshot.live, node);
    RETORT_TRY(const auto compiled, ValueTest::create(node));
    const auto which = node.isBuiltIn ? columnOf(node.field) : std::nullopt;
    auto answer = which ? column(*which, compiled) : values(node, compiled);
    if (!answer.ok()) return std::move(answer).error();
    if (node.op == FilterOp::notEqual) {
      if (missing == Missing::differs) return context.snapshot.live - answer->yes;
      return (answer->present - answer->yes) & context.snapshot.live;
    }
    return answer->yes & context.snapshot.live;
  }

  /// Tests that read bodies come last, on what the others left.
  static bool isScan(const FilterNode& node) {
    if (node.kind == FilterNode::Kind::test) return node.isBuiltIn && node.field == "@text";
    return std::any_of(node.children.begin(), node.children.end(), isScan);
  }

  Result<IdSet> run(const FilterNode& node, const IdSet* among) const {
    if (context.stop.stop_requested()) return cancelledError("The search");
    switch (node.kind) {
      case FilterNode::Kind::all: return context.snapshot.live;
      case FilterNode::Kind::test: return test(node, among);
      case FilterNode::Kind::notNode: {
        RETORT_TRY(const auto inside, run(node.children[0], among));
        return (among ? *among : context.snapshot.live) - inside;
      }
      case FilterNode::Kind::orNode: {
        IdSet all;
        for (const auto& child : node.children) {
          RETORT_TRY(const auto ids, run(child, among));
          all |= ids;
        }
        return all;
      }
      case FilterNode::Kind::andNode: break;
    }
    std::vector<IdSet> sets;
    for (const auto& child : node.children)
      if (!isScan(child)) {
        RETORT_TRY(auto ids, run(child, nullptr));
        sets.push_back(std::move(ids));
      }
    std::sort(sets.begin(), sets.end(), [](const IdSet& a, const IdSet& b) { return a.size() < b.size(); });
    IdSet all = among ? *among : context.snapshot.live;
    for (const auto& set : sets) all &= set;
    for (const auto& child : node.children)
      if (isScan(child) && !all.isEmpty()) {
        RETORT_TRY(const auto ids, run(child, &all));
        all &= ids;
      }
    return all;
  }
};

}  // namespace

Result<IdSet> evaluate(const Filter& filter, const EvalContext& context) {
  return Evaluator{context, filter.missing}.run(filter.root, nullptr);
}

}  // namespace retort::logs
