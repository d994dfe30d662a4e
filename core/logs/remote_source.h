// Stores that are queried where they are: DuckDB over files, Athena, ClickHouse. Filters go to them as SQL; only what matches is pulled.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "logs/filter.h"
#include "logs/log_store.h"
#include "logs/read_rules.h"
#include "logs/remote_mapping.h"
#include "logs/remote_sql.h"

namespace retort::logs {

/// What is said beside a source's name.
struct RemoteOptions {
  std::optional<std::int64_t> sinceUs, untilUs;        ///< half open; also decides which hour folders and partitions are opened
  ReadRules read;                                      ///< a forced map says what the columns are; else the content does
  std::filesystem::path cache;                         ///< for results under way and what an engine spills
  double timeoutS = 3600;                              ///< of one query
  std::vector<std::pair<std::string, std::string>> partitions;   ///< Athena: columns and their values
  std::string workgroup, output;                       ///< Athena: output "s3://…" where the workgroup names none
  double usdPerTerabyte = 5;                           ///< Athena: list price of a scanned terabyte (10^12 bytes), 2026
};

/// What a query cost.
struct RemoteCost {
  std::int64_t scannedBytes = 0;                       ///< 0: not told
  double usd = 0;
  std::vector<std::string> queryIds;                   ///< of engines that keep them
  RemoteCost& operator+=(const RemoteCost& other);
};

struct RemoteCount {
  std::int64_t rows = 0, matching = 0;
  std::int64_t undecided = 0;                          ///< rows whose fields only an import can tell; they are pulled, and it decides
  std::int64_t unreadable = 0;                         ///< lines that the engine cannot read as JSON; they cannot be pulled
  std::vector<std::string> leftOver;                   ///< clauses that only an import can test: then `matching` is an upper bound
  RemoteCost cost;
  [[nodiscard]] bool isExact() const { return undecided == 0 && leftOver.empty(); }
};

struct RemotePreview {
  std::vector<Row> rows;                               ///< ids are 0
  RemoteCost cost;
};

struct RemoteFacets {
  std::vector<Facet> facets;                           ///< isSampled false: counts are exact as far as rows are decided
  std::vector<std::string> leftOut;                    ///< keys that cannot be read in place
  RemoteCost cost;
};

/// One pulled result.
struct RemotePull {
  std::int64_t rows = 0, bytes = 0;
  std::string sha256;                                  ///< of the file
  RemoteCost cost;
};

class RecordSource {
 public:
  /// "duckdb:GLOB", "athena:[CATALOG.]DATABASE.TABLE", "clickhouse:URL/[DATABASE.]TABLE": looks at its columns and a few records.
  /// Errors "logs.remote.*": no such engine, program, table or column; the engine's own words.
  static Result<std::unique_ptr<RecordSource>> open(std::string_view spec, RemoteOptions options, std::stop_token stop = {});
  virtual ~RecordSource();

  [[nodiscard]] const std::string& name() const { return m_name; }
  [[nodiscard]] SqlEngine engine() const { return m_engine; }
  [[nodiscard]] const RemoteLayout& layout() const { return m_layout; }
  /// Every row that a query looks at costs money.
  [[nodiscard]] virtual bool isMetered() const { return false; }
  /// What is run: the prelude and the query that pulls.
  [[nodiscard]] std::string explain(const Filter& filter) const;

  Result<RemoteCount> count(const Filter& filter, std::stop_token stop = {});
  /// The first rows that match, at most `limit`.
  Result<RemotePreview> preview(const Filter& filter, std::size_t limit = 100, std::stop_token stop = {});
  /// `keys` empty: the built-in fields and the metadata keys of the records that were looked at.
  Result<RemoteFacets> facets(const Filter& filter, std::vector<std::string> keys = {}, std::size_t limit = 50, std::stop_token stop = {});
  /// Everything that may match, one record a line, in a file that is there whole or not at all.
  Result<RemotePull> pull(const Filter& filter, const std::filesystem::path& file, std::stop_token stop = {}, const ProgressFn& progress = {});

 protected:
  /// One row as a JSON object; false stops.
  using RowFn = std::function<Result<bool>(std::string_view row)>;
  RecordSource(std::string name, SqlEngine engine, RemoteOptions options);
  /// Runs one statement (without its prelude). A stop that comes from `row` is no error.
  virtual Result<RemoteCost> run(const std::string& sql, const RowFn& row, std::stop_token stop) = 0;
  /// Layout and query texts, once the columns are known; looks at a few rows. `from`, `where`: as RemoteSql.
  Status look(std::vector<RemoteColumn> columns, std::string from, std::string where, std::stop_token stop);

  std::string m_name;
  SqlEngine m_engine;
  RemoteOptions m_options;
  RemoteLayout m_layout;
  std::unique_ptr<RemoteSql> m_sql;

 private:
  [[nodiscard]] Filter within(const Filter& filter) const;
  std::vector<std::string> m_keys;                     ///< of the records that were looked at
};

/// A query's SQL without a source: for records as JSON lines.
[[nodiscard]] std::string explainFor(SqlEngine engine, const Filter& filter);

// The engines; see open().
Result<std::unique_ptr<RecordSource>> openDuckSource(std::string_view glob, RemoteOptions options, std::stop_token stop);
Result<std::unique_ptr<RecordSource>> openAthenaSource(std::string_view table, RemoteOptions options, std::stop_token stop);
Result<std::unique_ptr<RecordSource>> openClickHouseSource(std::string_view url, RemoteOptions options, std::stop_token stop);

}  // namespace retort::logs
