// The optional index of words: fulltext.db beside logs.db, made in the background, re-creatable; what it does not know yet is scanned.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>

#include "base/progress.h"
#include "base/result.h"
#include "logs/id_set.h"
#include "logs/word_query.h"
#include "store/database.h"

namespace retort::logs {

struct TextIndexState {
  std::uint64_t done = 0, of = 0;            ///< records below `done` are indexed
  std::uint64_t bytes = 0;                   ///< of its file
  bool isVoid = false;                       ///< made of records that have moved since (a purge): to be made anew
};
struct TextIndexSummary {
  std::int64_t records = 0, of = 0;          ///< indexed by this call; in the store
  double seconds = 0;
};

/// Nothing where there is no index.
Result<std::optional<TextIndexState>> textIndexState(const std::filesystem::path& folder);
/// Brings the index of the workspace `folder` up to its logs.db, or begins it. Each commit holds; killed, cancelled or with a full disk the next
/// call goes on there. Never writes to logs.db, so it does not stand in an import's way. Error "logs.index.busy" while another call works.
Result<TextIndexSummary> indexTexts(const std::filesystem::path& folder, std::stop_token stop = {}, const ProgressFn& progress = {});
/// Takes it away; true when there was one.
Result<bool> dropTextIndex(const std::filesystem::path& folder);

/// An index that is open for questions. Not for two threads at once.
class TextIndex {
 public:
  /// Null where there is none, or none of this generation of records.
  static Result<std::optional<TextIndex>> open(const std::filesystem::path& folder, std::int64_t generation);
  /// Ids below it are indexed.
  [[nodiscard]] std::uint32_t upTo() const { return m_upTo; }
  Result<IdSet> match(const WordQuery& query, std::stop_token stop) const;

 private:
  TextIndex(store::Database db, std::uint32_t upTo) : m_db(std::move(db)), m_upTo(upTo) {}
  store::Database m_db;
  std::uint32_t m_upTo;
};

}  // namespace retort::logs
