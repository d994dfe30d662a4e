// Runs and jobs of a workspace as lists: what a table, a card or `run list` shows of each.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/workspace.h"
#include "job/job_folder.h"
#include "job/run_spec.h"

namespace retort::run {

struct RunSummary {
  std::string id, name, student, teacher, method, dataset;
  job::State state;                      ///< as observed (an active phase whose lock is free is `interrupted`)
  std::optional<double> bestNll;         ///< lowest validation NLL (nats a token) so far
  std::string error;                     ///< why it failed, in one line
};

struct JobSummary {
  std::string id, kind, name;
  job::State state;
};

/// All runs, newest first. A folder that cannot be read is left out and named in `problems`.
[[nodiscard]] std::vector<RunSummary> listRuns(const Workspace& workspace, std::vector<Error>* problems = nullptr);
/// Jobs that are not runs, newest first.
[[nodiscard]] std::vector<JobSummary> listJobs(const Workspace& workspace, std::vector<Error>* problems = nullptr);
Result<RunSummary> runSummary(const Workspace& workspace, const std::string& id);

/// The folder of a run named by id, prefix or name.
Result<std::filesystem::path> findRun(const Workspace& workspace, std::string_view text);
/// The folder of a job (or run) named by id, prefix or name.
Result<std::filesystem::path> findJob(const Workspace& workspace, std::string_view text);

}  // namespace retort::run
