// The records of a workspace: counts, ids, rows, whole records and facets under a filter, from any thread, while an import runs.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "logs/filter.h"
#include "logs/id_set.h"
#include "logs/record.h"
#include "logs/reject_reason.h"

namespace retort::logs {

struct Call;
struct SearchHit;
struct SearchSummary;
struct TextScan;
struct Snapshot;
class DerivedFields;

/// What a list shows of a record; never opens a block.
struct Row {
  std::uint32_t id = 0;
  std::string requestId;                      ///< UUID, or 32 hex digits for other ids
  std::optional<std::int64_t> timeUs;
  std::string model, operation, status, stop;
  std::optional<std::int64_t> inputTokens, outputTokens, cachedTokens, latencyMs;
  std::uint32_t flags = 0;
  int turns = 0;
  std::string preview;                        ///< about 160 characters of the last user message
};

struct FacetValue {
  std::string value;
  std::uint64_t count = 0;
};
struct Facet {
  std::string key;                            ///< metadata key or "@model" …
  std::vector<FacetValue> values;             ///< most frequent first, at most the limit asked for
  std::uint64_t distinct = 0;                 ///< values with a count
  std::uint64_t missing = 0;                  ///< records without the key
  bool isSampled = false;                     ///< a key of very many values: counts are scaled from a sample
};
struct KeyInfo {
  std::string name;
  bool isBuiltIn = false;
  bool isHighCardinality = false;
  std::uint64_t values = 0, records = 0;
};
struct Reject {
  std::int64_t id = 0;
  std::string file;
  std::int64_t line = 0, byteOffset = 0, length = 0;   ///< line from 1; bytes of the unpacked file
  RejectReason reason{};
  std::string detail, head;                            ///< head: first 4 KiB of the line
};
/// What a filter finds when a record without the key counts as not equal, and when it does not.
struct MissingCounts {
  std::uint64_t differs = 0, absent = 0;
};
/// How far the derived fields are (logs/derive.h).
struct DerivedProgress {
  std::uint64_t done = 0, of = 0;
};
struct SourceFile {
  std::string path;
  std::string state;                          ///< "done", "partial", "truncated", "damaged"
  std::int64_t size = 0, accepted = 0, duplicates = 0, rejected = 0, filtered = 0;
};

class LogStore {
 public:
  /// Opens logs.db read-only. Error "logs.none" where nothing was imported yet.
  static Result<std::shared_ptr<LogStore>> open(const std::filesystem::path& logsDb);
  ~LogStore();
  /// What was found damaged at the last reading of the index, and made anew.
  [[nodiscard]] std::optional<Error> note() const;
  /// Takes in what others committed; true when something changed. Cheap when nothing did.
  Result<bool> refresh();

  /// Records in the store, deleted ones left out.
  [[nodiscard]] std::uint64_t size() const;
  /// All live ids.
  [[nodiscard]] IdSet universe() const;
  Result<IdSet> select(const Filter& filter, std::stop_token stop = {}, const ProgressFn& progress = {}) const;
  Result<std::uint64_t> count(const Filter& filter, std::stop_token stop = {}) const;
  /// Under both rules for records without a key.
  Result<MissingCounts> missingCounts(const Filter& filter, std::stop_token stop = {}) const;
  [[nodiscard]] DerivedProgress derivedProgress() const;
  /// Changes when stored records were moved or changed: what was worked out from them by id is then void.
  [[nodiscard]] std::int64_t generation() const;
  /// Ascending dense ids: row(i) of a list is ids[i].
  Result<std::vector<std::uint32_t>> ids(const Filter& filter, std::stop_token stop = {}) const;

  Result<Row> row(std::uint32_t id) const;
  Result<std::vector<Row>> rows(std::span<const std::uint32_t> ids) const;
  Result<Record> record(std::uint32_t id) const;
  /// The source line, byte for byte.
  Result<std::string> rawLine(std::uint32_t id) const;
  /// Calls `visit` for each id in ascending order, each block unpacked once, with the parsed call and the source line; false stops.
  /// Lines that cannot be read are passed over and counted in `unreadable`.
  Status forEachCall(const IdSet& ids, std::stop_token stop, const std::function<Result<bool>(std::uint32_t id, Call& call, std::string_view line)>& visit,
                     std::uint64_t* unreadable = nullptr) const;
  /// Looks through the texts of `ids` on all cores (logs/text_scan.h); hits come in ascending order, on this thread. Error: filter.regex.
  Result<SearchSummary> scanText(const IdSet& ids, const TextScan& scan, const std::function<bool(const SearchHit&)>& hit, std::stop_token stop = {}, const ProgressFn& progress = {}) const;
  /// Bodies that lay outside the record and were found: path as logged, bytes.
  Result<std::vector<std::pair<std::string, std::string>>> spilledBodies(std::uint32_t id) const;
  /// The stored 16-byte request keys, in the order of `ids`.
  Result<std::vector<std::string>> requestKeys(std::span<const std::uint32_t> ids) const;
  /// By request id as logged, or the 32 hex digits that rows show.
  Result<std::optional<std::uint32_t>> findByRequestId(std::string_view requestId) const;

  [[nodiscard]] std::vector<KeyInfo> keys() const;
  /// Counts per value under the filter, a key's own clause left out. `keys` empty: all keys.
  Result<std::vector<Facet>> facets(const Filter& filter, const std::vector<std::string>& keys = {}, std::size_t limit = 50,
                                    std::stop_token stop = {}) const;
  /// Times of the oldest and newest record, where any has one.
  [[nodiscard]] std::optional<std::pair<std::int64_t, std::int64_t>> timeRange() const;

  /// The index as it is now, for tables over many records.
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot() const;
  /// Null until fields were derived.
  [[nodiscard]] std::shared_ptr<const DerivedFields> derived() const;

  /// Rejected lines with id > `after`, oldest first.
  Result<std::vector<Reject>> rejects(std::int64_t after = 0, std::size_t limit = 1000) const;
  /// Number of all rejected lines, also those over the cap of stored rows.
  Result<std::uint64_t> rejectCount() const;
  Result<std::vector<SourceFile>> files() const;

 private:
  struct State;
  explicit LogStore(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace retort::logs
