// `run …`: specs, starting, following and plotting training runs.
#include <fstream>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/cmd_run.h"
#include "app/retort-cli/follow.h"
#include "base/format.h"
#include "job/job_folder.h"
#include "job/run_spec.h"
#include "run/estimate.h"
#include "run/metric_series.h"
#include "run/recipes.h"
#include "run/run_list.h"
#include "run/supervisor.h"

namespace retort::cli {
namespace {

int specVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (!args.has("--dataset") || !args.has("--student")) return context.usage("run spec needs --dataset and --student");
  run::RecipeInput input;
  input.dataset = args.get("--dataset");
  input.student = args.get("--student");
  input.teacher = args.get("--teacher");
  input.recipe = args.get("--recipe", "fast");
  input.name = args.get("--name");
  const auto spec = run::specFromRecipe(*workspace, input);
  if (!spec.ok()) return context.fail(spec.error());
  Json json = job::toJson(*spec);
  for (const auto& set : args.all("--set"))
    if (auto done = job::setField(json, set); !done.ok()) return context.fail(done.error());
  if (const auto checked = job::runSpecFromJson(json, "spec"); !checked.ok()) return context.fail(checked.error());
  std::printf("%s\n", json.dump(2).c_str());
  return done;
}

int estimateVerb(Context& context, const Args& args) {
  const auto spec = readSpec(args);
  if (!spec.ok()) return context.fail(spec.error());
  const auto estimate = run::estimate(*spec);
  if (!estimate.ok()) return context.fail(estimate.error());
  for (const auto& line : estimate->lines()) context.print(line);
  context.printJson(run::toJson(*estimate));
  if (estimate->blocker) return context.fail(*estimate->blocker);
  return done;
}

int listVerb(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  std::vector<Error> problems;
  Json all = Json::array();
  for (const auto& r : run::listRuns(*workspace, &problems)) {
    context.print(r.id + "  " + r.name + "  " + r.student + " from " + (r.teacher.empty() ? "answers" : r.teacher) + "  " + r.method + "  " + stateSentence(r.state) +
                  (r.bestNll ? "  NLL " + formatNumber(*r.bestNll, 4) : ""));
    all.push_back({{"id", r.id}, {"name", r.name}, {"student", r.student}, {"teacher", r.teacher}, {"method", r.method}, {"dataset", r.dataset},
                   {"state", job::toJson(r.state)}, {"best_nll", r.bestNll ? Json(*r.bestNll) : Json(nullptr)}});
  }
  for (const auto& p : problems) context.note(p.text());
  context.printJson(all);
  return done;
}

Result<std::filesystem::path> oneRun(const Context& context, const Args& args, std::size_t words) {
  RETORT_TRY(const auto workspace, context.workspace());
  if (args.positional().size() != words) return Error{"cli.argument.count", "run " + context.verb + (words == 1 ? " needs one id or name" : " needs an id or name, and a file to write to"), {}, {}, "See: retort-cli run list", {}, {}};
  return run::findRun(workspace, args.positional()[0]);
}

int plotVerb(Context& context, const Args& args) {
  const auto folder = oneRun(context, args, 2);
  if (!folder.ok()) return context.fail(folder.error());
  const auto series = run::readMetrics(*folder);
  if (!series.ok()) return context.fail(series.error());
  const auto written = writeFileAtomically(args.positional()[1], run::metricsToSvg(*series, "Run " + folder->filename().string()));
  if (!written.ok()) return context.fail(written.error());
  context.print("Wrote " + args.positional()[1]);
  context.printJson({{"id", folder->filename().string()}, {"path", args.positional()[1]}});
  return done;
}

const Registration spec{{"run", "spec", "run spec --dataset D --student M [--teacher T] [--recipe fast|better|best] [--set K=V]…", "Prints a complete run spec.",
                         {{"--dataset", "D", "id or name"}, {"--student", "M", "model to train"}, {"--teacher", "T", "local teacher"}, {"--recipe", "R", "fast, better or best"},
                          {"--name", "NAME", "for people"}, {"--set", "K=V", "changes one field"}}, specVerb}};
const Registration estimate{{"run", "estimate", "run estimate SPEC [--set K=V]…", "Memory, disk and time before the start.", {{"--set", "K=V", "changes one field"}}, estimateVerb}};
const Registration list{{"run", "list", "run list", "Lists runs, newest first.", {}, listVerb}};
const Registration status{{"run", "status", "run status ID", "Shows a run's state.", {}, followStatus}};
const Registration tail{{"run", "tail", "run tail ID", "Prints events as they come, until the run ends.", {}, followTail}};
const Registration wait{{"run", "wait", "run wait ID", "Waits for the end; exit code 0 done, 1 failed, 4 stopped.", {}, followWait}};
const Registration pause{{"run", "pause", "run pause ID", "Saves and pauses a run.", {}, followPause}};
const Registration stop{{"run", "stop", "run stop ID [--discard]", "Stops a run, saving what it has.", {{"--discard", "", "without saving"}}, followStop}};
const Registration resume{{"run", "resume", "run resume ID", "Goes on from the last checkpoint.", {}, followResume}};
const Registration plot{{"run", "plot", "run plot ID OUT.svg", "Draws loss and validation over steps.", {}, plotVerb}};

}  // namespace

Result<job::RunSpec> readSpec(const Args& args) {
  if (args.positional().size() != 1) return Error{"cli.argument.count", "Exactly one spec file is needed", {}, {}, "Make one with: retort-cli run spec", {}, {}};
  RETORT_TRY(Json json, readJsonFile(args.positional()[0], 4u << 20));
  for (const auto& set : args.all("--set")) RETORT_CHECK(job::setField(json, set));
  return job::runSpecFromJson(json, args.positional()[0]);
}

}  // namespace retort::cli
