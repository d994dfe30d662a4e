// Pulling what matches out of a store in place, through the same importer as files, with the query kept as provenance.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "logs/importer.h"
#include "logs/remote_source.h"

namespace retort::logs {

/// What is kept of one pull: `queries/<id>.json` in the workspace, `retort.query/1`.
struct RemoteQuery {
  std::string id;                                      ///< of source, query and result
  std::string source, filter, sql, sha256;             ///< sha256: of the result, one record a line
  std::int64_t pulled = 0, bytes = 0;
  std::int64_t rows = 0, unreadable = 0;               ///< of the source; rows 0: not counted, as that would cost as much again
  RemoteCost cost;
  std::string at;                                      ///< UTC
  [[nodiscard]] Json toJson() const;
};

struct RemoteImport {
  ImportSummary summary;                               ///< lines: rows of the source where they were counted, else pulled ones
  RemoteQuery query;
};

/// `options.sources` is ignored. A killed import goes on with the result that it had pulled; a later one pulls again, and a result of the
/// same content is not imported twice. Errors of RecordSource and of importLogs().
Result<RemoteImport> importRemote(const std::filesystem::path& logsDb, RecordSource& source, ImportOptions options, std::stop_token stop = {}, const ProgressFn& progress = {});

/// Where a record came from: {"path"} of its file, or {"path", "query"} of its pull.
Result<Json> originOf(const std::filesystem::path& logsDb, std::uint32_t id);

/// The pulls that these records (ascending ids) came by: a list of {"id", "source", "filter", "sha256", "records"}, empty where none did.
Result<Json> queriesOf(const std::filesystem::path& logsDb, const std::vector<std::uint32_t>& ids);

}  // namespace retort::logs
