// What the writer of an import keeps: statements, dictionaries, what tells duplicates, the batch under way. Only import_writer*.cpp
// include this.
#pragma once
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/files.h"
#include "logs/import_writer.h"
#include "logs/log_schema.h"

namespace retort::logs {

inline constexpr std::uint32_t kNone = UINT32_MAX;

enum FileState : int { kPartialFile = 0, kDoneFile = 1, kTruncatedFile = 2, kDamagedFile = 3 };

/// Request key -> dense id, by 64 bits of the key; a hit is verified in the table. Open addressing, 12 bytes a slot.
class KeyTable {
 public:
  /// The id of the first entry with these bits, or kNone; `probe` walks on to further ones.
  template <typename F>
  std::uint32_t find(std::uint64_t hash, F&& isSame) const {
    if (m_hashes.empty()) return kNone;
    for (std::size_t at = hash & m_mask; m_ids[at] != kNone; at = (at + 1) & m_mask)
      if (m_hashes[at] == hash && isSame(m_ids[at])) return m_ids[at];
    return kNone;
  }
  void add(std::uint64_t hash, std::uint32_t id) {
    if ((m_count + 1) * 10 > m_hashes.size() * 7) grow();
    place(hash, id);
    ++m_count;
  }

 private:
  void place(std::uint64_t hash, std::uint32_t id) {
    std::size_t at = hash & m_mask;
    while (m_ids[at] != kNone) at = (at + 1) & m_mask;
    m_hashes[at] = hash;
    m_ids[at] = id;
  }
  void grow() {
    const std::size_t size = std::max<std::size_t>(1024, m_hashes.size() * 2);
    std::vector<std::uint64_t> hashes(size);
    std::vector<std::uint32_t> ids(size, kNone);
    hashes.swap(m_hashes);
    ids.swap(m_ids);
    m_mask = size - 1;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (ids[i] != kNone) place(hashes[i], ids[i]);
  }
  std::vector<std::uint64_t> m_hashes;
  std::vector<std::uint32_t> m_ids;
  std::size_t m_mask = 0, m_count = 0;
};

inline std::uint64_t keyBits(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

/// What is known of one file of this import.
struct FileRow {
  std::int64_t id = 0;
  std::int64_t ok = 0, duplicates = 0, bad = 0, filtered = 0;   ///< since the last commit
  std::int64_t rejectRows = 0;                                  ///< stored so far
  std::uint64_t offset = 0, line = 0;
  FileMode mode = FileMode::unknown;
  FileState state = kPartialFile;
  bool isTouched = false;
};

struct ImportWriter::State {
  FileLock lock;
  store::Database db;
  std::string rules;
  ImportSummary summary;
  std::vector<FileRow> files;
  std::vector<ListedFile> listed;

  store::Statement putBlock, putRow, putSpill, putKey, putValue, putReject, putDelta, putHigh, findKey, findRow, updateFile;

  std::unordered_set<std::string> purged;      ///< request keys that retort.db remembers
  std::uint32_t nextId = 0;
  std::int64_t blockCodec = kPlainCodec;
  bool hasIndex = false;                       ///< duplicates are found by the unique index; else by the table in memory
  KeyTable keys;
  struct KeyEntry {
    std::int64_t id = 0;
    bool isHigh = false;
  };
  std::unordered_map<std::string, KeyEntry> keyIds;                 ///< "@model" or "=key"
  std::unordered_map<std::string, std::int64_t> valueIds;           ///< key id, value
  std::optional<store::Transaction> transaction;
  // Of the batch:
  std::unordered_map<std::int64_t, std::vector<std::uint32_t>> postings;
  ColumnRows columns;
  std::uint32_t batchFirst = 0;
  std::uint64_t batchBytes = 0;
  double batchStart = 0;

  State(FileLock l, store::Database d) : lock(std::move(l)), db(std::move(d)) {}

  /// Sentences about files; a tree of thousands of cut files must not make a page of them.
  void note(std::string sentence) {
    constexpr std::size_t kMost = 20;
    if (summary.notes.size() < kMost) summary.notes.push_back(std::move(sentence));
    else if (++notesLeftOut == 1) summary.notes.push_back({});
    if (notesLeftOut > 0) summary.notes.back() = "… and " + std::to_string(notesLeftOut) + " more";
  }
  std::size_t notesLeftOut = 0;
  void countFormats(const ParsedChunk& chunk) {
    for (const auto& f : chunk.formats) {
      auto found = std::find_if(summary.formats.begin(), summary.formats.end(), [&](const FormatCount& known) { return known.name == f.name && known.isGuess == f.isGuess; });
      if (found == summary.formats.end()) found = summary.formats.insert(summary.formats.end(), FormatCount{f.name, f.isGuess, 0, 0});
      found->documents += f.documents;
      found->noCalls += f.noCalls;
    }
    for (const auto& [outcome, text] : chunk.repairNotes) {
      const Document& document = chunk.chunk.documents[outcome];
      note(shown(listed[document.file].path.filename().string()) + ", line " + std::to_string(document.line) + " was mended: " + text);
    }
  }
  Status prepare();
  Status loadDictionary();
  Status loadKeys();
  Status beginBatch();
  Result<std::int64_t> valueId(const std::string& key, const std::string& value, std::uint32_t id);
  Status writeBlocks(const ParsedChunk& chunk, std::vector<std::int64_t>& blockIds);
  Status writeRow(const ParsedChunk& chunk, const ParsedRow& row, const Document& document, const std::vector<std::int64_t>& blocks,
                  std::vector<std::int64_t>& values, std::vector<std::vector<std::uint32_t>*>& lists);
  Status writeReject(const Document& document, const Chunk& chunk, const ParseReject& why);
  Result<std::uint32_t> findDuplicate(const std::string& key);
  Result<FileStart> beginFile(const ListedFile& file, FileRow& row);
  Status restart(FileRow& row);
};

}  // namespace retort::logs
