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

/// The job's parameters; the files of one's own, made absolute, need each other.
Result<Json> paramsOf(const Args& args, bool fast) {
  Json params = {{"fast", fast}};
  const auto logs = args.all("--logs");
  if (logs.empty()) return params;
  if (!args.has("--golden") || !args.has("--references"))
    return Error{"cli.demo.sources", "demo --logs needs --golden and --references", {}, "labelled examples tune the teacher, and labels judge the student", {}, {}, {}};
  std::error_code error;
  params["logs"] = Json::array();
  for (const auto& path : logs) params["logs"].push_back(std::filesystem::absolute(path, error).string());
  params["golden"] = std::filesystem::absolute(args.get("--golden"), error).string();
  params["references"] = std::filesystem::absolute(args.get("--references"), error).string();
  params["split"] = args.get("--split");
  return params;
}

/// The named workspace (made where it does not exist), or a new one among the user's projects.
Result<Workspace> demoWorkspace(const Context& context) {
  std::error_code error;
  if (!context.workspaceArg.empty())
    return std::filesystem::exists(std::filesystem::path(context.workspaceArg) / "workspace.json", error) ? Workspace::open(context.workspaceArg)
                                                                                                         : Workspace::create(context.workspaceArg, "Demo");
  return Workspace::create(userDataFolder() / "projects" / ("demo-" + newId()), "Demo");
}

/// The newest unfinished demo with the same parameters in this workspace, so that a stopped demo goes on; else a new job.
Result<std::string> demoJob(const Workspace& workspace, const Json& params) {
  auto ids = listProducts(workspace.jobs());
  for (auto it = ids.rbegin(); it != ids.rend(); ++it) {
    const auto folder = workspace.jobs() / *it;
    const auto spec = readJsonFile(folder / "spec.json");
    if (!spec.ok() || spec->value("kind", std::string()) != "demo" || (*spec)["params"] != params) continue;
    const auto state = job::observedState(folder);
    if (!state.ok() || state->phase == job::Phase::done) continue;
    if (!job::isActive(state->phase)) RETORT_CHECK(run::requeue(folder));
    return *it;
  }
  return job::createJob(workspace.jobs(), {{"schema", "retort.job/1"}, {"kind", "demo"}, {"name", "Demo"}, {"params", params}});
}

Result<Json> execDemo(JobContext& job) {
  bool fast = false;
  line::DemoSources sources;
  ObjectReader reader(job.params, "spec.json: params");
  reader.optional("fast", fast).optional("logs", sources.logs).optional("golden", sources.golden).optional("references", sources.references).optional("split", sources.split);
  RETORT_CHECK(reader.finish());
  RETORT_TRY(auto preset, line::readDemoPreset(fast ? "fast" : "real"));
  line::shrinkToMachine(preset);
  return line::runDemo(job.workspace, job.folder, preset, sources, job.progress, job.stop);
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
  if (const double share = line::shrinkToMachine(*preset); share < 1)
    context.note("This machine is slower than the demo was sized for: rows and steps are cut to " + formatPercent(share, 0) + ", so expect lower scores.");
  if (const double seconds = line::forecastSeconds(*preset); seconds > 0) context.note("This will take about " + formatDuration(seconds) + " on this machine.");
  const auto params = paramsOf(args, fast);
  if (!params.ok()) return context.fail(params.error());
  const auto id = demoJob(*workspace, *params);
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
    if (!e.value("verified", false)) return gateFailed;
  return done;
}

const Registration r{{"demo", "", "demo [--fast] [--logs L… --golden F --references F] [--detach]", "Runs the whole line on the sample project, from logs to verified files.",
                      {{"--fast", "", "with the built-in tiny model, in about a minute"}, {"--logs", "L", "logs of your own in place of the sample's (repeatable)"}, {"--golden", "F", "conversations with the right answer: they tune the teacher"},
                       {"--references", "F", "labels by request id, for evaluation only"}, {"--split", "S", "of the own logs: shares or time:T1,T2"}, {"--detach", "", "starts it and returns"}}, demo}};
const JobRegistration executor{"demo", execDemo};

}  // namespace
}  // namespace retort::cli
