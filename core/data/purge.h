// Purging records from a whole workspace: logs, tags and labels, datasets and what was made of them.
#pragma once
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "base/workspace.h"
#include "logs/filter.h"

namespace retort::data {

struct PurgeReport {
  std::int64_t records = 0, bytes = 0;
  std::int64_t resumed = 0;                ///< records of earlier purges that were cut off and are finished now, over and above `records`
  std::vector<std::string> datasets;       ///< whose rows were deleted; their card.json stays, with state "purged"
  std::vector<std::string> descendants;    ///< "runs/<id>", "exports/<id>" … made from them: marked by a file purged.json; only what quotes rows is deleted
  std::vector<std::string> selections;     ///< that held a purged record; their key files were rewritten without it
};

/// Removes the records of a filter for good. Their ids are remembered, so that they count as filtered when their source is imported
/// again. `reason` is kept in the tally; the filter is not: it may quote what is to be forgotten. An empty filter is refused. Cut off at any
/// point, the purge stays pending in retort.db with its keys, and the next call finishes it first. Error "data.purge.busy" while a run works
/// on what is purged.
Result<PurgeReport> purge(const Workspace& workspace, const logs::Filter& filter, std::string_view reason, std::stop_token stop = {}, const ProgressFn& progress = {});
/// Finishes the purges that were cut off; `resumed` is 0 when there were none.
Result<PurgeReport> finishPurges(const Workspace& workspace, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::data
