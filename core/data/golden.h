// The golden examples of a dataset: from a file, or those that people kept with `golden add`.
#pragma once
#include <vector>

#include "base/workspace.h"
#include "data/dataset_build.h"
#include "job/row.h"

namespace retort::data {

/// Rows for golden.jsonl: of `options.golden` where a file is named, else of retort.db where `options.keptGolden`; none where there are none.
/// Errors: data.build.golden (one has no answer), those of readInput.
Result<std::vector<job::Row>> goldenRows(const Workspace& workspace, const BuildOptions& options);

}  // namespace retort::data
