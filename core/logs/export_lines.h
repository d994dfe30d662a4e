// The writer behind every export of records: lines into a file that appears when it is complete.
#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "logs/export_bedrock.h"
#include "logs/log_store.h"

namespace retort::logs {

/// The line of a record, without its end; empty: the record is skipped and counted. May count more in the result.
using LineOf = std::function<Result<std::string>(const Record&, ExportedLogs&)>;

/// `head` as it stands, then one line a record; an existing file is replaced. Errors "logs.export.write", cancelled, those of `lineOf`.
Result<ExportedLogs> writeLines(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, const std::string& head, const LineOf& lineOf, std::stop_token stop,
                                const ProgressFn& progress);

}  // namespace retort::logs
