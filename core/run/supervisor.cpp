// The queue's loop.
#include "run/supervisor.h"

#include <algorithm>
#include <csignal>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/subprocess.h"
#include "job/job_folder.h"
#include "job/worker.h"

namespace retort::run {
namespace {

using job::Phase;

/// What the supervisor remembers of a folder between its own lives: restart.json.
struct RestartNote {
  int restarts = 0;
  std::int64_t lastStep = -1;
  bool allowed = true;            ///< false with `run start --no-restart`
};

RestartNote readNote(const fs::path& folder) {
  RestartNote note;
  if (const auto json = readJsonFile(folder / "restart.json"); json.ok()) {
    ObjectReader r(*json, "restart.json");
    r.optional("restarts", note.restarts).optional("last_step", note.lastStep).optional("allowed", note.allowed);
  }
  return note;
}

Status writeNote(const fs::path& folder, const RestartNote& note) {
  return writeJsonFile(folder / "restart.json", {{"restarts", note.restarts}, {"last_step", note.lastStep}, {"allowed", note.allowed}});
}

/// Marks a folder that no process will finish: state failed with the reason.
void giveUp(const fs::path& folder, const Error& error) {
  auto job = job::JobFolder::open(folder);
  if (job.ok()) (void)job->finish(Phase::failed, error);
}

class Loop {
 public:
  Loop(const Workspace& workspace, const SupervisorOptions& options) : m_workspace(workspace), m_options(options) {}

  /// One look at everything; true when something runs or waits.
  bool turn() {
    reap();
    bool busy = false;
    int runs = 0, jobs = 0;
    std::vector<fs::path> waitingRuns, waitingJobs;
    const auto look = [&](const fs::path& parent, int& running, std::vector<fs::path>& waiting) {
      for (const auto& id : listProducts(parent)) {
        const fs::path folder = parent / id;
        if (m_settled.contains(folder.string()) && !changed(folder)) continue;
        const auto state = job::observedState(folder);
        if (!state.ok()) continue;
        if (m_children.contains(folder.string()) || (job::isActive(state->phase))) {
          ++running;
          busy = true;
        } else if (state->phase == Phase::queued) {
          waiting.push_back(folder);
          busy = true;
        } else if (state->phase == Phase::interrupted) {
          if (mayRestart(folder, *state)) waiting.push_back(folder), busy = true;
        } else {
          settle(folder);
        }
      }
    };
    look(m_workspace.runs(), runs, waitingRuns);
    look(m_workspace.jobs(), jobs, waitingJobs);
    for (const auto& folder : waitingJobs)
      if (jobs < m_options.maxJobs && due(folder)) start(folder, false), ++jobs;
    for (const auto& folder : waitingRuns)
      if (runs == 0 && due(folder)) start(folder, true), ++runs;
    return busy;
  }

 private:
  /// A folder in a final phase is not read again until its state.json changes.
  void settle(const fs::path& folder) {
    std::error_code error;
    m_settled[folder.string()] = fs::last_write_time(folder / "state.json", error);
  }
  bool changed(const fs::path& folder) {
    std::error_code error;
    const auto time = fs::last_write_time(folder / "state.json", error);
    auto& known = m_settled[folder.string()];
    if (error || time == known) return false;
    m_settled.erase(folder.string());
    return true;
  }

  bool due(const fs::path& folder) {
    const auto it = m_notBefore.find(folder.string());
    return it == m_notBefore.end() || monotonicSeconds() >= it->second;
  }

  /// A died folder: counts the death once, sets the back-off, or gives up with the reason.
  bool mayRestart(const fs::path& folder, const job::State& state) {
    const std::string key = folder.string();
    if (m_notBefore.contains(key)) return true;  // counted already, waiting for its time
    RestartNote note = readNote(folder);
    const bool stuck = note.restarts > 0 && state.step <= note.lastStep;
    if (!note.allowed || note.restarts >= m_options.maxRestarts || stuck) {
      Error error{"run.restart.limit", "The process of " + folder.filename().string() + " died", "step " + std::to_string(state.step), {},
                  "See worker.log in its folder, then resume it.", {}, {}};
      error.why = !note.allowed ? "restarting was switched off" : stuck ? "it died twice without getting beyond that step"
                                                                        : "it died " + std::to_string(note.restarts + 1) + " times";
      giveUp(folder, error);
      return false;
    }
    m_notBefore[key] = monotonicSeconds() + static_cast<double>(1 << note.restarts) * 0.5;
    note.restarts += 1;
    note.lastStep = state.step;
    if (auto written = writeNote(folder, note); !written.ok()) log(LogLevel::warning, "supervisor", written.error().text());
    return true;
  }

  /// Jobs without tensors may ask providers: they keep the keys of our environment.
  [[nodiscard]] Result<Command> ownCommand(const fs::path& folder) const {
    RETORT_TRY(const auto program, findProgram("retort-cli"));
    return Command{program, {"-w", m_workspace.root().string(), "job", "exec", folder.string()}, {}, {}, {}};
  }

  void start(const fs::path& folder, bool isRun) {
    m_notBefore.erase(folder.string());
    const auto command = isRun ? job::workerCommand({"train", folder.string()}) : ownCommand(folder);
    if (!command.ok()) return giveUp(folder, command.error());
    const auto pid = startDetached(*command, folder / "worker.log");
    if (!pid.ok()) return giveUp(folder, pid.error());
    m_children[folder.string()] = *pid;
  }

  /// Collects ended children. One that ended before it took its folder's lock (a missing library, say) would be started again for
  /// ever: it fails at once, with the end of its log as the reason.
  void reap() {
    for (auto it = m_children.begin(); it != m_children.end();) {
      int status = 0;
      if (::waitpid(it->second, &status, WNOHANG) != it->second) {
        ++it;
        continue;
      }
      const fs::path folder = it->first;
      const auto state = job::readState(folder);
      if (state.ok() && state->phase == Phase::queued) {
        Error error{"run.start.failed", "The process of " + folder.filename().string() + " did not start", {}, "it ended at once", "See worker.log in its folder.", {}, {}};
        if (const auto text = readFile(folder / "worker.log"); text.ok()) {
          const auto all = trimmedLastLine(*text);
          if (!all.empty()) error.why = shown(all);
        }
        giveUp(folder, error);
      }
      it = m_children.erase(it);
    }
  }

  static std::string trimmedLastLine(const std::string& text) {
    const auto end = text.find_last_not_of("\n ");
    if (end == std::string::npos) return {};
    const auto begin = text.rfind('\n', end);
    return text.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1) + 1);
  }

  const Workspace& m_workspace;
  const SupervisorOptions& m_options;
  std::map<std::string, pid_t> m_children;
  std::map<std::string, double> m_notBefore;                 ///< restart times (monotonic)
  std::map<std::string, fs::file_time_type> m_settled;
};

fs::path lockPath(const Workspace& workspace) { return workspace.jobs() / ".supervisor.lock"; }

}  // namespace

Status supervise(const Workspace& workspace, const SupervisorOptions& options, std::stop_token stop) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_CHECK(makeFolders(workspace.jobs()));
  RETORT_TRY(auto lock, FileLock::tryLock(lockPath(workspace), hostName() + " " + std::to_string(::getpid()) + "\n"));
  if (!lock) return {};
  Loop loop(workspace, options);
  double lastBusy = monotonicSeconds();
  while (!stop.stop_requested()) {
    if (loop.turn()) lastBusy = monotonicSeconds();
    else if (monotonicSeconds() - lastBusy > options.idleSeconds) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.pollSeconds));
  }
  return {};
}

Status ensureSupervisor(const Workspace& workspace) {
  RETORT_CHECK(workspace.requireWritable());
  if (FileLock::isHeld(lockPath(workspace))) return {};
  RETORT_CHECK(makeFolders(workspace.jobs()));
  RETORT_TRY(const auto program, findProgram("retort-cli"));
  RETORT_TRY([[maybe_unused]] const pid_t pid, startDetached({program, {"-w", workspace.root().string(), "supervise"}, {}, {}, {}}, workspace.jobs() / ".supervisor.log"));
  return {};
}

Status requeue(const fs::path& folder) {
  RETORT_TRY(const auto state, job::observedState(folder));
  if (state.phase == Phase::paused) return job::sendControl(folder, "resume");
  if (state.phase == Phase::queued) return {};
  if (state.phase == Phase::done)
    return Error{"run.resume.phase", folder.filename().string() + " cannot be resumed", {}, "it is done", "Start a new run, or extend this one.", {}, {}};
  std::error_code code;
  // A pause that was asked for and not yet met: the worker will take both words in their order.
  if (job::isActive(state.phase) && fs::exists(folder / "control" / "pause", code)) return job::sendControl(folder, "resume");
  if (job::isActive(state.phase))
    return Error{"run.resume.phase", folder.filename().string() + " cannot be resumed", {}, "it is running", "See it with: retort-cli run status " + folder.filename().string() + ".", {}, {}};
  RETORT_TRY(auto lock, FileLock::tryLock(folder / "lock"));
  if (!lock) return Error{"run.resume.phase", folder.filename().string() + " cannot be resumed", {}, "a process still works on it", "Wait a moment.", {}, {}};
  for (const char* word : {"stop-save", "stop-discard", "pause", "resume"}) {
    std::error_code ignored;
    fs::remove(folder / "control" / word, ignored);
  }
  RestartNote note = readNote(folder);
  note.restarts = 0;
  note.lastStep = -1;
  RETORT_CHECK(writeNote(folder, note));
  job::State next = state;
  next.phase = Phase::queued;
  next.error = nullptr;
  next.updated = utcMillis();
  return writeJsonFile(folder / "state.json", job::toJson(next));
}

}  // namespace retort::run
