// Opening the writer: the database, its dictionary, and for every file whether it is new, grown, unchanged or to be read anew.
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/paths.h"
#include "logs/block_sample.h"
#include "logs/import_writer_state.h"
#include "logs/model_alias.h"
#include "store/people_db.h"

namespace retort::logs {

namespace {

constexpr std::uint64_t kHeadBytes = 64 * 1024;

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

}  // namespace

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
  std::unordered_map<std::int64_t, KeyEntry*> byId;
  RETORT_TRY(auto keysQuery, db.prepare("SELECT id,name,cls,builtin FROM key"));
  while (true) {
    RETORT_TRY(const bool row, keysQuery.step());
    if (!row) break;
    const bool isHigh = keysQuery.integer(2) == kHighKey;
    std::string name(keysQuery.text(1));
    if (keysQuery.integer(3) == 0) name.insert(name.begin(), '=');
    byId[keysQuery.integer(0)] = &keyIds.insert_or_assign(name, KeyEntry{keysQuery.integer(0), isHigh, {}}).first->second;
  }
  RETORT_TRY(auto values, db.prepare("SELECT id,key,value FROM kv"));
  while (true) {
    RETORT_TRY(const bool row, values.step());
    if (!row) break;
    if (const auto key = byId.find(values.integer(1)); key != byId.end()) key->second->values.emplace(values.text(2), values.integer(0));
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

}  // namespace retort::logs
