// `logs derive`, and the job kind "derive": works out the derived fields.
#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "logs/derive.h"

namespace retort::cli {
namespace {

Result<logs::DeriveSummary> deriveIn(const Workspace& workspace, std::stop_token stop, const ProgressFn& progress) {
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto prices, providers::PriceTable::load(&workspace));
  return logs::deriveFields(workspace.root(), prices, stop, progress);
}

Json summaryJson(const logs::DeriveSummary& s) {
  return {{"records", s.records}, {"of", s.of}, {"unreadable", s.unreadable}, {"families", s.families}, {"systems", s.systems}, {"seconds", s.seconds}};
}

int derive(Context& context, const Args&) {
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const auto summary = deriveIn(*workspace, context.stop, context.progress());
  if (!summary.ok()) return context.fail(summary.error());
  context.print(formatCount(summary->records) + " records worked out in " + formatDuration(summary->seconds) + "; the store has " + formatCount(summary->of));
  context.printJson(summaryJson(*summary));
  return done;
}

Result<Json> deriveJob(JobContext& context) {
  RETORT_TRY(const auto summary, deriveIn(context.workspace, context.stop, context.progress));
  return summaryJson(summary);
}

const Registration r{{"logs", "derive", "logs derive", "Works out @system, @family, @conversation, @cost and the other derived fields; continues where it stopped.", {}, derive}};
const JobRegistration job{"derive", deriveJob};

}  // namespace
}  // namespace retort::cli
