// An immutable picture of the index at one moment: postings, columns, dictionary; readers share it, an import never waits for them.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
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
#include "logs/packed_column.h"
#include "store/database.h"

namespace retort::logs {

struct SnapshotValue {
  std::shared_ptr<const std::string> text;
  std::int64_t kv = 0;
  std::shared_ptr<const IdSet> ids;
};

/// Per id the place of its value in a key's list, for counting many values at once.
struct ValueCodes {
  std::vector<std::uint16_t> codes;                    ///< place + 1; 0: none
};

struct SnapshotKey {
  std::int64_t id = 0;
  std::string name;
  bool isBuiltIn = false, isHigh = false;
  bool isSingle = true;                                ///< no record has two values
  std::uint64_t distinct = 0;                          ///< as stored, for keys of very many values
  std::vector<SnapshotValue> values;
  std::shared_ptr<const std::unordered_map<std::string_view, std::size_t>> byText;   ///< into values; views of their texts
  IdSet all;                                           ///< records that have the key

  [[nodiscard]] const SnapshotValue* find(std::string_view text) const {
    if (!byText) return nullptr;
    const auto found = byText->find(text);
    return found == byText->end() ? nullptr : &values[found->second];
  }
  /// Made on first use; nothing where a record may have several values, or for very many of them.
  [[nodiscard]] std::shared_ptr<const ValueCodes> codes(std::uint32_t end) const;
  /// Fills byText.
  void indexTexts();
  /// Fills byText and isSingle.
  void index();

  SnapshotKey() = default;
  SnapshotKey(const SnapshotKey& o)
      : id(o.id), name(o.name), isBuiltIn(o.isBuiltIn), isHigh(o.isHigh), isSingle(o.isSingle), distinct(o.distinct), values(o.values), byText(o.byText), all(o.all) {}

 private:
  mutable std::mutex m_mutex;
  mutable std::shared_ptr<const ValueCodes> m_codes;
};

/// A numeric field beside the columns of logs.db. A value v stands for v / scale.
struct ExtraColumn {
  PackedColumn values;
  double scale = 1;
};

/// Fields that are kept elsewhere (derived ones, what people said) and read when first asked for.
class ExtraFields {
 public:
  virtual ~ExtraFields() = default;
  /// Names of the keys that lists and facets show, built-in ones with their "@".
  [[nodiscard]] virtual std::vector<std::pair<std::string, bool>> names() const = 0;
  /// Nothing for an unknown key or a numeric one.
  virtual Result<std::shared_ptr<const SnapshotKey>> key(std::string_view name, bool isBuiltIn) const = 0;
  virtual Result<std::shared_ptr<const ExtraColumn>> column(std::string_view name) const = 0;
  /// Ids of one value of a key of very many values (isHigh).
  virtual Result<IdSet> idsOf(std::string_view, std::string_view) const { return IdSet(); }
};

struct Snapshot {
  std::uint32_t end = 0;                               ///< ids are below it
  std::int64_t generation = 0;                         ///< of the database: another one means that nothing may be kept
  std::int64_t lastValue = 0;                          ///< greatest kv.id
  IdSet live;                                          ///< not deleted
  bool hasDeleted = false;
  std::vector<std::shared_ptr<const SnapshotKey>> keys;
  PackedColumn columns[kColumns];
  std::unordered_map<std::int64_t, std::shared_ptr<const std::string>> rowTexts;   ///< kv -> text of @model, @op, @stop
  std::vector<std::shared_ptr<const ExtraFields>> extras;

  /// What was wrong with the index file, which was left aside and made anew.
  std::optional<Error> note;

  /// The picture of now; what `before` (or nothing) has already is shared, so that an append costs what was appended.
  static Result<std::shared_ptr<Snapshot>> load(store::Database& db, const std::shared_ptr<const Snapshot>& before);
  [[nodiscard]] const SnapshotKey* find(std::string_view name, bool isBuiltIn) const;
  /// Also among the extra fields. Null: no such key.
  Result<std::shared_ptr<const SnapshotKey>> key(std::string_view name, bool isBuiltIn) const;
  [[nodiscard]] std::size_t columnBytes() const;
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
/// The same as a list, ascending.
Result<std::vector<std::uint32_t>> evaluateList(const Filter& filter, const EvalContext& context);
/// Their number, without making the set where that can be helped.
Result<std::uint64_t> evaluateCount(const Filter& filter, const EvalContext& context);

}  // namespace retort::logs
