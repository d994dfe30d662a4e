// Records written out again as a Bedrock invocation log: their source lines, and spilled bodies in data/ beside the file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>

#include "base/progress.h"
#include "base/result.h"
#include "logs/log_store.h"

namespace retort::logs {

struct ExportedLogs {
  std::int64_t records = 0;
  std::int64_t skipped = 0;        ///< records of other formats
  std::int64_t spilledBodies = 0;  ///< written to data/
};

/// Writes JSON lines to `target`, which appears when complete; an existing file is replaced. Importing it gives the same bodies.
Result<ExportedLogs> exportBedrock(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop = {},
                                   const ProgressFn& progress = {});

}  // namespace retort::logs
