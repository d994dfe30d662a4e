// Three kinds of lines for one writer.
#include "logs/export_table.h"

#include <functional>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "base/subprocess.h"
#include "logs/call.h"
#include "logs/export_lines.h"

namespace retort::logs {

namespace {

/// Metadata keys of the records, sorted by name.
std::vector<std::string> metadataKeys(const LogStore& store) {
  std::vector<std::string> keys;
  for (const auto& key : store.keys())
    if (!key.isBuiltIn) keys.push_back(key.name);
  return keys;
}

struct TableColumn {
  std::string_view name, type;                         ///< type: of DuckDB
  std::function<Json(const Record&)> value;
};

Json optionalJson(const std::optional<std::int64_t>& v) { return v ? Json(*v) : Json(nullptr); }

const std::vector<TableColumn>& tableColumns() {
  static const std::vector<TableColumn> all = {
      {"id", "BIGINT", [](const Record& r) { return Json(r.id); }},
      {"request_id", "VARCHAR", [](const Record& r) { return Json(r.requestId); }},
      {"time", "TIMESTAMP", [](const Record& r) { return r.timeUs ? Json(isoUtc(*r.timeUs, *r.timeUs % 1'000'000 != 0)) : Json(nullptr); }},
      {"model", "VARCHAR", [](const Record& r) { return Json(r.model); }},
      {"operation", "VARCHAR", [](const Record& r) { return Json(r.operation); }},
      {"status", "VARCHAR", [](const Record& r) { return Json(r.status); }},
      {"stop", "VARCHAR", [](const Record& r) { return Json(r.stop); }},
      {"input_tokens", "BIGINT", [](const Record& r) { return optionalJson(r.inputTokens); }},
      {"output_tokens", "BIGINT", [](const Record& r) { return optionalJson(r.outputTokens); }},
      {"cached_tokens", "BIGINT", [](const Record& r) { return optionalJson(r.cachedTokens); }},
      {"latency_ms", "BIGINT", [](const Record& r) { return optionalJson(r.latencyMs); }},
  };
  return all;
}

std::string promptText(const Record& record) {
  std::string text;
  for (const auto& message : record.messages) {
    if (!text.empty()) text += "\n\n";
    text += "[" + message.value("role", "") + "]\n" + messageText(message);
  }
  return text;
}

}  // namespace

std::string csvCell(std::string_view text) {
  std::string cell;
  // Spreadsheets run what begins like a formula.
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos && !decimalOf(text)) cell += '\'';
  cell += text;
  if (cell.find_first_of(",\"\n\r") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

Result<ExportedLogs> exportOpenAi(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop, const ProgressFn& progress) {
  return writeLines(store, ids, target, {}, [](const Record& record, ExportedLogs&) -> Result<std::string> {
    if (!record.isTrainable() || !record.answer.is_object() || record.messages.empty()) return std::string();
    Json line = {{"messages", record.messages}};
    line["messages"].push_back(record.answer);
    for (auto& message : line["messages"]) message.erase("reasoning_content");
    if (record.tools.is_array() && !record.tools.empty()) line["tools"] = record.tools;
    line["metadata"] = Json::object();
    for (const auto& [key, value] : record.metadata) line["metadata"][key] = value;
    return dumpJson(line);
  }, stop, progress);
}

Result<ExportedLogs> exportCsv(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop, const ProgressFn& progress) {
  const auto keys = metadataKeys(store);
  std::string head;
  for (const auto& column : tableColumns()) head += std::string(column.name) + ",";
  for (const auto& key : keys) head += csvCell(key) + ",";
  head += "prompt,answer\n";
  return writeLines(store, ids, target, head, [&](const Record& record, ExportedLogs&) -> Result<std::string> {
    std::string line;
    for (const auto& column : tableColumns()) {
      const Json value = column.value(record);
      line += (value.is_null() ? std::string() : value.is_string() ? csvCell(value.get_ref<const std::string&>()) : value.dump()) + ",";
    }
    for (const auto& key : keys) {
      const auto* value = record.metadataValue(key);
      line += (value ? csvCell(*value) : std::string()) + ",";
    }
    return line + csvCell(promptText(record)) + "," + csvCell(record.answer.is_null() ? std::string() : messageText(record.answer));
  }, stop, progress);
}

Result<ExportedLogs> exportParquet(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop, const ProgressFn& progress) {
  const auto program = findProgram("duckdb");
  if (!program.ok())
    return Error{"logs.export.duckdb", "Parquet is written by duckdb, which was not found", {}, {}, "Install duckdb (pip install duckdb-cli), or export --to csv.", {}, {}};
  const auto lines = std::filesystem::path(target.string() + ".part.jsonl");
  auto written = writeLines(store, ids, lines, {}, [](const Record& record, ExportedLogs&) -> Result<std::string> {
    Json row = Json::object();
    for (const auto& column : tableColumns()) row[std::string(column.name)] = column.value(record);
    row["metadata"] = Json::object();
    for (const auto& [key, value] : record.metadata) row["metadata"][key] = value;
    row["prompt"] = promptText(record);
    row["answer"] = record.answer.is_null() ? Json(nullptr) : Json(messageText(record.answer));
    return dumpJson(row);
  }, stop, progress);
  if (!written.ok()) return written;
  const auto sqlText = [](const std::filesystem::path& path) {
    std::string text = "'";
    for (const char c : path.string()) {
      text += c;
      if (c == '\'') text += c;
    }
    return text + "'";
  };
  std::string columns;
  for (const auto& column : tableColumns()) columns += (columns.empty() ? "" : ", ") + std::string(column.name) + ": '" + std::string(column.type) + "'";
  columns += ", metadata: 'MAP(VARCHAR, VARCHAR)', prompt: 'VARCHAR', answer: 'VARCHAR'";
  const auto part = std::filesystem::path(target.string() + ".part");
  const std::string sql = "COPY (SELECT * FROM read_json(" + sqlText(std::filesystem::absolute(lines)) + ", format='newline_delimited', maximum_object_size=268435456, columns={" + columns + "})) TO " +
                          sqlText(std::filesystem::absolute(part)) + " (FORMAT parquet, COMPRESSION zstd)";
  Command command{*program, {"-batch", "-c", sql}, {}, {}, {}};
  const auto finished = runCommand(command, {}, stop);
  std::error_code ignored;
  std::filesystem::remove(lines, ignored);
  if (!finished.ok()) return finished.error();
  if (finished->exitCode != 0) {
    std::filesystem::remove(part, ignored);
    return Error{"logs.export.duckdb", "duckdb could not write " + shown(target.string()), {}, shown(finished->err.substr(0, 300)), "Check its version, or export --to csv.", finished->err, {}};
  }
  std::error_code error;
  std::filesystem::rename(part, target, error);
  if (error) return systemError("logs.export.write", "write", target.string(), error.value());
  return written;
}

}  // namespace retort::logs
