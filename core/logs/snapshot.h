// An immutable picture of the index at one moment: postings, columns, dictionary; readers share it, an import never waits for them.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "logs/filter.h"
#include "logs/filter_test.h"
#include "logs/id_set.h"
#include "logs/log_schema.h"
#include "store/database.h"

namespace retort::logs {

struct SnapshotValue {
  std::string text;
  std::int64_t kv = 0;
  IdSet ids;
};
struct SnapshotKey {
  std::int64_t id = 0;
  std::string name;
  bool isBuiltIn = false, isHigh = false;
  std::uint64_t distinct = 0;                          ///< as stored, for keys of very many values
  std::vector<SnapshotValue> values;
  std::unordered_map<std::string_view, std::size_t> byText;   ///< into values
  IdSet all;                                           ///< records that have the key
};

struct Snapshot {
  std::uint32_t end = 0;                               ///< ids are below it
  IdSet live;                                          ///< not deleted
  std::vector<SnapshotKey> keys;
  std::vector<std::int64_t> columns[kColumns];
  std::unordered_map<std::int64_t, std::string_view> valueTexts;   ///< kv -> text, for rows

  static Result<std::shared_ptr<const Snapshot>> load(store::Database& db);
  [[nodiscard]] const SnapshotKey* find(std::string_view name, bool isBuiltIn) const;
};

/// What an evaluation needs beside the snapshot.
struct EvalContext {
  const Snapshot& snapshot;
  /// Ids of one value of a key of very many values.
  std::function<Result<IdSet>(std::int64_t key, std::string_view value)> highValue;
  /// Those of `candidates` whose whole record passes `test` (a filter of one test).
  std::function<Result<IdSet>(const IdSet& candidates, const FilterNode& test)> scan;
  std::stop_token stop;
};

/// The ids that pass; exactly those for which RecordMatcher says yes.
Result<IdSet> evaluate(const Filter& filter, const EvalContext& context);

}  // namespace retort::logs
