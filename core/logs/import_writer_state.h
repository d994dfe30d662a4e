// What the writer of an import keeps: statements, dictionaries, what tells duplicates, the batch under way. Only import_writer*.cpp
// include this.
#pragma once
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
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

/// Request key -> dense id, by 64 bits of the key; a hit is verified in the table. Open addressing, 8 bytes a slot, in parts that grow one
/// at a time: ten million keys take 130 MB, and not half as much again while they grow.
class KeyTable {
 public:
  /// The first id with these bits that `isSame` confirms, or kNone.
  template <typename F>
  std::uint32_t find(std::uint64_t hash, F&& isSame) const {
    const Part& part = m_parts[hash >> kPartShift];
    if (part.slots.empty()) return kNone;
    const std::uint32_t tag = tagOf(hash);
    const std::size_t mask = part.slots.size() - 1;
    for (std::size_t at = tag & mask; part.slots[at].id != kNone; at = (at + 1) & mask)
      if (part.slots[at].tag == tag && isSame(part.slots[at].id)) return part.slots[at].id;
    return kNone;
  }
  void add(std::uint64_t hash, std::uint32_t id) {
    Part& part = m_parts[hash >> kPartShift];
    if ((part.count + 1) * 10 > part.slots.size() * 7) part.grow();
    part.place({tagOf(hash), id});
    ++part.count;
  }

 private:
  static constexpr int kParts = 64, kPartShift = 58;   ///< a part by the highest 6 bits; place and tag by the 32 below them
  static std::uint32_t tagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> (kPartShift - 32)); }

  struct Slot {
    std::uint32_t tag = 0, id = kNone;
  };
  struct Part {
    std::vector<Slot> slots;
    std::size_t count = 0;

    void place(Slot slot) {
      const std::size_t mask = slots.size() - 1;
      std::size_t at = slot.tag & mask;
      while (slots[at].id != kNone) at = (at + 1) & mask;
      slots[at] = slot;
    }
    void grow() {
      std::vector<Slot> old(std::max<std::size_t>(256, slots.size() * 2));
      old.swap(slots);
      for (const auto& slot : old)
        if (slot.id != kNone) place(slot);
    }
  };
  std::array<Part, kParts> m_parts;
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

/// Looked up by views of texts.
struct ViewHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return XXH3_64bits(text.data(), text.size()); }
};
using ValueIds = std::unordered_map<std::string, std::int64_t, ViewHash, std::equal_to<>>;

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
    ValueIds values;                                                ///< kv.id by value
  };
  std::unordered_map<std::string, KeyEntry> keyIds;                 ///< "@model" or "=key"; entries stay where they are
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
  Status switchFullKeys();
  Result<KeyEntry*> keyEntry(const std::string& key);
  Result<std::int64_t> valueId(KeyEntry& key, std::string_view value, std::uint32_t id);
  Status writeBlocks(const ParsedChunk& chunk, std::vector<std::int64_t>& blockIds);
  /// What the chunk's own dictionary means here: by local key, and by local value its kv.id and its posting's list of this batch.
  struct ChunkValues {
    std::vector<KeyEntry*> keys;
    std::vector<std::int64_t> ids;
    std::vector<std::vector<std::uint32_t>*> lists;
  };
  Status writeRow(const ParsedChunk& chunk, const ParsedRow& row, const Document& document, const std::vector<std::int64_t>& blocks,
                  ChunkValues& values);
  Status writeReject(const Document& document, const Chunk& chunk, const ParseReject& why);
  Result<std::uint32_t> findDuplicate(std::string_view key);
  Result<FileStart> beginFile(const ListedFile& file, FileRow& row);
  Status restart(FileRow& row);
};

}  // namespace retort::logs
