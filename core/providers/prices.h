// What tokens cost: dated list prices of the resources, with the workspace's own above them; integers, never floats.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "providers/usage.h"

namespace retort::providers {

/// Nano-USD, the unit in which requests are billed and summed.
using NanoUsd = std::int64_t;

/// Prices of one model in pico-USD a token: $1 per million tokens is 1,000,000. A model may have several: for a region, a service tier, from a day on.
struct Price {
  std::int64_t input = 0, output = 0;
  std::optional<std::int64_t> cacheRead, cacheWrite;   ///< absent: as input
  std::int64_t batchPerMille = 1000;                   ///< share of the price in a batch, in thousandths
  std::string provider, asOf, source;                  ///< source: "resources", "workspace" or "teacher"
  std::string region, tier;                            ///< empty: any, and where nothing nearer is known
  std::string from;                                    ///< "2026-03-01", UTC: holds from this day on; empty: always
  bool operator==(const Price&) const = default;
};

/// "2.50" dollars per million tokens to pico-USD a token; at most six decimals, no sign, no exponent.
[[nodiscard]] std::optional<std::int64_t> parsePrice(std::string_view dollarsPerMillion);
/// The reverse, without needless zeros: "2.5".
[[nodiscard]] std::string printPrice(std::int64_t picoUsdPerToken);

/// uncached * input + cache reads and writes + output, in 128 bits, rounded once, half up.
[[nodiscard]] NanoUsd costOf(const Price& price, const Usage& usage, bool isBatch = false);
/// "$0.0049": at least two and at most six decimals.
[[nodiscard]] std::string formatMoney(NanoUsd nano);
/// "12", "0.50" dollars to nano-USD.
[[nodiscard]] std::optional<NanoUsd> parseMoney(std::string_view dollars);

/// A model id without what does not change its price: the head of an ARN, a region prefix (us. eu. apac. global.), a context suffix
/// (:128k), a date (-20240307, -2024-08-06).
[[nodiscard]] std::string priceKey(std::string_view modelId);

/// When and where a request was answered, as far as it is known.
struct PriceQuery {
  std::string_view region, tier;
  std::optional<std::int64_t> timeUs;                  ///< none: now, the newest price
};

class PriceTable {
 public:
  /// resources/prices.json, then the workspace's prices.json over it (same form): a model that the workspace names has the workspace's
  /// prices only. A missing workspace file is fine.
  static Result<PriceTable> load(const Workspace* workspace);
  /// Adds the entries of one document of schema retort.prices/1; a model named there loses what it had before.
  Status add(const Json& document, std::string_view where, std::string_view source);
  /// The price of a model, by its id as it stands or by priceKey(): of the entries for the query's region and tier, or for any, the one that
  /// names most of them, and of these the latest that had begun. Nullopt: unknown, which is not zero.
  [[nodiscard]] std::optional<Price> find(std::string_view modelId, const PriceQuery& query = {}) const;
  /// All prices of a model, under the same names as find().
  [[nodiscard]] std::span<const Price> entries(std::string_view modelId) const;
  [[nodiscard]] const std::map<std::string, std::vector<Price>, std::less<>>& all() const { return m_prices; }
  /// Changes when any price does: what was worked out with others is out of date.
  [[nodiscard]] std::int64_t fingerprint() const;

 private:
  std::map<std::string, std::vector<Price>, std::less<>> m_prices;
};

/// The entry of find() among a model's own; null: none.
[[nodiscard]] const Price* choosePrice(std::span<const Price> entries, const PriceQuery& query);

/// The workspace's own prices.json with one entry set (the same region, tier and day are replaced) or, without `price`, all of a model's
/// removed. The first own entry of a model takes the shipped ones along. Errors: providers.prices.model (none of it to remove), of files.
Status setOwnPrice(const Workspace& workspace, const std::string& model, const std::optional<Price>& price);

}  // namespace retort::providers
