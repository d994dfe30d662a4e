// Polling a folder to its end.
#include "run/wait.h"

#include <thread>

#include "base/clock.h"
#include "run/supervisor.h"

namespace retort::run {

Result<job::State> waitForEnd(const Workspace& workspace, const std::filesystem::path& folder, const ProgressFn& progress, std::stop_token stop) {
  double lastCheck = -1;
  for (;;) {
    RETORT_TRY(const auto state, job::observedState(folder));
    if (job::isFinal(state.phase)) return state;
    if (stop.stop_requested()) return cancelledError("Waiting for " + folder.filename().string());
    if (monotonicSeconds() - lastCheck > 2) {
      if (!workspace.isReadOnly()) RETORT_CHECK(ensureSupervisor(workspace));
      lastCheck = monotonicSeconds();
    }
    if (progress) {
      std::string stage = state.stage.empty() ? std::string(job::phaseName(state.phase)) : state.stage;
      if (!stage.empty()) stage[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(stage[0])));
      progress({stage, state.step, state.of, "", state.secondsLeft});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace retort::run
