// Queueing a run.
#include "run/start.h"

#include "base/json.h"
#include "job/job_folder.h"
#include "run/estimate.h"
#include "run/supervisor.h"

namespace retort::run {

Result<std::string> startRun(const Workspace& workspace, const job::RunSpec& spec, bool restartWhenDead, bool force) {
  RETORT_CHECK(workspace.requireWritable());
  if (!force) {
    RETORT_TRY(const auto forecast, estimate(spec));
    if (forecast.blocker) return *forecast.blocker;
  }
  RETORT_TRY(const std::string id, job::createJob(workspace.runs(), job::toJson(spec)));
  if (!restartWhenDead) RETORT_CHECK(writeJsonFile(workspace.runs() / id / "restart.json", {{"allowed", false}}));
  RETORT_CHECK(ensureSupervisor(workspace));
  return id;
}

}  // namespace retort::run
