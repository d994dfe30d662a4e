// Proportions and paired pass/fail counts: Wilson, Tango, McNemar. Pure functions; every formula has its vector in a test.
#pragma once
#include <cstdint>
#include <utility>

namespace retort::metrics {

struct Interval {
  double low = 0, high = 0;
};

/// Quantile of the standard normal distribution (Acklam's rational approximation refined by one Halley step; error below 1e-15).
[[nodiscard]] double normalQuantile(double p);
/// Distribution function of the standard normal.
[[nodiscard]] double normalCdf(double z);

/// Wilson score interval of k successes of n; (0, 1) for n = 0. Two-sided `confidence`.
[[nodiscard]] Interval wilson(std::int64_t k, std::int64_t n, double confidence = 0.95);

/// Paired counts of two raters of the same rows: b only the first is right, c only the second, n rows in all.
struct Paired {
  std::int64_t b = 0, c = 0, n = 0;
  [[nodiscard]] double difference() const { return n > 0 ? static_cast<double>(b - c) / static_cast<double>(n) : 0; }
};

/// Tango's score interval for the difference (first minus second) of paired proportions: the two D with
/// (b - c - nD) / sqrt(n (2w + D (1 - D))) = ±z, found by bisection on (-1, 1). Two-sided `confidence`.
[[nodiscard]] Interval tango(const Paired& counts, double confidence = 0.95);

/// McNemar: exact binomial below 25 discordant rows, else chi-squared with continuity correction. Two-sided p; 1 without discordance.
[[nodiscard]] double mcNemarP(std::int64_t b, std::int64_t c);
[[nodiscard]] double mcNemarExactP(std::int64_t b, std::int64_t c);

/// Rows needed to show non-inferiority of margin `delta`, when the true difference is D and `psi` the discordant share:
/// (z_{1-alpha} + z_power)^2 (psi - D^2) / (delta + D)^2.
[[nodiscard]] double nonInferiorityRows(double psi, double difference, double delta, double alpha = 0.05, double power = 0.8);

}  // namespace retort::metrics
