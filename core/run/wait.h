// Waiting for a job or run to end, from any program.
#pragma once
#include <filesystem>
#include <stop_token>

#include "base/progress.h"
#include "base/workspace.h"
#include "job/job_folder.h"

namespace retort::run {

/// Polls the folder until its phase is final, keeps a supervisor alive meanwhile and reports progress; returns the final state.
/// Cancelled when `stop` is requested (the work itself goes on). A paused or waiting job is waited for.
Result<job::State> waitForEnd(const Workspace& workspace, const std::filesystem::path& folder, const ProgressFn& progress, std::stop_token stop);

}  // namespace retort::run
