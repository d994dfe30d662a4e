// DuckDB over Parquet and JSON files, here or in object storage, through the user's own `duckdb`: statements go in on its input, rows come
// out as JSON lines. Nothing goes through a shell.
#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "logs/byte_source.h"
#include "logs/remote_run.h"
#include "logs/remote_source.h"
#include "logs/s3_source.h"
#include "logs/source_list.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostRow = std::size_t(1) << 30;

bool isFarAway(std::string_view glob) { return glob.find("://") != std::string_view::npos; }

/// What the files of a source are, by the first bytes of one of them; far away ones by their name.
enum class FileKind : std::uint8_t { parquet, lines, array };
FileKind kindOf(const std::string& file) {
  if (isFarAway(file)) return file.ends_with(".parquet") ? FileKind::parquet : FileKind::lines;
  std::string head(4096, '\0');
  if (std::FILE* raw = std::fopen(file.c_str(), "rb")) {
    head.resize(std::fread(head.data(), 1, head.size(), raw));
    std::fclose(raw);
  }
  if (head.starts_with("PAR1")) return FileKind::parquet;
  if (auto source = ByteSource::open(file); source.ok()) {
    head.resize(4096);
    const auto got = (*source)->read(head);
    head.resize(got.ok() ? *got : 0);
  }
  return trimmed(head).starts_with('[') ? FileKind::array : FileKind::lines;
}

class DuckSource : public RecordSource {
 public:
  DuckSource(std::string name, RemoteOptions options) : RecordSource(std::move(name), SqlEngine::duckdb, std::move(options)) {}

  Status open(std::string glob, std::stop_token stop) {
    if (!isOnPath("duckdb"))
      return Error{"logs.remote.noprogram", shown(m_name) + " cannot be queried", {}, "the program duckdb was not found",
                   "Install it (pip install duckdb-cli, or duckdb.org) so that it is in PATH, or import the files: retort-cli logs import.", {}, {}};
    std::error_code ignored;
    if (!isFarAway(glob) && fs::is_directory(glob, ignored)) glob += "/**";
    RETORT_TRY(const auto files, list(glob, stop));
    const auto& d = dialectOf(m_engine);
    std::vector<std::string> quoted;
    for (const auto& file : files) quoted.push_back(d.text(file));
    const std::string place = "[" + join(quoted, ", ") + "]";
    const auto kind = kindOf(files.front());
    if (kind == FileKind::parquet) {
      const std::string from = "read_parquet(" + place + ", union_by_name = true, hive_partitioning = false)";
      RETORT_TRY(auto columns, describe(from, stop));
      return look(std::move(columns), from, {}, stop);
    }
    m_layout.textColumn = "json";
    m_layout.isParsed = true;
    const std::string most = std::to_string(64u << 20);   // kMaxLine
    return look({{"json", "JSON"}}, kind == FileKind::array ? "read_json_objects(" + place + ", format = 'array', maximum_object_size = " + most + ")"
                                                            : "read_ndjson_objects(" + place + ", ignore_errors = true, maximum_object_size = " + most + ")", {}, stop);
  }

 protected:
  Result<RemoteCost> run(const std::string& sql, const RowFn& row, std::stop_token outer) override {
    RETORT_CHECK(makeFolders(m_options.cache));
    const auto& d = dialectOf(m_engine);
    const fs::path log = m_options.cache / ("duckdb-" + newId() + ".log");
    const RemoveAtEnd remove{log};
    Command command;
    command.program = "duckdb";
    command.args = {"-batch", "-bail", "-no-init"};
    command.unsetEnv = keysOfOthers();
    const Deadline deadline(std::move(outer), m_options.timeoutS);
    RETORT_TRY(auto process, LineProcess::start(command, log));
    const std::string statements = "SET memory_limit = '2GB';\nSET temp_directory = " + d.text((m_options.cache / "duckdb").string()) + ";\nSET preserve_insertion_order = true;\n" + d.prelude() +
                                   "COPY (\n" + sql + "\n) TO '/dev/stdout' (FORMAT json);";
    // A program that ends at once closes its input: its own words tell why.
    const auto written = process.writeLine(statements);
    process.closeInput();
    bool wantsMore = true;
    while (wantsMore) {
      auto line = process.readLine(deadline.token(), kMostRow);
      if (!line.ok()) return deadline.isOver() ? tooSlow(m_name, m_options.timeoutS) : std::move(line).error();
      if (!*line) break;
      if ((*line)->empty()) continue;
      RETORT_TRY(wantsMore, row(**line));
    }
    if (!wantsMore) return RemoteCost{};   // the process ends with its object
    if (const int code = process.wait(); code != 0 || !written.ok()) return failed(log, code);
    return RemoteCost{};
  }

 private:
  /// The files of a glob in order of name: logs only, and of hour folders those that meet the range.
  Result<std::vector<std::string>> list(const std::string& glob, std::stop_token stop) {
    std::vector<std::string> files;
    std::size_t all = 0;
    RETORT_TRY(const auto cost, run("SELECT file FROM glob(" + dialectOf(m_engine).text(glob) + ")", [&](std::string_view row) -> Result<bool> {
      RETORT_TRY(const auto json, parseJson(row, m_name));
      const std::string file = json.value("file", "");
      ++all;
      if (!isLogObject(file)) return true;
      const auto hours = rangeOfKey(fs::path(file).parent_path().string() + "/");
      if (hours && ((m_options.sinceUs && hours->second <= *m_options.sinceUs) || (m_options.untilUs && hours->first >= *m_options.untilUs))) return true;
      files.push_back(file);
      return true;
    }, stop));
    (void)cost;
    std::sort(files.begin(), files.end());
    if (!files.empty()) return files;
    return Error{"logs.remote.nofiles", "There is nothing to query", shown(m_name), all == 0 ? "no file matches" : "of " + formatCount(static_cast<std::int64_t>(all)) + " files none is a log in this range",
                 "Check the path; folders are written with /** or *, for example duckdb:logs/**/*.json.gz.", {}, {}};
  }

  Result<std::vector<RemoteColumn>> describe(const std::string& from, std::stop_token stop) {
    std::vector<RemoteColumn> columns;
    RETORT_TRY(const auto cost, run("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + from + ")", [&](std::string_view row) -> Result<bool> {
      RETORT_TRY(const auto json, parseJson(row, m_name));
      columns.push_back({json.value("column_name", ""), json.value("column_type", "")});
      return true;
    }, stop));
    (void)cost;
    return columns;
  }

  Error failed(const fs::path& log, int code) const {
    const auto words = readFile(log, 1u << 20);
    std::string why = words.ok() ? std::string(trimmed(*words)).substr(0, 1000) : std::string();
    if (why.empty()) why = "it ended with code " + std::to_string(code);
    std::string next = "Run the query of filter explain --sql duckdb in duckdb itself.";
    if (why.find("Out of Memory") != std::string::npos) next = "Query fewer files at once: narrow the glob, or give --since and --until.";
    if (why.find("httpfs") != std::string::npos || why.find("HTTP") != std::string::npos) next = "Let duckdb read the bucket first: INSTALL httpfs, and a secret for your account.";
    return Error{"logs.remote.failed", "duckdb could not do its work", shown(m_name), shown(why), std::move(next), {}, {}};
  }
};

}  // namespace

Result<std::unique_ptr<RecordSource>> openDuckSource(std::string_view glob, RemoteOptions options, std::stop_token stop) {
  auto source = std::make_unique<DuckSource>("duckdb:" + std::string(glob), std::move(options));
  RETORT_CHECK(source->open(std::string(glob), std::move(stop)));
  return std::unique_ptr<RecordSource>(std::move(source));
}

}  // namespace retort::logs
