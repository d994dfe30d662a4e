// Reading the table, finding the records, writing their columns.
#include "logs/annotate.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "logs/document_reader.h"
#include "logs/filter.h"
#include "logs/log_store.h"
#include "store/people_db.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostUnmatched = 1000;
constexpr std::size_t kMostColumns = 256;
constexpr std::size_t kMostValue = 64 * 1024;

fs::path undoFile(const fs::path& workspace) { return workspace / "annotate-undo.jsonl"; }

/// One row of the file: its cells as texts, in order.
struct TableRow {
  std::int64_t line = 0;
  std::vector<std::pair<std::string, std::string>> cells;
};

std::string cellText(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  return dumpJson(value);
}

/// Calls `take` for each row; its error ends the reading.
Status readRows(const fs::path& file, std::stop_token stop, const ProgressFn& progress, const std::function<Status(TableRow)>& take) {
  RETORT_TRY(auto source, ByteSource::open(file));
  std::error_code ignored;
  ProgressMeter meter(progress, "Reading annotations", "KB", static_cast<std::int64_t>(fs::file_size(file, ignored) / 1000));
  DocumentReader reader(0, std::move(source), 0, 0, FileMode::unknown);
  bool isDone = false;
  while (!isDone) {
    if (stop.stop_requested()) return cancelledError("Annotating");
    Chunk chunk;
    isDone = reader.fill(chunk, 1u << 20);
    if (chunk.progress.back().error) return *chunk.progress.back().error;
    for (const auto& document : chunk.documents) {
      TableRow row;
      row.line = static_cast<std::int64_t>(document.line);
      const std::string_view text = std::string_view(chunk.bytes).substr(document.begin, document.length);
      const auto wrong = [&](std::string why) {
        return Error{"logs.annotate.row", shown(file.filename().string()) + " cannot be read as annotations", "line " + std::to_string(document.line), std::move(why),
                     "Give a table with a header row, or one JSON object a line.", {}, {}};
      };
      if (document.csv) {
        auto cells = splitCsvRow(text, document.csv->separator);
        if (cells.size() > document.csv->names.size()) return wrong("it has more cells than the header has columns");
        for (std::size_t i = 0; i < cells.size(); ++i) row.cells.emplace_back(document.csv->names[i], std::move(cells[i]));
      } else {
        const auto json = parseJson(text, file.filename().string(), 32);
        if (!json.ok()) return wrong(json.error().why.empty() ? json.error().what : json.error().why);
        if (!json->is_object()) return wrong("it is no JSON object");
        for (const auto& [name, value] : json->items()) row.cells.emplace_back(name, cellText(value));
      }
      RETORT_CHECK(take(std::move(row)));
    }
    if (progress) meter.at(static_cast<std::int64_t>(reader.consumed() / 1000));
  }
  return {};
}

bool isType(std::string_view type, const std::string& value) {
  if (type == "number") return decimalOf(value).has_value();
  if (type == "boolean") return value == "true" || value == "false";
  return type != "time" || parseIsoTime(value).has_value();
}

/// The narrowest type that all values of a column have.
struct ColumnState {
  AnnotatedColumn out;
  bool isNumber = true, isBoolean = true, isTime = true;
  void see(const std::string& value) {
    ++out.values;
    isNumber = isNumber && isType("number", value);
    isBoolean = isBoolean && isType("boolean", value);
    isTime = isTime && isType("time", value);
  }
  [[nodiscard]] std::string type() const { return out.values == 0 ? "text" : isBoolean ? "boolean" : isNumber ? "number" : isTime ? "time" : "text"; }
};

struct Annotator {
  const AnnotateOptions& options;
  const LogStore& store;
  std::set<std::string> logged;            ///< metadata keys of the logs: no column may stand in front of one
  AnnotateSummary summary;
  std::vector<ColumnState> columns;
  std::map<std::string, std::size_t, std::less<>> byName;
  std::map<std::string, std::vector<std::pair<std::size_t, std::string>>> values;   ///< by request key: column, value

  Result<std::size_t> column(const std::string& name) {
    if (const auto known = byName.find(name); known != byName.end()) return known->second;
    if (columns.size() >= kMostColumns) return Error{"logs.annotate.columns", "There are too many columns", {}, "more than 256", "Leave out those that are no labels.", {}, {}};
    ColumnState state;
    state.out.name = name;
    if (logged.contains(name)) {
      state.out.asked = name;
      state.out.name = "label." + name;
    }
    columns.push_back(std::move(state));
    return byName[name] = columns.size() - 1;
  }

  /// The records of a row's key, as request keys.
  Result<std::vector<std::string>> recordsOf(const std::string& key) const {
    std::vector<std::uint32_t> ids;
    if (options.on == "request_id") {
      RETORT_TRY(const auto id, store.findByRequestId(key));
      if (id) ids.push_back(*id);
    } else {
      Filter filter;
      filter.root.kind = FilterNode::Kind::test;
      filter.root.field = options.on;
      filter.root.values = {{key, false}};
      RETORT_TRY(ids, store.ids(filter));
    }
    return store.requestKeys(ids);
  }

  Status take(TableRow row) {
    ++summary.rows;
    std::string key;
    for (const auto& [name, value] : row.cells)
      if (name == options.on) key = value;
    std::vector<std::string> records;
    if (!key.empty()) {
      RETORT_TRY(records, recordsOf(key));
    }
    if (records.empty()) {
      ++summary.unmatched;
      if (summary.unmatchedRows.size() < kMostUnmatched) summary.unmatchedRows.push_back({row.line, std::move(key)});
      return {};
    }
    ++summary.matched;
    for (auto& [name, value] : row.cells) {
      if (name == options.on || name.empty()) continue;
      if (value.size() > kMostValue) return Error{"logs.annotate.value", "A value of " + shown(name) + " is too long", "line " + std::to_string(row.line), "it has more than 64 KiB", "Shorten it.", {}, {}};
      RETORT_TRY(const auto at, column(name));
      if (!value.empty()) columns[at].see(value);
      for (const auto& record : records) {
        auto& cells = values[record];
        const auto old = std::find_if(cells.begin(), cells.end(), [at = at](const auto& c) { return c.first == at; });
        if (old == cells.end()) cells.emplace_back(at, value);
        else old->second = value;   // of two rows for one record the later counts
      }
    }
    return {};
  }
};

/// Metadata keys as imports wrote them, without the columns of earlier annotations.
Result<std::set<std::string>> loggedKeys(const fs::path& logsDb) {
  store::OpenOptions open;
  open.mode = store::OpenOptions::Mode::readOnly;
  RETORT_TRY(const auto db, store::Database::open(logsDb, open));
  RETORT_TRY(auto query, db.prepare("SELECT name FROM key WHERE builtin=0"));
  std::set<std::string> names;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return names;
    names.emplace(query.text(0));
  }
}

/// Writes all values in one transaction; `before` gets a line for each value that changes.
Result<std::int64_t> write(store::PeopleDb& people, const Annotator& annotator, const std::string& source, std::string& before) {
  store::Database& db = people.db();
  std::int64_t changed = 0;
  RETORT_TRY(auto transaction, store::Transaction::begin(db));
  RETORT_TRY(auto find, db.prepare("SELECT type,value,source FROM annotation WHERE rid=? AND name=?"));
  RETORT_TRY(auto put, db.prepare("INSERT OR REPLACE INTO annotation(rid,name,type,value,source) VALUES(?,?,?,?,?)"));
  RETORT_TRY(auto drop, db.prepare("DELETE FROM annotation WHERE rid=? AND name=?"));
  for (const auto& [key, cells] : annotator.values)
    for (const auto& [at, value] : cells) {
      const auto& column = annotator.columns[at].out;
      find.bindBlob(1, key).bindText(2, column.name);
      RETORT_TRY(const bool found, find.step());
      Json old = {{"rid", toHex({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()})}, {"name", column.name}};
      const bool isSame = found ? find.text(1) == value && find.text(0) == column.type : value.empty();
      if (found) old.update({{"type", std::string(find.text(0))}, {"value", std::string(find.text(1))}, {"source", std::string(find.text(2))}});
      find.reset();
      if (isSame) continue;
      before += dumpJson(old) + "\n";
      ++changed;
      if (value.empty()) RETORT_CHECK(drop.bindBlob(1, key).bindText(2, column.name).run());
      else RETORT_CHECK(put.bindBlob(1, key).bindText(2, column.name).bindText(3, column.type).bindText(4, value).bindText(5, source).run());
    }
  RETORT_CHECK(transaction.commit());
  return changed;
}

}  // namespace

Json AnnotateSummary::toJson() const {
  Json json = {{"rows", rows}, {"matched", matched}, {"unmatched", unmatched}, {"records", records}, {"changed", changed}};
  json["columns"] = Json::array();
  for (const auto& column : columns) {
    json["columns"].push_back({{"name", column.name}, {"type", column.type}, {"values", column.values}});
    if (!column.asked.empty()) json["columns"].back()["asked"] = column.asked;
  }
  json["unmatched_rows"] = Json::array();
  for (const auto& row : unmatchedRows) json["unmatched_rows"].push_back({{"line", row.line}, {"key", row.key}});
  return json;
}

Result<AnnotateSummary> annotate(const fs::path& workspace, const AnnotateOptions& options, std::stop_token stop, const ProgressFn& progress) {
  RETORT_TRY(const auto store, LogStore::open(workspace / "logs.db"));
  if (options.on != "request_id") {
    const auto keys = store->keys();
    if (std::none_of(keys.begin(), keys.end(), [&](const KeyInfo& k) { return !k.isBuiltIn && k.name == options.on; }))
      return Error{"logs.annotate.key", "No record has the metadata key " + shown(options.on), {}, {}, "Join --on request_id, or on a key that logs facets lists.", {}, {}};
  }
  RETORT_TRY(auto logged, loggedKeys(workspace / "logs.db"));
  Annotator annotator{options, *store, std::move(logged), {}, {}, {}, {}};
  bool hasColumn = false;
  RETORT_CHECK(readRows(options.file, stop, progress, [&](TableRow row) {
    hasColumn = hasColumn || std::any_of(row.cells.begin(), row.cells.end(), [&](const auto& c) { return c.first == options.on; });
    return annotator.take(std::move(row));
  }));
  if (annotator.summary.rows > 0 && !hasColumn)
    return Error{"logs.annotate.column", shown(options.file.filename().string()) + " has no column " + shown(options.on), {}, "records are found by it", "Name the column by --on, or rename it in the file.", {}, {}};
  for (auto& column : annotator.columns) column.out.type = column.type();
  RETORT_TRY(auto people, store::PeopleDb::open(workspace / "retort.db"));
  std::string before;
  const std::string source = options.file.filename().string();
  RETORT_TRY(annotator.summary.changed, write(people, annotator, source, before));
  // A run that changed nothing leaves the undo of the one before.
  if (!before.empty()) RETORT_CHECK(writeFileAtomically(undoFile(workspace), before));
  annotator.summary.records = static_cast<std::int64_t>(annotator.values.size());
  for (auto& column : annotator.columns) annotator.summary.columns.push_back(std::move(column.out));
  return std::move(annotator.summary);
}

Result<std::int64_t> undoAnnotate(const fs::path& workspace) {
  const auto file = undoFile(workspace);
  std::error_code error;
  if (!fs::exists(file, error)) return Error{"logs.annotate.noundo", "There is no annotation to take back", {}, {}, "Only the last logs annotate can be undone, once.", {}, {}};
  RETORT_TRY(const auto text, readFile(file, std::uint64_t(4) << 30));
  RETORT_TRY(auto people, store::PeopleDb::open(workspace / "retort.db"));
  store::Database& db = people.db();
  std::int64_t values = 0;
  RETORT_TRY(auto transaction, store::Transaction::begin(db));
  RETORT_TRY(auto put, db.prepare("INSERT OR REPLACE INTO annotation(rid,name,type,value,source) VALUES(?,?,?,?,?)"));
  RETORT_TRY(auto drop, db.prepare("DELETE FROM annotation WHERE rid=? AND name=?"));
  for (const auto line : splitView(text, '\n')) {
    if (line.empty()) continue;
    RETORT_TRY(const auto json, parseJson(line, file.filename().string()));
    RETORT_TRY(const auto key, fromHex(json.value("rid", "")));
    const std::string name = json.value("name", "");
    if (json.contains("value")) RETORT_CHECK(put.bindBlob(1, key).bindText(2, name).bindText(3, json.value("type", "text")).bindText(4, json.value("value", "")).bindText(5, json.value("source", "")).run());
    else RETORT_CHECK(drop.bindBlob(1, key).bindText(2, name).run());
    ++values;
  }
  RETORT_CHECK(transaction.commit());
  fs::remove(file, error);
  return values;
}

}  // namespace retort::logs
