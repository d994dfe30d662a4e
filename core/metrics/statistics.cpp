// Closed forms and a bisection; sources: Wilson 1927, McNemar 1947, Tango 1998, Holm 1979.
#include "metrics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace retort::metrics {

double normalCdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double normalQuantile(double p) {
  if (p <= 0) return -std::numeric_limits<double>::infinity();
  if (p >= 1) return std::numeric_limits<double>::infinity();
  if (p > 0.5) return -normalQuantile(1 - p);
  // A rough start from the tail's asymptotics, then Newton steps on the exact distribution.
  const double t = std::sqrt(-2 * std::log(p));
  double z = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int i = 0; i < 20; ++i) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0));
    const double move = (normalCdf(z) - p) / density;
    z -= move;
    if (std::abs(move) < 1e-14 * std::max(1.0, std::abs(z))) break;
  }
  return z;
}

namespace {
double twoSidedZ(double level) { return normalQuantile(0.5 + level / 2); }
}  // namespace

Interval wilson(std::int64_t successes, std::int64_t n, double level) {
  if (n <= 0) return {0, 1};
  const double z = twoSidedZ(level), count = static_cast<double>(n), p = static_cast<double>(successes) / count;
  const double centre = (p + z * z / (2 * count)) / (1 + z * z / count);
  const double half = z / (1 + z * z / count) * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  return {successes == 0 ? 0.0 : std::max(0.0, centre - half), successes == n ? 1.0 : std::min(1.0, centre + half)};
}

double ruleOfThree(std::int64_t n) { return n <= 0 ? 1.0 : std::min(1.0, 3.0 / static_cast<double>(n)); }

double mcNemarExact(std::int64_t b, std::int64_t c) {
  const std::int64_t n = b + c, few = std::min(b, c);
  if (n == 0) return 1;
  double sum = 0;
  for (std::int64_t i = 0; i <= few; ++i) {
    const double logChoose = std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(i) + 1) - std::lgamma(static_cast<double>(n - i) + 1);
    sum += std::exp(logChoose - static_cast<double>(n) * std::log(2.0));
  }
  return std::min(1.0, 2 * sum);
}

ChiSquare mcNemarChiSquare(std::int64_t b, std::int64_t c, bool corrected) {
  if (b + c == 0) return {};
  const double difference = std::max(0.0, std::abs(static_cast<double>(b - c)) - (corrected ? 1 : 0));
  const double statistic = difference * difference / static_cast<double>(b + c);
  return {statistic, std::erfc(std::sqrt(statistic / 2))};
}

double mcNemar(std::int64_t b, std::int64_t c) { return b + c < 25 ? mcNemarExact(b, c) : mcNemarChiSquare(b, c).p; }

Interval tango(std::int64_t bCount, std::int64_t cCount, std::int64_t nCount, double level) {
  if (nCount <= 0) return {-1, 1};
  const double b = static_cast<double>(bCount), c = static_cast<double>(cCount), n = static_cast<double>(nCount), z = twoSidedZ(level);
  const auto score = [&](double d) {
    const double qa = 2 * n, qb = -b - c + (2 * n - b + c) * d, qc = -c * d * (1 - d);
    const double w = (std::sqrt(std::max(0.0, qb * qb - 4 * qa * qc)) - qb) / (2 * qa);
    const double variance = n * (2 * w + d * (1 - d)), distance = b - c - n * d;
    if (variance <= 0) return distance == 0 ? 0.0 : std::copysign(std::numeric_limits<double>::infinity(), distance);
    return distance / std::sqrt(variance);
  };
  // The score falls as the difference rises.
  const auto solve = [&](double target) {
    double low = -1, high = 1;
    for (int i = 0; i < 200 && high - low > 1e-15; ++i) {
      const double middle = (low + high) / 2;
      (score(middle) > target ? low : high) = middle;
    }
    return (low + high) / 2;
  };
  return {solve(z), solve(-z)};
}

Interval waldPaired(std::int64_t bCount, std::int64_t cCount, std::int64_t nCount, double level) {
  const double b = static_cast<double>(bCount), c = static_cast<double>(cCount), n = static_cast<double>(nCount);
  const double d = (b - c) / n, half = twoSidedZ(level) * std::sqrt(b + c - (b - c) * (b - c) / n) / n;
  return {d - half, d + half};
}

std::vector<bool> holm(std::span<const double> p, double alpha) {
  const std::vector<double> adjusted = holmAdjusted(p);
  std::vector<bool> out(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) out[i] = adjusted[i] <= alpha;
  return out;
}

std::vector<double> holmAdjusted(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> out(p.size());
  double most = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    out[order[i]] = most;
  }
  return out;
}

double percentile(std::span<const double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  const double share = at - static_cast<double>(below);
  return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

double cohenKappa(std::span<const int> first, std::span<const int> second) {
  const std::size_t n = std::min(first.size(), second.size());
  std::map<int, std::pair<double, double>> counts;
  double same = 0;
  for (std::size_t i = 0; i < n; ++i) {
    same += first[i] == second[i] ? 1 : 0;
    counts[first[i]].first += 1;
    counts[second[i]].second += 1;
  }
  const double total = static_cast<double>(n);
  double chance = 0;
  for (const auto& [category, count] : counts) chance += count.first / total * (count.second / total);
  if (n == 0 || chance >= 1) return std::numeric_limits<double>::quiet_NaN();
  return (same / total - chance) / (1 - chance);
}

double correctedRate(double observed, double sensitivity, double specificity) {
  if (sensitivity + specificity <= 1) return std::numeric_limits<double>::quiet_NaN();
  return std::clamp((observed + specificity - 1) / (sensitivity + specificity - 1), 0.0, 1.0);
}

}  // namespace retort::metrics
