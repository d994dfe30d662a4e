// `supervise` and `job …`: the queue, and the executor of jobs without tensors.
#include <thread>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/follow.h"
#include "base/clock.h"
#include "base/format.h"
#include "job/job_folder.h"
#include "run/run_list.h"
#include "run/supervisor.h"

namespace retort::cli {
namespace {

int superviseVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  run::SupervisorOptions options;
  const auto idle = args.number("--idle", options.idleSeconds);
  if (!idle.ok()) return context.fail(idle.error());
  options.idleSeconds = *idle;
  const auto status = run::supervise(*workspace, options, context.stop);
  return status.ok() ? static_cast<int>(done) : context.fail(status.error());
}

/// Watches control/ while the executor works: a stop word becomes a stop request, the heartbeat goes on.
class ControlWatch {
 public:
  ControlWatch(job::JobFolder& folder, std::stop_source& stop, std::mutex& mutex)
      : m_thread([&folder, &stop, &mutex](std::stop_token end) {
          double lastBeat = monotonicSeconds();
          while (!end.stop_requested()) {
            {
              const std::lock_guard lock(mutex);
              if (const auto word = folder.takeControl(); word && word->starts_with("stop")) stop.request_stop();
              if (monotonicSeconds() - lastBeat > 5) (void)folder.update([](job::State&) {}, true), lastBeat = monotonicSeconds();
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
          }
        }) {}

 private:
  std::jthread m_thread;
};

int execVerb(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("job exec needs the job's folder");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const std::filesystem::path at = args.positional()[0];
  auto folder = job::JobFolder::open(at);
  if (!folder.ok()) return context.fail(folder.error());
  const auto end = [&](job::Phase phase, const Error& error) {
    (void)folder->finish(phase, error);
    return context.fail(error);
  };
  const auto spec = readJsonFile(at / "spec.json");
  if (!spec.ok()) return end(job::Phase::failed, spec.error());
  std::string kind;
  Json params = Json::object();
  ObjectReader reader(*spec, "spec.json");
  reader.required("kind", kind).optional("params", params);
  if (auto read = reader.finish(true); !read.ok()) return end(job::Phase::failed, read.error());
  const auto* run = jobExecutor(kind);
  if (!run) return end(job::Phase::failed, Error{"cli.job.kind", "The job kind \"" + shown(kind) + "\" is unknown", "spec.json", {}, "Update Retort.", {}, {}});

  std::stop_source stop;
  const std::stop_callback onSignal(context.stop, [&] { stop.request_stop(); });
  std::mutex mutex;
  Result<Json> result = Json();
  {
    const ControlWatch watch(*folder, stop, mutex);
    const ProgressFn progress = [&](const Progress& p) {
      const std::lock_guard lock(mutex);
      const bool newStage = p.stage != folder->state().stage;
      (void)folder->update([&](job::State& s) { s.stage = p.stage, s.step = p.done, s.of = p.of, s.secondsLeft = p.secondsLeft; }, newStage);
      if (newStage) (void)folder->event("progress", {{"stage", p.stage}, {"done", p.done}, {"of", p.of}, {"unit", p.unit}});
    };
    JobContext job{*workspace, at, params, stop.get_token(), progress};
    try {
      result = (*run)(job);
    } catch (const std::exception& e) {  // a file with members of other types than ours: JSON's edge
      result = Error{"cli.job.exception", "The job met something it does not understand", at.string(), shown(e.what()), "Please report this.", {}, {}};
    }
  }
  if (result.ok()) {
    const auto finished = folder->finish(job::Phase::done, {}, *result);
    return finished.ok() ? static_cast<int>(done) : context.fail(finished.error());
  }
  // A signal is an interruption that resumes; a control word is the user's wish to end.
  const bool signalled = context.stop.stop_requested();
  return end(isCancelled(result.error()) ? (signalled ? job::Phase::interrupted : job::Phase::stopped) : job::Phase::failed, result.error());
}

int listVerb(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  std::vector<Error> problems;
  Json all = Json::array();
  for (const auto& j : run::listJobs(*workspace, &problems)) {
    context.print(j.id + "  " + j.kind + "  " + std::string(job::phaseName(j.state.phase)) + (j.name.empty() ? "" : "  " + j.name));
    all.push_back({{"id", j.id}, {"kind", j.kind}, {"name", j.name}, {"state", job::toJson(j.state)}});
  }
  for (const auto& p : problems) context.note(p.text());
  context.printJson(all);
  return done;
}

const Registration supervise{{"supervise", "", "supervise [--idle SECONDS]", "Runs the workspace's queue until it is idle; started by itself when work is added.",
                              {{"--idle", "SECONDS", "ends after so long without work (20)"}}, superviseVerb}};
const Registration exec{{"job", "exec", "job exec DIR", "Executes one job folder; the supervisor calls this.", {}, execVerb}};
const Registration list{{"job", "list", "job list", "Lists jobs that are not runs, newest first.", {}, listVerb}};
const Registration status{{"job", "status", "job status ID", "Shows a job's state.", {}, followStatus}};
const Registration tail{{"job", "tail", "job tail ID", "Prints events as they come, until the job ends.", {}, followTail}};
const Registration wait{{"job", "wait", "job wait ID", "Waits for the end; exit code 0 done, 1 failed, 4 stopped.", {}, followWait}};
const Registration pause{{"job", "pause", "job pause ID", "Asks a job to pause.", {}, followPause}};
const Registration stop{{"job", "stop", "job stop ID", "Asks a job to stop.", {{"--discard", "", "without saving"}}, followStop}};
const Registration resume{{"job", "resume", "job resume ID", "Puts an ended job back into the queue, or lets a paused one go on.", {}, followResume}};

}  // namespace
}  // namespace retort::cli
