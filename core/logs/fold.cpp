// Folding: the small deltas of commits merged into postings and columns; keys of very many values moved to the hash table.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "logs/import_writer.h"
#include "logs/log_schema.h"

namespace retort::logs {

namespace {

struct Folder {
  store::Database& db;
  store::Statement findPost, putPost, findColumn, putColumn, putHigh;

  static Result<Folder> create(store::Database& db) {
    RETORT_TRY(auto find, db.prepare("SELECT b FROM post WHERE kv=? AND seg=?"));
    RETORT_TRY(auto put, db.prepare("INSERT OR REPLACE INTO post(kv,seg,n,b) VALUES(?,?,?,?)"));
    RETORT_TRY(auto findColumn, db.prepare("SELECT n,b FROM col WHERE seg=? AND which=?"));
    RETORT_TRY(auto putColumn, db.prepare("INSERT OR REPLACE INTO col(seg,which,n,b) VALUES(?,?,?,?)"));
    RETORT_TRY(auto putHigh, db.prepare("INSERT OR IGNORE INTO hikv(key,h,id) VALUES(?,?,?)"));
    return Folder{db, std::move(find), std::move(put), std::move(findColumn), std::move(putColumn), std::move(putHigh)};
  }

  Status post(std::int64_t kv, std::int64_t segment, IdSet ids) {
    findPost.bind(1, kv).bind(2, segment);
    RETORT_TRY(const bool found, findPost.step());
    if (found) {
      auto old = IdSet::fromBytes(findPost.blob(0));
      if (!old) return Error{"logs.index.damaged", "The index of the log store is damaged: a posting", {}, {}, "Move logs.db away and import the sources again.", {}, {}};
      ids |= *old;
    }
    findPost.reset();
    ids.optimise();
    return putPost.bind(1, kv).bind(2, segment).bind(3, static_cast<std::int64_t>(ids.size())).bindBlob(4, ids.toBytes()).run();
  }

  Status columns(std::uint32_t first, const ColumnRows& rows) {
    for (int which = 0; which < kColumns; ++which) {
      const auto& values = rows.values[which];
      for (std::size_t at = 0; at < values.size();) {
        const std::uint64_t id = first + at;
        const auto segment = static_cast<std::int64_t>(id >> kColumnShift);
        const std::size_t inside = id & ((1u << kColumnShift) - 1);
        const std::size_t n = std::min(values.size() - at, (std::size_t(1) << kColumnShift) - inside);
        std::vector<std::int64_t> all;
        findColumn.bind(1, segment).bind(2, std::int64_t(which));
        RETORT_TRY(const bool found, findColumn.step());
        if (found) {
          RETORT_TRY(all, unpackColumn(findColumn.blob(1), static_cast<std::size_t>(findColumn.integer(0))));
        }
        findColumn.reset();
        all.resize(inside, kNoValue);
        all.insert(all.end(), values.begin() + static_cast<std::ptrdiff_t>(at), values.begin() + static_cast<std::ptrdiff_t>(at + n));
        RETORT_TRY(const auto packed, packColumn(all));
        RETORT_CHECK(putColumn.bind(1, segment).bind(2, std::int64_t(which)).bind(3, static_cast<std::int64_t>(all.size())).bindBlob(4, packed).run());
        at += n;
      }
    }
    return {};
  }

  /// Records of a value of a high-cardinality key.
  Status high(std::int64_t key, std::int64_t hash, const IdSet& ids) {
    for (const auto id : ids.toVector()) RETORT_CHECK(putHigh.bind(1, key).bind(2, hash).bind(3, std::int64_t(id)).run());
    return {};
  }

  /// Moves what earlier folds wrote of one key into hikv and the posting -key.
  Status switchKey(std::int64_t key) {
    RETORT_TRY(auto values, db.prepare("SELECT kv.value, post.seg, post.b FROM kv JOIN post ON post.kv=kv.id WHERE kv.key=?"));
    std::map<std::int64_t, IdSet> records;
    values.bind(1, key);
    while (true) {
      RETORT_TRY(const bool row, values.step());
      if (!row) break;
      const auto h = valueHash(values.text(0));
      const auto ids = IdSet::fromBytes(values.blob(2));
      if (!ids) continue;
      records[values.integer(1)] |= *ids;
      RETORT_CHECK(high(key, h, *ids));
    }
    for (auto& [segment, ids] : records) RETORT_CHECK(post(-key, segment, std::move(ids)));
    const std::string id = std::to_string(key);
    RETORT_CHECK(db.exec("DELETE FROM post WHERE kv IN (SELECT id FROM kv WHERE key=" + id + "); DELETE FROM kv WHERE key=" + id +
                         "; UPDATE key SET cls=" + std::to_string(kHighKey) + " WHERE id=" + id));
    return {};
  }
};

/// Keys whose values no longer have a posting each, and their values: kv.id -> key, hash.
struct HighValues {
  struct Value {
    std::int64_t key = 0, hash = 0;
  };
  std::vector<std::int64_t> keys;
  std::unordered_map<std::int64_t, Value> byKv;
};

/// By the data alone, so that any order of work makes the same store: beyond kMaxValues at once, by the share of rows only at the end.
Result<HighValues> findHighKeys(store::Database& db, bool isEnd) {
  RETORT_TRY(const auto last, db.integer("SELECT max(id) FROM log"));
  const auto rows = static_cast<std::uint64_t>(last.value_or(-1) + 1);
  HighValues high;
  RETORT_TRY(auto keys, db.prepare("SELECT key.id, count(kv.id) FROM key JOIN kv ON kv.key=key.id WHERE key.cls=1 GROUP BY key.id"));
  while (true) {
    RETORT_TRY(const bool row, keys.step());
    if (!row) break;
    const auto n = static_cast<std::uint64_t>(keys.integer(1));
    if (n > kMaxValues || (isEnd && n > kFewValues && n > rows / 8)) high.keys.push_back(keys.integer(0));
  }
  RETORT_TRY(auto values, db.prepare("SELECT id,value FROM kv WHERE key=?"));
  for (const auto key : high.keys) {
    values.bind(1, key);
    while (true) {
      RETORT_TRY(const bool row, values.step());
      if (!row) break;
      high.byKv[values.integer(0)] = {key, valueHash(values.text(1))};
    }
    values.reset();
  }
  return high;
}

/// The postings of one segment of ids, gathered from the commits that wrote into it: memory for one segment, however long the import was.
class SegmentFold {
 public:
  SegmentFold(Folder& folder, const HighValues& high) : m_folder(folder), m_high(high) {}

  Status add(const Delta& delta) {
    const auto first = static_cast<std::int64_t>(delta.first >> kPostShift);
    const auto last = static_cast<std::int64_t>((delta.first + std::max<std::size_t>(1, delta.columns.size()) - 1) >> kPostShift);
    RETORT_CHECK(moveTo(first));
    if (first == last) {
      for (const auto& posting : delta.postings) RETORT_CHECK(add(posting.kv, posting.ids));
      return {};
    }
    for (auto segment = first; segment <= last; ++segment) {
      RETORT_CHECK(moveTo(segment));
      for (const auto& posting : delta.postings) {
        std::vector<std::uint32_t> inside = posting.ids.toVector();
        std::erase_if(inside, [&](std::uint32_t id) { return static_cast<std::int64_t>(id >> kPostShift) != segment; });
        if (!inside.empty()) RETORT_CHECK(add(posting.kv, IdSet::of(inside)));
      }
    }
    return {};
  }

  Status flush() {
    std::vector<std::int64_t> order;
    for (const auto& [kv, ids] : m_ids) order.push_back(kv);
    std::sort(order.begin(), order.end());
    for (const auto kv : order) RETORT_CHECK(m_folder.post(kv, m_segment, std::move(m_ids[kv])));
    m_ids.clear();
    return {};
  }

 private:
  Status moveTo(std::int64_t segment) {
    if (segment == m_segment) return {};
    RETORT_CHECK(flush());
    m_segment = segment;
    return {};
  }
  Status add(std::int64_t kv, const IdSet& ids) {
    const auto high = m_high.byKv.find(kv);
    if (high == m_high.byKv.end()) return m_ids[kv] |= ids, Status();
    m_ids[-high->second.key] |= ids;
    return m_folder.high(high->second.key, high->second.hash, ids);
  }

  Folder& m_folder;
  const HighValues& m_high;
  std::int64_t m_segment = 0;
  std::unordered_map<std::int64_t, IdSet> m_ids;   ///< by kv
};

Status foldPending(store::Database& db, Folder& folder, const HighValues& high) {
  RETORT_TRY(auto deltas, db.prepare("SELECT b FROM post_delta ORDER BY first_id"));
  SegmentFold postings(folder, high);
  ColumnRows pending;
  std::uint32_t pendingFirst = 0;
  while (true) {
    RETORT_TRY(const bool row, deltas.step());
    if (!row) break;
    RETORT_TRY(auto delta, unpackDelta(deltas.blob(0)));
    RETORT_CHECK(postings.add(delta));
    if (pending.size() > 0 && (delta.first != pendingFirst + pending.size() || pending.size() > (1u << 20))) {
      RETORT_CHECK(folder.columns(pendingFirst, pending));
      pending.clear();
    }
    if (pending.size() == 0) pendingFirst = delta.first;
    for (int c = 0; c < kColumns; ++c) pending.values[c].insert(pending.values[c].end(), delta.columns.values[c].begin(), delta.columns.values[c].end());
  }
  if (pending.size() > 0) RETORT_CHECK(folder.columns(pendingFirst, pending));
  return postings.flush();
}

}  // namespace

Status foldDeltas(store::Database& db, bool isEnd) {
  RETORT_TRY(auto transaction, store::Transaction::begin(db));
  RETORT_TRY(const auto pending, db.integer("SELECT count(*) FROM post_delta"));
  if (pending.value_or(0) == 0) return transaction.commit();
  RETORT_TRY(const auto high, findHighKeys(db, isEnd));
  RETORT_TRY(auto folder, Folder::create(db));
  RETORT_CHECK(foldPending(db, folder, high));
  for (const auto key : high.keys) RETORT_CHECK(folder.switchKey(key));
  RETORT_CHECK(db.exec("DELETE FROM post_delta;"
                       "UPDATE kv SET n=(SELECT coalesce(sum(n),0) FROM post WHERE post.kv=kv.id);"
                       "UPDATE key SET n_values=(SELECT count(*) FROM kv WHERE kv.key=key.id), n_rows=(SELECT coalesce(sum(n),0) FROM kv WHERE kv.key=key.id) WHERE cls<2;"
                       "UPDATE key SET n_values=(SELECT count(DISTINCT h) FROM hikv WHERE hikv.key=key.id), n_rows=(SELECT coalesce(sum(n),0) FROM post WHERE post.kv=-key.id) WHERE cls=2"));
  return transaction.commit();
}

}  // namespace retort::logs
