// Removing records for good: from blocks, indexes and derived fields. Ids stay, dead; nothing of the content does.
#pragma once
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "logs/id_set.h"

namespace retort::logs {

struct PurgedRecords {
  std::int64_t records = 0, bytes = 0;         ///< bytes: of source lines and bodies
  std::vector<std::string> keys;               ///< 16-byte request keys
  std::vector<std::string> requestIds;         ///< as rows and datasets name them
};

/// Needs the writer's lock ("logs.import.busy"). One transaction; the freed pages are overwritten and the write-ahead log is emptied.
/// derived.db and fulltext.db are deleted: their texts and words are those of prompts. Call retort.db's recordPurge() first, so that a crash in between only purges twice.
Result<PurgedRecords> purgeRecords(const std::filesystem::path& logsDb, const IdSet& ids, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::logs
