// Queueing a run.
#include "run/start.h"

#include "base/format.h"
#include "base/json.h"
#include "job/job_folder.h"
#include "models/model_source.h"
#include "run/estimate.h"
#include "run/supervisor.h"

namespace retort::run {
namespace {

/// A model that changed since the spec was written is not the one that was chosen. The worker looks again when it starts.
Status requireSame(const job::ModelRef& ref) {
  if (ref.sha256.empty() || ref.path.empty()) return {};
  RETORT_TRY(const auto hash, models::modelSha256(ref.path));
  if (hash == ref.sha256) return {};
  return Error{"run.model.changed", ref.path + " is not the model that was chosen", "", "its SHA-256 is " + hash + " and the run names " + shown(ref.sha256), "Choose the model again, or put the old file back.", "", {}};
}

}  // namespace

Result<std::string> startRun(const Workspace& workspace, const job::RunSpec& spec, bool restartWhenDead, bool force) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_CHECK(requireSame(spec.student.model));
  for (const auto& teacher : spec.teachers) RETORT_CHECK(requireSame(teacher.model));
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
