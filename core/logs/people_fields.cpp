// Request keys of retort.db to dense ids of the store, grouped into postings.
#include "logs/people_fields.h"

#include <map>

namespace retort::logs {

namespace {

/// key name -> value -> ids
using Found = std::map<std::string, std::map<std::string, std::vector<std::uint32_t>>>;

std::shared_ptr<const SnapshotKey> keyOf(const std::string& name, bool isBuiltIn, std::map<std::string, std::vector<std::uint32_t>>& values) {
  auto key = std::make_shared<SnapshotKey>();
  key->name = name;
  key->isBuiltIn = isBuiltIn;
  for (auto& [text, ids] : values) {
    std::sort(ids.begin(), ids.end());
    key->values.push_back({std::make_shared<const std::string>(text), 0, std::make_shared<const IdSet>(IdSet::of(ids))});
    key->all |= *key->values.back().ids;
  }
  key->distinct = key->values.size();
  key->index();
  return key;
}

}  // namespace

Result<std::shared_ptr<const PeopleFields>> PeopleFields::refreshed(const std::shared_ptr<const PeopleFields>& before, const std::filesystem::path& folder,
                                                                    const Snapshot& snapshot, const store::Database& logs) {
  const std::shared_ptr<const PeopleFields> none;
  std::shared_ptr<const store::PeopleDb> db = before ? before->m_db : nullptr;
  if (!db) {
    std::error_code error;
    if (!std::filesystem::exists(folder / "retort.db", error)) return none;
    auto opened = store::PeopleDb::open(folder / "retort.db", true);
    if (!opened.ok()) return none;
    db = std::make_shared<const store::PeopleDb>(std::move(*opened));
  }
  const auto version = db->db().dataVersion();
  if (!version.ok()) return none;
  if (before && before->m_version == *version && before->m_end == snapshot.end && before->m_generation == snapshot.generation) return before;
  auto made = std::make_shared<PeopleFields>();
  made->m_db = db;
  made->m_version = *version;
  made->m_end = snapshot.end;
  made->m_generation = snapshot.generation;
  // Without the index of request ids (a first import is running) each look-up would read the whole table.
  RETORT_TRY(const auto hasIndex, logs.integer("SELECT count(*) FROM sqlite_master WHERE type='index' AND name='log_rid'"));
  if (hasIndex.value_or(0) == 0) return std::shared_ptr<const PeopleFields>(std::move(made));
  RETORT_TRY(auto find, logs.prepare("SELECT id FROM log WHERE rid=?"));
  Error failure;
  const auto idOf = [&](std::string_view key) -> std::optional<std::uint32_t> {
    find.bindBlob(1, key);
    auto row = find.step();
    std::optional<std::uint32_t> id;
    if (!row.ok()) failure = row.error();
    else if (*row && static_cast<std::uint64_t>(find.integer(0)) < snapshot.end) id = static_cast<std::uint32_t>(find.integer(0));
    find.reset();
    return id;
  };
  Found builtIn, columns;
  RETORT_CHECK(db->forEachTag([&](std::string_view key, std::string_view tag) {
    if (const auto id = idOf(key)) builtIn["@tags"][std::string(tag)].push_back(*id);
    return failure.code.empty();
  }));
  RETORT_CHECK(db->forEachRating([&](std::string_view key, int stars) {
    if (const auto id = idOf(key)) builtIn["@rating"][std::to_string(stars)].push_back(*id);
    return failure.code.empty();
  }));
  RETORT_CHECK(db->forEachAnnotation([&](std::string_view key, std::string_view name, std::string_view, std::string_view value) {
    if (const auto id = idOf(key)) columns[std::string(name)][std::string(value)].push_back(*id);
    return failure.code.empty();
  }));
  if (!failure.code.empty()) return failure;
  for (auto& [name, values] : builtIn) made->m_keys.push_back(keyOf(name, true, values));
  // A column never hides a metadata key of its name.
  for (auto& [name, values] : columns)
    if (!snapshot.find(name, false)) made->m_keys.push_back(keyOf(name, false, values));
  return std::shared_ptr<const PeopleFields>(std::move(made));
}

std::vector<std::pair<std::string, bool>> PeopleFields::names() const {
  std::vector<std::pair<std::string, bool>> out;
  for (const auto& key : m_keys) out.emplace_back(key->name, key->isBuiltIn);
  return out;
}

Result<std::shared_ptr<const SnapshotKey>> PeopleFields::key(std::string_view name, bool isBuiltIn) const {
  for (const auto& key : m_keys)
    if (key->isBuiltIn == isBuiltIn && key->name == name) return key;
  return std::shared_ptr<const SnapshotKey>();
}

}  // namespace retort::logs
