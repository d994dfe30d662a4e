// FTS5 without contents: the texts stay in their blocks.
#include "logs/text_index.h"

#include <array>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "logs/call.h"
#include "logs/decoded_text.h"
#include "logs/log_store.h"

namespace retort::logs {

namespace {

constexpr std::uint32_t kApplicationId = 0x52544654;   // "RTFT"

constexpr const char* kSchema1 = R"sql(
CREATE VIRTUAL TABLE ft USING fts5(prompt, response, content='', columnsize=0, detail=full, tokenize='unicode61 remove_diacritics 2');
CREATE TABLE ft_state(hi INT NOT NULL, generation INT NOT NULL) STRICT;
)sql";
constexpr std::array<store::Migration, 1> kMigrations = {{{1, kSchema1, false}}};

std::filesystem::path fileOf(const std::filesystem::path& folder) { return folder / "fulltext.db"; }

Result<store::Database> openFile(const std::filesystem::path& folder, store::OpenOptions::Mode mode) {
  store::OpenOptions options;
  options.mode = mode;
  options.applicationId = kApplicationId;
  options.pageSize = 16384;
  RETORT_TRY(auto db, store::Database::open(fileOf(folder), options));
  if (mode == store::OpenOptions::Mode::create) RETORT_CHECK(store::migrate(db, kMigrations));
  return db;
}

struct Stored {
  std::int64_t hi = 0, generation = -1;
};
Result<Stored> storedState(const store::Database& db) {
  RETORT_TRY(auto query, db.prepare("SELECT hi,generation FROM ft_state"));
  RETORT_TRY(const bool row, query.step());
  return row ? Stored{query.integer(0), query.integer(1)} : Stored{};
}

Status removeFiles(const std::filesystem::path& folder) {
  std::error_code error;
  for (const char* end : {"", "-wal", "-shm"}) {
    std::filesystem::remove(fileOf(folder).string() + end, error);
    if (error) return Error{"logs.index.drop", "The text index cannot be removed", shown(fileOf(folder).string() + end), error.message(), {}, {}, {}};
  }
  return {};
}

Result<FileLock> locked(const std::filesystem::path& folder) {
  RETORT_TRY(auto lock, FileLock::tryLock(fileOf(folder).string() + ".lock", hostName()));
  if (!lock) return Error{"logs.index.busy", "Another program is working on the text index", shown(folder.string()), {}, "Wait for it, or stop it.", {}, {}};
  return std::move(*lock);
}

}  // namespace

Result<std::optional<TextIndexState>> textIndexState(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(fileOf(folder), error)) return std::optional<TextIndexState>();
  RETORT_TRY(const auto db, openFile(folder, store::OpenOptions::Mode::readOnly));
  RETORT_TRY(const auto stored, storedState(db));
  RETORT_TRY(const auto store, LogStore::open(folder / "logs.db"));
  TextIndexState state;
  state.of = store->derivedProgress().of;
  state.isVoid = stored.generation != store->generation();
  state.done = state.isVoid ? 0 : std::min(static_cast<std::uint64_t>(stored.hi), state.of);
  state.bytes = std::filesystem::file_size(fileOf(folder), error);
  return std::optional(state);
}

namespace {

/// The index of this generation of records, made anew where it is of another: its words are then perhaps those of records that are gone.
Result<store::Database> openForWriting(const std::filesystem::path& folder, std::int64_t generation, std::int64_t& hi) {
  {
    RETORT_TRY(auto db, openFile(folder, store::OpenOptions::Mode::create));
    RETORT_TRY(const auto stored, storedState(db));
    hi = stored.hi;
    if (stored.generation == generation) return db;
  }
  RETORT_CHECK(removeFiles(folder));
  RETORT_TRY(auto db, openFile(folder, store::OpenOptions::Mode::create));
  RETORT_CHECK(db.exec("INSERT INTO ft_state VALUES(0," + std::to_string(generation) + ")"));
  hi = 0;
  return db;
}

}  // namespace

Result<TextIndexSummary> indexTexts(const std::filesystem::path& folder, std::stop_token stop, const ProgressFn& progress) {
  constexpr std::int64_t kCommitRecords = 8192;
  const double began = monotonicSeconds();
  RETORT_TRY(const auto store, LogStore::open(folder / "logs.db"));
  RETORT_TRY(const auto lock, locked(folder));
  std::int64_t hi = 0;
  RETORT_TRY(auto db, openForWriting(folder, store->generation(), hi));
  TextIndexSummary summary;
  summary.of = static_cast<std::int64_t>(store->derivedProgress().of);
  ProgressMeter meter(progress, "Indexing texts", "records", summary.of);
  DecodedText text;
  while (hi < summary.of) {
    const std::int64_t end = std::min(summary.of, hi + kCommitRecords);
    RETORT_TRY(auto transaction, store::Transaction::begin(db));
    RETORT_TRY(auto put, db.prepare("INSERT INTO ft(rowid,prompt,response) VALUES(?,?,?)"));
    RETORT_CHECK(store->forEachCall(IdSet::range(static_cast<std::uint32_t>(hi), static_cast<std::uint32_t>(end)), stop, [&](std::uint32_t id, Call& call, std::string_view) -> Result<bool> {
      text.read(call);
      auto stored = put.bind(1, std::int64_t(id)).bindText(2, text.prompt()).bindText(3, text.answer()).run();
      if (!stored.ok()) return std::move(stored).error();
      if (progress) meter.at(id);
      return true;
    }));
    RETORT_CHECK(db.exec("UPDATE ft_state SET hi=" + std::to_string(end)));
    RETORT_CHECK(transaction.commit());
    summary.records += end - hi;
    hi = end;
  }
  if (progress) meter.finish();
  summary.seconds = monotonicSeconds() - began;
  return summary;
}

Result<bool> dropTextIndex(const std::filesystem::path& folder) {
  RETORT_TRY(const auto lock, locked(folder));
  std::error_code error;
  const bool wasThere = std::filesystem::exists(fileOf(folder), error);
  RETORT_CHECK(removeFiles(folder));
  return wasThere;
}

Result<std::optional<TextIndex>> TextIndex::open(const std::filesystem::path& folder, std::int64_t generation) {
  std::error_code error;
  if (!std::filesystem::exists(fileOf(folder), error)) return std::optional<TextIndex>();
  RETORT_TRY(auto db, openFile(folder, store::OpenOptions::Mode::readOnly));
  // An index that cannot be read is none: the scan knows everything that it knew.
  const auto stored = storedState(db);
  if (!stored.ok() || stored->generation != generation || stored->hi <= 0) return std::optional<TextIndex>();
  return std::optional(TextIndex(std::move(db), static_cast<std::uint32_t>(std::min<std::int64_t>(stored->hi, UINT32_MAX))));
}

Result<IdSet> TextIndex::match(const WordQuery& query, std::stop_token stop) const {
  RETORT_TRY(auto rows, m_db.prepare("SELECT rowid FROM ft WHERE ft MATCH ?"));
  rows.bindText(1, query.ftsExpression());
  std::vector<std::uint32_t> ids;
  while (true) {
    if ((ids.size() & 0xfff) == 0 && stop.stop_requested()) return cancelledError("The search");
    RETORT_TRY(const bool row, rows.step());
    if (!row) break;
    // A job may have indexed more since: those are scanned.
    if (rows.integer(0) >= 0 && rows.integer(0) < m_upTo) ids.push_back(static_cast<std::uint32_t>(rows.integer(0)));
  }
  return IdSet::of(ids);
}

}  // namespace retort::logs
