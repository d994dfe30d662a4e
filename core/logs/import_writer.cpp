// Writing parsed chunks: everything of a batch in one transaction, so that a killed import loses at most its last batch.
#include "logs/import_writer.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/paths.h"
#include "logs/block_sample.h"
#include "logs/log_schema.h"
#include "store/people_db.h"
#include "logs/model_alias.h"

namespace retort::logs {

namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kBatchRows = 20'000;
constexpr std::uint64_t kBatchBytes = 64u << 20;
constexpr double kBatchSeconds = 0.5;
constexpr std::size_t kHead = 4096;
constexpr std::int64_t kMaxRejectRows = 100'000;     ///< stored per file; more are only counted
constexpr std::uint64_t kHeadBytes = 64 * 1024;

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

std::uint64_t keyBits(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

Result<std::string> headHash(const std::filesystem::path& path, std::uint64_t length) {
  if (length == 0) return std::string(8, '\0');
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (!file) return systemError("logs.file.open", "open", path.string(), errno);
  std::string bytes(length, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
  std::fclose(file);
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  return std::string(reinterpret_cast<const char*>(&hash), sizeof hash);
}

/// Would a file that was read under `before` give the same under `now`? Another filter changes nothing when no line was left out; another
/// format or map always may.
bool meansTheSame(std::string_view before, std::string_view now, std::int64_t leftOut) {
  if (before == now) return true;
  const auto reading = [](std::string_view rules) {
    const auto at = rules.rfind(kReadMark);
    return at == std::string_view::npos ? std::string_view() : rules.substr(at);
  };
  return leftOut == 0 && reading(before) == reading(now);
}

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

}  // namespace

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

ImportWriter::ImportWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ImportWriter::~ImportWriter() = default;
ImportSummary& ImportWriter::summary() { return m_state->summary; }

Result<std::unique_ptr<ImportWriter>> ImportWriter::open(const std::filesystem::path& logsDb, const std::string& rules, const ModelAliases* aliases) {
  RETORT_TRY(auto lock, FileLock::tryLock(logsDb.string() + ".lock", hostName()));
  if (!lock)
    return Error{"logs.import.busy", "Another import is writing to " + shown(logsDb.string()), {}, {}, "Wait for it, or stop it.", {}, {}};
  RETORT_TRY(auto db, store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::create)));
  RETORT_CHECK(store::migrate(db, logMigrations()));
  RETORT_CHECK(db.exec("PRAGMA wal_autocheckpoint=4096"));
  auto state = std::make_unique<State>(std::move(*lock), std::move(db));
  state->rules = rules;
  if (aliases) {
    RETORT_TRY(state->summary.remapped, remapModels(state->db, *aliases));
  }
  RETORT_CHECK(state->prepare());
  RETORT_CHECK(state->loadDictionary());
  RETORT_CHECK(state->loadKeys());
  std::error_code ignored;
  if (std::filesystem::exists(logsDb.parent_path() / "retort.db", ignored)) {
    RETORT_TRY(const auto people, store::PeopleDb::open(logsDb.parent_path() / "retort.db", true));
    RETORT_CHECK(people.forEachPurged([&](std::string_view key) { return state->purged.emplace(key), true; }));
  }
  return std::unique_ptr<ImportWriter>(new ImportWriter(std::move(state)));
}

Status ImportWriter::State::prepare() {
  const auto make = [&](store::Statement& statement, std::string_view sql) -> Status {
    RETORT_TRY(statement, db.prepare(sql));
    return {};
  };
  RETORT_CHECK(make(putBlock, "INSERT INTO blk(codec,raw_len,crc,b) VALUES(?,?,?,?)"));
  RETORT_CHECK(make(putRow, "INSERT INTO log(id,ts_us,rid,model,op,stop,itok,otok,ctok,latency_ms,ttft_ms,status,flags,turns,prompt_hash,content_hash,"
                            "file,blk,off,len,preview) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  RETORT_CHECK(make(putSpill, "INSERT INTO spill(log,side,path,state,blk,off,len) VALUES(?,?,?,?,?,?,?)"));
  RETORT_CHECK(make(putKey, "INSERT INTO key(name,cls,n_values,n_rows,builtin) VALUES(?,?,0,0,?)"));
  RETORT_CHECK(make(putValue, "INSERT INTO kv(key,value,n) VALUES(?,?,0)"));
  RETORT_CHECK(make(putReject, "INSERT INTO reject(file,byte_off,line_no,len,reason,detail,head) VALUES(?,?,?,?,?,?,?)"));
  RETORT_CHECK(make(putDelta, "INSERT INTO post_delta(first_id,b) VALUES(?,?)"));
  RETORT_CHECK(make(putHigh, "INSERT OR IGNORE INTO hikv(key,h,id) VALUES(?,?,?)"));
  RETORT_CHECK(make(findKey, "SELECT id FROM log WHERE rid=?"));
  RETORT_CHECK(make(findRow, "SELECT rid,content_hash FROM log WHERE id=?"));
  return make(updateFile, "UPDATE source_file SET raw_off=?,line_no=?,mode=?,n_ok=n_ok+?,n_dup=n_dup+?,n_bad=n_bad+?,n_filtered=n_filtered+?,state=? WHERE id=?");
}

Status ImportWriter::State::loadDictionary() {
  std::unordered_map<std::int64_t, bool> high;
  RETORT_TRY(auto keysQuery, db.prepare("SELECT id,name,cls,builtin FROM key"));
  while (true) {
    RETORT_TRY(const bool row, keysQuery.step());
    if (!row) break;
    const bool isHigh = keysQuery.integer(2) == kHighKey;
    std::string name(keysQuery.text(1));
    if (keysQuery.integer(3) == 0) name.insert(name.begin(), '=');
    keyIds[name] = {keysQuery.integer(0), isHigh};
  }
  RETORT_TRY(auto values, db.prepare("SELECT id,key,value FROM kv"));
  while (true) {
    RETORT_TRY(const bool row, values.step());
    if (!row) break;
    valueIds[std::to_string(values.integer(1)) + ":" + std::string(values.text(2))] = values.integer(0);
  }
  return {};
}

Status ImportWriter::State::loadKeys() {
  RETORT_TRY(const auto last, db.integer("SELECT max(id) FROM log"));
  nextId = last ? static_cast<std::uint32_t>(*last + 1) : 0;
  RETORT_TRY(const auto index, db.integer("SELECT count(*) FROM sqlite_master WHERE type='index' AND name='log_rid'"));
  hasIndex = index.value_or(0) > 0;
  if (hasIndex) return {};
  RETORT_TRY(auto rows, db.prepare("SELECT id,rid FROM log"));
  while (true) {
    RETORT_TRY(const bool row, rows.step());
    if (!row) break;
    keys.add(keyBits(rows.blob(1)), static_cast<std::uint32_t>(rows.integer(0)));
  }
  return {};
}

/// Forgets what an earlier pass over a file found in it; its records stay and will be met as duplicates.
Status ImportWriter::State::restart(FileRow& row) {
  const std::string id = std::to_string(row.id);
  RETORT_CHECK(db.exec("DELETE FROM reject WHERE file=" + id + "; UPDATE source_file SET raw_off=0,line_no=0,mode=0,n_ok=0,n_dup=0,n_bad=0,n_filtered=0,state=0 WHERE id=" + id));
  return {};
}

Result<FileStart> ImportWriter::State::beginFile(const ListedFile& file, FileRow& row) {
  RETORT_TRY(auto find, db.prepare("SELECT id,size,mtime_ns,head_len,head_hash,raw_off,line_no,mode,n_filtered,state,rules,n_bad FROM source_file WHERE path=?"));
  find.bindText(1, file.identity());
  RETORT_TRY(const bool found, find.step());
  const auto headLength = std::min<std::uint64_t>(static_cast<std::uint64_t>(file.size), kHeadBytes);
  if (!found) {
    RETORT_TRY(const auto hash, headHash(file.path, headLength));
    RETORT_TRY(auto put, db.prepare("INSERT INTO source_file(path,kind,size,mtime_ns,inode,head_len,head_hash,rules,state) VALUES(?,0,?,?,?,?,?,?,0)"));
    RETORT_CHECK(put.bindText(1, file.identity()).bind(2, file.size).bind(3, file.mtimeNs).bind(4, static_cast<std::int64_t>(file.inode))
                     .bind(5, static_cast<std::int64_t>(headLength)).bindBlob(6, hash).bindText(7, rules).run());
    row.id = db.lastInsertId();
    return FileStart{};
  }
  row.id = find.integer(0);
  FileStart start;
  start.offset = static_cast<std::uint64_t>(find.integer(5));
  start.line = static_cast<std::uint64_t>(find.integer(6));
  start.mode = static_cast<FileMode>(find.integer(7));
  const auto oldSize = find.integer(1);
  const bool isSame = oldSize == file.size && find.integer(2) == file.mtimeNs;
  const bool sameRules = meansTheSame(find.text(10), rules, find.integer(8) + find.integer(11));
  const auto state = find.integer(9);
  row.state = static_cast<FileState>(state);
  const auto oldHeadLength = static_cast<std::uint64_t>(find.integer(3));
  const std::string oldHead(find.blob(4));
  find.reset();
  if (isSame && state != kPartialFile && sameRules) {
    start.isUnchanged = true;
    return start;
  }
  RETORT_TRY(const auto head, headHash(file.path, std::min<std::uint64_t>(oldHeadLength, static_cast<std::uint64_t>(file.size))));
  const bool goesOn = sameRules && head == oldHead && file.size >= oldSize && (file.size > oldSize || isSame) && state != kDamagedFile && start.mode != FileMode::array;
  if (!goesOn && (start.offset > 0 || state != kPartialFile)) {
    if (!(isSame && sameRules))
      note(shown(file.path.filename().string()) + (sameRules ? " changed since it was imported and is read anew" : " is read anew under another filter"));
  }
  if (!goesOn) {
    RETORT_CHECK(restart(row));
    start = FileStart{};
  } else {
    // A last line that was cut is read again now that more of it may be there.
    RETORT_TRY(auto forget, db.prepare("DELETE FROM reject WHERE file=? AND byte_off>=?"));
    RETORT_CHECK(forget.bind(1, row.id).bind(2, static_cast<std::int64_t>(start.offset)).run());
    if (const auto gone = db.changes(); gone > 0) RETORT_CHECK(db.exec("UPDATE source_file SET n_bad=n_bad-" + std::to_string(gone) + " WHERE id=" + std::to_string(row.id)));
  }
  row.state = kPartialFile;
  RETORT_TRY(const auto newHead, headHash(file.path, headLength));
  RETORT_TRY(auto update, db.prepare("UPDATE source_file SET size=?,mtime_ns=?,inode=?,head_len=?,head_hash=?,rules=?,state=0 WHERE id=?"));
  RETORT_CHECK(update.bind(1, file.size).bind(2, file.mtimeNs).bind(3, static_cast<std::int64_t>(file.inode)).bind(4, static_cast<std::int64_t>(headLength))
                   .bindBlob(5, newHead).bindText(6, rules).bind(7, row.id).run());
  RETORT_TRY(const auto stored, db.integer("SELECT count(*) FROM reject WHERE file=" + std::to_string(row.id)));
  row.rejectRows = stored.value_or(0);
  return start;
}

Result<bool> ImportWriter::isUnchanged(const ListedFile& file) {
  State& s = *m_state;
  RETORT_TRY(auto find, s.db.prepare("SELECT size,mtime_ns,n_filtered+n_bad,state,rules FROM source_file WHERE path=?"));
  find.bindText(1, file.identity());
  RETORT_TRY(const bool found, find.step());
  return found && find.integer(0) == file.size && find.integer(1) == file.mtimeNs && find.integer(3) != kPartialFile && meansTheSame(find.text(4), s.rules, find.integer(2));
}

void ImportWriter::addNote(std::string sentence) { m_state->note(std::move(sentence)); }

Result<std::vector<FileStart>> ImportWriter::beginFiles(const std::vector<ListedFile>& files) {
  State& s = *m_state;
  s.listed = files;
  s.files.assign(files.size(), FileRow());
  std::vector<FileStart> starts;
  RETORT_TRY(auto transaction, store::Transaction::begin(s.db));
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto start = s.beginFile(files[i], s.files[i]);
    if (!start.ok()) {
      // One unreadable file must not stop the others; an import of that file alone fails below, by its note.
      s.note(start.error().text());
      FileStart skipped;
      skipped.isUnchanged = true;
      starts.push_back(skipped);
      continue;
    }
    if (start->isUnchanged) ++s.summary.unchangedFiles;
    s.files[i].offset = start->offset;
    s.files[i].line = start->line;
    s.files[i].mode = start->mode;
    starts.push_back(*start);
  }
  RETORT_CHECK(transaction.commit());
  s.summary.files += static_cast<std::int64_t>(files.size());
  return starts;
}

Result<std::shared_ptr<const store::BlockDictionary>> ImportWriter::blockDictionary(const std::vector<FileStart>& starts) {
  State& s = *m_state;
  std::vector<bool> isRead;
  for (const auto& start : starts) isRead.push_back(!start.isUnchanged);
  RETORT_TRY(const auto packing, blockPacking(s.db, s.listed, isRead));
  s.blockCodec = packing.codec;
  return packing.dictionary;
}

Status ImportWriter::State::beginBatch() {
  if (transaction) return {};
  RETORT_TRY(auto begun, store::Transaction::begin(db));
  transaction.emplace(std::move(begun));
  batchFirst = nextId;
  batchBytes = 0;
  batchStart = monotonicSeconds();
  return {};
}

Result<std::uint32_t> ImportWriter::State::findDuplicate(const std::string& key) {
  if (hasIndex) {
    findKey.bindBlob(1, key);
    RETORT_TRY(const bool found, findKey.step());
    const auto id = found ? static_cast<std::uint32_t>(findKey.integer(0)) : kNone;
    findKey.reset();
    return id;
  }
  Error error;
  const auto id = keys.find(keyBits(key), [&](std::uint32_t candidate) {
    findRow.bind(1, std::int64_t(candidate));
    auto found = findRow.step();
    const bool same = found.ok() && *found && findRow.blob(0) == key;
    if (!found.ok()) error = found.error();
    findRow.reset();
    return same;
  });
  if (!error.code.empty()) return error;
  return id;
}

/// The posting a value belongs to: kv.id, or -key.id for a key of very many values (whose hash row is then written).
Result<std::int64_t> ImportWriter::State::valueId(const std::string& key, const std::string& value, std::uint32_t id) {
  auto found = keyIds.find(key);
  if (found == keyIds.end()) {
    const bool isBuiltIn = key[0] != '=';
    RETORT_CHECK(putKey.bindText(1, isBuiltIn ? key : key.substr(1)).bind(2, std::int64_t(isBuiltIn ? kBuiltInKey : kMetadataKey)).bind(3, std::int64_t(isBuiltIn)).run());
    found = keyIds.emplace(key, KeyEntry{db.lastInsertId(), false}).first;
  }
  const KeyEntry& entry = found->second;
  if (entry.isHigh) {
    RETORT_CHECK(putHigh.bind(1, entry.id).bind(2, valueHash(value)).bind(3, std::int64_t(id)).run());
    return -entry.id;
  }
  std::string pair = std::to_string(entry.id) + ":" + value;
  if (const auto known = valueIds.find(pair); known != valueIds.end()) return known->second;
  RETORT_CHECK(putValue.bind(1, entry.id).bindText(2, value).run());
  const auto made = db.lastInsertId();
  valueIds.emplace(std::move(pair), made);
  return made;
}

Status ImportWriter::State::writeBlocks(const ParsedChunk& chunk, std::vector<std::int64_t>& ids) {
  for (const auto& block : chunk.blocks) {
    RETORT_CHECK(putBlock.bind(1, blockCodec).bind(2, std::int64_t(block.rawLength)).bind(3, std::int64_t(store::blockChecksum(block.frame))).bindBlob(4, block.frame).run());
    ids.push_back(db.lastInsertId());
  }
  return {};
}

Status ImportWriter::State::writeRow(const ParsedChunk& chunk, const ParsedRow& row, const Document& document, const std::vector<std::int64_t>& blocks,
                                     std::vector<std::int64_t>& values, std::vector<std::vector<std::uint32_t>*>& lists) {
  if (nextId >= 0xfffffff0u) return Error{"logs.store.full", "The log store is full", {}, "it holds 4,294,967,280 records", "Use a second workspace.", {}, {}};
  const std::uint32_t id = nextId;
  // The dictionary of the chunk maps to the store's ids; a high-cardinality key needs a row of its own each time.
  const auto global = [&](std::uint32_t local) -> Result<std::int64_t> {
    if (values[local] > 0) return values[local];
    RETORT_TRY(const auto made, valueId(chunk.dictionary[local].first, chunk.dictionary[local].second, id));
    if (made > 0) values[local] = made;
    return made;
  };
  for (const auto local : row.values) {
    if (lists[local]) {   // met in this chunk before: its list stays where it is until the commit
      lists[local]->push_back(id);
      continue;
    }
    RETORT_TRY(const auto kv, global(local));
    auto& list = postings[kv];
    list.push_back(id);
    if (kv > 0) lists[local] = &list;
  }
  putRow.bind(1, std::int64_t(id)).bindOptional(2, row.timeUs).bindBlob(3, row.key);
  int at = 4;
  for (const auto local : {row.model, row.operation, row.stop}) {
    if (local == kNone) putRow.bindNull(at++);
    else putRow.bind(at++, values[local]);
  }
  putRow.bindOptional(7, row.inputTokens).bindOptional(8, row.outputTokens).bindOptional(9, row.cachedTokens).bindOptional(10, row.latencyMs);
  putRow.bindOptional(11, row.ttftMs).bind(12, std::int64_t(row.status)).bind(13, std::int64_t(row.flags)).bind(14, std::int64_t(row.turns));
  putRow.bind(15, static_cast<std::int64_t>(row.promptHash)).bind(16, static_cast<std::int64_t>(row.contentHash)).bind(17, files[document.file].id);
  putRow.bind(18, blocks[row.block]).bind(19, static_cast<std::int64_t>(row.offset)).bind(20, static_cast<std::int64_t>(row.length)).bindText(21, row.preview);
  RETORT_CHECK(putRow.run());
  for (const auto& spill : row.spills) {
    putSpill.bind(1, std::int64_t(id)).bind(2, std::int64_t(spill.side)).bindText(3, spill.path).bind(4, std::int64_t(spill.isFound));
    if (spill.isFound) putSpill.bind(5, blocks[spill.block]).bind(6, static_cast<std::int64_t>(spill.offset)).bind(7, static_cast<std::int64_t>(spill.length));
    RETORT_CHECK(putSpill.run());
  }
  columns.values[static_cast<int>(Column::time)].push_back(row.timeUs.value_or(kNoValue));
  columns.values[static_cast<int>(Column::input)].push_back(row.inputTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::output)].push_back(row.outputTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::cached)].push_back(row.cachedTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::latency)].push_back(row.latencyMs.value_or(kNoValue));
  columns.values[static_cast<int>(Column::turns)].push_back(row.turns);
  if (!hasIndex) keys.add(keyBits(row.key), id);
  ++nextId;
  return {};
}

Status ImportWriter::State::writeReject(const Document& document, const Chunk& chunk, const ParseReject& why) {
  FileRow& file = files[document.file];
  ++file.bad;
  ++summary.rejected;
  if (++file.rejectRows > kMaxRejectRows) return {};
  const auto head = std::string_view(chunk.bytes).substr(document.begin, std::min(document.length, kHead));
  return putReject.bind(1, file.id).bind(2, static_cast<std::int64_t>(document.offset)).bind(3, static_cast<std::int64_t>(document.line))
      .bind(4, static_cast<std::int64_t>(document.fullLength)).bind(5, std::int64_t(why.reason)).bindText(6, why.detail).bindBlob(7, head).run();
}

Status ImportWriter::add(ParsedChunk& parsed) {
  State& s = *m_state;
  if (parsed.error) return std::move(*parsed.error);
  RETORT_CHECK(s.beginBatch());
  s.countFormats(parsed);
  std::vector<std::int64_t> blocks, values(parsed.dictionary.size(), 0);
  std::vector<std::vector<std::uint32_t>*> lists(parsed.dictionary.size(), nullptr);
  bool hasBlocks = false;
  for (std::size_t i = 0; i < parsed.outcomes.size(); ++i) {
    const Document& document = parsed.chunk.documents[i];
    const Outcome& outcome = parsed.outcomes[i];
    FileRow& file = s.files[document.file];
    ++s.summary.lines;
    if (outcome.kind == Outcome::Kind::filtered) {
      ++file.filtered;
      ++s.summary.filtered;
    } else if (outcome.kind == Outcome::Kind::reject) {
      const auto& why = parsed.rejects[outcome.index];
      RETORT_CHECK(s.writeReject(document, parsed.chunk, why));
      // A growing file: its unfinished last line is read again next time.
      if (document.isUnterminated && why.reason == RejectReason::truncated)
        for (auto& progress : parsed.chunk.progress)
          if (progress.file == document.file && progress.mode == FileMode::lines) progress.offset = document.offset, progress.line = document.line - 1;
    } else {
      const ParsedRow& row = parsed.rows[outcome.index];
      // What was purged never comes back.
      if (!s.purged.empty() && s.purged.contains(row.key)) {
        ++file.filtered;
        ++s.summary.filtered;
        continue;
      }
      RETORT_TRY(const auto old, s.findDuplicate(row.key));
      if (old != kNone) {
        s.findRow.bind(1, std::int64_t(old));
        RETORT_TRY(const bool found, s.findRow.step());
        const bool isSame = found && s.findRow.integer(1) == static_cast<std::int64_t>(row.contentHash);
        s.findRow.reset();
        if (isSame) {
          ++file.duplicates;
          ++s.summary.duplicates;
        } else {
          RETORT_CHECK(s.writeReject(document, parsed.chunk, {RejectReason::conflict, "request id " + requestKeyText(row.key, (row.flags & kUuid) != 0) + " came before with other content"}));
        }
        continue;
      }
      // Blocks are written only when something refers to them: a repeated import must not grow the store.
      if (!hasBlocks) RETORT_CHECK(s.writeBlocks(parsed, blocks));
      hasBlocks = true;
      RETORT_CHECK(s.writeRow(parsed, row, document, blocks, values, lists));
      ++file.ok;
      ++s.summary.accepted;
      if (row.flags & kRepaired) ++s.summary.repaired;
    }
  }
  for (const auto& progress : parsed.chunk.progress) {
    FileRow& file = s.files[progress.file];
    file.isTouched = true;
    file.offset = progress.offset;
    file.line = progress.line;
    file.mode = progress.mode;
    if (progress.error) {
      s.note(progress.error->text());
    } else if (progress.isDone) {
      file.state = progress.end == SourceEnd::whole ? kDoneFile : progress.end == SourceEnd::truncated ? kTruncatedFile : kDamagedFile;
      if (file.state != kDoneFile) {
        ++s.summary.truncatedFiles;
        s.note(shown(s.listed[progress.file].identity()) + (file.state == kTruncatedFile ? " is cut: its last block is missing; the whole lines before are in" : " is damaged; the whole lines before the damage are in"));
      }
    }
  }
  s.batchBytes += parsed.chunk.unpacked;
  s.summary.bytes += static_cast<std::int64_t>(parsed.chunk.unpacked);
  if (s.columns.size() >= kBatchRows || s.batchBytes >= kBatchBytes || monotonicSeconds() - s.batchStart >= kBatchSeconds) return commit();
  return {};
}

Status ImportWriter::commit() {
  State& s = *m_state;
  if (!s.transaction) return {};
  if (s.columns.size() > 0) {
    Delta delta;
    delta.first = s.batchFirst;
    std::vector<std::int64_t> order;
    for (const auto& [kv, ids] : s.postings) order.push_back(kv);
    std::sort(order.begin(), order.end());
    for (const auto kv : order) {
      delta.postings.push_back({kv, IdSet::of(s.postings[kv])});
      delta.postings.back().ids.optimise();
    }
    delta.columns = std::move(s.columns);
    s.columns = ColumnRows();
    s.postings.clear();
    RETORT_TRY(const auto bytes, packDelta(delta));
    RETORT_CHECK(s.putDelta.bind(1, std::int64_t(delta.first)).bindBlob(2, bytes).run());
  }
  for (auto& file : s.files) {
    if (!file.isTouched) continue;
    RETORT_CHECK(s.updateFile.bind(1, static_cast<std::int64_t>(file.offset)).bind(2, static_cast<std::int64_t>(file.line)).bind(3, std::int64_t(file.mode))
                     .bind(4, file.ok).bind(5, file.duplicates).bind(6, file.bad).bind(7, file.filtered).bind(8, std::int64_t(file.state)).bind(9, file.id).run());
    file.ok = file.duplicates = file.bad = file.filtered = 0;
    file.isTouched = false;
  }
  RETORT_CHECK(s.transaction->commit());
  s.transaction.reset();
  return {};
}

Status ImportWriter::finish() {
  State& s = *m_state;
  RETORT_CHECK(commit());
  RETORT_CHECK(foldDeltas(s.db));
  if (!s.hasIndex) RETORT_CHECK(s.db.exec("CREATE UNIQUE INDEX IF NOT EXISTS log_rid ON log(rid)"));
  return s.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace retort::logs
