// Starting a run: checked, estimated, queued.
#pragma once
#include <string>

#include "base/workspace.h"
#include "job/run_spec.h"

namespace retort::run {

/// Checks the estimate (unless `force`), makes runs/<id>/ with the spec in phase queued and makes sure that a supervisor runs.
/// A run that cannot fit is refused with the numbers and the nearest setting that fits ("run.estimate.memory" / ".disk").
Result<std::string> startRun(const Workspace& workspace, const job::RunSpec& spec, bool restartWhenDead = true, bool force = false);

}  // namespace retort::run
