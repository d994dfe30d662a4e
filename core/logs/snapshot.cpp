// Loading the index: folded postings and columns, then the commits that are not folded yet.
#include "logs/snapshot.h"

namespace retort::logs {

namespace {

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The index of the log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

struct Loader {
  store::Database& db;
  Snapshot& s;
  std::unordered_map<std::int64_t, std::pair<std::size_t, std::size_t>> place;   ///< kv -> key, value
  std::unordered_map<std::int64_t, std::size_t> keyPlace;                        ///< key id -> key

  Status keys() {
    RETORT_TRY(auto query, db.prepare("SELECT id,name,cls,n_values,builtin FROM key ORDER BY id"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      SnapshotKey key;
      key.id = query.integer(0);
      key.name = query.text(1);
      key.isHigh = query.integer(2) == kHighKey;
      key.distinct = static_cast<std::uint64_t>(query.integer(3));
      key.isBuiltIn = query.integer(4) != 0;
      keyPlace[key.id] = s.keys.size();
      s.keys.push_back(std::move(key));
    }
    RETORT_TRY(auto values, db.prepare("SELECT id,key,value FROM kv ORDER BY id"));
    while (true) {
      RETORT_TRY(const bool row, values.step());
      if (!row) break;
      const auto key = keyPlace.find(values.integer(1));
      if (key == keyPlace.end()) return damaged("a value without its key");
      auto& list = s.keys[key->second].values;
      place[values.integer(0)] = {key->second, list.size()};
      list.push_back({std::string(values.text(2)), values.integer(0), {}});
    }
    return {};
  }

  Status add(std::int64_t kv, const IdSet& ids) {
    if (kv < 0) {
      const auto key = keyPlace.find(-kv);
      if (key == keyPlace.end()) return damaged("a posting without its key");
      s.keys[key->second].all |= ids;
      return {};
    }
    const auto found = place.find(kv);
    if (found == place.end()) return damaged("a posting without its value");
    s.keys[found->second.first].values[found->second.second].ids |= ids;
    return {};
  }

  Status postings() {
    RETORT_TRY(auto query, db.prepare("SELECT kv,b FROM post"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const auto ids = IdSet::fromBytes(query.blob(1));
      if (!ids) return damaged("a posting");
      RETORT_CHECK(add(query.integer(0), *ids));
    }
  }

  Status columns() {
    RETORT_TRY(auto query, db.prepare("SELECT seg,which,n,b FROM col ORDER BY which,seg"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const auto which = query.integer(1);
      if (which < 0 || which >= kColumns || query.integer(2) < 0 || query.integer(2) > (1 << kColumnShift)) return damaged("a column");
      RETORT_TRY(const auto values, unpackColumn(query.blob(3), static_cast<std::size_t>(query.integer(2))));
      auto& column = s.columns[which];
      if (column.size() != static_cast<std::size_t>(query.integer(0)) << kColumnShift) return damaged("a gap in a column");
      column.insert(column.end(), values.begin(), values.end());
    }
  }

  Status deltas() {
    RETORT_TRY(auto query, db.prepare("SELECT b FROM post_delta ORDER BY first_id"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      RETORT_TRY(const auto delta, unpackDelta(query.blob(0)));
      for (const auto& posting : delta.postings) RETORT_CHECK(add(posting.kv, posting.ids));
      for (int c = 0; c < kColumns; ++c) {
        if (s.columns[c].size() != delta.first) return damaged("a commit in the wrong place");
        s.columns[c].insert(s.columns[c].end(), delta.columns.values[c].begin(), delta.columns.values[c].end());
      }
    }
  }

  Status tombs() {
    s.live = IdSet::range(0, s.end);
    RETORT_TRY(auto query, db.prepare("SELECT b FROM tomb"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const auto ids = IdSet::fromBytes(query.blob(0));
      if (!ids) return damaged("the list of deleted records");
      s.live -= *ids;
    }
  }

  void finish() {
    const IdSet inside = IdSet::range(0, s.end);
    for (auto& key : s.keys) {
      std::vector<const IdSet*> sets{&key.all};
      key.byText.reserve(key.values.size());
      for (std::size_t i = 0; i < key.values.size(); ++i) {
        key.byText.emplace(key.values[i].text, i);
        sets.push_back(&key.values[i].ids);
        s.valueTexts.emplace(key.values[i].kv, key.values[i].text);
      }
      key.all = IdSet::unionOf(sets);
      key.all &= inside;
    }
  }
};

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::load(store::Database& db) {
  auto snapshot = std::make_shared<Snapshot>();
  Loader loader{db, *snapshot, {}, {}};
  // One read transaction: a commit of the importer between two queries must not show half of itself.
  RETORT_CHECK(db.exec("BEGIN"));
  const auto all = [&]() -> Status {
    RETORT_TRY(const auto last, db.integer("SELECT max(id) FROM log"));
    snapshot->end = last ? static_cast<std::uint32_t>(*last + 1) : 0;
    RETORT_CHECK(loader.keys());
    RETORT_CHECK(loader.postings());
    RETORT_CHECK(loader.columns());
    RETORT_CHECK(loader.deltas());
    RETORT_CHECK(loader.tombs());
    for (const auto& column : snapshot->columns)
      if (column.size() != snapshot->end) return damaged("a column's length");
    loader.finish();
    return {};
  };
  Status status = all();
  (void)db.exec("COMMIT");
  if (!status.ok()) return std::move(status).error();
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

const SnapshotKey* Snapshot::find(std::string_view name, bool isBuiltIn) const {
  for (const auto& key : keys)
    if (key.isBuiltIn == isBuiltIn && key.name == name) return &key;
  return nullptr;
}

}  // namespace retort::logs
