// `logs index`, and the job kind "index": the optional index of words.
#include "app/retort-cli/background.h"
#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "logs/text_index.h"

namespace retort::cli {
namespace {

Result<logs::TextIndexSummary> indexIn(const Workspace& workspace, std::stop_token stop, const ProgressFn& progress) {
  RETORT_CHECK(workspace.requireWritable());
  return logs::indexTexts(workspace.root(), stop, progress);
}

Json summaryJson(const logs::TextIndexSummary& s) { return {{"records", s.records}, {"of", s.of}, {"seconds", s.seconds}}; }

int show(Context& context, const Workspace& workspace) {
  const auto state = logs::textIndexState(workspace.root());
  if (!state.ok()) return context.fail(state.error());
  if (!*state) {
    context.print("There is no text index; words are looked for in every record");
    context.printJson({{"index", nullptr}});
    return done;
  }
  const auto& s = **state;
  context.print(s.isVoid ? std::string("The text index is of records that were removed since; it is made anew by: retort-cli logs index")
                         : formatCount(static_cast<std::int64_t>(s.done)) + " of " + formatCount(static_cast<std::int64_t>(s.of)) + " records are indexed, " + formatBytes(s.bytes));
  context.printJson({{"index", {{"done", s.done}, {"of", s.of}, {"bytes", s.bytes}, {"void", s.isVoid}}}});
  return done;
}

int index(Context& context, const Args& args) {
  if (!args.positional().empty()) return context.usage("logs index takes no arguments");
  if (args.has("--drop") + args.has("--background") + args.has("--state") > 1) return context.usage("--drop, --background and --state exclude each other");
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (args.has("--state")) return show(context, *workspace);
  if (const auto writable = workspace->requireWritable(); !writable.ok()) return context.fail(writable.error());
  if (args.has("--drop")) {
    const auto dropped = logs::dropTextIndex(workspace->root());
    if (!dropped.ok()) return context.fail(dropped.error());
    context.print(*dropped ? "The text index is gone; words are looked for in every record" : "There was no text index");
    context.printJson({{"dropped", *dropped}});
    return done;
  }
  if (args.has("--background")) {
    const auto queued = queueJob(*workspace, "index", "text index");
    if (!queued.ok()) return context.fail(queued.error());
    context.print("Queued; how far it is: retort-cli logs index --state");
    context.printJson({{"queued", true}});
    return done;
  }
  const auto summary = indexIn(*workspace, context.stop, context.progress());
  if (!summary.ok()) return context.fail(summary.error());
  context.print(formatCount(summary->records) + " records indexed in " + formatDuration(summary->seconds) + "; the store has " + formatCount(summary->of));
  context.printJson(summaryJson(*summary));
  return done;
}

Result<Json> indexJob(JobContext& context) {
  RETORT_TRY(const auto summary, indexIn(context.workspace, context.stop, context.progress));
  return summaryJson(summary);
}

const Registration r{{"logs", "index", "logs index [--background | --state | --drop]", "Makes the index of words for @text match, or goes on with it; the filter works without it too, by reading every record.",
                       {{"--background", "", "as a job, which goes on after a crash"}, {"--state", "", "how far it is"}, {"--drop", "", "take the index away"}}, index}};
const JobRegistration job{"index", indexJob};

}  // namespace
}  // namespace retort::cli
