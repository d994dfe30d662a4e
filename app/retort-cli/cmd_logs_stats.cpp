// `logs stats|worth`: tables over the records of a filter.
#include <algorithm>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/filter_arg.h"
#include "app/retort-cli/open_logs.h"
#include "base/format.h"
#include "logs/derive.h"
#include "logs/stats.h"

namespace retort::cli {
namespace {

std::string money(double dollars) { return "$" + formatNumber(dollars, dollars < 1 ? 4 : 2); }
std::string count(std::uint64_t n) { return formatCount(static_cast<std::int64_t>(n)); }

/// Opens the store with its derived fields brought up to date when the table needs them.
Result<std::shared_ptr<logs::LogStore>> openFor(const Context& context, bool needsDerived) {
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_TRY(const auto store, openLogs(context));
  const auto progress = store->derivedProgress();
  if (!needsDerived || progress.done >= progress.of || workspace.isReadOnly()) return store;
  RETORT_TRY(const auto prices, providers::PriceTable::load(&workspace));
  RETORT_TRY(const auto summary, logs::deriveFields(workspace.root(), prices, context.stop, context.progress()));
  (void)summary;
  RETORT_TRY(const bool changed, store->refresh());
  (void)changed;
  return store;
}

int stats(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs stats takes one filter; put it in quotes");
  const auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  logs::StatsOptions options;
  for (const auto& list : args.all("--by"))
    for (const auto key : splitView(list, ','))
      if (!trimmed(key).empty()) options.keys.emplace_back(trimmed(key));
  if (args.has("--per") && args.get("--per") != "day") return context.usage("--per takes day");
  options.isPerDay = args.has("--per");
  const auto store = openFor(context, true);
  if (!store.ok()) return context.fail(store.error());
  const auto rows = logs::statistics(**store, *filter, options, context.stop);
  if (!rows.ok()) return context.fail(rows.error());
  Json json = Json::array();
  for (const auto& row : *rows) {
    std::string line = row.values.empty() ? std::string("all") : join(row.values, "  ");
    line += ": " + count(row.records) + " records, " + formatCount(row.inputTokens) + " input tokens (" + formatCount(row.cachedTokens) + " cached), " + formatCount(row.outputTokens) + " output, ";
    line += row.costKnown == 0 ? std::string("cost unknown") : money(row.cost) + (row.costKnown < row.records ? " (of " + count(row.costKnown) + " records)" : std::string());
    if (row.errors) line += ", " + count(row.errors) + " errors";
    if (row.p50LatencyMs) line += ", latency p50 " + formatCount(*row.p50LatencyMs) + " p95 " + formatCount(*row.p95LatencyMs) + " ms";
    if (row.repeats) line += ", " + formatPercent(static_cast<double>(row.repeats) / static_cast<double>(row.records)) + " repeats";
    context.print(line);
    json.push_back({{"values", row.values}, {"records", row.records}, {"errors", row.errors}, {"input_tokens", row.inputTokens}, {"cached_tokens", row.cachedTokens},
                    {"output_tokens", row.outputTokens}, {"tokens_known", row.tokensKnown}, {"cost", row.costKnown ? Json(row.cost) : Json(nullptr)}, {"cost_known", row.costKnown},
                    {"p50_latency_ms", row.p50LatencyMs ? Json(*row.p50LatencyMs) : Json(nullptr)}, {"p95_latency_ms", row.p95LatencyMs ? Json(*row.p95LatencyMs) : Json(nullptr)},
                    {"latency_known", row.latencyKnown}, {"repeats", row.repeats}});
  }
  context.printJson({{"by", options.keys}, {"per_day", options.isPerDay}, {"filter", logs::printFilter(*filter)}, {"rows", json}});
  return done;
}

int worthOf(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs worth takes one filter; put it in quotes");
  const auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  logs::WorthOptions options;
  const auto in = args.number("--student-input", options.studentInput), out = args.number("--student-output", options.studentOutput);
  const auto limit = args.integer("--limit", 20);
  if (!in.ok()) return context.fail(in.error());
  if (!out.ok()) return context.fail(out.error());
  if (!limit.ok()) return context.fail(limit.error());
  options.studentInput = *in;
  options.studentOutput = *out;
  options.most = static_cast<std::size_t>(std::max<std::int64_t>(1, *limit));
  const auto store = openFor(context, true);
  if (!store.ok()) return context.fail(store.error());
  const auto worth = logs::worth(**store, *filter, options, context.stop);
  if (!worth.ok()) return context.fail(worth.error());
  Json json = Json::array();
  for (const auto& row : worth->rows) {
    std::string line = row.family + "  " + shown(row.name) + "\n    " + formatNumber(row.perMonth, 0) + " calls a month, ";
    line += row.costKnown == 0 ? std::string("cost unknown") : money(row.cost) + " a month, a student would save " + money(row.saving);
    if (row.repeats) line += ", " + formatPercent(static_cast<double>(row.repeats) / static_cast<double>(row.records)) + " exact repeats (cache them: " + money(row.cache) + ")";
    if (row.withTools) line += ", " + count(row.withTools) + " with tools or images (not distilled yet)";
    line += ", answers of " + formatCount(row.p50Output) + " tokens";
    context.print(line);
    json.push_back({{"family", row.family}, {"name", row.name}, {"records", row.records}, {"per_month", row.perMonth}, {"cost", row.costKnown ? Json(row.cost) : Json(nullptr)},
                    {"cost_known", row.costKnown}, {"cache", row.cache}, {"saving", row.saving}, {"rank", row.rank}, {"repeats", row.repeats}, {"with_tools", row.withTools}, {"p50_output_tokens", row.p50Output},
                    {"filter", "@family = \"" + row.family + "\""}});
  }
  if (worth->isShort) context.note("The records span " + formatNumber(worth->days, 1) + " days only: what a month would be is a bold guess");
  if (worth->withoutCost > 0) context.note(count(worth->withoutCost) + " records have a model without a known price; set it with: retort-cli logs prices MODEL --input X --output Y");
  context.printJson({{"days", worth->days}, {"short", worth->isShort}, {"without_cost", worth->withoutCost}, {"student", {{"input", options.studentInput}, {"output", options.studentOutput}}}, {"families", json}});
  return done;
}

const Registration r1{{"logs", "stats", "logs stats [FILTER] --by KEY,… [--per day]", "Sums tokens, cost, errors, latency and repeats by keys and days.",
                       {kBedrockOption, {"--by", "KEY,…", "metadata keys or built-in fields; up to four"}, {"--per", "day", "one row a day"}}, stats}};
const Registration r2{{"logs", "worth", "logs worth [FILTER] [--student-input P] [--student-output P] [--limit N]", "Ranks prompt families by what distilling them would save a month.",
                       {kBedrockOption, {"--student-input", "P", "dollars a million input tokens of the student (0.10)"}, {"--student-output", "P", "dollars a million output tokens (0.40)"}, {"--limit", "N", "at most so many"}}, worthOf}};

}  // namespace
}  // namespace retort::cli
