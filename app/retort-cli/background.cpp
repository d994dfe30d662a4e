// Queueing jobs.
#include "app/retort-cli/background.h"

#include "job/job_folder.h"
#include "logs/text_index.h"
#include "run/run_list.h"
#include "run/supervisor.h"

namespace retort::cli {

Status queueJob(const Workspace& workspace, const std::string& kind, const std::string& name, const Json& params) {
  for (const auto& waiting : run::listJobs(workspace))
    if (waiting.kind == kind && waiting.state.phase == job::Phase::queued) return run::ensureSupervisor(workspace);
  RETORT_TRY(const auto id, job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", kind}, {"name", name}, {"params", params}}));
  (void)id;
  return run::ensureSupervisor(workspace);
}

Status queueAfterImport(const Workspace& workspace) {
  RETORT_CHECK(queueJob(workspace, "derive", "derived fields"));
  std::error_code error;
  if (!std::filesystem::exists(workspace.root() / "fulltext.db", error)) return {};
  return queueJob(workspace, "index", "text index");
}

}  // namespace retort::cli
