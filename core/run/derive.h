// Runs made from runs: one that goes on for more steps, one that leaves another's checkpoint with other settings.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/workspace.h"
#include "job/run_spec.h"

namespace retort::run {

/// A new run that begins at the newest checkpoint of `parent` (an id, prefix or name), whose last method has `steps` more steps.
/// Its folder holds the parent's curve so far. Returns the new id, queued. Errors: "run.derive.checkpoint" (there is none that holds),
/// "run.derive.running".
Result<std::string> extendRun(const Workspace& workspace, const std::string& parent, std::int64_t steps);
/// A new run that begins at the parent's checkpoint of `step` (-1: the newest) with the fields of `assignments` ("train.clip=0.5") changed.
/// What decides the weights' shapes or the rows' order cannot change: "run.derive.field".
Result<std::string> forkRun(const Workspace& workspace, const std::string& parent, std::int64_t step, const std::vector<std::string>& assignments,
                            const std::string& name = {});

}  // namespace retort::run
