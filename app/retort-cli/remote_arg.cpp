// Opening a source from arguments, and what the verbs print of it.
#include "app/retort-cli/remote_arg.h"

#include <algorithm>

#include "app/retort-cli/filter_arg.h"
#include "app/retort-cli/read_rules_arg.h"
#include "app/retort-cli/rows.h"
#include "app/retort-cli/spend.h"
#include "base/error.h"
#include "base/format.h"

namespace retort::cli {

namespace {

/// Queries that cost money need a word.
Status mayQuery(const Context& context, const Args& args) {
  if (!args.get("--from").starts_with("athena:")) return {};
  return mayPay(context, args, "Athena bills every byte that a query scans");
}

Result<std::unique_ptr<logs::RecordSource>> openSource(const Context& context, const Args& args, const Workspace& workspace, const logs::ImportOptions& options) {
  RETORT_CHECK(mayQuery(context, args));
  logs::RemoteOptions remote;
  remote.sinceUs = options.sinceUs;
  remote.untilUs = options.untilUs;
  remote.read = options.read;
  remote.cache = workspace.root() / "cache" / "remote" / "work";
  remote.workgroup = args.get("--workgroup");
  remote.output = args.get("--output");
  RETORT_TRY(remote.timeoutS, args.number("--timeout", remote.timeoutS));
  RETORT_TRY(remote.usdPerTerabyte, args.number("--usd-per-tb", remote.usdPerTerabyte));
  for (const auto& pair : args.all("--partition")) {
    const auto equal = pair.find('=');
    if (equal == std::string::npos || equal == 0) return Error{"cli.argument.partition", "--partition needs KEY=VALUE", {}, "\"" + shown(pair) + "\" is none", "For example --partition region=eu-central-1.", {}, {}};
    remote.partitions.emplace_back(pair.substr(0, equal), pair.substr(equal + 1));
  }
  return logs::RecordSource::open(args.get("--from"), std::move(remote), context.stop);
}

/// What every query in place needs: the filter, and the source with the workspace's maps and names of models.
struct Asked {
  logs::Filter filter;
  std::unique_ptr<logs::RecordSource> source;
};
Result<Asked> ask(const Context& context, const Args& args) {
  Asked asked;
  RETORT_TRY(asked.filter, filterArgument(args, 0));
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_CHECK(workspace.requireWritable());
  logs::ImportOptions options;
  RETORT_TRY(options.sinceUs, timeOption(args.get("--since"), "--since"));
  RETORT_TRY(options.untilUs, timeOption(args.get("--until"), "--until"));
  RETORT_CHECK(addReadRules(workspace, {}, args.get("--map"), options));
  RETORT_TRY(asked.source, openSource(context, args, workspace, options));
  return asked;
}

void addCost(Json& json, const logs::RemoteCost& cost) {
  if (cost.scannedBytes > 0) json["scanned_bytes"] = cost.scannedBytes;
  if (cost.usd > 0) json["cost_usd"] = cost.usd;
  if (!cost.queryIds.empty()) json["query_ids"] = cost.queryIds;
}

}  // namespace

std::string costText(const logs::RemoteCost& cost) {
  if (cost.scannedBytes == 0 && cost.usd == 0) return {};
  return "; " + formatBytes(static_cast<std::uint64_t>(cost.scannedBytes)) + " were scanned, about " + formatNumber(cost.usd, cost.usd < 0.01 ? 5 : 2) + " USD";
}

std::vector<OptionSpec> withRemote(std::vector<OptionSpec> options) {
  static constexpr OptionSpec kRemote[] = {
      {"--from", "SOURCE", "a store that is queried in place: duckdb:GLOB, athena:DATABASE.TABLE, clickhouse:URL/TABLE"},
      {"--map", "FILE", "JSON paths of an unknown format; remembered in the workspace"},
      {"--since", "T", "only records from this time on; only such hour folders and partitions are opened"},
      {"--until", "T", "only records before this time"},
      {"--timeout", "S", "seconds that a query of --from may take (3600)"},
      {"--partition", "KEY=VALUE", "Athena: the part of the table to read; may be repeated"},
      {"--workgroup", "NAME", "Athena: the workgroup that pays"},
      {"--output", "s3://…", "Athena: where results go, if the workgroup does not say"},
      {"--usd-per-tb", "X", "Athena: price of a scanned terabyte (5)"},
      {"--yes", "", "Athena: the queries may cost money"}};
  for (const auto& option : kRemote)
    if (std::none_of(options.begin(), options.end(), [&](const OptionSpec& known) { return known.name == option.name; })) options.push_back(option);
  return options;
}

int countIn(Context& context, const Args& args) {
  const auto asked = ask(context, args);
  if (!asked.ok()) return failFilter(context, asked.error());
  const auto n = asked->source->count(asked->filter, context.stop);
  if (!n.ok()) return context.fail(n.error());
  context.print((n->leftOver.empty() ? "" : "At most ") + formatCount(n->matching) + " of " + formatCount(n->rows) + " records in " + shown(asked->source->name()) + ": " + logs::filterInWords(asked->filter) + costText(n->cost));
  for (const auto& clause : n->leftOver) context.print("  only an import can test: " + clause);
  if (n->undecided > 0) context.print("  " + formatCount(n->undecided) + " more can only be told by an import, which pulls them");
  if (n->unreadable > 0) context.print("  " + formatCount(n->unreadable) + " lines are no JSON there and cannot be pulled");
  Json json = {{"count", n->matching}, {"of", n->rows}, {"exact", n->isExact()}, {"undecided", n->undecided}, {"unreadable", n->unreadable}, {"left_over", n->leftOver},
               {"source", asked->source->name()}, {"filter", logs::printFilter(asked->filter)}, {"sql", asked->source->explain(asked->filter)}};
  addCost(json, n->cost);
  context.printJson(json);
  return done;
}

int listIn(Context& context, const Args& args) {
  for (const char* option : {"--after", "--sample", "--stratify", "--seed"})
    if (args.has(option)) return context.usage("logs list --from shows the first records: " + std::string(option) + " needs an import");
  const auto limit = args.integer("--limit", 100);
  if (!limit.ok()) return context.fail(limit.error());
  const auto asked = ask(context, args);
  if (!asked.ok()) return failFilter(context, asked.error());
  const auto preview = asked->source->preview(asked->filter, static_cast<std::size_t>(std::max<std::int64_t>(*limit, 1)), context.stop);
  if (!preview.ok()) return context.fail(preview.error());
  Json rows = Json::array();
  for (const auto& row : preview->rows) {
    context.print(rowText(row));
    Json json = rowJson(row);
    json.erase("id");
    rows.push_back(std::move(json));
  }
  Json json = {{"records", rows}, {"source", asked->source->name()}};
  addCost(json, preview->cost);
  if (!costText(preview->cost).empty()) context.note(costText(preview->cost).substr(2));
  context.printJson(json);
  return done;
}

int facetsIn(Context& context, const Args& args) {
  const auto limit = args.integer("--limit", 20);
  if (!limit.ok()) return context.fail(limit.error());
  const auto asked = ask(context, args);
  if (!asked.ok()) return failFilter(context, asked.error());
  const auto all = asked->source->facets(asked->filter, args.all("--key"), static_cast<std::size_t>(std::max<std::int64_t>(*limit, 1)), context.stop);
  if (!all.ok()) return failFilter(context, all.error());
  Json json = Json::array();
  for (const auto& facet : all->facets) json.push_back(printFacet(context, facet));
  for (const auto& key : all->leftOut) context.note(shown(key) + " can only be told by an import");
  Json out = {{"facets", json}, {"left_out", all->leftOut}, {"source", asked->source->name()}};
  addCost(out, all->cost);
  if (!costText(all->cost).empty()) context.note(costText(all->cost).substr(2));
  context.printJson(out);
  return done;
}

Result<logs::ImportSummary> importFrom(const Context& context, const Args& args, const Workspace& workspace, const logs::ImportOptions& options, std::optional<logs::RemoteQuery>& query) {
  RETORT_TRY(const auto source, openSource(context, args, workspace, options));
  RETORT_TRY(auto imported, logs::importRemote(workspace.logsDb(), *source, options, context.stop, context.progress()));
  query = std::move(imported.query);
  return std::move(imported.summary);
}

}  // namespace retort::cli
