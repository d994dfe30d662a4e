// `logs count|list|show|facets|rejects`.
#include <algorithm>

#include "app/retort-cli/cli.h"
#include "app/retort-cli/filter_arg.h"
#include "app/retort-cli/open_logs.h"
#include "app/retort-cli/remote_arg.h"
#include "app/retort-cli/rows.h"
#include "base/format.h"
#include "logs/log_store.h"
#include "logs/remote_import.h"
#include "logs/sample.h"

namespace retort::cli {
namespace {

/// True for a filter on fields that a background pass works out.
bool usesLate(const logs::FilterNode& node) {
  if (node.kind == logs::FilterNode::Kind::test) return node.isBuiltIn && logs::isKnownOnlyInStore(node.field) && node.field != "@tags" && node.field != "@rating";
  return std::any_of(node.children.begin(), node.children.end(), usesLate);
}

int count(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs count takes one filter; put it in quotes");
  if (args.has("--from")) return countIn(context, args);
  auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  const auto n = (*store)->count(*filter, context.stop);
  if (!n.ok()) return context.fail(n.error());
  context.print(formatCount(static_cast<std::int64_t>(*n)) + " of " + formatCount(static_cast<std::int64_t>((*store)->size())) + " records: " + logs::filterInWords(*filter));
  const auto both = (*store)->missingCounts(*filter, context.stop);
  if (!both.ok()) return context.fail(both.error());
  if (both->differs != both->absent)
    context.print("  A record without the key " + std::string(filter->missing == logs::Missing::differs ? "counts" : "does not count") + " as not equal here; counted so: " +
                  formatCount(static_cast<std::int64_t>(both->differs)) + ", not counted so: " + formatCount(static_cast<std::int64_t>(both->absent)));
  if (const auto progress = (*store)->derivedProgress(); usesLate(filter->root) && progress.done < progress.of)
    context.note("Derived fields are worked out for " + formatCount(static_cast<std::int64_t>(progress.done)) + " of " + formatCount(static_cast<std::int64_t>(progress.of)) + " records; go on with: retort-cli logs derive");
  context.printJson({{"count", *n}, {"of", (*store)->size()}, {"filter", logs::printFilter(*filter)}, {"missing_differs", both->differs}, {"missing_absent", both->absent}});
  return done;
}

/// --sample N [--stratify KEY] [--seed S]: a drawing of the ids, ascending.
Result<std::vector<std::uint32_t>> sampleOption(const logs::LogStore& store, const Args& args, const std::vector<std::uint32_t>& ids) {
  if (!args.has("--sample")) return ids;
  RETORT_TRY(const auto n, args.integer("--sample", 0));
  RETORT_TRY(const auto seed, args.integer("--seed", 1));
  return logs::sampleIds(store, logs::IdSet::of(ids), static_cast<std::size_t>(std::max<std::int64_t>(0, n)), args.get("--stratify"), static_cast<std::uint64_t>(seed));
}

int list(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs list takes one filter; put it in quotes");
  if (args.has("--from")) return listIn(context, args);
  const auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto after = args.integer("--after", -1), limit = args.integer("--limit", 50);
  if (!after.ok()) return context.fail(after.error());
  if (!limit.ok()) return context.fail(limit.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  auto ids = (*store)->ids(*filter, context.stop);
  if (!ids.ok()) return context.fail(ids.error());
  const auto total = ids->size();
  if (const auto drawn = sampleOption(**store, args, *ids); !drawn.ok()) return context.fail(drawn.error());
  else *ids = *drawn;
  ids->erase(ids->begin(), std::find_if(ids->begin(), ids->end(), [&](std::uint32_t id) { return std::int64_t(id) > *after; }));
  if (*limit >= 0 && ids->size() > static_cast<std::size_t>(*limit)) ids->resize(static_cast<std::size_t>(*limit));
  const auto rows = (*store)->rows(*ids);
  if (!rows.ok()) return context.fail(rows.error());
  Json records = Json::array();
  for (const auto& row : *rows) {
    context.print(std::to_string(row.id) + "  " + rowText(row));
    if (context.json) records.push_back(rowJson(row));
  }
  context.printJson({{"of", total}, {"records", records}});
  return done;
}

/// A dense id, or a request id.
Result<std::uint32_t> findRecord(const logs::LogStore& store, const std::string& text) {
  RETORT_TRY(const auto byRequest, store.findByRequestId(text));
  if (byRequest) return *byRequest;
  const bool isNumber = !text.empty() && text.size() < 10 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (isNumber) return static_cast<std::uint32_t>(std::stoul(text));
  return Error{"logs.record.unknown", "There is no record " + shown(text), {}, {}, "List records: retort-cli logs list.", {}, {}};
}

int show(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("logs show needs the id of one record");
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  const auto id = findRecord(**store, args.positional()[0]);
  if (!id.ok()) return context.fail(id.error());
  if (args.has("--raw")) {
    const auto line = (*store)->rawLine(*id);
    if (!line.ok()) return context.fail(line.error());
    context.print(*line);
    context.printJson({{"id", *id}, {"raw", *line}});
    return done;
  }
  const auto record = (*store)->record(*id);
  if (!record.ok()) return context.fail(record.error());
  const auto origin = logs::originOf(context.workspace()->logsDb(), *id);
  if (!origin.ok()) return context.fail(origin.error());
  Json json = record->toJson();
  for (const auto& [name, value] : json.items()) {
    if (name == "messages" || name == "answer" || name == "tools") continue;
    if (!value.is_null() && value != "" && !(value.is_structured() && value.empty())) context.print(name + ": " + (value.is_string() ? value.get<std::string>() : dumpJson(value)));
  }
  for (const auto& message : record->messages) context.print("\n[" + message.value("role", "") + "]\n" + logs::messageText(message));
  if (!record->answer.is_null()) context.print("\n[answer]\n" + logs::messageText(record->answer));
  context.print("\nfrom " + origin->value("path", ""));
  if (const auto query = origin->find("query"); query != origin->end()) context.print("pulled at " + query->value("at", "") + ", result " + query->value("sha256", "") + ", by\n" + query->value("sql", ""));
  json["origin"] = *origin;
  context.printJson(json);
  return done;
}

int facets(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs facets takes one filter; put it in quotes");
  if (args.has("--from")) return facetsIn(context, args);
  const auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto limit = args.integer("--limit", 20);
  if (!limit.ok()) return context.fail(limit.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  const auto all = (*store)->facets(*filter, args.all("--key"), static_cast<std::size_t>(std::max<std::int64_t>(*limit, 1)), context.stop);
  if (!all.ok()) return context.fail(all.error());
  Json json = Json::array();
  for (const auto& facet : *all) {
    json.push_back(printFacet(context, facet));
  }
  const auto progress = (*store)->derivedProgress();
  if (progress.done < progress.of)
    context.print("Derived fields: computing, " + formatPercent(static_cast<double>(progress.done) / static_cast<double>(progress.of)));
  context.printJson({{"facets", json}, {"derived", {{"done", progress.done}, {"of", progress.of}}}});
  return done;
}

int rejects(Context& context, const Args& args) {
  const auto after = args.integer("--after", 0), limit = args.integer("--limit", context.json ? 1'000'000 : 100);
  if (!after.ok()) return context.fail(after.error());
  if (!limit.ok()) return context.fail(limit.error());
  const auto store = openLogs(context);
  if (!store.ok()) return context.fail(store.error());
  const auto total = (*store)->rejectCount();
  if (!total.ok()) return context.fail(total.error());
  const auto list = (*store)->rejects(*after, static_cast<std::size_t>(std::max<std::int64_t>(*limit, 0)));
  if (!list.ok()) return context.fail(list.error());
  Json json = Json::array();
  for (const auto& reject : *list) {
    context.print(reject.file + ", line " + formatCount(reject.line) + " (byte " + formatCount(reject.byteOffset) + "): " + std::string(logs::rejectWord(reject.reason)) +
                  (reject.detail.empty() ? std::string() : ", " + reject.detail));
    if (context.json)
      json.push_back({{"id", reject.id}, {"file", reject.file}, {"line", reject.line}, {"byte", reject.byteOffset}, {"length", reject.length},
                      {"reason", logs::rejectWord(reject.reason)}, {"detail", reject.detail}, {"head", repairUtf8(reject.head)}});
  }
  if (list->size() < *total) context.note(formatCount(static_cast<std::int64_t>(list->size())) + " of " + formatCount(static_cast<std::int64_t>(*total)) + " rejected lines are shown");
  context.printJson({{"of", *total}, {"rejects", json}});
  return done;
}

const OptionSpec kLimit{"--limit", "N", "at most so many"};
const Registration r2{{"logs", "count", "logs count [FILTER] [--from SOURCE]", "Counts records: imported ones, or in a store where they are.", withRemote({kBedrockOption}), count}};
const Registration r3{{"logs", "list", "logs list [FILTER] [--after ID] [--limit N] [--sample N [--stratify KEY] [--seed S]] [--from SOURCE]", "Lists records in order of import, or the first ones of a store.",
                       withRemote({kBedrockOption, {"--after", "ID", "only ids above this one"}, kLimit, {"--sample", "N", "a random sample of so many"}, {"--stratify", "KEY", "as many of each value of the key, as far as there are"}, {"--seed", "S", "seed of the sample (1)"}}), list}};
const Registration r4{{"logs", "show", "logs show ID [--raw]", "Shows one record: id of the list, or request id.", {{"--raw", "", "the source line, byte for byte"}}, show}};
const Registration r5{{"logs", "facets", "logs facets [FILTER] [--key K]… [--limit N] [--from SOURCE]", "Counts the values of metadata keys and built-in fields.",
                       withRemote({kBedrockOption, {"--key", "K", "this key only; may be repeated"}, kLimit}), facets}};
const Registration r6{{"logs", "rejects", "logs rejects [--after ID] [--limit N]", "Lists the lines that were not taken, and why.", {{"--after", "ID", "only rejects behind this one"}, kLimit}, rejects}};

}  // namespace
}  // namespace retort::cli
