// What tokens cost: dated list prices of the resources, with the workspace's own above them; integers, never floats.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"
#include "providers/usage.h"

namespace retort::providers {

/// Nano-USD, the unit in which requests are billed and summed.
using NanoUsd = std::int64_t;

/// Prices of one model in pico-USD a token: $1 per million tokens is 1,000,000.
struct Price {
  std::int64_t input = 0, output = 0;
  std::optional<std::int64_t> cacheRead, cacheWrite;   ///< absent: as input
  std::int64_t batchPerMille = 1000;                   ///< share of the price in a batch, in thousandths
  std::string provider, asOf, source;                  ///< source: "resources", "workspace" or "teacher"
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

class PriceTable {
 public:
  /// resources/prices.json, then the workspace's prices.json over it (same form; entries replace by model). A missing workspace file is fine.
  static Result<PriceTable> load(const Workspace* workspace);
  /// Adds the entries of one document of schema retort.prices/1.
  Status add(const Json& document, std::string_view where, std::string_view source);
  /// The price of a model, by its id as it stands or by priceKey(); nullopt: unknown, which is not zero.
  [[nodiscard]] std::optional<Price> find(std::string_view modelId) const;
  [[nodiscard]] const std::map<std::string, Price, std::less<>>& all() const { return m_prices; }

 private:
  std::map<std::string, Price, std::less<>> m_prices;
};

}  // namespace retort::providers
