// The tools that both lines (demo and distil) work with: recorded steps, training runs that outlive us, evaluation and export.
#pragma once
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "base/workspace.h"
#include "data/dataset.h"
#include "job/run_spec.h"
#include "line/ledger.h"

namespace retort::line {

/// One call of the line in one job folder.
class Stage {
 public:
  Stage(const Workspace& workspace, Ledger ledger, ProgressFn progress, std::stop_token stop)
      : m_workspace(workspace), m_ledger(std::move(ledger)), m_progress(std::move(progress)), m_stop(stop) {}

  [[nodiscard]] const Workspace& workspace() const { return m_workspace; }
  [[nodiscard]] const ProgressFn& progress() const { return m_progress; }
  [[nodiscard]] std::stop_token stop() const { return m_stop; }

  /// The recorded result of `step`, or that of `work`, which is then recorded with its seconds.
  Result<Json> once(const std::string& step, const std::function<Result<Json>()>& work);
  /// Starts a run (or finds the one started before), waits for its end and returns the student's folder. `title` is the progress
  /// stage. A run that failed or was stopped is resumed by the next call.
  Result<std::filesystem::path> train(const std::string& step, const std::string& title, const std::function<Result<job::RunSpec>()>& spec);
  /// A recorded dataset, or the one that `work` makes.
  Result<data::Dataset> dataset(const std::string& step, const std::function<Result<data::Dataset>()>& work);
  /// Writes and verifies a run's student once; [{"format","path","sha256","verified"}…].
  Result<Json> exported(const std::filesystem::path& student, const data::Dataset& dataset, const std::string& formats, const std::filesystem::path& out);

 private:
  const Workspace& m_workspace;
  Ledger m_ledger;
  ProgressFn m_progress;
  std::stop_token m_stop;
};

/// name, path and fingerprint of a model on disk.
Result<job::ModelRef> modelRef(const std::filesystem::path& path, std::string_view name);

}  // namespace retort::line
