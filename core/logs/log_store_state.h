// What a LogStore holds: the connection, the picture of the index, a small cache of blocks. Private to log_store*.cpp.
#pragma once
#include <list>
#include <map>
#include <mutex>

#include "logs/call.h"
#include "logs/log_store.h"
#include "logs/snapshot.h"
#include "store/block_codec.h"
#include "store/database.h"

namespace retort::logs {

class DerivedFields;
class PeopleFields;

struct LogStore::State {
  /// Where a record's bytes lie.
  struct Place {
    std::int64_t block = 0;
    std::size_t offset = 0, length = 0;
  };
  struct Parts {
    std::uint32_t id = 0;
    std::string line;
    std::vector<std::pair<int, std::string>> spills;   ///< side, body
    std::vector<std::string> spillPaths;               ///< as logged, in the same order
  };
  using Block = std::shared_ptr<const std::string>;

  mutable std::mutex dbMutex;                          ///< one connection, one statement at a time
  mutable store::Database db;
  std::int64_t version = -1;
  mutable std::mutex snapshotMutex;
  std::shared_ptr<const Snapshot> snapshot;
  std::shared_ptr<const DerivedFields> derived;
  std::shared_ptr<const PeopleFields> people;
  mutable std::mutex cacheMutex;
  mutable std::list<std::pair<std::int64_t, Block>> blocks;   ///< most recent first
  mutable std::map<std::int64_t, std::shared_ptr<const store::BlockDictionary>> dictionaries;   ///< with dbMutex

  explicit State(store::Database d) : db(std::move(d)) {}

  [[nodiscard]] std::shared_ptr<const Snapshot> now() const {
    std::lock_guard lock(snapshotMutex);
    return snapshot;
  }
  /// That of blk.codec, or null; with dbMutex.
  Result<std::shared_ptr<const store::BlockDictionary>> dictionary(std::int64_t codec) const;
  /// A block as it is stored.
  struct Frame {
    std::string bytes;
    std::uint64_t rawLength = 0;
    std::shared_ptr<const store::BlockDictionary> dictionary;
  };
  Result<Frame> frame(std::int64_t block) const;
  /// Unpacks a block and keeps it for a while.
  Result<Block> block(std::int64_t id) const;
  static Result<std::string_view> within(std::string_view block, const Place& place);
  Result<std::string> bytes(const Place& place) const;
  Result<Parts> parts(std::uint32_t id) const;
  static bool parseCall(const Parts& parts, LineParser& parser, Call& call, ParseReject& why);
  static Result<Record> parse(const Parts& parts, LineParser& parser);
  /// Calls `visit` for the candidates in ascending order, each block unpacked once; it returns false to stop. The record's model is
  /// that of its line (an edited alias table is not applied).
  Status forEach(const IdSet& candidates, std::stop_token stop, const std::function<Result<bool>(std::uint32_t id, const Parts& parts)>& visit) const;
  Result<IdSet> highValue(std::int64_t key, std::string_view value) const;
  Result<IdSet> scan(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const;
  Result<SearchSummary> scanText(const IdSet& ids, const TextScan& scan, const std::function<bool(const SearchHit&)>& hit, std::stop_token stop, const ProgressFn& progress) const;
  /// Of a test of @text.
  Result<IdSet> textMatches(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const;
  [[nodiscard]] EvalContext context(const Snapshot& s, std::stop_token stop, const ProgressFn& progress) const;
  Result<IdSet> select(const Snapshot& s, const Filter& filter, std::stop_token stop, const ProgressFn& progress) const;
  Result<Facet> facet(const Snapshot& s, const SnapshotKey& key, const IdSet& among, std::size_t limit) const;
  Result<Facet> sampledFacet(const SnapshotKey& key, const IdSet& among) const;
};

}  // namespace retort::logs
