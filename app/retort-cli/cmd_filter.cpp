// `filter explain`: a filter in words, as canonical text and as Bedrock's JSON, or why it does not fit there.
#include "app/retort-cli/filter_arg.h"

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
  context.printJson(json);
  return done;
}

const Registration r{{"filter", "explain", "filter explain FILTER | --bedrock FILE", "Says a filter in words, in canonical form and as Bedrock's JSON.", {kBedrockOption}, explain}};

}  // namespace
}  // namespace retort::cli
