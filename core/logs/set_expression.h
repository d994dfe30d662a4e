// And, or and not over sets of ids and ranges of columns, evaluated 2^16 ids at a time: nothing is copied, and a block that is settled early costs no more.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "logs/id_set.h"
#include "logs/packed_column.h"

namespace retort::logs {

struct SetExpression {
  enum class Kind : std::uint8_t { nothing, set, ranges, all, any } kind = Kind::nothing;
  bool isNot = false;                                  ///< of the whole node
  std::shared_ptr<const IdSet> set;
  std::shared_ptr<const PackedColumn> column;          ///< ranges: values inside one of `bounds`, both ends included
  std::vector<std::pair<std::int64_t, std::int64_t>> bounds;
  std::vector<SetExpression> children;                 ///< of all (and) and any (or)

  static SetExpression of(std::shared_ptr<const IdSet> ids) { return {Kind::set, false, std::move(ids), {}, {}, {}}; }
  static SetExpression everything() { return {Kind::nothing, true, {}, {}, {}, {}}; }
  /// Rough number of ids, to begin an "and" with what excludes most.
  [[nodiscard]] std::uint64_t weight(std::uint64_t universe) const;
};

/// Sorts the children of every "and" and "or" by what settles a block soonest. Once, before evaluating.
void arrange(SetExpression& expression, std::uint64_t universe);

/// Ids below `end` that pass, of `live` when it is given.
[[nodiscard]] std::uint64_t countOf(const SetExpression& expression, std::uint32_t end, const IdSet* live);
[[nodiscard]] IdSet idsOf(const SetExpression& expression, std::uint32_t end, const IdSet* live);
[[nodiscard]] std::vector<std::uint32_t> listOf(const SetExpression& expression, std::uint32_t end, const IdSet* live);

/// counts[i] += size of sets[i] within `among`: for many sets at once.
void countCommon(std::span<const IdSet* const> sets, const IdSet& among, std::span<std::uint64_t> counts);
/// counts[codes[id]] += 1 for every id of `among`.
void countByCode(const IdSet& among, std::span<const std::uint16_t> codes, std::span<std::uint32_t> counts);

}  // namespace retort::logs
