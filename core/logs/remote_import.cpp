// One pull: counted, fetched, imported, remembered.
#include "logs/remote_import.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "logs/log_schema.h"
#include "store/database.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSchema = "retort.query/1";
constexpr std::size_t kIdDigits = 12;

fs::path queryFile(const fs::path& logsDb, const std::string& id) { return logsDb.parent_path() / "queries" / (id + ".json"); }

/// The id of the query that a file of the store stands for; empty for a real file.
std::string queryIdOf(const std::string& path) {
  const auto hash = path.rfind('#');
  return hash != std::string::npos && path.size() == hash + 1 + kIdDigits ? path.substr(hash + 1) : std::string();
}

Result<RemoteQuery> queryFromJson(const Json& json, const fs::path& file) {
  RemoteQuery q;
  ObjectReader reader(json, file.filename().string());
  std::string schema;
  reader.required("schema", schema).required("id", q.id).required("source", q.source).required("filter", q.filter).required("sql", q.sql).required("sha256", q.sha256);
  reader.required("pulled", q.pulled).required("bytes", q.bytes).optional("rows", q.rows).optional("unreadable", q.unreadable).optional("at", q.at);
  reader.optional("scanned_bytes", q.cost.scannedBytes).optional("cost_usd", q.cost.usd).optional("query_ids", q.cost.queryIds);
  RETORT_CHECK(reader.finish(true));
  if (schema != kSchema) return Error{"logs.query.schema", "The query " + shown(file.filename().string()) + " cannot be read", {}, "its schema is " + shown(schema), {}, {}, {}};
  return q;
}

/// What a killed import had pulled, if it is still whole.
std::optional<RemoteQuery> pulledBefore(const fs::path& result, const fs::path& state) {
  std::error_code error;
  const auto json = readJsonFile(state);
  if (!json.ok() || !fs::exists(result, error)) return std::nullopt;
  auto query = queryFromJson(*json, state);
  if (!query.ok() || fs::file_size(result, error) != static_cast<std::uintmax_t>(query->bytes) || error) return std::nullopt;
  return std::move(*query);
}

Result<RemoteQuery> pullNow(RecordSource& source, const Filter& filter, const fs::path& result, const fs::path& state, std::stop_token stop, const ProgressFn& progress) {
  RemoteQuery query;
  query.source = source.name();
  query.filter = printFilter(filter);
  query.sql = source.explain(filter);
  query.at = isoUtc(utcMicros());
  if (!source.isMetered()) {
    if (progress) progress({"Counting", 0, 0, {}, -1});
    RETORT_TRY(const auto count, source.count(filter, stop));
    query.rows = count.rows;
    query.unreadable = count.unreadable;
    query.cost += count.cost;
  }
  RETORT_TRY(const auto pulled, source.pull(filter, result, stop, progress));
  query.pulled = pulled.rows;
  query.bytes = pulled.bytes;
  query.sha256 = pulled.sha256;
  query.cost += pulled.cost;
  query.id = sha256Hex(query.source + "\n" + query.sql + "\n" + query.sha256).substr(0, kIdDigits);
  RETORT_CHECK(writeJsonFile(state, query.toJson()));
  return query;
}

}  // namespace

Json RemoteQuery::toJson() const {
  Json json = {{"schema", kSchema}, {"id", id}, {"source", source}, {"filter", filter}, {"sql", sql}, {"sha256", sha256}, {"pulled", pulled}, {"bytes", bytes}, {"at", at}};
  if (rows > 0) json["rows"] = rows;
  if (unreadable > 0) json["unreadable"] = unreadable;
  if (cost.scannedBytes > 0) json["scanned_bytes"] = cost.scannedBytes;
  if (cost.usd > 0) json["cost_usd"] = cost.usd;
  if (!cost.queryIds.empty()) json["query_ids"] = cost.queryIds;
  return json;
}

Result<RemoteImport> importRemote(const fs::path& logsDb, RecordSource& source, ImportOptions options, std::stop_token stop, const ProgressFn& progress) {
  const fs::path folder = logsDb.parent_path() / "cache" / "remote";
  RETORT_CHECK(makeFolders(folder));
  RETORT_TRY(auto lock, FileLock::tryLock(folder / "lock"));
  if (!lock) return Error{"logs.import.busy", "Another import pulls records into " + shown(logsDb.string()), {}, {}, "Wait for it, or stop it.", {}, {}};
  const std::string key = sha256Hex(source.name() + "\n" + source.explain(options.where)).substr(0, kIdDigits);
  const fs::path result = folder / (key + ".jsonl"), state = folder / (key + ".json");
  RemoteImport out;
  bool goesOn = false;
  if (auto before = pulledBefore(result, state)) {
    out.query = std::move(*before);
    goesOn = true;
  } else {
    RETORT_TRY(out.query, pullNow(source, options.where, result, state, stop, progress));
  }
  // Known before its records are: whatever stands in the store, its origin can be told.
  RETORT_CHECK(makeFolders(queryFile(logsDb, out.query.id).parent_path()));
  RETORT_CHECK(writeJsonFile(queryFile(logsDb, out.query.id), out.query.toJson()));
  options.sources.clear();
  options.fetched = {{result, folder, out.query.bytes, 0, 0, source.name() + "#" + out.query.id}};
  RETORT_TRY(out.summary, importLogs(logsDb, options, stop, progress));
  std::error_code ignored;
  fs::remove(result, ignored);
  fs::remove(state, ignored);
  if (out.summary.unchangedFiles == 0 && out.query.rows > 0) {
    out.summary.lines += out.query.rows - out.query.pulled;
    out.summary.rejected += out.query.unreadable;
    out.summary.filtered += out.query.rows - out.query.pulled - out.query.unreadable;
  }
  if (out.query.unreadable > 0)
    out.summary.notes.push_back(formatCount(out.query.unreadable) + " lines are no JSON for " + std::string(engineName(source.engine())) + " and could not be pulled; import the files themselves to see them");
  if (goesOn) out.summary.notes.push_back("the records that were pulled at " + out.query.at + " were imported to their end");
  return out;
}

Result<Json> originOf(const fs::path& logsDb, std::uint32_t id) {
  RETORT_TRY(auto db, store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::readOnly)));
  RETORT_TRY(auto find, db.prepare("SELECT f.path FROM log l JOIN source_file f ON f.id = l.file WHERE l.id = ?"));
  find.bind(1, static_cast<std::int64_t>(id));
  RETORT_TRY(const bool found, find.step());
  if (!found) return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, "List records: retort-cli logs list.", {}, {}};
  const std::string path(find.text(0));
  Json origin = {{"path", path}};
  if (const auto query = queryIdOf(path); !query.empty())
    if (auto json = readJsonFile(queryFile(logsDb, query)); json.ok()) origin["query"] = std::move(*json);
  return origin;
}

Result<Json> queriesOf(const fs::path& logsDb, const std::vector<std::uint32_t>& ids) {
  RETORT_TRY(auto db, store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::readOnly)));
  RETORT_TRY(auto files, db.prepare("SELECT id, path FROM source_file ORDER BY id"));
  RETORT_TRY(auto records, db.prepare("SELECT id FROM log WHERE file = ?"));
  Json out = Json::array();
  while (true) {
    RETORT_TRY(const bool isFile, files.step());
    if (!isFile) return out;
    const auto id = queryIdOf(std::string(files.text(1)));
    if (id.empty()) continue;
    std::int64_t n = 0;
    records.reset();
    records.bind(1, files.integer(0));
    while (true) {
      RETORT_TRY(const bool isRecord, records.step());
      if (!isRecord) break;
      n += std::binary_search(ids.begin(), ids.end(), static_cast<std::uint32_t>(records.integer(0)));
    }
    if (n == 0) continue;
    Json entry = {{"id", id}};
    if (const auto json = readJsonFile(queryFile(logsDb, id)); json.ok())
      for (const char* member : {"source", "filter", "sha256"}) entry[member] = json->value(member, "");
    entry["records"] = n;
    out.push_back(std::move(entry));
  }
}

}  // namespace retort::logs
