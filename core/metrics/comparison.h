// Paired comparison of two models on the same rows: difference, interval, verdict and the rows a verdict takes.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "metrics/statistics.h"

namespace retort::metrics {

/// Mean of d and its standard error. `clusters` (same length, or empty): rows of one number are not independent; the error is
/// then cluster-robust.
struct MeanError {
  double mean = 0, error = 0;
  std::int64_t n = 0, clusters = 0;
};
[[nodiscard]] MeanError meanError(std::span<const double> d, std::span<const int> clusters = {});
[[nodiscard]] Interval normalInterval(const MeanError& m, double level = 0.95);

enum class Bootstrap { percentile, bca };
struct BootstrapOptions {
  Bootstrap kind = Bootstrap::bca;
  double level = 0.95;
  int resamples = 10'000;
  std::uint64_t seed = 12'345;
};
/// Interval of the mean of d by resampling rows, or whole clusters. All resamples equal: a zero-width interval.
[[nodiscard]] Interval bootstrapMean(std::span<const double> d, std::span<const int> clusters, const BootstrapOptions& options);

/// Two models on the same rows, right or wrong: counts, difference, intervals and test.
struct PairedOutcome {
  std::int64_t n = 0, onlyFirst = 0, onlySecond = 0, both = 0;
  double difference = 0;          ///< share of the first minus share of the second
  Interval interval;              ///< Tango, two-sided `level`
  double p = 1;                   ///< McNemar
};
[[nodiscard]] PairedOutcome pairedOutcome(std::span<const double> first, std::span<const double> second, double level = 0.95);

enum class Decision { asGood, worse, undecided, useBase, onlyAgreement };
struct Verdict {
  Decision decision = Decision::undecided;
  std::string sentence;           ///< one of the five fixed sentences
  double mean = 0;                ///< of c = s - (1 - margin) t, or of s - t + margin
  Interval bounds;                ///< one-sided 1 - alpha bounds of that mean
  std::int64_t moreRows = 0;      ///< when undecided
  std::string method;             ///< "normal", "cluster-robust", "bca", "tango"
};
struct MarginRule {
  double margin = 0.02;
  bool relative = true;           ///< share of the teacher's score; else points
  double alpha = 0.05;            ///< one-sided
  std::uint64_t seed = 12'345;
};
/// Is the student as good as the teacher within the margin? Scores are per row, 0..1. Bootstrap (BCa) below 100 rows, normal theory from
/// there, cluster-robust with clusters; right/wrong scores with an absolute margin use Tango.
[[nodiscard]] Verdict nonInferiority(std::span<const double> student, std::span<const double> teacher, std::span<const int> clusters, const MarginRule& rule);
[[nodiscard]] std::string_view decisionName(Decision decision);   ///< "as-good", "worse", "undecided", "use-base", "agreement"
[[nodiscard]] std::string sentenceAsGood(double margin, bool relative);
[[nodiscard]] std::string sentenceUndecided(std::int64_t moreRows);
[[nodiscard]] std::string sentenceAgreement(double share);
inline constexpr std::string_view kSentenceWorse = "Worse than the teacher.";
inline constexpr std::string_view kSentenceUseBase = "Use the base model.";

/// Rows for a non-inferiority test of shares: (z_{1-alpha} + z_power)^2 (psi - D^2) / (margin + D)^2; psi discordant share, D true difference.
[[nodiscard]] std::int64_t sampleSize(double psi, double margin, double difference = 0, double alpha = 0.05, double power = 0.8);
/// The same with a margin relative to the teacher's accuracy, students as good as the teacher.
[[nodiscard]] std::int64_t sampleSizeRelative(double psi, double margin, double accuracy, double alpha = 0.05, double power = 0.8);
/// Rows for a two-sided McNemar test to detect `difference`.
[[nodiscard]] std::int64_t sampleSizeMcNemar(double psi, double difference, double alpha = 0.05, double power = 0.8);
/// Rows per arm to tell two unpaired shares apart.
[[nodiscard]] std::int64_t sampleSizeUnpaired(double first, double second, double alpha = 0.05, double power = 0.8);
/// The smallest difference that these rows would have shown: (z_.975 + z_.8) SE.
[[nodiscard]] double detectableEffect(double standardError);
/// Elo points of an expected score (win share) p.
[[nodiscard]] double eloGap(double p);

}  // namespace retort::metrics
