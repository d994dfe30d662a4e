// Steps that are done once.
#include "line/stage.h"

#include "base/clock.h"
#include "exports/export.h"
#include "job/job_folder.h"
#include "models/model_source.h"
#include "run/start.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::line {

Result<Json> Stage::once(const std::string& step, const std::function<Result<Json>()>& work) {
  if (const Json* known = m_ledger.find(step)) return *known;
  if (m_stop.stop_requested()) return cancelledError("The line");
  const double start = monotonicSeconds();
  RETORT_TRY(Json result, work());
  if (result.is_object()) result["seconds"] = monotonicSeconds() - start;
  RETORT_CHECK(m_ledger.record(step, result));
  return result;
}

Result<std::filesystem::path> Stage::train(const std::string& step, const std::string& title, const std::function<Result<job::RunSpec>()>& spec) {
  // The id is recorded before the waiting: a killed line finds its run again, still going or done.
  RETORT_TRY(const Json started, once(step + ".started", [&]() -> Result<Json> {
    RETORT_TRY(const auto s, spec());
    RETORT_TRY(const auto id, run::startRun(m_workspace, s));
    return Json{{"run", id}};
  }));
  const fs::path folder = m_workspace.runs() / started["run"].get<std::string>();
  RETORT_TRY(const auto before, job::observedState(folder));
  if (before.phase == job::Phase::failed || before.phase == job::Phase::stopped) {
    RETORT_CHECK(run::requeue(folder));
    RETORT_CHECK(run::ensureSupervisor(m_workspace));
  }
  const auto show = [&](Progress p) {
    p.stage = title + (p.stage == "Training" ? "" : " (" + p.stage + ")");
    p.unit = p.of > 0 ? "steps" : "";
    if (m_progress) m_progress(p);
  };
  RETORT_TRY(const auto state, run::waitForEnd(m_workspace, folder, show, m_stop));
  if (state.phase != job::Phase::done) {
    if (state.error.is_object()) return job::errorFromJson(state.error);
    return Error{"line.run.stopped", "The run " + folder.filename().string() + " was stopped", {}, {}, "Start the same command again to go on with it.", {}, {}};
  }
  return folder / "student";
}

Result<data::Dataset> Stage::dataset(const std::string& step, const std::function<Result<data::Dataset>()>& work) {
  RETORT_TRY(const Json done, once(step, [&]() -> Result<Json> {
    RETORT_TRY(const auto made, work());
    return Json{{"dataset", made.id}};
  }));
  return data::loadDataset(m_workspace, done["dataset"].get<std::string>());
}

Result<Json> Stage::exported(const std::filesystem::path& student, const data::Dataset& dataset, const std::string& formats, const std::filesystem::path& out) {
  RETORT_TRY(const Json done, once("export", [&]() -> Result<Json> {
    // The student's folder is runs/<id>/student: the run is named, so that card and lineage know it.
    RETORT_TRY(const auto found, exports::findStudent(m_workspace.root(), student.parent_path().filename().string()));
    exports::ExportOptions options;
    RETORT_TRY(options.targets, exports::parseTargets(formats));
    options.workspace = m_workspace.root();
    options.out = out;
    options.verify.dataset = dataset.folder;
    options.verify.progress = m_progress;
    options.verify.stop = m_stop;
    RETORT_TRY(const auto made, exports::exportStudent(found, options));
    return Json{{"exports", made.summary()}, {"folder", made.folder.string()}};
  }));
  return done["exports"];
}

Result<job::ModelRef> modelRef(const std::filesystem::path& path, std::string_view name) {
  RETORT_TRY(const auto hash, models::modelSha256(path));
  return job::ModelRef{std::string(name), path.string(), hash};
}

}  // namespace retort::line
