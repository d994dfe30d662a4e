// The one writer of logs.db: dense ids, duplicates, rows, blocks, postings and file offsets, one transaction a batch.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "logs/chunk_parser.h"
#include "logs/importer.h"
#include "store/database.h"

namespace retort::logs {

/// In the text of an import's rules: behind it stands what was forced or mapped.
inline constexpr std::string_view kReadMark = " read ";

/// Where reading a file goes on.
struct FileStart {
  bool isUnchanged = false;                    ///< finished before and not touched since: nothing to do
  std::uint64_t offset = 0, line = 0;
  FileMode mode = FileMode::unknown;
};

class ImportWriter {
 public:
  /// Takes the lock, opens or makes the database, loads the dictionary and what tells duplicates. An alias table is applied to what is
  /// stored first, so that old and new records have the same names of models.
  static Result<std::unique_ptr<ImportWriter>> open(const std::filesystem::path& logsDb, const std::string& rules, const ModelAliases* aliases = nullptr);
  ~ImportWriter();

  /// Finds a file's row, or makes one; decides whether it is unchanged, grown or to be read anew (with a note).
  /// To be called for every file before its first add(); several times with further files, each time after a commit().
  Result<std::vector<FileStart>> beginFiles(const std::vector<ListedFile>& files);
  /// What the blocks of this import are packed with (after beginFiles); null: nothing.
  Result<std::shared_ptr<const store::BlockDictionary>> blockDictionary(const std::vector<FileStart>& starts);
  /// True when a file was finished before under these rules, and has the same size and time.
  Result<bool> isUnchanged(const ListedFile& file);
  void addNote(std::string sentence);
  /// Takes the next chunk in order; commits when a batch is due.
  Status add(ParsedChunk& chunk);
  Status commit();
  /// Folds the postings of all commits, makes the index of request ids, shrinks the log of the database.
  Status finish();
  [[nodiscard]] ImportSummary& summary();

 private:
  struct State;
  explicit ImportWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

/// Folds pending commits into the postings, columns and counts, inside one transaction; switches keys of very many values. `isEnd`: of the
/// import; before it only those with more than kMaxValues are switched, which no later record could undo.
Status foldDeltas(store::Database& db, bool isEnd = true);

}  // namespace retort::logs
