// Standard errors, bootstrap, the non-inferiority rule and sample sizes.
#include "metrics/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/format.h"
#include "base/random.h"

namespace retort::metrics {
namespace {

constexpr std::int64_t kNormalFrom = 100;   // rows from which the normal interval is trusted

struct Group {
  double sum = 0, count = 0;
};

std::vector<Group> groupsOf(std::span<const double> d, std::span<const int> clusters) {
  std::vector<Group> out;
  if (clusters.size() != d.size()) {
    for (const double v : d) out.push_back({v, 1});
    return out;
  }
  std::map<int, std::size_t> index;
  for (std::size_t i = 0; i < d.size(); ++i) {
    const auto [it, isNew] = index.emplace(clusters[i], out.size());
    if (isNew) out.push_back({});
    out[it->second].sum += d[i];
    out[it->second].count += 1;
  }
  return out;
}

std::int64_t rowsUp(double n) { return static_cast<std::int64_t>(std::ceil(n - 1e-9)); }

}  // namespace

MeanError meanError(std::span<const double> d, std::span<const int> clusters) {
  MeanError out;
  out.n = static_cast<std::int64_t>(d.size());
  if (d.empty()) return out;
  const std::vector<Group> groups = groupsOf(d, clusters);
  out.clusters = static_cast<std::int64_t>(groups.size());
  double sum = 0;
  for (const double v : d) sum += v;
  const double n = static_cast<double>(d.size()), g = static_cast<double>(groups.size());
  out.mean = sum / n;
  if (groups.size() < 2) return out;
  double square = 0;
  for (const Group& group : groups) square += std::pow(group.sum - group.count * out.mean, 2);
  // With one row a cluster this is sum (d - mean)^2 / (n (n - 1)).
  out.error = std::sqrt(square * g / (g - 1)) / n;
  return out;
}

Interval normalInterval(const MeanError& m, double level) {
  const double half = normalQuantile(0.5 + level / 2) * m.error;
  return {m.mean - half, m.mean + half};
}

Interval bootstrapMean(std::span<const double> d, std::span<const int> clusters, const BootstrapOptions& options) {
  const std::vector<Group> groups = groupsOf(d, clusters);
  double sum = 0, count = 0;
  for (const Group& group : groups) {
    sum += group.sum;
    count += group.count;
  }
  if (groups.empty()) return {};
  const double estimate = sum / count;
  Random random(options.seed, "bootstrap");
  std::vector<double> means(static_cast<std::size_t>(std::max(1, options.resamples)));
  double below = 0;
  for (double& mean : means) {
    double s = 0, c = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const Group& group = groups[random.below(groups.size())];
      s += group.sum;
      c += group.count;
    }
    mean = s / c;
    const double distance = mean - estimate;
    below += distance < -1e-12 ? 1 : distance <= 1e-12 ? 0.5 : 0;   // ties half: means of right and wrong are lumpy
  }
  const auto [least, most] = std::minmax_element(means.begin(), means.end());
  if (*least == *most) return {*least, *most};
  double low = (1 - options.level) / 2, high = 1 - low;
  if (options.kind == Bootstrap::bca) {
    const double z0 = normalQuantile(std::clamp(below / static_cast<double>(means.size()), 1e-6, 1 - 1e-6));
    double jackMean = 0;
    std::vector<double> jack;
    for (const Group& group : groups) jack.push_back(count > group.count ? (sum - group.sum) / (count - group.count) : estimate);
    for (const double v : jack) jackMean += v / static_cast<double>(jack.size());
    double square = 0, cube = 0;
    for (const double v : jack) {
      const double u = jackMean - v;
      square += u * u;
      cube += u * u * u;
    }
    const double a = square > 0 ? cube / (6 * std::pow(square, 1.5)) : 0;
    const auto adjusted = [&](double share) {
      const double z = z0 + normalQuantile(share);
      return normalCdf(z0 + z / (1 - a * z));
    };
    low = adjusted(low);
    high = adjusted(high);
  }
  return {percentile(means, low), percentile(means, high)};
}

PairedOutcome pairedOutcome(std::span<const double> first, std::span<const double> second, double level) {
  PairedOutcome out;
  out.n = static_cast<std::int64_t>(std::min(first.size(), second.size()));
  for (std::size_t i = 0; i < static_cast<std::size_t>(out.n); ++i) {
    const bool a = first[i] >= 0.5, b = second[i] >= 0.5;
    out.onlyFirst += a && !b;
    out.onlySecond += b && !a;
    out.both += a && b;
  }
  if (out.n > 0) out.difference = static_cast<double>(out.onlyFirst - out.onlySecond) / static_cast<double>(out.n);
  out.interval = tango(out.onlyFirst, out.onlySecond, out.n, level);
  out.p = mcNemar(out.onlyFirst, out.onlySecond);
  return out;
}

std::string_view decisionName(Decision decision) {
  switch (decision) {
    case Decision::asGood: return "as-good";
    case Decision::worse: return "worse";
    case Decision::undecided: return "undecided";
    case Decision::useBase: return "use-base";
    case Decision::onlyAgreement: return "agreement";
  }
  return "undecided";
}

namespace {
std::string points(double margin) {
  std::string text = formatNumber(margin * 100, 1);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}
}  // namespace

std::string sentenceAsGood(double margin, bool relative) { return "As good as the teacher (within " + points(margin) + (relative ? " %)." : " points)."); }
std::string sentenceUndecided(std::int64_t moreRows) { return "Not decided: about " + formatCount(moreRows) + " more rows needed."; }
std::string sentenceAgreement(double share) { return "Agrees with the teacher on " + formatPercent(share) + "; no reference says more."; }

Verdict nonInferiority(std::span<const double> student, std::span<const double> teacher, std::span<const int> clusters, const MarginRule& rule) {
  Verdict out;
  const std::size_t n = std::min(student.size(), teacher.size());
  std::vector<double> c(n);
  bool binary = true;
  double teacherMean = 0;
  for (std::size_t i = 0; i < n; ++i) {
    c[i] = rule.relative ? student[i] - (1 - rule.margin) * teacher[i] : student[i] - teacher[i] + rule.margin;
    binary = binary && (student[i] == 0 || student[i] == 1) && (teacher[i] == 0 || teacher[i] == 1);
    teacherMean += teacher[i] / static_cast<double>(n);
  }
  const MeanError m = meanError(c, clusters);
  const bool clustered = m.clusters > 0 && m.clusters < m.n;
  const double level = 1 - 2 * rule.alpha;
  out.mean = m.mean;
  if (n == 0) {
    out.bounds = {-1, 1};
    out.method = "none";
  } else if (!rule.relative && binary && !clustered) {
    const PairedOutcome pair = pairedOutcome(student, teacher, level);
    out.bounds = {pair.interval.low + rule.margin, pair.interval.high + rule.margin};
    out.method = "tango";
  } else if (m.clusters < kNormalFrom) {
    out.bounds = bootstrapMean(c, clusters, {Bootstrap::bca, level, 10'000, rule.seed});
    out.method = "bca";
  } else {
    out.bounds = normalInterval(m, level);
    out.method = clustered ? "cluster-robust" : "normal";
  }
  if (n > 0 && out.bounds.low > 0) {
    out.decision = Decision::asGood;
    out.sentence = sentenceAsGood(rule.margin, rule.relative);
    return out;
  }
  if (n > 0 && out.bounds.high < 0) {
    out.decision = Decision::worse;
    out.sentence = kSentenceWorse;
    return out;
  }
  // Rows that a student as good as its teacher would need at this variance; if there are as many already, at the difference seen.
  const double z = normalQuantile(1 - rule.alpha) + normalQuantile(0.8);
  const double variance = n > 1 ? m.error * m.error * static_cast<double>(n) * static_cast<double>(n) / static_cast<double>(n) : 0.1;
  const double hoped = rule.relative ? rule.margin * (n > 0 ? teacherMean : 0.9) : rule.margin;
  const auto needed = [&](double effect) { return effect > 0 ? z * z * variance / (effect * effect) : 0; };
  double rows = needed(hoped);
  if (rows <= static_cast<double>(n)) rows = needed(std::max(std::abs(m.mean), hoped / 20));
  out.moreRows = std::max<std::int64_t>(1, rowsUp(std::min(rows, 1e7)) - static_cast<std::int64_t>(n));
  out.sentence = sentenceUndecided(out.moreRows);
  return out;
}

std::int64_t sampleSize(double psi, double margin, double difference, double alpha, double power) {
  const double z = normalQuantile(1 - alpha) + normalQuantile(power);
  return rowsUp(z * z * (psi - difference * difference) / std::pow(margin + difference, 2));
}

std::int64_t sampleSizeRelative(double psi, double margin, double accuracy, double alpha, double power) {
  const double z = normalQuantile(1 - alpha) + normalQuantile(power), half = psi / 2;
  // c = s - (1 - m) t: m when both are right, 1 when only the student is, -(1 - m) when only the teacher is.
  const double mean = margin * accuracy;
  const double variance = (accuracy - half) * margin * margin + half * (1 + (1 - margin) * (1 - margin)) - mean * mean;
  return rowsUp(z * z * variance / (mean * mean));
}

std::int64_t sampleSizeMcNemar(double psi, double difference, double alpha, double power) {
  const double za = normalQuantile(1 - alpha / 2), zb = normalQuantile(power);
  return rowsUp(std::pow(za * std::sqrt(psi) + zb * std::sqrt(psi - difference * difference), 2) / (difference * difference));
}

std::int64_t sampleSizeUnpaired(double first, double second, double alpha, double power) {
  const double za = normalQuantile(1 - alpha / 2), zb = normalQuantile(power);
  return rowsUp(std::pow(za + zb, 2) * (first * (1 - first) + second * (1 - second)) / std::pow(first - second, 2));
}

double detectableEffect(double standardError) { return (normalQuantile(0.975) + normalQuantile(0.8)) * standardError; }

double eloGap(double p) { return 400 * std::log10(p / (1 - p)); }

}  // namespace retort::metrics
