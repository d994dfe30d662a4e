// The supervisor: one process a workspace that owns the queue, starts workers and job executors, and restarts dead ones.
#pragma once
#include <filesystem>
#include <stop_token>

#include "base/result.h"
#include "base/workspace.h"

namespace retort::run {

struct SupervisorOptions {
  double idleSeconds = 20;        ///< ends when nothing was queued or running for so long
  double pollSeconds = 0.1;
  int maxRestarts = 5;            ///< of one run without a user's action
  int maxJobs = 3;                ///< jobs at once beside the one training run
};

/// Runs until idle or stopped. Returns at once, successfully, when another supervisor holds the workspace.
/// Rules: queued folders start oldest first (or by queue.json); one run at a time; a folder whose phase is active while its lock
/// is free died: it is started again with back-off 1, 2, 4 … s, at most `maxRestarts` times, and never twice from the same step.
Status supervise(const Workspace& workspace, const SupervisorOptions& options, std::stop_token stop);

/// Starts a detached supervisor (`retort-cli -w … supervise`) unless one is running.
Status ensureSupervisor(const Workspace& workspace);

/// Puts a failed, stopped or interrupted folder back into the queue; "run.resume.phase" when it is running or done.
Status requeue(const std::filesystem::path& folder);

}  // namespace retort::run
