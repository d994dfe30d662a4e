// Student's t for small samples and the sentence that a person reads before money is spent.
#include "providers/forecast.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/format.h"

namespace retort::providers {
namespace {

/// Two-sided 95 % quantiles of Student's t for 1..30 degrees of freedom.
double studentT(std::size_t freedom) {
  static constexpr std::array<double, 30> kT = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                                2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  return freedom == 0 ? kT[0] : freedom <= kT.size() ? kT[freedom - 1] : 1.96 + 2.5 / static_cast<double>(freedom);
}

}  // namespace

SpendForecast forecastSpending(const std::vector<ProbeRow>& probes, std::int64_t rows, bool isPriceKnown, int maxConcurrent) {
  SpendForecast f;
  f.rows = rows;
  f.probes = static_cast<std::int64_t>(probes.size());
  if (probes.empty() || rows <= 0) {
    if (isPriceKnown && rows <= 0) f.low = f.high = 0;
    return f;
  }
  const auto n = static_cast<double>(probes.size()), all = static_cast<double>(rows);
  if (isPriceKnown) {
    double sum = 0, squares = 0, least = 1e300, most = 0;
    for (const auto& p : probes) {
      const auto c = static_cast<double>(p.cost);
      sum += c, squares += c * c, least = std::min(least, c), most = std::max(most, c);
    }
    const double mean = sum / n, variance = probes.size() > 1 ? std::max(0.0, (squares - n * mean * mean) / (n - 1)) : mean * mean;
    const double half = studentT(probes.size() - 1) * std::sqrt(variance * (1 / n + 1 / all)) * all;
    f.low = static_cast<NanoUsd>(std::max(least * all, mean * all - half));
    // With one or two probes the range is wide; it never leaves what twice the dearest row would cost.
    f.high = static_cast<NanoUsd>(std::min(std::max(2 * most, mean) * all, mean * all + half));
  }
  double seconds = 0;
  int timed = 0;
  for (const auto& p : probes)
    if (p.seconds >= 0) seconds += p.seconds, ++timed;
  if (timed > 0) {
    const double mean = seconds / timed;
    f.secondsLow = mean * std::ceil(all / std::max(1, maxConcurrent));
    f.secondsHigh = mean * std::ceil(all / std::min(4, std::max(1, maxConcurrent)));
  }
  return f;
}

std::string SpendForecast::sentence() const {
  std::string out = formatCount(rows) + " rows to buy: ";
  if (!low) out += "cost unknown, because the model's price is";
  else if (*high == 0) out += "no cost";
  else out += formatMoney(*low) + " to " + formatMoney(*high);
  if (secondsLow) out += ", " + formatDuration(*secondsLow) + " to " + formatDuration(*secondsHigh);
  return out + " (from " + formatCount(probes) + " probe rows)";
}

Json toJson(const SpendForecast& f) {
  Json json = {{"rows", f.rows}, {"probes", f.probes}};
  json["low_usd"] = f.low ? Json(static_cast<double>(*f.low) / 1e9) : Json();
  json["high_usd"] = f.high ? Json(static_cast<double>(*f.high) / 1e9) : Json();
  json["low_seconds"] = f.secondsLow ? Json(*f.secondsLow) : Json();
  json["high_seconds"] = f.secondsHigh ? Json(*f.secondsHigh) : Json();
  return json;
}

}  // namespace retort::providers
