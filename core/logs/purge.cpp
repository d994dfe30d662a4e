// Blocks without the purged records' bytes, rows without values, postings and columns without the ids.
#include "logs/purge.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <vector>

#include "base/files.h"
#include "base/paths.h"
#include "logs/import_writer.h"
#include "logs/index_file.h"
#include "logs/log_schema.h"
#include "logs/record.h"
#include "logs/repack.h"
#include "store/block_codec.h"

namespace retort::logs {

namespace {

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

using Keys = std::unordered_set<std::string>;

/// The ids of those that are still there: after a purge that was cut off there are none.
Result<IdSet> idsOf(const store::Database& db, const Keys& keys) {
  IdSet ids;
  RETORT_TRY(auto query, db.prepare("SELECT id,rid FROM log"));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return ids;
    if (keys.contains(std::string(query.blob(1)))) ids.add(static_cast<std::uint32_t>(query.integer(0)));
  }
}

/// The request key that a rejected line names, or an empty text.
std::string keyIn(std::string_view line) {
  constexpr std::string_view kName = "\"requestId\"";
  const auto name = line.find(kName);
  if (name == std::string_view::npos) return {};
  const auto begin = line.find('"', name + kName.size());
  const auto end = begin == std::string_view::npos ? begin : line.find('"', begin + 1);
  if (end == std::string_view::npos) return {};
  bool isUuid = false;
  return requestKey(line.substr(begin + 1, end - begin - 1), isUuid);
}

struct Purge {
  store::Database& db;
  const IdSet& ids;
  BlockReader reader{db};
  PurgedRecords out{};

  /// A part of a block: a row's line or a spilled body.
  struct Part {
    std::int64_t log = 0, side = -1;
    std::size_t offset = 0, length = 0;
    bool isPurged = false;
  };

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

  /// Without a dictionary: that of the store was trained on records which may be among the purged ones (renewDictionary() follows).
  Status rewrite(std::int64_t block) {
    RETORT_TRY(const auto raw, reader.read(block));
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

  Status rows() {
    RETORT_TRY(auto clear, db.prepare("UPDATE log SET ts_us=NULL,rid=?,model=NULL,op=NULL,stop=NULL,itok=NULL,otok=NULL,ctok=NULL,latency_ms=NULL,ttft_ms=NULL,status=0,flags=0,turns=0,"
                                      "prompt_hash=0,content_hash=0,blk=0,off=0,len=0,preview=NULL WHERE id=?"));
    RETORT_TRY(auto spill, db.prepare("DELETE FROM spill WHERE log=?"));
    for (const auto id : ids.toVector()) {
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
    out.records = static_cast<std::int64_t>(ids.size());
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
        set->optimise();
        changes.push_back({query.integer(0), segment, set->toBytes(), static_cast<std::int64_t>(set->size())});
      }
      RETORT_TRY(auto put, db.prepare("UPDATE post SET n=?,b=? WHERE kv=? AND seg=?"));
      RETORT_TRY(auto drop, db.prepare("DELETE FROM post WHERE kv=? AND seg=?"));
      for (const auto& change : changes) {
        if (change.n > 0) RETORT_CHECK(put.bind(1, change.n).bindBlob(2, change.bytes).bind(3, change.kv).bind(4, change.segment).run());
        else RETORT_CHECK(drop.bind(1, change.kv).bind(2, change.segment).run());
      }
    }
    // Values and keys of metadata that nobody has any more are gone as well.
    return db.exec("DELETE FROM kv WHERE id NOT IN (SELECT kv FROM post); UPDATE kv SET n=(SELECT coalesce(sum(n),0) FROM post WHERE post.kv=kv.id);"
                   "DELETE FROM key WHERE builtin=0 AND id NOT IN (SELECT key FROM kv) AND id NOT IN (SELECT key FROM hikv)");
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
      gone.optimise();
      RETORT_CHECK(put.bind(1, segment).bindBlob(2, gone.toBytes()).run());
    }
    return {};
  }

  /// Second records of a request are among the rejected lines, and so are those that end early. Their counts stay.
  Status rejects(const Keys& keys) {
    std::vector<std::int64_t> gone;
    {
      RETORT_TRY(auto query, db.prepare("SELECT id,head FROM reject"));
      while (true) {
        RETORT_TRY(const bool row, query.step());
        if (!row) break;
        if (const auto key = keyIn(query.blob(1)); !key.empty() && keys.contains(key)) gone.push_back(query.integer(0));
      }
    }
    RETORT_TRY(auto drop, db.prepare("DELETE FROM reject WHERE id=?"));
    for (const auto id : gone) RETORT_CHECK(drop.bind(1, id).run());
    return {};
  }

  Status all(const Keys& keys, std::stop_token stop, const ProgressFn& progress) {
    RETORT_TRY(auto transaction, store::Transaction::begin(db));
    // Blocks are looked up by their records: there is no index, and one import made them ascend together.
    RETORT_CHECK(db.exec("CREATE INDEX IF NOT EXISTS log_blk ON log(blk)"));
    RETORT_CHECK(blocks(stop, progress));
    RETORT_CHECK(rows());
    RETORT_CHECK(postings());
    RETORT_CHECK(columns());
    RETORT_CHECK(tombs());
    RETORT_CHECK(rejects(keys));
    RETORT_CHECK(db.exec("DROP INDEX log_blk; UPDATE meta SET value=value+1 WHERE name='generation'"));
    return transaction.commit();
  }
};

/// What can be made again from logs.db, with what its makers left half done.
void removeMade(const std::filesystem::path& logsDb) {
  std::error_code ignored;
  const std::string index = indexFilePath(logsDb).filename().string();
  for (const auto& entry : std::filesystem::directory_iterator(logsDb.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".lock")) continue;
    if (name.starts_with("derived.db") || name.starts_with("fulltext.db") || name.starts_with(index)) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace

Result<PurgedRecords> purgeRecords(const std::filesystem::path& logsDb, std::span<const std::string> keys, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(auto lock, FileLock::tryLock(logsDb.string() + ".lock", hostName()));
  if (!lock) return Error{"logs.import.busy", "An import is writing to " + shown(logsDb.string()), {}, {}, "Wait for it, or stop it.", {}, {}};
  RETORT_TRY(auto db, store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::readWrite)));
  RETORT_CHECK(store::migrate(db, logMigrations()));
  RETORT_CHECK(foldDeltas(db));
  const Keys gone(keys.begin(), keys.end());
  RETORT_TRY(const auto ids, idsOf(db, gone));
  Purge purge{db, ids};
  if (!ids.isEmpty()) RETORT_CHECK(purge.all(gone, stop, progress));
  removeMade(logsDb);
  RETORT_CHECK(renewDictionary(db, stop, progress));
  RETORT_CHECK(db.scrub());
  (void)renewIndexFile(db);                              // else the next opening makes it
  return purge.out;
}

}  // namespace retort::logs
