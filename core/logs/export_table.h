// Records of a filter as files of other programs: OpenAI chat lines, CSV for spreadsheets, Parquet through the user's own duckdb.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>

#include "base/progress.h"
#include "base/result.h"
#include "logs/export_bedrock.h"
#include "logs/log_store.h"

namespace retort::logs {

/// {"messages":[…,{"role":"assistant",…}][,"tools"],"metadata"} a line; records without a whole answer are skipped and counted.
Result<ExportedLogs> exportOpenAi(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop = {}, const ProgressFn& progress = {});
/// One row a record: fields, metadata keys, prompt and answer. A cell that a spreadsheet would take for a formula begins with an apostrophe.
Result<ExportedLogs> exportCsv(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop = {}, const ProgressFn& progress = {});
/// The same columns, typed. Error "logs.export.duckdb" when the program is not found or fails.
Result<ExportedLogs> exportParquet(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop = {}, const ProgressFn& progress = {});

/// A CSV cell: quoted where needed, and guarded against being a formula.
[[nodiscard]] std::string csvCell(std::string_view text);

}  // namespace retort::logs
