// Records in the order of a field's values, and how many lie in each span of time: for tables and their histograms.
#pragma once
#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/log_store.h"

namespace retort::logs {

/// `ids` (ascending) by a field: a numeric one, derived ones too, by its numbers; a key or text field by its texts, of several values of a
/// record the first. Records without a value come first, equal ones in the order of import; `isDescending` turns the values round, and
/// equal ones stay in the order of import. Error "logs.key.unknown", or "logs.sort.key" for a key of very many values.
Result<std::vector<std::uint32_t>> sortedIds(const LogStore& store, std::span<const std::uint32_t> ids, std::string_view field, bool isDescending, std::stop_token stop = {});

/// Counts of records in `bars` spans of equal length over [begin, end) of time, in microseconds; others are not counted.
std::vector<std::uint64_t> timeHistogram(const LogStore& store, const IdSet& ids, std::int64_t begin, std::int64_t end, std::size_t bars);

}  // namespace retort::logs
