// Filters on bitmaps: values to postings that are borrowed, not copied, numbers to scans of columns, and/or/not to set operations.
#include <algorithm>
#include <cmath>

#include "base/clock.h"
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

/// A set of ids, or everything but it. Borrowed from the snapshot where it lies there ready.
struct Term {
  std::shared_ptr<const IdSet> set;
  bool isNot = false;

  static Term borrow(const IdSet& ids) { return {std::shared_ptr<const IdSet>(std::shared_ptr<void>(), &ids), false}; }
  static Term own(IdSet ids) { return {std::make_shared<const IdSet>(std::move(ids)), false}; }
};

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

struct Evaluator {
  const EvalContext& context;
  Missing missing;

  /// The records that pass, and (as far as `needsPresent`) those that have a value at all.
  struct Answer {
    Term yes;
    Term present;
  };

  [[nodiscard]] bool needsPresent(const FilterNode& node) const { return node.op == FilterOp::notEqual && missing == Missing::absent; }

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

  Answer column(const FilterNode& node, const PackedColumn& values, FieldType type, double scale) const {
    const auto list = ranges(node, type, scale);
    IdSet yes;
    for (const auto& [low, high] : list) {
      if (low > high) continue;
      if (list.size() == 1) yes = values.range(low, high);
      else yes |= values.range(low, high);
    }
    Answer out{Term::own(std::move(yes)), {}};
    if (needsPresent(node)) out.present = Term::own(values.present());
    return out;
  }

  /// A test of the texts of a key's values; `isNumber`: they are decimals.
  Result<Answer> values(const FilterNode& node, const SnapshotKey& key, bool isNumber, const IdSet* among) const {
    Answer out{Term::own({}), Term::borrow(key.all)};
    const FilterOp op = node.op == FilterOp::notEqual ? FilterOp::equal : node.op;
    if (op == FilterOp::exists) {
      out.yes = Term::borrow(key.all);
      return out;
    }
    std::vector<const IdSet*> sets;
    if ((op == FilterOp::equal || op == FilterOp::in) && !isNumber) {
      for (const auto& value : node.values)
        if (const auto* found = key.find(value.text)) sets.push_back(found->ids.get());
      if (sets.size() == 1 && !key.isHigh) {
        out.yes = Term::borrow(*sets[0]);
        return out;
      }
      IdSet all = IdSet::unionOf(sets);
      if (key.isHigh)
        for (const auto& value : node.values) {
          if (key.isBuiltIn) {
            for (const auto& extra : context.snapshot.extras) {
              RETORT_TRY(const auto more, extra->idsOf(key.name, value.text));
              all |= more;
            }
            continue;
          }
          RETORT_TRY(const auto more, context.highValue(key.id, value.text));
          all |= more;
        }
      out.yes = Term::own(std::move(all));
      return out;
    }
    if (key.isHigh) {
      FilterNode alone = node;
      RETORT_TRY(auto found, context.scan(among ? IdSet::common(key.all, *among) : key.all, alone));
      out.yes = Term::own(std::move(found));
      return out;
    }
    RETORT_TRY(const auto test, ValueTest::create(node));
    std::size_t looked = 0;
    for (const auto& value : key.values) {
      if ((++looked & 0xff) == 0 && context.stop.stop_requested()) return cancelledError("The search");
      if (isNumber ? test.ofNumber(decimalOf(*value.text).value_or(std::nan(""))) : test.ofText(*value.text)) sets.push_back(value.ids.get());
    }
    out.yes = sets.size() == 1 ? Term::borrow(*sets[0]) : Term::own(IdSet::unionOf(sets));
    return out;
  }

  Result<Answer> answer(const FilterNode& node, const IdSet* among) const {
    if (node.isBuiltIn) {
      const auto* field = findBuiltIn(node.field);
      const auto type = field ? field->type : FieldType::text;
      if (const auto which = columnOf(node.field)) return column(node, context.snapshot.columns[static_cast<int>(*which)], type, 1);
      for (const auto& extra : context.snapshot.extras) {
        RETORT_TRY(const auto found, extra->column(node.field));
        if (found) return column(node, found->values, type, found->scale);
      }
      RETORT_TRY(const auto key, context.snapshot.key(node.field, true));
      if (!key) return Answer{Term::own({}), Term::own({})};
      return keep(values(node, *key, type == FieldType::number, among), key);
    }
    RETORT_TRY(const auto key, context.snapshot.key(node.field, false));
    if (!key) return Answer{Term::own({}), Term::own({})};
    return keep(values(node, *key, false, among), key);
  }

  /// What is borrowed from a key keeps the key.
  static Result<Answer> keep(Result<Answer> answer, const std::shared_ptr<const SnapshotKey>& key) {
    if (!answer.ok()) return answer;
    for (Term* term : {&answer->yes, &answer->present})
      if (term->set && term->set.use_count() == 0) term->set = std::shared_ptr<const IdSet>(key, term->set.get());
    return answer;
  }

  /// `among`: where only these ids matter, a scan looks at no others.
  Result<Term> test(const FilterNode& node, const IdSet* among) const {
    if (node.isBuiltIn && node.field == "@text") {
      RETORT_TRY(auto found, context.scan(among ? *among : context.snapshot.live, node));
      return Term::own(std::move(found));
    }
    RETORT_TRY(auto found, answer(node, among));
    if (node.op != FilterOp::notEqual) return std::move(found.yes);
    if (missing == Missing::differs) return Term{std::move(found.yes.set), true};
    return Term::own(IdSet::only(*found.present.set, *found.yes.set));
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

  /// All of the terms as one. `count`: only the size is wanted (of what is alive); then no set comes back when that can be helped.
  Result<Term> conjunction(std::vector<Term> terms, std::uint64_t* count) const {
    std::vector<const IdSet*> yes, no;
    for (const auto& term : terms) (term.isNot ? no : yes).push_back(term.set.get());
    const auto bySize = [](const IdSet* a, const IdSet* b) { return a->size() < b->size(); };
    std::sort(yes.begin(), yes.end(), bySize);
    std::sort(no.rbegin(), no.rend(), bySize);
    if (yes.empty()) {
      if (no.size() == 1)
        for (auto& term : terms)
          if (term.isNot) return Term{term.set, true};
      return Term{std::make_shared<const IdSet>(IdSet::unionOf(no)), true};
    }
    const std::size_t steps = yes.size() - 1 + no.size();
    if (steps == 0) {
      for (auto& term : terms)
        if (!term.isNot) return term;
    }
    const bool onlyCount = count && !context.snapshot.hasDeleted;
    IdSet all;
    const IdSet* now = yes[0];
    std::size_t step = 0;
    const auto isLast = [&] { return ++step == steps; };
    for (std::size_t i = 1; i < yes.size(); ++i) {
      if (isLast() && onlyCount) return *count = IdSet::commonSize(*now, *yes[i]), Term{};
      if (now != &all) all = IdSet::common(*now, *yes[i]), now = &all;
      else all &= *yes[i];
      if (all.isEmpty()) return Term::own({});
    }
    for (const IdSet* out : no) {
      if (isLast() && onlyCount) return *count = IdSet::onlySize(*now, *out), Term{};
      if (now != &all) all = IdSet::only(*now, *out), now = &all;
      else all -= *out;
      if (all.isEmpty()) return Term::own({});
    }
    return Term::own(std::move(all));
  }

  Result<Term> conjunctionOf(const FilterNode& node, const IdSet* among, std::uint64_t* count) const {
    std::vector<Term> terms;
    std::vector<const FilterNode*> scans;
    for (const auto& child : node.children) {
      if (isScan(child)) {
        scans.push_back(&child);
        continue;
      }
      RETORT_TRY(auto term, run(child, among, nullptr));
      terms.push_back(std::move(term));
    }
    if (scans.empty()) return conjunction(std::move(terms), count);
    IdSet all = among ? *among : context.snapshot.live;
    if (!terms.empty()) {
      RETORT_TRY(const auto rest, conjunction(std::move(terms), nullptr));
      if (rest.isNot) all -= *rest.set;
      else all &= *rest.set;
    }
    for (const auto* scan : scans) {
      if (all.isEmpty()) break;
      RETORT_TRY(const auto term, run(*scan, &all, nullptr));
      if (term.isNot) all -= *term.set;
      else all &= *term.set;
    }
    return Term::own(std::move(all));
  }

  Result<Term> disjunctionOf(const FilterNode& node, const IdSet* among) const {
    std::vector<Term> terms;
    for (const auto& child : node.children) {
      RETORT_TRY(auto term, run(child, among, nullptr));
      terms.push_back(std::move(term));
    }
    // a or not b = not (b and not a)
    std::vector<const IdSet*> yes;
    std::vector<Term> no;
    for (const auto& term : terms)
      if (term.isNot) no.push_back({term.set, false});
      else yes.push_back(term.set.get());
    IdSet any = IdSet::unionOf(yes);
    if (no.empty()) return Term::own(std::move(any));
    if (!yes.empty()) no.push_back({std::make_shared<const IdSet>(std::move(any)), true});
    RETORT_TRY(auto rest, conjunction(std::move(no), nullptr));
    rest.isNot = !rest.isNot;
    return rest;
  }

  Result<Term> run(const FilterNode& node, const IdSet* among, std::uint64_t* count) const {
    if (context.stop.stop_requested()) return cancelledError("The search");
    switch (node.kind) {
      case FilterNode::Kind::all: return Term{std::make_shared<const IdSet>(), true};
      case FilterNode::Kind::test: return test(node, among);
      case FilterNode::Kind::notNode: {
        RETORT_TRY(auto inside, run(node.children[0], among, nullptr));
        inside.isNot = !inside.isNot;
        return inside;
      }
      case FilterNode::Kind::orNode: return disjunctionOf(node, among);
      case FilterNode::Kind::andNode: break;
    }
    return conjunctionOf(node, among, count);
  }
};

}  // namespace

Result<IdSet> evaluate(const Filter& filter, const EvalContext& context) {
  const Snapshot& s = context.snapshot;
  RETORT_TRY(const auto term, (Evaluator{context, filter.missing}.run(filter.root, nullptr, nullptr)));
  if (term.isNot) return IdSet::only(s.live, *term.set);
  if (!s.hasDeleted) return *term.set;
  return IdSet::common(*term.set, s.live);
}

Result<std::uint64_t> evaluateCount(const Filter& filter, const EvalContext& context) {
  const Snapshot& s = context.snapshot;
  std::uint64_t count = 0;
  RETORT_TRY(const auto term, (Evaluator{context, filter.missing}.run(filter.root, nullptr, &count)));
  if (!term.set) return count;
  if (term.isNot) return IdSet::onlySize(s.live, *term.set);
  return s.hasDeleted ? IdSet::commonSize(s.live, *term.set) : term.set->size();
}

}  // namespace retort::logs
