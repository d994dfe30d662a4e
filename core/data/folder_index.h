// The index of a workspace's folders in retort.db: a cache that anybody may rebuild; the truth is in the folders.
#pragma once
#include <cstdint>

#include "base/result.h"
#include "base/workspace.h"

namespace retort::data {

/// Reads every dataset, run, job, report and export folder and writes the index anew. Returns how many there are.
Result<std::int64_t> reindexFolders(const Workspace& workspace);

}  // namespace retort::data
