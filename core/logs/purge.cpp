// Blocks without the purged records' bytes, rows without values, postings and columns without the ids.
#include "logs/purge.h"

#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/paths.h"
#include "logs/import_writer.h"
#include "logs/index_file.h"
#include "logs/log_schema.h"
#include "logs/log_store.h"
#include "logs/record.h"
#include "store/block_codec.h"

namespace retort::logs {

namespace {

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

struct Purge {
  store::Database& db;
  const IdSet& ids;
  PurgedRecords out;

  /// A part of a block: a row's line or a spilled body.
  struct Part {
    std::int64_t log = 0, side = -1;
    std::size_t offset = 0, length = 0;
    bool isPurged = false;
  };

  Result<std::string> unpacked(std::int64_t block, std::int64_t& codec) {
    RETORT_TRY(auto query, db.prepare("SELECT raw_len,b,codec FROM blk WHERE id=?"));
    query.bind(1, block);
    RETORT_TRY(const bool found, query.step());
    if (!found) return damaged("a block is missing");
    codec = query.integer(2);
    std::shared_ptr<const store::BlockDictionary> dictionary;
    if (codec >= kDictCodec) {
      RETORT_TRY(auto read, db.prepare("SELECT b FROM dict WHERE id=?"));
      read.bind(1, codec - kDictCodec);
      RETORT_TRY(const bool there, read.step());
      if (!there) return damaged("a dictionary is missing");
      RETORT_TRY(dictionary, store::BlockDictionary::create(std::string(read.blob(0))));
    }
    return store::decodeBlock(query.blob(1), static_cast<std::uint64_t>(query.integer(0)), dictionary.get());
  }

  Result<std::vector<Part>> partsOf(std::int64_t block) {
    std::vector<Part> parts;
    RETORT_TRY(auto rows, db.prepare("SELECT id,off,len FROM log WHERE blk=?1"));
    rows.bind(1, block);
    while (true) {
      RETORT_TRY(const bool row, rows.step());
      if (!row) break;
      parts.push_back({rows.integer(0), -1, static_cast<std::size_t>(rows.integer(1)), static_cast<std::size_t>(rows.integer(2)), ids.contains(static_cast<std::uint32_t>(rows.integer(0)))});
    }
    RETORT_TRY(auto spills, db.prepare("SELECT log,side,off,len FROM spill WHERE blk=?1"));
    spills.bind(1, block);
    while (true) {
      RETORT_TRY(const bool row, spills.step());
      if (!row) break;
      parts.push_back({spills.integer(0), spills.integer(1), static_cast<std::size_t>(spills.integer(2)), static_cast<std::size_t>(spills.integer(3)), ids.contains(static_cast<std::uint32_t>(spills.integer(0)))});
    }
    std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.offset < b.offset; });
    return parts;
  }

  /// Without a dictionary: that of the store was trained on records which may be among the purged ones.
  Status rewrite(std::int64_t block) {
    std::int64_t codec = 0;
    RETORT_TRY(const auto raw, unpacked(block, codec));
    RETORT_TRY(const auto parts, partsOf(block));
    std::string kept;
    RETORT_TRY(auto moveRow, db.prepare("UPDATE log SET off=? WHERE id=?"));
    RETORT_TRY(auto moveSpill, db.prepare("UPDATE spill SET off=? WHERE log=? AND side=?"));
    for (const auto& part : parts) {
      if (part.offset > raw.size() || part.length > raw.size() - part.offset) return damaged("a record lies outside its block");
      if (part.isPurged) {
        out.bytes += static_cast<std::int64_t>(part.length);
        continue;
      }
      if (part.side < 0) RETORT_CHECK(moveRow.bind(1, static_cast<std::int64_t>(kept.size())).bind(2, part.log).run());
      else RETORT_CHECK(moveSpill.bind(1, static_cast<std::int64_t>(kept.size())).bind(2, part.log).bind(3, part.side).run());
      kept.append(raw, part.offset, part.length);
    }
    if (kept.empty()) {
      RETORT_TRY(auto drop, db.prepare("DELETE FROM blk WHERE id=?"));
      return drop.bind(1, block).run();
    }
    store::BlockEncoder encoder(3);
    RETORT_TRY(const auto frame, encoder.encode(kept));
    RETORT_TRY(auto put, db.prepare("UPDATE blk SET codec=?,raw_len=?,crc=?,b=? WHERE id=?"));
    return put.bind(1, kPlainCodec).bind(2, static_cast<std::int64_t>(kept.size())).bind(3, std::int64_t(store::blockChecksum(frame))).bindBlob(4, frame).bind(5, block).run();
  }

  Status blocks(std::stop_token stop, const ProgressFn& progress) {
    std::vector<std::int64_t> touched;
    RETORT_TRY(auto row, db.prepare("SELECT blk FROM log WHERE id=?"));
    RETORT_TRY(auto spill, db.prepare("SELECT blk FROM spill WHERE log=? AND blk IS NOT NULL"));
    for (const auto id : ids.toVector()) {
      for (auto* query : {&row, &spill}) {
        query->bind(1, std::int64_t(id));
        while (true) {
          RETORT_TRY(const bool found, query->step());
          if (!found) break;
          touched.push_back(query->integer(0));
        }
        query->reset();
      }
    }
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    ProgressMeter meter(progress, "Removing records", "blocks", static_cast<std::int64_t>(touched.size()));
    for (std::size_t i = 0; i < touched.size(); ++i) {
      if (stop.stop_requested()) return cancelledError("The purge");
      RETORT_CHECK(rewrite(touched[i]));
      if (progress) meter.at(static_cast<std::int64_t>(i));
    }
    return {};
  }

  /// A dictionary holds pieces of the records that it was trained on, perhaps of purged ones: every block is packed anew without it.
  Status dropDictionaries(std::stop_token stop, const ProgressFn& progress) {
    RETORT_TRY(const auto of, db.integer("SELECT count(*) FROM blk WHERE codec>=" + std::to_string(kDictCodec)));
    ProgressMeter meter(progress, "Packing blocks anew", "blocks", of.value_or(0));
    store::BlockEncoder encoder(3);
    for (std::int64_t done = 0;;) {
      std::vector<std::int64_t> batch;
      {
        RETORT_TRY(auto query, db.prepare("SELECT id FROM blk WHERE codec>=" + std::to_string(kDictCodec) + " ORDER BY id LIMIT 200"));
        while (true) {
          RETORT_TRY(const bool row, query.step());
          if (!row) break;
          batch.push_back(query.integer(0));
        }
      }
      if (batch.empty()) break;
      if (stop.stop_requested()) return cancelledError("The purge");
      RETORT_TRY(auto transaction, store::Transaction::begin(db));
      RETORT_TRY(auto put, db.prepare("UPDATE blk SET codec=?,crc=?,b=? WHERE id=?"));
      for (const auto block : batch) {
        std::int64_t codec = 0;
        RETORT_TRY(const auto raw, unpacked(block, codec));
        RETORT_TRY(const auto frame, encoder.encode(raw));
        RETORT_CHECK(put.bind(1, kPlainCodec).bind(2, std::int64_t(store::blockChecksum(frame))).bindBlob(3, frame).bind(4, block).run());
      }
      RETORT_CHECK(transaction.commit());
      done += static_cast<std::int64_t>(batch.size());
      if (progress) meter.at(done);
    }
    return db.exec("DELETE FROM dict");
  }

  Status rows() {
    RETORT_TRY(auto find, db.prepare("SELECT rid,flags FROM log WHERE id=?"));
    RETORT_TRY(auto clear, db.prepare("UPDATE log SET ts_us=NULL,rid=?,model=NULL,op=NULL,stop=NULL,itok=NULL,otok=NULL,ctok=NULL,latency_ms=NULL,ttft_ms=NULL,status=0,flags=0,turns=0,"
                                      "prompt_hash=0,content_hash=0,blk=0,off=0,len=0,preview=NULL WHERE id=?"));
    RETORT_TRY(auto spill, db.prepare("DELETE FROM spill WHERE log=?"));
    for (const auto id : ids.toVector()) {
      find.bind(1, std::int64_t(id));
      RETORT_TRY(const bool found, find.step());
      if (!found) return damaged("a row is missing");
      out.keys.emplace_back(find.blob(0));
      out.requestIds.push_back(requestKeyText(find.blob(0), (find.integer(1) & kUuid) != 0));
      find.reset();
      // A dead row needs a key of its own, which is no request's.
      RETORT_CHECK(clear.bindBlob(1, "purged:" + std::to_string(id)).bind(2, std::int64_t(id)).run());
      RETORT_CHECK(spill.bind(1, std::int64_t(id)).run());
    }
    RETORT_TRY(const auto hasHigh, db.integer("SELECT count(*) FROM key WHERE cls=" + std::to_string(kHighKey)));
    if (hasHigh.value_or(0) > 0) {
      RETORT_CHECK(db.exec("CREATE TEMP TABLE gone(id INTEGER PRIMARY KEY)"));
      RETORT_TRY(auto put, db.prepare("INSERT INTO gone VALUES(?)"));
      for (const auto id : ids.toVector()) RETORT_CHECK(put.bind(1, std::int64_t(id)).run());
      RETORT_CHECK(db.exec("DELETE FROM hikv WHERE id IN (SELECT id FROM gone); DROP TABLE gone"));
    }
    out.records = static_cast<std::int64_t>(out.keys.size());
    return {};
  }

  Status postings() {
    std::map<std::int64_t, IdSet> segments;
    for (const auto id : ids.toVector()) segments[id >> kPostShift].add(id);
    struct Change {
      std::int64_t kv, segment;
      std::string bytes;
      std::int64_t n;
    };
    for (const auto& [segment, gone] : segments) {
      std::vector<Change> changes;
      RETORT_TRY(auto query, db.prepare("SELECT kv,b FROM post WHERE seg=?"));
      query.bind(1, segment);
      while (true) {
        RETORT_TRY(const bool row, query.step());
        if (!row) break;
        auto set = IdSet::fromBytes(query.blob(1));
        if (!set) return damaged("a posting");
        if (!IdSet::overlap(*set, gone)) continue;
        *set -= gone;
        changes.push_back({query.integer(0), segment, set->toBytes(), static_cast<std::int64_t>(set->size())});
      }
      RETORT_TRY(auto put, db.prepare("UPDATE post SET n=?,b=? WHERE kv=? AND seg=?"));
      RETORT_TRY(auto drop, db.prepare("DELETE FROM post WHERE kv=? AND seg=?"));
      for (const auto& change : changes) {
        if (change.n > 0) RETORT_CHECK(put.bind(1, change.n).bindBlob(2, change.bytes).bind(3, change.kv).bind(4, change.segment).run());
        else RETORT_CHECK(drop.bind(1, change.kv).bind(2, change.segment).run());
      }
    }
    // Values that nobody has any more are gone as well.
    return db.exec("DELETE FROM kv WHERE id NOT IN (SELECT kv FROM post); UPDATE kv SET n=(SELECT coalesce(sum(n),0) FROM post WHERE post.kv=kv.id)");
  }

  Status columns() {
    std::map<std::int64_t, std::vector<std::size_t>> segments;
    for (const auto id : ids.toVector()) segments[id >> kColumnShift].push_back(id & ((1u << kColumnShift) - 1));
    RETORT_TRY(auto find, db.prepare("SELECT n,b FROM col WHERE seg=? AND which=?"));
    RETORT_TRY(auto put, db.prepare("UPDATE col SET b=? WHERE seg=? AND which=?"));
    for (const auto& [segment, places] : segments)
      for (std::int64_t which = 0; which < kColumns; ++which) {
        find.bind(1, segment).bind(2, which);
        RETORT_TRY(const bool found, find.step());
        if (!found) return damaged("a column");
        RETORT_TRY(auto values, unpackColumn(find.blob(1), static_cast<std::size_t>(find.integer(0))));
        find.reset();
        for (const auto at : places)
          if (at < values.size()) values[at] = kNoValue;
        RETORT_TRY(const auto packed, packColumn(values));
        RETORT_CHECK(put.bindBlob(1, packed).bind(2, segment).bind(3, which).run());
      }
    return {};
  }

  Status tombs() {
    std::map<std::int64_t, IdSet> segments;
    for (const auto id : ids.toVector()) segments[id >> kPostShift].add(id);
    RETORT_TRY(auto find, db.prepare("SELECT b FROM tomb WHERE seg=?"));
    RETORT_TRY(auto put, db.prepare("INSERT OR REPLACE INTO tomb(seg,b) VALUES(?,?)"));
    for (auto& [segment, gone] : segments) {
      find.bind(1, segment);
      RETORT_TRY(const bool found, find.step());
      if (found) {
        const auto old = IdSet::fromBytes(find.blob(0));
        if (!old) return damaged("the list of deleted records");
        gone |= *old;
      }
      find.reset();
      RETORT_CHECK(put.bind(1, segment).bindBlob(2, gone.toBytes()).run());
    }
    return {};
  }
};

}  // namespace

Result<PurgedRecords> purgeRecords(const std::filesystem::path& logsDb, const IdSet& ids, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(auto lock, FileLock::tryLock(logsDb.string() + ".lock", hostName()));
  if (!lock) return Error{"logs.import.busy", "An import is writing to " + shown(logsDb.string()), {}, {}, "Wait for it, or stop it.", {}, {}};
  RETORT_TRY(auto db, store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::readWrite)));
  RETORT_CHECK(store::migrate(db, logMigrations()));
  RETORT_CHECK(db.exec("PRAGMA secure_delete=ON"));
  RETORT_CHECK(foldDeltas(db));
  // Blocks are looked up by their records: there is no index, and one import made them ascend together.
  RETORT_TRY(auto transaction, store::Transaction::begin(db));
  RETORT_CHECK(db.exec("CREATE INDEX IF NOT EXISTS log_blk ON log(blk)"));
  Purge purge{db, ids, {}};
  RETORT_CHECK(purge.blocks(stop, progress));
  RETORT_CHECK(purge.rows());
  RETORT_CHECK(purge.postings());
  RETORT_CHECK(purge.columns());
  RETORT_CHECK(purge.tombs());
  RETORT_CHECK(db.exec("DROP INDEX log_blk; UPDATE meta SET value=value+1 WHERE name='generation'"));
  RETORT_CHECK(transaction.commit());
  RETORT_CHECK(purge.dropDictionaries(stop, progress));
  RETORT_CHECK(db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  std::error_code ignored;
  for (const char* name : {"derived.db", "derived.db-wal", "derived.db-shm", "fulltext.db", "fulltext.db-wal", "fulltext.db-shm"}) std::filesystem::remove(logsDb.parent_path() / name, ignored);
  std::filesystem::remove(indexFilePath(logsDb), ignored);
  (void)renewIndexFile(db);                              // else the next opening makes it
  return std::move(purge.out);
}

}  // namespace retort::logs
