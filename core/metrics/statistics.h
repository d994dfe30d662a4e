// Intervals and tests for shares, paired answers and many comparisons; formulas in the comments, no state.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace retort::metrics {

struct Interval {
  double low = 0, high = 0;
  bool operator==(const Interval&) const = default;
};

[[nodiscard]] double normalCdf(double z);
/// Inverse of normalCdf for 0 < p < 1 (infinite at the ends).
[[nodiscard]] double normalQuantile(double p);

/// Wilson score interval of a share at a two-sided `level`; n = 0 gives [0, 1].
[[nodiscard]] Interval wilson(std::int64_t successes, std::int64_t n, double level = 0.95);
/// Upper bound of a share after no event in n trials: 3 / n at 95 %.
[[nodiscard]] double ruleOfThree(std::int64_t n);

/// Exact two-sided McNemar p from the discordant counts: binomial(b + c, 1/2), doubled, at most 1.
[[nodiscard]] double mcNemarExact(std::int64_t b, std::int64_t c);
struct ChiSquare {
  double statistic = 0, p = 1;
};
/// With continuity correction: (|b - c| - 1)^2 / (b + c), one degree of freedom; without: (b - c)^2 / (b + c).
[[nodiscard]] ChiSquare mcNemarChiSquare(std::int64_t b, std::int64_t c, bool corrected = true);
/// Exact below 25 discordant pairs, else with correction.
[[nodiscard]] double mcNemar(std::int64_t b, std::int64_t c);

/// Tango's score interval of the difference (b - c) / n of two paired shares: b pairs only the first won, c only the second.
[[nodiscard]] Interval tango(std::int64_t b, std::int64_t c, std::int64_t n, double level = 0.95);
/// Paired counts on the same rows: b only the first is right, c only the second, n rows in all.
struct Paired {
  std::int64_t b = 0, c = 0, n = 0;
  [[nodiscard]] double difference() const { return n > 0 ? static_cast<double>(b - c) / static_cast<double>(n) : 0; }
};
[[nodiscard]] inline Interval tango(const Paired& counts, double level = 0.95) { return tango(counts.b, counts.c, counts.n, level); }
/// Wald's, for comparison only.
[[nodiscard]] Interval waldPaired(std::int64_t b, std::int64_t c, std::int64_t n, double level = 0.95);

/// Holm: for each p whether it is rejected at family-wise `alpha`; in the order given.
[[nodiscard]] std::vector<bool> holm(std::span<const double> p, double alpha = 0.05);
/// Holm-adjusted p values, in the order given.
[[nodiscard]] std::vector<double> holmAdjusted(std::span<const double> p);

/// The q-quantile (0..1) with linear interpolation between order statistics; NaN of nothing.
[[nodiscard]] double percentile(std::span<const double> values, double q);

/// Cohen's kappa of two raters over the same items, categories as numbers; NaN when chance agreement is complete.
[[nodiscard]] double cohenKappa(std::span<const int> first, std::span<const int> second);
/// The true share behind an observed one, given a judge's sensitivity and specificity; NaN when their sum is at most 1.
[[nodiscard]] double correctedRate(double observed, double sensitivity, double specificity);

}  // namespace retort::metrics
