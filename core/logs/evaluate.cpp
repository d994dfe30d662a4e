// Filters on bitmaps: values to postings that are borrowed, not copied, numbers to scans of columns, and/or/not to set operations.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "logs/set_expression.h"
#include "logs/snapshot.h"

namespace retort::logs {

namespace {

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;   ///< both ends included

constexpr std::int64_t kLeast = INT64_MIN + 1, kMost = INT64_MAX;

/// The least integer >= x, and the greatest <= x, inside int64.
std::int64_t ceiling(double x) { return x <= -9.2e18 ? kLeast : x >= 9.2e18 ? kMost : static_cast<std::int64_t>(std::ceil(x)); }
std::int64_t floorOf(double x) { return x <= -9.2e18 ? kLeast : x >= 9.2e18 ? kMost : static_cast<std::int64_t>(std::floor(x)); }

/// The stored integers that pass a test of numbers. `low` and `high` enclose the integers that compare equal to a value.
Ranges rangesOf(FilterOp op, const std::vector<std::pair<std::int64_t, std::int64_t>>& values) {
  const auto below = [](std::int64_t v) { return v == kLeast ? Ranges{} : Ranges{{kLeast, v - 1}}; };
  const auto above = [](std::int64_t v) { return v == kMost ? Ranges{} : Ranges{{v + 1, kMost}}; };
  switch (op) {
    case FilterOp::exists: return {{kLeast, kMost}};
    case FilterOp::less: return below(values[0].first);
    case FilterOp::lessEqual: return {{kLeast, values[0].second}};
    case FilterOp::greater: return above(values[0].second);
    case FilterOp::greaterEqual: return {{values[0].first, kMost}};
    case FilterOp::between: return {{values[0].first, values[1].second}};
    default: return values;
  }
}

std::shared_ptr<const IdSet> borrowed(const IdSet& ids, const std::shared_ptr<const SnapshotKey>& key) { return std::shared_ptr<const IdSet>(key, &ids); }
std::shared_ptr<const IdSet> owned(IdSet ids) { return std::make_shared<const IdSet>(std::move(ids)); }

SetExpression both(SetExpression a, SetExpression b) {
  SetExpression out{SetExpression::Kind::all, false, {}, {}, {}, {}};
  out.children.push_back(std::move(a));
  out.children.push_back(std::move(b));
  return out;
}

SetExpression inColumn(std::shared_ptr<const PackedColumn> column, Ranges bounds) {
  return {SetExpression::Kind::ranges, false, {}, std::move(column), std::move(bounds), {}};
}

struct Evaluator {
  const EvalContext& context;
  Missing missing;

  /// The records that pass, and those that have a value at all.
  struct Answer {
    SetExpression yes, present;
  };

  static Ranges ranges(const FilterNode& node, FieldType type, double scale) {
    Ranges values;
    for (const auto& value : node.values) {
      if (type == FieldType::time) {
        if (const auto time = parseIsoTime(value.text)) values.emplace_back(*time, *time);
        continue;
      }
      const auto number = decimalOf(value.text);
      if (!number) continue;
      const double x = *number * scale;
      // An equal value is an integer; of a scaled field the nearest one, as its values were rounded too.
      const bool isScaled = scale != 1;
      values.emplace_back(isScaled ? ceiling(x - 0.5) : ceiling(x), isScaled ? floorOf(x + 0.5) : floorOf(x));
    }
    if (values.size() < node.values.size()) return {};
    return rangesOf(node.op == FilterOp::notEqual ? FilterOp::equal : node.op, values);
  }

  static Answer column(const FilterNode& node, std::shared_ptr<const PackedColumn> values, FieldType type, double scale) {
    auto bounds = ranges(node, type, scale);
    std::erase_if(bounds, [](const auto& b) { return b.first > b.second; });
    return {inColumn(values, std::move(bounds)), inColumn(values, {{kLeast, kMost}})};
  }

  /// A test of the texts of a key's values; `isNumber`: they are decimals.
  Result<Answer> values(const FilterNode& node, const std::shared_ptr<const SnapshotKey>& holder, bool isNumber, const IdSet* among) const {
    const SnapshotKey& key = *holder;
    Answer out{{}, SetExpression::of(borrowed(key.all, holder))};
    const FilterOp op = node.op == FilterOp::notEqual ? FilterOp::equal : node.op;
    if (op == FilterOp::exists) {
      out.yes = out.present;
      return out;
    }
    if (key.isHigh) {
      if (op != FilterOp::equal && op != FilterOp::in) {
        RETORT_TRY(auto found, context.scan(among ? IdSet::common(key.all, *among) : key.all, node));
        out.yes = SetExpression::of(owned(std::move(found)));
        return out;
      }
      std::vector<SetExpression> found;
      for (const auto& value : node.values) {
        RETORT_TRY(auto more, highValue(key, value.text));
        found.push_back(SetExpression::of(owned(std::move(more))));
      }
      out.yes = anyOf(std::move(found));
      return out;
    }
    std::vector<std::size_t> chosen;
    if ((op == FilterOp::equal || op == FilterOp::in) && !isNumber) {
      for (const auto& value : node.values)
        if (const auto* found = key.find(value.text)) chosen.push_back(static_cast<std::size_t>(found - key.values.data()));
      std::sort(chosen.begin(), chosen.end());
      chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    } else {
      RETORT_TRY(const auto test, ValueTest::create(node));
      for (std::size_t i = 0; i < key.values.size(); ++i) {
        if ((i & 0xff) == 0xff && context.stop.stop_requested()) return cancelledError("The search");
        const std::string& text = *key.values[i].text;
        if (isNumber ? test.ofNumber(decimalOf(text).value_or(std::nan(""))) : test.ofText(text)) chosen.push_back(i);
      }
    }
    // Most values of a key: whoever has it, less the others.
    if (!key.isSingle || chosen.size() * 2 <= key.values.size()) {
      out.yes = valuesOf(holder, chosen);
      return out;
    }
    std::vector<std::size_t> others;
    for (std::size_t i = 0, c = 0; i < key.values.size(); ++i) {
      if (c < chosen.size() && chosen[c] == i) ++c;
      else others.push_back(i);
    }
    out.yes = out.present;
    if (others.empty()) return out;
    auto rest = valuesOf(holder, others);
    rest.isNot = !rest.isNot;
    out.yes = both(std::move(out.yes), std::move(rest));
    return out;
  }

  static SetExpression anyOf(std::vector<SetExpression> parts) {
    if (parts.empty()) return {};
    if (parts.size() == 1) return std::move(parts[0]);
    return {SetExpression::Kind::any, false, {}, {}, {}, std::move(parts)};
  }

  static SetExpression valuesOf(const std::shared_ptr<const SnapshotKey>& key, const std::vector<std::size_t>& chosen) {
    // Few sets are joined block by block; very many at once.
    constexpr std::size_t kFew = 16;
    if (chosen.size() > kFew) {
      std::vector<const IdSet*> sets;
      for (const auto i : chosen) sets.push_back(key->values[i].ids.get());
      return SetExpression::of(owned(IdSet::unionOf(sets)));
    }
    std::vector<SetExpression> parts;
    for (const auto i : chosen) parts.push_back(SetExpression::of(borrowed(*key->values[i].ids, key)));
    return anyOf(std::move(parts));
  }

  Result<IdSet> highValue(const SnapshotKey& key, std::string_view value) const {
    if (!key.isBuiltIn) return context.highValue(key.id, value);
    IdSet all;
    for (const auto& extra : context.snapshot.extras) {
      RETORT_TRY(const auto more, extra->idsOf(key.name, value));
      all |= more;
    }
    return all;
  }

  Result<Answer> answer(const FilterNode& node, const IdSet* among) const {
    const auto* field = node.isBuiltIn ? findBuiltIn(node.field) : nullptr;
    const auto type = field ? field->type : FieldType::text;
    if (node.isBuiltIn) {
      if (const auto which = columnOf(node.field))
        return column(node, std::shared_ptr<const PackedColumn>(std::shared_ptr<void>(), &context.snapshot.columns[static_cast<int>(*which)]), type, 1);
      for (const auto& extra : context.snapshot.extras) {
        RETORT_TRY(const auto found, extra->column(node.field));
        if (found) return column(node, std::shared_ptr<const PackedColumn>(found, &found->values), type, found->scale);
      }
    }
    RETORT_TRY(const auto key, context.snapshot.key(node.field, node.isBuiltIn));
    if (!key) return Answer{};
    return values(node, key, node.isBuiltIn && type == FieldType::number, among);
  }

  /// `among`: where only these ids matter, a scan looks at no others.
  Result<SetExpression> test(const FilterNode& node, const IdSet* among) const {
    if (node.isBuiltIn && node.field == "@text") {
      RETORT_TRY(auto found, context.scan(among ? *among : context.snapshot.live, node));
      return SetExpression::of(owned(std::move(found)));
    }
    RETORT_TRY(auto found, answer(node, among));
    if (node.op != FilterOp::notEqual) return std::move(found.yes);
    found.yes.isNot = !found.yes.isNot;
    if (missing == Missing::differs) return std::move(found.yes);
    return both(std::move(found.present), std::move(found.yes));
  }

  /// Tests that read bodies come last, on what the others left.
  [[nodiscard]] bool isScan(const FilterNode& node) const {
    if (node.kind != FilterNode::Kind::test) return std::any_of(node.children.begin(), node.children.end(), [&](const FilterNode& c) { return isScan(c); });
    if (node.isBuiltIn) return node.field == "@text";
    const bool isListed = node.op == FilterOp::equal || node.op == FilterOp::notEqual || node.op == FilterOp::in || node.op == FilterOp::exists;
    if (isListed) return false;
    const auto* key = context.snapshot.find(node.field, false);
    return key && key->isHigh;
  }

  Result<SetExpression> list(const FilterNode& node, SetExpression::Kind kind, const IdSet* among) const {
    SetExpression out{kind, false, {}, {}, {}, {}};
    std::vector<const FilterNode*> scans;
    for (const auto& child : node.children) {
      if (kind == SetExpression::Kind::all && isScan(child)) {
        scans.push_back(&child);
        continue;
      }
      RETORT_TRY(auto made, run(child, among));
      out.children.push_back(std::move(made));
    }
    if (scans.empty()) return out;
    // What the other clauses left is all that a scan has to read.
    const Snapshot& s = context.snapshot;
    arrange(out, s.end);
    IdSet left = idsOf(out, s.end, among ? among : s.hasDeleted ? &s.live : nullptr);
    for (const auto* scan : scans) {
      if (left.isEmpty()) break;
      RETORT_TRY(auto made, run(*scan, &left));
      arrange(made, s.end);
      left = idsOf(made, s.end, &left);
    }
    return SetExpression::of(owned(std::move(left)));
  }

  Result<SetExpression> run(const FilterNode& node, const IdSet* among) const {
    if (context.stop.stop_requested()) return cancelledError("The search");
    switch (node.kind) {
      case FilterNode::Kind::all: return SetExpression::everything();
      case FilterNode::Kind::test: return test(node, among);
      case FilterNode::Kind::notNode: {
        RETORT_TRY(auto inside, run(node.children[0], among));
        inside.isNot = !inside.isNot;
        return inside;
      }
      case FilterNode::Kind::orNode: return list(node, SetExpression::Kind::any, among);
      case FilterNode::Kind::andNode: break;
    }
    return list(node, SetExpression::Kind::all, among);
  }
};

const IdSet* liveOf(const Snapshot& s) { return s.hasDeleted ? &s.live : nullptr; }

Result<SetExpression> compiled(const Filter& filter, const EvalContext& context) {
  RETORT_TRY(auto expression, (Evaluator{context, filter.missing}.run(filter.root, nullptr)));
  arrange(expression, context.snapshot.end);
  return expression;
}

}  // namespace

Result<IdSet> evaluate(const Filter& filter, const EvalContext& context) {
  if (filter.matchesAll()) return context.snapshot.live;
  RETORT_TRY(const auto expression, compiled(filter, context));
  return idsOf(expression, context.snapshot.end, liveOf(context.snapshot));
}

Result<std::vector<std::uint32_t>> evaluateList(const Filter& filter, const EvalContext& context) {
  RETORT_TRY(const auto expression, compiled(filter, context));
  return listOf(expression, context.snapshot.end, liveOf(context.snapshot));
}

Result<std::uint64_t> evaluateCount(const Filter& filter, const EvalContext& context) {
  const Snapshot& s = context.snapshot;
  if (filter.matchesAll()) return s.live.size();
  RETORT_TRY(const auto expression, compiled(filter, context));
  if (expression.kind == SetExpression::Kind::set && !s.hasDeleted) return expression.isNot ? s.end - expression.set->size() : expression.set->size();
  return countOf(expression, s.end, liveOf(s));
}

}  // namespace retort::logs
