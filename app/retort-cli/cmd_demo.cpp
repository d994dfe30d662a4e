// `demo`: the whole line on the sample project.
#include <unistd.h>

#include "app/retort-cli/cli.h"
#include "base/clock.h"
#include "base/format.h"
#include "base/ids.h"
#include "base/paths.h"
#include "job/job_folder.h"
#include "line/demo.h"
#include "line/summary.h"
#include "models/library.h"
#include "run/supervisor.h"
#include "run/wait.h"

namespace retort::cli {
namespace {

/// The named workspace (made where it does not exist), or a new one among the user's projects.
Result<Workspace> demoWorkspace(const Context& context) {
  std::error_code error;
  if (!context.workspaceArg.empty())
    return std::filesystem::exists(std::filesystem::path(context.workspaceArg) / "workspace.json", error) ? Workspace::open(context.workspaceArg)
                                                                                                         : Workspace::create(context.workspaceArg, "Demo");
  return Workspace::create(userDataFolder() / "projects" / ("demo-" + newId()), "Demo");
}

/// The newest unfinished demo of the same form in this workspace, so that a stopped demo goes on; else a new job.
Result<std::string> demoJob(const Workspace& workspace, bool fast) {
  auto ids = listProducts(workspace.jobs());
  for (auto it = ids.rbegin(); it != ids.rend(); ++it) {
    const auto folder = workspace.jobs() / *it;
    const auto spec = readJsonFile(folder / "spec.json");
    if (!spec.ok() || spec->value("kind", std::string()) != "demo" || (*spec)["params"].value("fast", false) != fast) continue;
    const auto state = job::observedState(folder);
    if (!state.ok() || state->phase == job::Phase::done) continue;
    if (!job::isActive(state->phase)) RETORT_CHECK(run::requeue(folder));
    return *it;
  }
  return job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", "demo"}, {"name", fast ? "Demo (fast)" : "Demo"}, {"params", {{"fast", fast}}}});
}

Result<Json> execDemo(JobContext& job) {
  bool fast = false;
  ObjectReader reader(job.params, "spec.json: params");
  reader.optional("fast", fast);
  RETORT_CHECK(reader.finish());
  RETORT_TRY(const auto preset, line::readDemoPreset(fast ? "fast" : "real"));
  return line::runDemo(job.workspace, job.folder, preset, job.progress, job.stop);
}

int demo(Context& context, const Args& args) {
  const auto workspace = demoWorkspace(context);
  if (!workspace.ok()) return context.fail(workspace.error());
  bool fast = args.has("--fast");
  auto preset = line::readDemoPreset(fast ? "fast" : "real");
  if (!preset.ok()) return context.fail(preset.error());
  if (!fast && !models::Library(workspace->root()).resolve(preset->model).ok()) {
    context.note("The model " + preset->model + " is not on this machine: the demo uses the built-in tiny model. packaging/setup fetches it where there is a network.");
    fast = true;
    preset = line::readDemoPreset("fast");
    if (!preset.ok()) return context.fail(preset.error());
  }
  context.note("Workspace: " + workspace->root().string());
  if (const double seconds = line::forecastSeconds(*preset); seconds > 0) context.note("This will take about " + formatDuration(seconds) + " on this machine.");
  const auto id = demoJob(*workspace, fast);
  if (!id.ok()) return context.fail(id.error());
  const auto folder = workspace->jobs() / *id;
  if (auto started = run::ensureSupervisor(*workspace); !started.ok()) return context.fail(started.error());
  if (args.has("--detach")) {
    context.print("Started job " + *id);
    context.printJson({{"id", *id}, {"workspace", workspace->root().string()}});
    return done;
  }
  const double start = monotonicSeconds();
  const auto state = run::waitForEnd(*workspace, folder, context.progress(), context.stop);
  if (!state.ok()) {
    if (isCancelled(state.error())) context.note("The demo goes on in the background; see it with: retort-cli -w " + workspace->root().string() + " job status " + *id);
    return context.fail(state.error());
  }
  if (state->phase != job::Phase::done) {
    if (state->error.is_object()) return context.fail(job::errorFromJson(state->error));
    context.note("The demo was stopped; the same command goes on with it.");
    return cancelled;
  }
  Json summary = state->extra;
  summary["seconds"] = monotonicSeconds() - start;
  for (const auto& text : line::summaryTable(summary)) context.print(text);
  context.print("Finished in " + formatDuration(monotonicSeconds() - start) + ".");
  context.printJson(summary);
  for (const auto& e : summary.value("exports", Json::array()))
    if (!e.value("verified", false)) return failed;
  return done;
}

const Registration r{{"demo", "", "demo [--fast] [--detach]", "Runs the whole line on the sample project, from logs to verified files.",
                      {{"--fast", "", "with the built-in tiny model, in about a minute"}, {"--detach", "", "starts it and returns"}}, demo}};
const JobRegistration executor{"demo", execDemo};

}  // namespace
}  // namespace retort::cli
