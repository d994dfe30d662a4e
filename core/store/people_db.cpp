// Tables of retort.db and the statements on them.
#include "store/people_db.h"

#include <array>

#include "base/clock.h"

namespace retort::store {

namespace {

constexpr const char* kSchema1 = R"sql(
CREATE TABLE tag(rid BLOB NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(rid,tag)) STRICT, WITHOUT ROWID;
CREATE TABLE rating(rid BLOB PRIMARY KEY, stars INT NOT NULL CHECK(stars BETWEEN 1 AND 5)) STRICT, WITHOUT ROWID;
CREATE TABLE annotation(rid BLOB NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY(rid,name)) STRICT, WITHOUT ROWID;
CREATE TABLE saved_filter(name TEXT PRIMARY KEY, filter TEXT NOT NULL, created TEXT NOT NULL, view TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE golden(id INTEGER PRIMARY KEY AUTOINCREMENT, rid BLOB NOT NULL, row TEXT NOT NULL UNIQUE, source TEXT NOT NULL, added TEXT NOT NULL) STRICT;
CREATE TABLE purge(id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, reason TEXT NOT NULL, records INT NOT NULL, bytes INT NOT NULL, datasets INT NOT NULL) STRICT;
CREATE TABLE purged(rid BLOB PRIMARY KEY, purge INT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE folder(noun TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, state TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY(noun,id)) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array<Migration, 1> kMigrations = {{{1, kSchema1, false}}};

Status checkKey(std::string_view key) {
  if (key.size() == kRequestKeyBytes) return {};
  return Error{"people.key", "A record's key is not 16 bytes long", {}, {}, {}, {}, {}};
}

Status checkTag(std::string_view tag) {
  bool isGood = !tag.empty() && tag.size() <= 100;
  for (const char c : tag) isGood = isGood && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  if (isGood) return {};
  return Error{"people.tag", "\"" + shown(tag) + "\" cannot be a tag", {}, "a tag has 1 to 100 bytes and no control characters", "Choose another word.", {}, {}};
}

}  // namespace

Result<PeopleDb> PeopleDb::open(const std::filesystem::path& file, bool readOnly) {
  OpenOptions options;
  options.mode = readOnly ? OpenOptions::Mode::readOnly : OpenOptions::Mode::create;
  options.applicationId = kPeopleApplicationId;
  options.fullSync = true;
  options.cacheKiB = 4 * 1024;
  RETORT_TRY(auto db, Database::open(file, options));
  if (!readOnly) {
    RETORT_CHECK(migrate(db, kMigrations));
  } else {
    RETORT_TRY(const auto version, db.integer("PRAGMA user_version"));
    if (version.value_or(0) > kMigrations.back().version)
      return Error{"store.newer", "retort.db was made by a newer Retort", file.parent_path().string(), "its schema is " + std::to_string(*version), "Update Retort.", {}, {}};
    if (version.value_or(0) < kMigrations.back().version)
      return Error{"store.older", "retort.db was made by an older Retort", file.parent_path().string(), {}, "Open the workspace once for writing.", {}, {}};
  }
  return PeopleDb(std::move(db));
}

Result<std::vector<std::string>> PeopleDb::setTag(std::span<const std::string> keys, std::string_view tag, bool on) {
  RETORT_CHECK(checkTag(tag));
  RETORT_TRY(auto transaction, Transaction::begin(m_db));
  RETORT_TRY(auto change, m_db.prepare(on ? "INSERT OR IGNORE INTO tag(rid,tag) VALUES(?,?)" : "DELETE FROM tag WHERE rid=? AND tag=?"));
  std::vector<std::string> changed;
  for (const auto& key : keys) {
    RETORT_CHECK(checkKey(key));
    RETORT_CHECK(change.bindBlob(1, key).bindText(2, tag).run());
    if (m_db.changes() > 0) changed.push_back(key);
  }
  RETORT_CHECK(transaction.commit());
  return changed;
}

Result<std::vector<std::pair<std::string, int>>> PeopleDb::setRating(std::span<const std::string> keys, int stars) {
  if (stars < 0 || stars > 5) return Error{"people.rating", "A rating is 1 to 5 stars", {}, std::to_string(stars) + " is none", "0 takes a rating away.", {}, {}};
  RETORT_TRY(auto transaction, Transaction::begin(m_db));
  RETORT_TRY(auto find, m_db.prepare("SELECT stars FROM rating WHERE rid=?"));
  RETORT_TRY(auto put, m_db.prepare("INSERT OR REPLACE INTO rating(rid,stars) VALUES(?,?)"));
  RETORT_TRY(auto drop, m_db.prepare("DELETE FROM rating WHERE rid=?"));
  std::vector<std::pair<std::string, int>> before;
  for (const auto& key : keys) {
    RETORT_CHECK(checkKey(key));
    find.bindBlob(1, key);
    RETORT_TRY(const bool found, find.step());
    before.emplace_back(key, found ? static_cast<int>(find.integer(0)) : 0);
    find.reset();
    if (stars == 0) RETORT_CHECK(drop.bindBlob(1, key).run());
    else RETORT_CHECK(put.bindBlob(1, key).bind(2, std::int64_t(stars)).run());
  }
  RETORT_CHECK(transaction.commit());
  return before;
}

Status PeopleDb::forEachTag(const std::function<bool(std::string_view, std::string_view)>& visit) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT rid,tag FROM tag ORDER BY rid,tag"));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row || !visit(query.blob(0), query.text(1))) return {};
  }
}

Status PeopleDb::forEachRating(const std::function<bool(std::string_view, int)>& visit) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT rid,stars FROM rating ORDER BY rid"));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row || !visit(query.blob(0), static_cast<int>(query.integer(1)))) return {};
  }
}

Status PeopleDb::forEachAnnotation(const std::function<bool(std::string_view, std::string_view, std::string_view, std::string_view)>& visit) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT rid,name,type,value FROM annotation ORDER BY rid,name"));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row || !visit(query.blob(0), query.text(1), query.text(2), query.text(3))) return {};
  }
}

Result<std::vector<std::string>> PeopleDb::tagsOf(std::string_view key) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT tag FROM tag WHERE rid=? ORDER BY tag"));
  query.bindBlob(1, key);
  std::vector<std::string> tags;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return tags;
    tags.emplace_back(query.text(0));
  }
}

Result<int> PeopleDb::ratingOf(std::string_view key) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT stars FROM rating WHERE rid=?"));
  query.bindBlob(1, key);
  RETORT_TRY(const bool row, query.step());
  return row ? static_cast<int>(query.integer(0)) : 0;
}

Status PeopleDb::saveFilter(const SavedFilter& filter) {
  if (filter.name.empty() || filter.name.size() > 200) return Error{"people.filter.name", "A saved filter needs a name of 1 to 200 bytes", {}, {}, {}, {}, {}};
  RETORT_TRY(auto put, m_db.prepare("INSERT OR REPLACE INTO saved_filter(name,filter,created,view) VALUES(?,?,?,?)"));
  return put.bindText(1, filter.name).bindText(2, filter.filter).bindText(3, filter.created.empty() ? isoUtc(utcMicros()) : filter.created).bindText(4, filter.view).run();
}

Result<std::vector<SavedFilter>> PeopleDb::savedFilters() const {
  RETORT_TRY(auto query, m_db.prepare("SELECT name,filter,created,view FROM saved_filter ORDER BY name"));
  std::vector<SavedFilter> all;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return all;
    all.push_back({std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)), std::string(query.text(3))});
  }
}

Result<bool> PeopleDb::removeFilter(std::string_view name) {
  RETORT_TRY(auto drop, m_db.prepare("DELETE FROM saved_filter WHERE name=?"));
  RETORT_CHECK(drop.bindText(1, name).run());
  return m_db.changes() > 0;
}

Result<std::int64_t> PeopleDb::addGolden(const GoldenExample& example) {
  RETORT_TRY(auto transaction, Transaction::begin(m_db));
  RETORT_TRY(auto find, m_db.prepare("SELECT id FROM golden WHERE row=?"));
  find.bindText(1, example.row);
  RETORT_TRY(const bool found, find.step());
  if (found) {
    const auto id = find.integer(0);
    find.reset();
    RETORT_CHECK(transaction.commit());
    return id;
  }
  find.reset();
  RETORT_TRY(auto put, m_db.prepare("INSERT INTO golden(rid,row,source,added) VALUES(?,?,?,?)"));
  RETORT_CHECK(put.bindBlob(1, example.key).bindText(2, example.row).bindText(3, example.source).bindText(4, example.added.empty() ? isoUtc(utcMicros()) : example.added).run());
  const auto id = m_db.lastInsertId();
  RETORT_CHECK(transaction.commit());
  return id;
}

Result<std::vector<GoldenExample>> PeopleDb::goldenExamples() const {
  RETORT_TRY(auto query, m_db.prepare("SELECT id,rid,row,source,added FROM golden ORDER BY id"));
  std::vector<GoldenExample> all;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return all;
    all.push_back({query.integer(0), std::string(query.blob(1)), std::string(query.text(2)), std::string(query.text(3)), std::string(query.text(4))});
  }
}

Result<bool> PeopleDb::removeGolden(std::int64_t id) {
  RETORT_TRY(auto drop, m_db.prepare("DELETE FROM golden WHERE id=?"));
  RETORT_CHECK(drop.bind(1, id).run());
  return m_db.changes() > 0;
}

Status PeopleDb::beginPurge(std::span<const std::string> keys, std::string_view reason) {
  RETORT_TRY(auto transaction, Transaction::begin(m_db));
  RETORT_TRY(auto put, m_db.prepare("INSERT INTO purge(at,reason,records,bytes,datasets) VALUES(?,?,?,?,?)"));
  RETORT_CHECK(put.bindText(1, isoUtc(utcMicros())).bindText(2, reason).bind(3, static_cast<std::int64_t>(keys.size())).bind(4, kPurgePending).bind(5, std::int64_t{0}).run());
  const auto purge = m_db.lastInsertId();
  RETORT_TRY(auto remember, m_db.prepare("INSERT OR REPLACE INTO purged(rid,purge) VALUES(?,?)"));
  std::vector<Statement> drops;
  for (const char* table : {"tag", "rating", "annotation", "golden"}) {
    RETORT_TRY(auto drop, m_db.prepare(std::string("DELETE FROM ") + table + " WHERE rid=?"));
    drops.push_back(std::move(drop));
  }
  for (const auto& key : keys) {
    RETORT_CHECK(checkKey(key));
    RETORT_CHECK(remember.bindBlob(1, key).bind(2, purge).run());
    for (auto& drop : drops) RETORT_CHECK(drop.bindBlob(1, key).run());
  }
  return transaction.commit();
}

Status PeopleDb::finishPurge(std::int64_t purge, std::int64_t bytes, std::int64_t datasets) {
  RETORT_CHECK(m_db.scrub());
  RETORT_TRY(auto put, m_db.prepare("UPDATE purge SET bytes=?,datasets=? WHERE id=?"));
  return put.bind(1, bytes).bind(2, datasets).bind(3, purge).run();
}

Result<std::vector<std::string>> PeopleDb::keysOfPurge(std::int64_t purge) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT rid FROM purged WHERE purge=? ORDER BY rid"));
  query.bind(1, purge);
  std::vector<std::string> keys;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return keys;
    keys.emplace_back(query.blob(0));
  }
}

Result<bool> PeopleDb::isPurged(std::string_view key) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT 1 FROM purged WHERE rid=?"));
  query.bindBlob(1, key);
  return query.step();
}

Status PeopleDb::forEachPurged(const std::function<bool(std::string_view)>& visit) const {
  RETORT_TRY(auto query, m_db.prepare("SELECT rid FROM purged ORDER BY rid"));
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row || !visit(query.blob(0))) return {};
  }
}

Result<std::int64_t> PeopleDb::purgedCount() const {
  RETORT_TRY(const auto n, m_db.integer("SELECT count(*) FROM purged"));
  return n.value_or(0);
}

Result<std::vector<PurgeTally>> PeopleDb::purges() const {
  RETORT_TRY(auto query, m_db.prepare("SELECT id,at,reason,records,bytes,datasets FROM purge ORDER BY id"));
  std::vector<PurgeTally> all;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return all;
    all.push_back({query.integer(0), std::string(query.text(1)), std::string(query.text(2)), query.integer(3), query.integer(4), query.integer(5)});
  }
}

Status PeopleDb::setFolders(std::span<const FolderEntry> folders) {
  RETORT_TRY(auto transaction, Transaction::begin(m_db));
  RETORT_CHECK(m_db.exec("DELETE FROM folder"));
  RETORT_TRY(auto put, m_db.prepare("INSERT INTO folder(noun,id,name,created,state,parent) VALUES(?,?,?,?,?,?)"));
  for (const auto& f : folders)
    RETORT_CHECK(put.bindText(1, f.noun).bindText(2, f.id).bindText(3, f.name).bindText(4, f.created).bindText(5, f.state).bindText(6, f.parent).run());
  return transaction.commit();
}

Result<std::vector<FolderEntry>> PeopleDb::folders() const {
  RETORT_TRY(auto query, m_db.prepare("SELECT noun,id,name,created,state,parent FROM folder ORDER BY noun,id"));
  std::vector<FolderEntry> all;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return all;
    all.push_back({std::string(query.text(0)), std::string(query.text(1)), std::string(query.text(2)), std::string(query.text(3)), std::string(query.text(4)), std::string(query.text(5))});
  }
}

}  // namespace retort::store
