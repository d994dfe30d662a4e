// `logs prices`: what tokens cost, shown and set for the project; @cost and every forecast use it.
#include "app/retort-cli/cli.h"
#include "base/clock.h"
#include "base/format.h"
#include "providers/prices.h"

namespace retort::cli {
namespace {

std::string place(const providers::Price& p) {
  std::string text;
  if (!p.region.empty()) text += "  " + p.region;
  if (!p.tier.empty()) text += "  tier " + p.tier;
  if (!p.from.empty()) text += "  from " + p.from;
  return text;
}

int show(Context& context, const providers::PriceTable& table, std::string_view model) {
  Json list = Json::array();
  for (const auto& [name, prices] : table.all()) {
    if (!model.empty() && name != model && name != providers::priceKey(model)) continue;
    for (const auto& p : prices) {
      const auto optional = [](const std::optional<std::int64_t>& v) { return v ? Json(providers::printPrice(*v)) : Json(nullptr); };
      list.push_back({{"model", name}, {"input", providers::printPrice(p.input)}, {"output", providers::printPrice(p.output)}, {"cache_read", optional(p.cacheRead)}, {"cache_write", optional(p.cacheWrite)},
                      {"region", p.region}, {"tier", p.tier}, {"from", p.from}, {"as_of", p.asOf}, {"source", p.source}});
      context.print(shown(name) + "  $" + providers::printPrice(p.input) + " in, $" + providers::printPrice(p.output) + " out" + (p.cacheRead ? ", $" + providers::printPrice(*p.cacheRead) + " from the cache" : "") +
                    place(p) + "  (" + (p.source == "workspace" ? "the project's" : "list price of " + p.asOf) + ")");
    }
  }
  if (list.empty()) context.note("No price is known for " + shown(model) + ". Set one: retort-cli logs prices " + std::string(model) + " --input 0.5 --output 1.5");
  else context.print("US dollars per million tokens. Costs that are not known stay unknown.");
  context.printJson({{"prices", std::move(list)}});
  return done;
}

/// The price that the options say; an error names the option.
Result<providers::Price> priceOf(const Args& args) {
  providers::Price price;
  const auto amount = [&](const char* option) -> Result<std::int64_t> {
    const auto value = providers::parsePrice(args.get(option));
    if (!value) return Error{"cli.usage", std::string(option) + " is no price", {}, shown(args.get(option)), "Write dollars per million tokens, such as 2.50.", {}, {}};
    return *value;
  };
  RETORT_TRY(price.input, amount("--input"));
  RETORT_TRY(price.output, amount("--output"));
  if (args.has("--cache-read")) {
    RETORT_TRY(price.cacheRead, amount("--cache-read"));
  }
  if (args.has("--cache-write")) {
    RETORT_TRY(price.cacheWrite, amount("--cache-write"));
  }
  price.region = args.get("--region");
  price.tier = args.get("--tier");
  price.from = args.get("--from");
  if (!price.from.empty() && !parseIsoTime(price.from + "T00:00:00Z"))
    return Error{"cli.usage", "--from is no day", {}, shown(price.from), "Write it as 2026-03-01.", {}, {}};
  price.asOf = isoUtc(utcMicros()).substr(0, 10);
  return price;
}

int prices(Context& context, const Args& args) {
  if (args.positional().size() > 1) return context.usage("logs prices takes one model at most");
  const std::string model = args.positional().empty() ? std::string() : std::string(args.positional()[0]);
  const auto workspace = context.workspace();
  if (!workspace.ok()) return context.fail(workspace.error());
  const bool isSet = args.has("--input") || args.has("--output"), isRemoved = args.has("--remove");
  if (isSet || isRemoved) {
    if (model.empty()) return context.usage("name the model whose price it is");
    if (isSet && isRemoved) return context.usage("--remove stands alone");
    std::optional<providers::Price> price;
    if (isSet) {
      if (!args.has("--input") || !args.has("--output")) return context.usage("a price needs --input and --output");
      auto made = priceOf(args);
      if (!made.ok()) return context.usage(made.error().what + " (" + made.error().why + "): " + made.error().next);
      price = std::move(*made);
    }
    if (const auto written = providers::setOwnPrice(*workspace, model, price); !written.ok()) return context.fail(written.error());
    context.note("Written to prices.json of the project. The next pass of derived fields works @cost out anew: retort-cli logs derive");
  }
  const auto table = providers::PriceTable::load(&*workspace);
  if (!table.ok()) return context.fail(table.error());
  return show(context, *table, model);
}

const Registration r{{"logs", "prices", "logs prices [MODEL] [--input X --output Y [--cache-read X] [--cache-write X] [--region R] [--tier T] [--from DAY] | --remove]",
                      "Shows what tokens cost, or sets a price of the project, in US dollars per million tokens.",
                      {{"--input", "X", "of a token of the prompt"}, {"--output", "Y", "of a token of the answer"}, {"--cache-read", "X", "of a token from the cache (as input)"}, {"--cache-write", "X", "of one written to it (as input)"},
                       {"--region", "R", "only there"}, {"--tier", "T", "only at that service tier"}, {"--from", "DAY", "from this day on, such as 2026-03-01"}, {"--remove", "", "the project's own prices of the model"}}, prices}};

}  // namespace
}  // namespace retort::cli
