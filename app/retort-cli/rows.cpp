// Printing rows and facets.
#include "app/retort-cli/rows.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/format.h"

namespace retort::cli {

namespace {

Json optionalJson(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(nullptr); }

}  // namespace

std::string rowText(const logs::Row& row) {
  const auto count = [](const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : std::string("?"); };
  return (row.timeUs ? isoUtc(*row.timeUs) : std::string("no time             ")) + "  " + row.model + "  " + row.status + "  " + count(row.inputTokens) + "+" + count(row.outputTokens) + "  " + shown(row.preview);
}

Json rowJson(const logs::Row& row) {
  Json flags = Json::array();
  for (const auto word : logs::flagWords(row.flags)) flags.push_back(word);
  return {{"id", row.id}, {"request_id", row.requestId}, {"time", row.timeUs ? Json(isoUtc(*row.timeUs)) : Json(nullptr)}, {"model", row.model},
          {"operation", row.operation}, {"status", row.status}, {"stop", row.stop}, {"input_tokens", optionalJson(row.inputTokens)},
          {"output_tokens", optionalJson(row.outputTokens)}, {"latency_ms", optionalJson(row.latencyMs)}, {"turns", row.turns}, {"flags", flags}, {"preview", row.preview}};
}

Json printFacet(const Context& context, const logs::Facet& facet) {
  Json values = Json::array();
  context.print(facet.key + (facet.isSampled ? " (~ from a sample)" : "") + ": " + formatCount(static_cast<std::int64_t>(facet.distinct)) + " values");
  for (const auto& value : facet.values) {
    context.print("  " + formatCount(static_cast<std::int64_t>(value.count)) + "  " + shown(value.value));
    values.push_back({{"value", value.value}, {"count", value.count}});
  }
  if (facet.missing > 0) context.print("  " + formatCount(static_cast<std::int64_t>(facet.missing)) + "  (missing)");
  return {{"key", facet.key}, {"values", values}, {"distinct", facet.distinct}, {"missing", facet.missing}, {"sampled", facet.isSampled}};
}

}  // namespace retort::cli
