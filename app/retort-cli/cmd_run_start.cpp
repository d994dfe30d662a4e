// `run start|extend|fork|curve`: runs queued from a spec, from another run, and several at once on nested shares of the rows.
#include "app/retort-cli/cmd_run.h"
#include "base/format.h"
#include "job/job_folder.h"
#include "run/curve.h"
#include "run/derive.h"
#include "run/start.h"

namespace retort::cli {
namespace {

int started(Context& context, const Workspace& workspace, const Result<std::string>& id) {
  if (!id.ok()) return context.fail(id.error());
  context.print("Started run " + *id);
  context.printJson({{"id", *id}, {"folder", (workspace.runs() / *id).string()}});
  return done;
}

int startVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto spec = readSpec(args);
  if (!spec.ok()) return context.fail(spec.error());
  if (!args.has("--curve")) return started(context, *workspace, run::startRun(*workspace, *spec, !args.has("--no-restart"), args.has("--force")));
  const auto shares = run::parseShares(args.get("--curve"));
  if (!shares.ok()) return context.fail(shares.error());
  const auto ids = run::startCurve(*workspace, *spec, *shares, args.has("--force"));
  if (!ids.ok()) return context.fail(ids.error());
  for (std::size_t i = 0; i < ids->size(); ++i) context.print("Started run " + (*ids)[i] + " on " + formatNumber((*shares)[i], 1) + " % of the rows");
  context.print("See the curve with: retort-cli run curve " + ids->front());
  context.printJson({{"curve", ids->front()}, {"runs", *ids}});
  return done;
}

int extendVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().size() != 1 || !args.has("--steps")) return context.usage("run extend needs one run and --steps");
  const auto steps = args.integer("--steps", 0);
  if (!steps.ok()) return context.fail(steps.error());
  return started(context, *workspace, run::extendRun(*workspace, args.positional()[0], *steps));
}

int forkVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().size() != 1) return context.usage("run fork needs one run");
  const auto at = args.integer("--at", -1);
  if (!at.ok()) return context.fail(at.error());
  return started(context, *workspace, run::forkRun(*workspace, args.positional()[0], *at, args.all("--set"), args.get("--name")));
}

int curveVerb(Context& context, const Args& args) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.positional().size() != 1) return context.usage("run curve needs one run of the curve");
  const auto curve = run::readCurve(*workspace, args.positional()[0]);
  if (!curve.ok()) return context.fail(curve.error());
  for (const auto& p : curve->points)
    context.print(p.run + "  " + formatNumber(p.share, 1) + " %  " +
                  (p.done ? formatCount(p.rows) + " rows  NLL " + formatNumber(p.nll, 4) + " (" + formatNumber(p.low, 4) + " to " + formatNumber(p.high, 4) + ")" : std::string("not finished")));
  if (curve->hasGain)
    context.print("Twice the rows would lower the NLL by about " + formatNumber(curve->gain, 4) + " (" + formatNumber(curve->gainLow, 4) + " to " + formatNumber(curve->gainHigh, 4) + ")");
  context.printJson(run::toJson(*curve));
  return done;
}

const Registration start{{"run", "start", "run start SPEC [--set K=V]… [--curve 25,50,100] [--no-restart] [--force]", "Queues a run and starts the supervisor.",
                          {{"--set", "K=V", "changes one field"}, {"--curve", "P,P,…", "one run on each share of the rows, in percent"},
                           {"--no-restart", "", "a dead worker is not started again"}, {"--force", "", "start although the estimate does not fit"}}, startVerb}};
const Registration extend{{"run", "extend", "run extend ID --steps N", "A new run that goes on from the last checkpoint for N more steps.", {{"--steps", "N", "more steps"}}, extendVerb}};
const Registration fork{{"run", "fork", "run fork ID [--at STEP] [--set K=V]… [--name NAME]", "A new run that leaves a checkpoint with other settings.",
                         {{"--at", "STEP", "a checkpoint's step; the last one otherwise"}, {"--set", "K=V", "changes one field"}, {"--name", "NAME", "for people"}}, forkVerb}};
const Registration curve{{"run", "curve", "run curve ID", "Score against rows, and what twice the rows would bring.", {}, curveVerb}};

}  // namespace
}  // namespace retort::cli
