// What buying the rest would cost, as a range, from a few rows that were bought already.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "providers/prices.h"

namespace retort::providers {

struct ProbeRow {
  NanoUsd cost = 0;
  double seconds = -1;             ///< -1: out of the cache, no time known
};

struct SpendForecast {
  std::int64_t rows = 0, probes = 0;
  std::optional<NanoUsd> low, high;        ///< nothing: the price is unknown
  std::optional<double> secondsLow, secondsHigh;
  [[nodiscard]] std::string sentence() const;
};
[[nodiscard]] Json toJson(const SpendForecast& forecast);

/// 95 % prediction range of the sum over `rows` further rows: n (mean ± t s sqrt(1/n + 1/rows)), Student's t; never below the cheapest
/// probe for all. Time: mean latency over the ceiling of concurrency (low) and over the 4 at once with which every run starts (high).
[[nodiscard]] SpendForecast forecastSpending(const std::vector<ProbeRow>& probes, std::int64_t rows, bool isPriceKnown, int maxConcurrent);

}  // namespace retort::providers
