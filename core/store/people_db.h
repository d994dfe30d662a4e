// retort.db: what people made of a workspace's records (tags, ratings, annotations, golden examples, saved filters), which records were purged, and an index of the folders.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace retort::store {

inline constexpr std::uint32_t kPeopleApplicationId = 0x52545042;   ///< "RTPB"
inline constexpr std::size_t kRequestKeyBytes = 16;                 ///< records are named by their request key, which outlives a new import

/// annotation.type: how values compare.
inline constexpr std::string_view kAnnotationTypes[] = {"text", "number", "boolean", "time"};

struct SavedFilter {
  std::string name, filter, created;      ///< filter: canonical text with its missing rule; created: ISO 8601 UTC
  std::string view;                       ///< JSON of the list's columns and order, or empty
};

/// One golden example (few-shot exemplar): a conversation whose last turn is right.
struct GoldenExample {
  std::int64_t id = 0;
  std::string key;                        ///< 16-byte request key of the record it was taken from, or empty
  std::string row;                        ///< JSON: {"messages":[…],"answer":…[,"tools":[…]]}
  std::string source, added;              ///< source: "record", or the file's name
};

inline constexpr std::int64_t kPurgePending = -1;

/// What a purge leaves: no content.
struct PurgeTally {
  std::int64_t id = 0;
  std::string at, reason;                 ///< reason: as the user gave it; the filter is not kept, it may quote what was purged
  std::int64_t records = 0, bytes = 0, datasets = 0;   ///< bytes: kPurgePending until the purge is done
};

/// One folder of the workspace as the index knows it.
struct FolderEntry {
  std::string noun, id, name, created, state;
  std::string parent;                     ///< id of what it was made from, or empty
};

class PeopleDb {
 public:
  /// Opens retort.db, made if absent (unless `readOnly`: error "store.open.missing" then); forward-only migrations, a backup first.
  static Result<PeopleDb> open(const std::filesystem::path& file, bool readOnly = false);
  [[nodiscard]] Database& db() { return m_db; }
  [[nodiscard]] const Database& db() const { return m_db; }

  /// Puts `tag` on the records, or takes it off. Returns the keys that changed: the reverse call on those undoes it. One transaction.
  Result<std::vector<std::string>> setTag(std::span<const std::string> keys, std::string_view tag, bool on);
  /// 1 to 5 stars; 0 takes the rating away. Returns what was there before, for undo.
  Result<std::vector<std::pair<std::string, int>>> setRating(std::span<const std::string> keys, int stars);
  /// Rows in order of key; `visit` returns false to stop.
  Status forEachTag(const std::function<bool(std::string_view key, std::string_view tag)>& visit) const;
  Status forEachRating(const std::function<bool(std::string_view key, int stars)>& visit) const;
  Status forEachAnnotation(const std::function<bool(std::string_view key, std::string_view name, std::string_view type, std::string_view value)>& visit) const;
  Result<std::vector<std::string>> tagsOf(std::string_view key) const;
  Result<int> ratingOf(std::string_view key) const;

  Status saveFilter(const SavedFilter& filter);                       ///< of one name: replaced
  Result<std::vector<SavedFilter>> savedFilters() const;
  Result<bool> removeFilter(std::string_view name);                   ///< false: there was none

  Result<std::int64_t> addGolden(const GoldenExample& example);       ///< its id; the same row again gives the old id
  Result<std::vector<GoldenExample>> goldenExamples() const;
  Result<bool> removeGolden(std::int64_t id);

  /// Remembers purged keys, so that they never come back, and drops all that was said of them. The purge is pending until finishPurge().
  Status beginPurge(std::span<const std::string> keys, std::string_view reason);
  /// Overwrites what was dropped, then the tally holds.
  Status finishPurge(std::int64_t purge, std::int64_t bytes, std::int64_t datasets);
  Result<std::vector<std::string>> keysOfPurge(std::int64_t purge) const;
  Result<bool> isPurged(std::string_view key) const;
  Status forEachPurged(const std::function<bool(std::string_view key)>& visit) const;
  Result<std::int64_t> purgedCount() const;
  Result<std::vector<PurgeTally>> purges() const;

  /// Replaces the index of folders.
  Status setFolders(std::span<const FolderEntry> folders);
  Result<std::vector<FolderEntry>> folders() const;

 private:
  explicit PeopleDb(Database db) : m_db(std::move(db)) {}
  Database m_db;
};

}  // namespace retort::store
