// Loading the index: folded postings and columns, then the commits that are not folded yet; on an append only what is new.
#include "logs/snapshot.h"

#include <algorithm>
#include <map>
#include <span>

#include "logs/index_file.h"

namespace retort::logs {

namespace {

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The index of the log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

struct Loader {
  store::Database& db;
  Snapshot& s;
  std::uint32_t first;                                 ///< ids below it are in the keys and columns already
  std::vector<std::shared_ptr<SnapshotKey>> fresh;     ///< by place; null: not changed
  std::unordered_map<std::int64_t, std::pair<std::size_t, std::size_t>> place;   ///< kv -> key, value
  std::unordered_map<std::int64_t, std::size_t> keyPlace;                        ///< key id -> key
  std::unordered_map<std::int64_t, IdSet> added;       ///< by kv, or -key

  SnapshotKey& change(std::size_t key) {
    if (!fresh[key]) fresh[key] = std::make_shared<SnapshotKey>(*s.keys[key]);
    return *fresh[key];
  }

  /// False when a key changed its class: values were dropped, their numbers may be given again.
  Result<bool> keys() {
    RETORT_TRY(auto query, db.prepare("SELECT id,name,cls,n_values,builtin FROM key ORDER BY id"));
    for (std::size_t at = 0;; ++at) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      const bool isHigh = query.integer(2) == kHighKey;
      const auto distinct = static_cast<std::uint64_t>(query.integer(3));
      if (at < s.keys.size()) {
        if (s.keys[at]->id != query.integer(0) || s.keys[at]->isHigh != isHigh) return false;
        if (isHigh && s.keys[at]->distinct != distinct) change(at).distinct = distinct;
      } else {
        auto key = std::make_shared<SnapshotKey>();
        key->id = query.integer(0);
        key->name = query.text(1);
        key->isHigh = isHigh;
        key->distinct = distinct;
        key->isBuiltIn = query.integer(4) != 0;
        s.keys.push_back(key);
        fresh.push_back(key);
      }
      keyPlace[query.integer(0)] = at;
    }
    for (std::size_t k = 0; k < s.keys.size(); ++k)
      for (std::size_t v = 0; v < s.keys[k]->values.size(); ++v) place[s.keys[k]->values[v].kv] = {k, v};
    RETORT_TRY(auto values, db.prepare("SELECT id,key,value FROM kv WHERE id>? ORDER BY id"));
    values.bind(1, s.lastValue);
    while (true) {
      RETORT_TRY(const bool row, values.step());
      if (!row) break;
      const auto key = keyPlace.find(values.integer(1));
      if (key == keyPlace.end()) return damaged("a value without its key");
      auto& list = change(key->second).values;
      place[values.integer(0)] = {key->second, list.size()};
      list.push_back({std::make_shared<const std::string>(values.text(2)), values.integer(0), std::make_shared<const IdSet>()});
      s.lastValue = values.integer(0);
    }
    return true;
  }

  Status postings() {
    RETORT_TRY(auto query, db.prepare(first == 0 ? "SELECT kv,b FROM post" : "SELECT kv,b FROM post WHERE seg>=?"));
    if (first > 0) query.bind(1, std::int64_t(first >> kPostShift));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      auto ids = IdSet::fromBytes(query.blob(1));
      if (!ids) return damaged("a posting");
      if (first > 0) *ids = ids->between(first, UINT32_MAX);
      added[query.integer(0)] |= *ids;
    }
  }

  Status columns() {
    RETORT_TRY(auto query, db.prepare("SELECT seg,which,n,b FROM col WHERE seg>=? ORDER BY which,seg"));
    query.bind(1, std::int64_t(first >> kColumnShift));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const auto which = query.integer(1);
      if (which < 0 || which >= kColumns || query.integer(2) < 0 || query.integer(2) > (1 << kColumnShift)) return damaged("a column");
      RETORT_TRY(const auto values, unpackColumn(query.blob(3), static_cast<std::size_t>(query.integer(2))));
      auto& column = s.columns[which];
      const auto start = static_cast<std::size_t>(query.integer(0)) << kColumnShift;
      if (column.size() < start || column.size() > start + values.size()) return damaged("a gap in a column");
      column.append(std::span(values).subspan(column.size() - start));
    }
  }

  Status deltas() {
    RETORT_TRY(auto query, db.prepare("SELECT b FROM post_delta WHERE first_id>=? ORDER BY first_id"));
    query.bind(1, std::int64_t(first));
    ColumnRows rows;
    std::size_t start = s.columns[0].size();
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      RETORT_TRY(const auto delta, unpackDelta(query.blob(0)));
      for (const auto& posting : delta.postings) added[posting.kv] |= posting.ids;
      if (start + rows.size() != delta.first) return damaged("a commit in the wrong place");
      for (int c = 0; c < kColumns; ++c) rows.values[c].insert(rows.values[c].end(), delta.columns.values[c].begin(), delta.columns.values[c].end());
    }
    for (int c = 0; c < kColumns; ++c) s.columns[c].append(rows.values[c]);
    return {};
  }

  Status tombs() {
    s.live = IdSet::range(0, s.end);
    s.hasDeleted = false;
    RETORT_TRY(auto query, db.prepare("SELECT b FROM tomb"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const auto ids = IdSet::fromBytes(query.blob(0));
      if (!ids) return damaged("the list of deleted records");
      s.live -= *ids;
      s.hasDeleted = s.live.size() != s.end;
    }
  }

  Status finish() {
    const IdSet inside = IdSet::range(first, s.end);
    std::vector<std::vector<const IdSet*>> news(s.keys.size());
    for (auto& [kv, ids] : added) {
      ids &= inside;
      std::size_t k;
      if (kv < 0) {
        const auto key = keyPlace.find(-kv);
        if (key == keyPlace.end()) return damaged("a posting without its key");
        k = key->second;
      } else {
        const auto found = place.find(kv);
        if (found == place.end()) return damaged("a posting without its value");
        k = found->second.first;
        if (ids.isEmpty()) continue;
        auto& value = change(k).values[found->second.second];
        value.ids = std::make_shared<const IdSet>(*value.ids | ids);
      }
      news[k].push_back(&ids);
    }
    for (std::size_t k = 0; k < s.keys.size(); ++k) {
      if (!fresh[k] && news[k].empty()) continue;
      SnapshotKey& key = change(k);
      key.all |= IdSet::unionOf(news[k]);
      key.index();
      s.keys[k] = fresh[k];
    }
    for (const auto& key : s.keys)
      if (key->isBuiltIn && (key->name == "@model" || key->name == "@op" || key->name == "@stop"))
        for (const auto& value : key->values) s.rowTexts[value.kv] = value.text;
    return {};
  }

  Result<bool> run() {
    RETORT_TRY(const auto last, db.integer("SELECT max(id) FROM log"));
    s.end = last ? static_cast<std::uint32_t>(*last + 1) : 0;
    fresh.resize(s.keys.size());
    RETORT_TRY(const bool goesOn, keys());
    if (!goesOn || s.end < first) return false;
    if (s.end > first) {
      RETORT_CHECK(postings());
      RETORT_CHECK(columns());
      RETORT_CHECK(deltas());
    }
    RETORT_CHECK(tombs());
    for (const auto& column : s.columns)
      if (column.size() != s.end) return damaged("a column's length");
    RETORT_CHECK(finish());
    return true;
  }
};

Result<std::int64_t> generationOf(store::Database& db) {
  RETORT_TRY(const auto version, db.integer("PRAGMA user_version"));
  if (version.value_or(0) < 2) return std::int64_t(-1);
  RETORT_TRY(const auto generation, db.integer("SELECT value FROM meta WHERE name='generation'"));
  return generation.value_or(0);
}

}  // namespace

Result<std::shared_ptr<Snapshot>> Snapshot::load(store::Database& db, const std::shared_ptr<const Snapshot>& before) {
  std::shared_ptr<const Snapshot> from = before;
  std::optional<Error> note;
  RETORT_TRY(const auto known, generationOf(db));
  if (!before || before->generation != known) from = openIndexFile(db, note);
  // One read transaction: a commit of the importer between two queries must not show half of itself.
  RETORT_CHECK(db.exec("BEGIN"));
  std::shared_ptr<Snapshot> snapshot;
  const auto all = [&]() -> Status {
    RETORT_TRY(const auto generation, generationOf(db));
    bool isDone = false;
    if (from && from->generation == generation) {
      snapshot = std::make_shared<Snapshot>(*from);
      RETORT_TRY(isDone, (Loader{db, *snapshot, from->end, {}, {}, {}, {}}.run()));
    }
    if (isDone) return {};
    snapshot = std::make_shared<Snapshot>();
    snapshot->generation = generation;
    RETORT_TRY(isDone, (Loader{db, *snapshot, 0, {}, {}, {}, {}}.run()));
    if (!isDone) return damaged("keys in no order");
    return {};
  };
  Status status = all();
  (void)db.exec("COMMIT");
  if (!status.ok()) return std::move(status).error();
  if (note) snapshot->note = std::move(note);
  return snapshot;
}

void SnapshotKey::indexTexts() {
  auto map = std::make_shared<std::unordered_map<std::string_view, std::size_t>>();
  map->reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) map->emplace(*values[i].text, i);
  byText = std::move(map);
}

void SnapshotKey::index() {
  indexTexts();
  std::uint64_t sum = 0;
  for (const auto& value : values) sum += value.ids->size();
  isSingle = sum <= all.size();
  m_codes.reset();
}

std::shared_ptr<const ValueCodes> SnapshotKey::codes(std::uint32_t end) const {
  if (!isSingle || isHigh || values.size() >= UINT16_MAX) return nullptr;
  std::lock_guard lock(m_mutex);
  if (!m_codes || m_codes->codes.size() < end) {
    auto made = std::make_shared<ValueCodes>();
    made->codes.assign(end, 0);
    // Block by block: a block's codes stay in the cache while all values pass.
    for (std::uint32_t first = 0; first < end; first += 65'536) {
      const std::span<std::uint16_t> block(made->codes.data() + first, std::min<std::uint32_t>(65'536, end - first));
      for (std::size_t i = 0; i < values.size(); ++i)
        forEachInChunk(values[i].ids->chunk(static_cast<std::uint16_t>(first >> 16)), [&, code = static_cast<std::uint16_t>(i + 1)](std::uint32_t at) {
          if (at < block.size()) block[at] = code;
        });
      if (first >= 0xffff0000u) break;
    }
    m_codes = std::move(made);
  }
  return m_codes;
}

const SnapshotKey* Snapshot::find(std::string_view name, bool isBuiltIn) const {
  for (const auto& key : keys)
    if (key->isBuiltIn == isBuiltIn && key->name == name) return key.get();
  return nullptr;
}

Result<std::shared_ptr<const SnapshotKey>> Snapshot::key(std::string_view name, bool isBuiltIn) const {
  for (const auto& key : keys)
    if (key->isBuiltIn == isBuiltIn && key->name == name) return key;
  for (const auto& extra : extras) {
    RETORT_TRY(auto key, extra->key(name, isBuiltIn));
    if (key) return key;
  }
  return std::shared_ptr<const SnapshotKey>();
}

std::size_t Snapshot::columnBytes() const {
  std::size_t sum = 0;
  for (const auto& column : columns) sum += column.bytes();
  return sum;
}

}  // namespace retort::logs
