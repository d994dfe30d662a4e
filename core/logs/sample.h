// Drawings of ids: random, or as many of each value of a key; seeded, the same on every machine.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/id_set.h"
#include "logs/log_store.h"

namespace retort::logs {

/// At most `n` of the ids, ascending, each equally likely. With `stratify` (a key of the store) every value of the key, and "missing",
/// gives equally many as far as it has them; what one value cannot give the others share. Error "logs.key.unknown".
Result<std::vector<std::uint32_t>> sampleIds(const LogStore& store, const IdSet& ids, std::size_t n, std::string_view stratify, std::uint64_t seed);

}  // namespace retort::logs
