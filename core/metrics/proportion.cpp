// Wilson, Tango, McNemar.
#include "metrics/proportion.h"

#include <algorithm>
#include <cmath>

namespace retort::metrics {

double normalCdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double normalQuantile(double p) {
  if (p <= 0) return -HUGE_VAL;
  if (p >= 1) return HUGE_VAL;
  // Bisection bracket, then Newton: the derivative is the density, so three steps reach full precision.
  double low = -40, high = 40;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (normalCdf(middle) < p ? low : high) = middle;
  }
  double z = (low + high) / 2;
  for (int i = 0; i < 3; ++i) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
    if (density < 1e-300) break;
    z -= (normalCdf(z) - p) / density;
  }
  return z;
}

Interval wilson(std::int64_t k, std::int64_t n, double confidence) {
  if (n <= 0) return {0, 1};
  const double z = normalQuantile(0.5 + confidence / 2), rows = static_cast<double>(n), p = static_cast<double>(k) / rows;
  const double centre = p + z * z / (2 * rows), half = z * std::sqrt(p * (1 - p) / rows + z * z / (4 * rows * rows)), scale = 1 + z * z / rows;
  return {k == 0 ? 0.0 : std::max(0.0, (centre - half) / scale), k == n ? 1.0 : std::min(1.0, (centre + half) / scale)};
}

Interval tango(const Paired& counts, double confidence) {
  if (counts.n <= 0) return {-1, 1};
  const double z = normalQuantile(0.5 + confidence / 2);
  const double n = static_cast<double>(counts.n), b = static_cast<double>(counts.b), c = static_cast<double>(counts.c);
  const auto score = [&](double d) {
    const double qa = 2 * n, qb = -b - c + (2 * n - b + c) * d, qc = -c * d * (1 - d);
    const double w = (std::sqrt(std::max(0.0, qb * qb - 4 * qa * qc)) - qb) / (2 * qa);
    const double variance = n * (2 * w + d * (1 - d));
    const double distance = b - c - n * d;
    if (variance <= 0) return distance == 0 ? 0.0 : distance > 0 ? HUGE_VAL : -HUGE_VAL;
    return distance / std::sqrt(variance);
  };
  const auto solve = [&](double target) {  // the score falls as d rises
    double low = -1, high = 1;
    for (int i = 0; i < 200; ++i) {
      const double middle = (low + high) / 2;
      (score(middle) > target ? low : high) = middle;
    }
    return (low + high) / 2;
  };
  return {solve(z), solve(-z)};
}

double mcNemarExactP(std::int64_t b, std::int64_t c) {
  const std::int64_t m = b + c, k = std::min(b, c);
  double sum = 0;
  for (std::int64_t i = 0; i <= k; ++i) {
    const double x = static_cast<double>(i), y = static_cast<double>(m);
    sum += std::exp(std::lgamma(y + 1) - std::lgamma(x + 1) - std::lgamma(y - x + 1) - y * std::log(2.0));
  }
  return std::min(1.0, 2 * sum);
}

double mcNemarP(std::int64_t b, std::int64_t c) {
  if (b + c == 0) return 1;
  if (b + c < 25) return mcNemarExactP(b, c);
  const double difference = std::abs(static_cast<double>(b - c)) - 1;
  const double chi2 = difference * difference / static_cast<double>(b + c);
  return std::erfc(std::sqrt(chi2 / 2));  // chi-squared with one degree of freedom
}

double nonInferiorityRows(double psi, double difference, double delta, double alpha, double power) {
  const double z = normalQuantile(1 - alpha) + normalQuantile(power);
  return z * z * (psi - difference * difference) / ((delta + difference) * (delta + difference));
}

}  // namespace retort::metrics
