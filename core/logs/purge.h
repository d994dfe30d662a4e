// Removing records for good: from blocks, indexes, derived fields and free pages. Ids stay, dead; nothing of the content does.
#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "base/result.h"

namespace retort::logs {

struct PurgedRecords {
  std::int64_t records = 0, bytes = 0;         ///< bytes: of source lines and bodies
};

/// Removes the records with these 16-byte request keys, and the rejected lines that name one. Needs the writer's lock ("logs.import.busy").
/// The records go in one transaction; then blocks get a dictionary without their words, the file is written anew, so that its free pages and its
/// write-ahead log hold nothing, and derived.db and fulltext.db are deleted: their texts and words are those of prompts. Killed or cancelled in
/// between, the same call does the rest, whatever is left of the records: the caller has to remember the keys until it is done.
Result<PurgedRecords> purgeRecords(const std::filesystem::path& logsDb, std::span<const std::string> keys, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::logs
