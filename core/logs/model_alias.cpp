// The alias table, and its effect on what is stored.
#include "logs/model_alias.h"

#include <algorithm>

#include "base/files.h"
#include "logs/import_writer.h"
#include "logs/log_schema.h"
#include "logs/record.h"

namespace retort::logs {

namespace {

constexpr std::string_view kSchema = "retort.aliases/1";

Error badTable(std::string_view where, std::string why) {
  return Error{"logs.aliases.wrong", "The table of model names " + shown(where) + " cannot be used", {}, std::move(why), R"(Write {"schema":"retort.aliases/1","aliases":{"id as logged":"model"}}.)", {}, {}};
}

}  // namespace

Status ModelAliases::add(const Json& json, std::string_view where) {
  if (!json.is_object() || json.value("schema", "") != kSchema) return badTable(where, "it has no schema " + std::string(kSchema));
  const auto table = json.find("aliases");
  if (table == json.end() || !table->is_object()) return badTable(where, "it has no object \"aliases\"");
  for (const auto& [name, model] : table->items()) {
    if (!model.is_string() || model.get_ref<const std::string&>().empty() || name.empty()) return badTable(where, "the model of " + shown(name) + " is no text");
    if (name.back() == '*') m_patterns.emplace_back(name.substr(0, name.size() - 1), model.get<std::string>());
    else m_exact.emplace(name, model.get<std::string>());   // the workspace's came first and stays
  }
  std::stable_sort(m_patterns.begin(), m_patterns.end(), [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  return {};
}

Result<ModelAliases> ModelAliases::load(const std::filesystem::path& workspaceFile, const std::filesystem::path& shippedFile) {
  ModelAliases aliases;
  for (const auto& file : {workspaceFile, shippedFile}) {
    std::error_code error;
    if (file.empty() || !std::filesystem::exists(file, error)) continue;
    RETORT_TRY(const auto json, readJsonFile(file, 4u << 20));
    RETORT_CHECK(aliases.add(json, file.filename().string()));
  }
  return aliases;
}

std::string ModelAliases::modelOf(std::string_view raw) const {
  std::string normal = normaliseModel(raw);
  for (const std::string_view name : {raw, std::string_view(normal)})
    if (const auto found = m_exact.find(name); found != m_exact.end()) return found->second;
  for (const auto& [prefix, model] : m_patterns)
    if (raw.starts_with(prefix) || normal.starts_with(prefix)) return model;
  return normal;
}

Status setAlias(const std::filesystem::path& file, const std::string& name, const std::string& model) {
  Json json = {{"schema", kSchema}, {"aliases", Json::object()}};
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    RETORT_TRY(json, readJsonFile(file, 4u << 20));
    ModelAliases check;
    RETORT_CHECK(check.add(json, file.filename().string()));
  }
  if (model.empty()) json["aliases"].erase(name);
  else json["aliases"][name] = model;
  return writeJsonFile(file, json);
}

namespace {

struct Value {
  std::int64_t kv = 0;
  std::string text;
  IdSet ids;
};

Result<std::vector<Value>> valuesOf(store::Database& db, std::string_view key) {
  std::vector<Value> values;
  RETORT_TRY(auto query, db.prepare("SELECT kv.id,kv.value,post.b FROM kv JOIN key ON key.id=kv.key LEFT JOIN post ON post.kv=kv.id WHERE key.name=? AND key.builtin=1 ORDER BY kv.id,post.seg"));
  query.bindText(1, key);
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return values;
    if (values.empty() || values.back().kv != query.integer(0)) values.push_back({query.integer(0), std::string(query.text(1)), {}});
    if (query.isNull(2)) continue;
    const auto ids = IdSet::fromBytes(query.blob(2));
    if (!ids) return Error{"logs.index.damaged", "The index of the log store is damaged: a posting", {}, {}, "Move logs.db away and import the sources again.", {}, {}};
    values.back().ids |= *ids;
  }
}

Status putPosting(store::Database& db, std::int64_t kv, const IdSet& ids) {
  RETORT_TRY(auto forget, db.prepare("DELETE FROM post WHERE kv=?"));
  RETORT_CHECK(forget.bind(1, kv).run());
  RETORT_TRY(auto put, db.prepare("INSERT INTO post(kv,seg,n,b) VALUES(?,?,?,?)"));
  const auto list = ids.toVector();
  for (std::size_t at = 0; at < list.size();) {
    const auto segment = list[at] >> kPostShift;
    std::size_t end = at;
    while (end < list.size() && list[end] >> kPostShift == segment) ++end;
    IdSet part = IdSet::of(std::span(list).subspan(at, end - at));
    part.optimise();
    RETORT_CHECK(put.bind(1, kv).bind(2, std::int64_t(segment)).bind(3, static_cast<std::int64_t>(part.size())).bindBlob(4, part.toBytes()).run());
    at = end;
  }
  RETORT_TRY(auto count, db.prepare("UPDATE kv SET n=? WHERE id=?"));
  return count.bind(1, static_cast<std::int64_t>(ids.size())).bind(2, kv).run();
}

}  // namespace

Result<std::int64_t> remapModels(store::Database& db, const ModelAliases& aliases) {
  RETORT_CHECK(foldDeltas(db));
  RETORT_TRY(auto transaction, store::Transaction::begin(db));
  RETORT_TRY(const auto raws, valuesOf(db, "@model.raw"));
  RETORT_TRY(auto models, valuesOf(db, "@model"));
  std::map<std::string, IdSet> wanted;
  for (const auto& raw : raws) wanted[aliases.modelOf(raw.text)] |= raw.ids;
  // What has no raw id (none was logged) has no model either.
  bool isSame = true;
  for (const auto& model : models) {
    const auto found = wanted.find(model.text);
    if (found == wanted.end() ? model.ids.size() > 0 : !(found->second == model.ids)) isSame = false;
  }
  for (const auto& [name, ids] : wanted)
    if (ids.size() > 0 && std::none_of(models.begin(), models.end(), [&](const Value& m) { return m.text == name; })) isSame = false;
  if (isSame) return std::int64_t(0);
  RETORT_TRY(const auto key, db.integer("SELECT id FROM key WHERE name='@model' AND builtin=1"));
  if (!key) return std::int64_t(0);
  std::int64_t changed = 0;
  RETORT_TRY(auto update, db.prepare("UPDATE log SET model=? WHERE id=?"));
  for (auto& [name, ids] : wanted) {
    auto found = std::find_if(models.begin(), models.end(), [&name = name](const Value& m) { return m.text == name; });
    if (found == models.end()) {
      RETORT_TRY(auto put, db.prepare("INSERT INTO kv(key,value,n) VALUES(?,?,0)"));
      RETORT_CHECK(put.bind(1, *key).bindText(2, name).run());
      models.push_back({db.lastInsertId(), name, {}});
      found = models.end() - 1;
    }
    IdSet fresh = ids;
    fresh -= found->ids;
    for (const auto id : fresh.toVector()) RETORT_CHECK(update.bind(1, found->kv).bind(2, std::int64_t(id)).run());
    changed += static_cast<std::int64_t>(fresh.size());
    if (!(ids == found->ids)) RETORT_CHECK(putPosting(db, found->kv, ids));
  }
  for (const auto& model : models)
    if (!wanted.contains(model.text)) RETORT_CHECK(putPosting(db, model.kv, IdSet()));
  // What readers have in memory of older records is no longer so.
  RETORT_CHECK(db.exec("UPDATE meta SET value=value+1 WHERE name='generation'"));
  RETORT_CHECK(transaction.commit());
  return changed;
}

}  // namespace retort::logs
