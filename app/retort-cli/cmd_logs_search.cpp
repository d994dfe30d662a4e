// `logs search|export|purge|tag|rate`.
#include <algorithm>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/filter_arg.h"
#include "app/retort-cli/open_logs.h"
#include "base/format.h"
#include "data/purge.h"
#include "logs/export_table.h"
#include "logs/search.h"
#include "store/people_db.h"

namespace retort::cli {
namespace {

int search(Context& context, const Args& args) {
  const auto& words = args.positional();
  if (words.empty() || words.size() > 2) return context.usage("logs search needs a text or /a regular expression/, and may have a filter behind it");
  const auto filter = filterArgument(args, 1);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto limit = args.integer("--limit", 100);
  if (!limit.ok()) return context.fail(limit.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  std::string pattern;
  auto options = logs::searchOptionsOf(words[0], pattern);
  options.isRaw = args.has("--raw");
  Json hits = Json::array();
  std::int64_t shownHits = 0;
  const auto summary = logs::searchText(**store, *filter, pattern, options, [&](const logs::SearchHit& hit) {
    context.print(std::to_string(hit.id) + "  " + shown(hit.before + "»" + hit.match + "«" + hit.after));
    if (context.json) hits.push_back({{"id", hit.id}, {"before", hit.before}, {"match", hit.match}, {"after", hit.after}});
    return *limit < 0 || ++shownHits < *limit;
  }, context.stop, context.progress());
  if (!summary.ok()) return failFilter(context, summary.error());
  context.print(formatCount(static_cast<std::int64_t>(summary->hits)) + " records of " + formatCount(static_cast<std::int64_t>(summary->searched)) + " that were searched");
  context.printJson({{"hits", hits}, {"found", summary->hits}, {"searched", summary->searched}, {"unreadable", summary->unreadable}});
  return done;
}

int exportLogs(Context& context, const Args& args) {
  const auto& words = args.positional();
  if (words.empty() || words.size() > 2) return context.usage("logs export needs a file to write to, and may have a filter before it");
  const std::string to = args.get("--to", "bedrock");
  const auto write = to == "bedrock" ? logs::exportBedrock : to == "openai" ? logs::exportOpenAi : to == "csv" ? logs::exportCsv : to == "parquet" ? logs::exportParquet : nullptr;
  if (!write) return context.usage("logs export writes --to bedrock, openai, csv or parquet");
  if (args.has("--bedrock") && words.size() > 1) return context.usage("name one filter: an expression or --bedrock");
  const auto filter = words.size() == 2 ? logs::parseFilter(words[0]) : filterArgument(args, 1);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  const auto ids = (*store)->ids(*filter, context.stop);
  if (!ids.ok()) return context.fail(ids.error());
  const auto written = write(**store, *ids, words.back(), context.stop, context.progress());
  if (!written.ok()) return context.fail(written.error());
  context.print("Wrote " + formatCount(written->records) + " records to " + words.back() +
                (written->skipped ? "; " + formatCount(written->skipped) + (to == "bedrock" ? " of other formats were left out" : " without a whole answer were left out") : std::string()));
  context.printJson({{"records", written->records}, {"skipped", written->skipped}, {"spilled_bodies", written->spilledBodies}, {"path", words.back()}});
  return done;
}

void printResumed(const Context& context, std::int64_t records) {
  if (records > 0) context.print("Finished a purge of " + formatCount(records) + " records that had been cut off");
}

int purge(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("logs purge needs one filter; put it in quotes");
  const auto filter = logs::parseFilter(args.positional()[0]);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  if (!args.has("--yes")) {
    const auto earlier = data::finishPurges(*workspace, context.stop, context.progress());
    if (!earlier.ok()) return context.fail(earlier.error());
    printResumed(context, earlier->resumed);
    const auto store = openLogs(context);
    if (!store.ok()) return context.fail(store.error());
    const auto n = (*store)->count(*filter, context.stop);
    if (!n.ok()) return context.fail(n.error());
    return context.usage("this would remove " + formatCount(static_cast<std::int64_t>(*n)) + " records for good, with the datasets that hold them; add --yes");
  }
  const auto report = data::purge(*workspace, *filter, args.get("--reason"), context.stop, context.progress());
  if (!report.ok()) return context.fail(report.error());
  printResumed(context, report->resumed);
  context.print("Removed " + formatCount(report->records) + " records (" + formatBytes(static_cast<std::uint64_t>(report->bytes)) + ") for good; their ids are remembered");
  for (const auto& id : report->datasets) context.print("  The dataset " + id + " lost its rows; build its successor with the same options");
  for (const auto& id : report->descendants) context.print("  Made from it: " + id);
  context.printJson({{"records", report->records}, {"resumed", report->resumed}, {"bytes", report->bytes}, {"datasets", report->datasets}, {"descendants", report->descendants}, {"selections", report->selections}});
  return done;
}

/// The request keys of a filter, and retort.db.
Result<std::pair<std::vector<std::string>, store::PeopleDb>> marked(Context& context, const logs::Filter& filter) {
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_CHECK(workspace.requireWritable());
  RETORT_TRY(const auto store, openLogs(context));
  RETORT_TRY(const auto ids, store->ids(filter, context.stop));
  RETORT_TRY(auto keys, store->requestKeys(ids));
  RETORT_TRY(auto people, store::PeopleDb::open(workspace.retortDb()));
  return std::pair(std::move(keys), std::move(people));
}

int tag(Context& context, const Args& args) {
  if (args.positional().size() != 2) return context.usage("logs tag needs a tag and a filter");
  const auto filter = logs::parseFilter(args.positional()[1]);
  if (!filter.ok()) return failFilter(context, filter.error());
  auto target = marked(context, *filter);
  if (!target.ok()) return context.fail(target.error());
  const auto changed = target->second.setTag(target->first, args.positional()[0], !args.has("--remove"));
  if (!changed.ok()) return context.fail(changed.error());
  context.print((args.has("--remove") ? "Took the tag off " : "Tagged ") + formatCount(static_cast<std::int64_t>(changed->size())) + " of " + formatCount(static_cast<std::int64_t>(target->first.size())) + " records");
  context.printJson({{"changed", changed->size()}, {"matched", target->first.size()}});
  return done;
}

int rate(Context& context, const Args& args) {
  if (args.positional().size() != 2) return context.usage("logs rate needs 1 to 5 stars (0 takes the rating away) and a filter");
  const auto filter = logs::parseFilter(args.positional()[1]);
  if (!filter.ok()) return failFilter(context, filter.error());
  const std::string& stars = args.positional()[0];
  if (stars.size() != 1 || stars[0] < '0' || stars[0] > '5') return context.usage("a rating is 1 to 5 stars, or 0 to take it away");
  auto target = marked(context, *filter);
  if (!target.ok()) return context.fail(target.error());
  const auto before = target->second.setRating(target->first, stars[0] - '0');
  if (!before.ok()) return context.fail(before.error());
  context.print("Rated " + formatCount(static_cast<std::int64_t>(before->size())) + " records");
  context.printJson({{"rated", before->size()}});
  return done;
}

const Registration r1{{"logs", "search", "logs search TEXT|/REGEX/ [FILTER] [--raw] [--limit N]", "Finds a text or a regular expression in prompts and answers.",
                       {kBedrockOption, {"--raw", "", "search the source lines instead"}, {"--limit", "N", "stop after so many records (100; -1: never)"}}, search}};
const Registration r2{{"logs", "export", "logs export [FILTER] [--to bedrock|openai|csv|parquet] OUT", "Writes records for other programs.",
                       {kBedrockOption, {"--to", "FORMAT", "bedrock (the log again), openai (chat lines), csv, or parquet (by your duckdb)"}}, exportLogs}};
const Registration r3{{"logs", "purge", "logs purge FILTER --yes [--reason TEXT]", "Removes records for good: from blocks, indexes, caches and datasets. Remembers their ids.",
                       {{"--yes", "", "really"}, {"--reason", "TEXT", "kept in the tally"}}, purge}};
const Registration r4{{"logs", "tag", "logs tag TAG FILTER [--remove]", "Puts a tag on the records of a filter, or takes it off.", {{"--remove", "", "take it off"}}, tag}};
const Registration r5{{"logs", "rate", "logs rate STARS FILTER", "Rates the records of a filter with 1 to 5 stars; 0 takes the rating away.", {}, rate}};

}  // namespace
}  // namespace retort::cli
