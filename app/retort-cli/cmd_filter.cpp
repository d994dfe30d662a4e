// `filter explain`: a filter in words, as canonical text, as Bedrock's JSON and as SQL, or why it does not fit there.
#include "app/retort-cli/filter_arg.h"
#include "logs/remote_source.h"

namespace retort::cli {
namespace {

int explain(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("filter explain takes one filter; put it in quotes");
  const auto filter = filterArgument(args, 0);
  if (!filter.ok()) return failFilter(context, filter.error());
  const auto bedrock = logs::filterToBedrock(*filter);
  Json json;
  json["text"] = logs::printFilter(*filter);
  json["words"] = logs::filterInWords(*filter);
  json["missing"] = filter->missing == logs::Missing::differs ? "differs" : "absent";
  json["bedrock"] = bedrock.ok() ? *bedrock : Json(nullptr);
  json["bedrock_why_not"] = bedrock.ok() ? Json(nullptr) : Json(bedrock.error().text());
  json["beyond_bedrock"] = Json::array();
  for (const auto& [clause, why] : logs::beyondBedrock(*filter)) json["beyond_bedrock"].push_back({{"clause", clause}, {"why", why}});
  context.print("Words:    " + json["words"].get<std::string>());
  context.print("Text:     " + json["text"].get<std::string>());
  context.print("Bedrock:  " + (bedrock.ok() ? dumpJson(*bedrock) : bedrock.error().text()));
  for (const auto& part : json["beyond_bedrock"]) context.print("  beyond it: " + part["clause"].get<std::string>() + " (" + part["why"].get<std::string>() + ")");
  if (args.has("--sql")) {
    const auto engine = logs::parseEngine(args.get("--sql"));
    if (!engine.ok()) return context.fail(engine.error()), int(wrongUsage);
    json["sql"] = logs::explainFor(*engine, *filter);
    context.print("SQL of " + args.get("--sql") + ", over Bedrock logs as JSON lines:\n" + json["sql"].get<std::string>());
  }
  context.printJson(json);
  return done;
}

const Registration r{{"filter", "explain", "filter explain FILTER | --bedrock FILE [--sql duckdb|athena|clickhouse]", "Says a filter in words, in canonical form, as Bedrock's JSON and as SQL.",
                     {kBedrockOption, {"--sql", "ENGINE", "the query that logs import --from sends: duckdb, athena or clickhouse"}}, explain}};

}  // namespace
}  // namespace retort::cli
