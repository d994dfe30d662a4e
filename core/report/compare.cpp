// Paired differences of the student to every other model, and what follows from them.
#include "report/compare.h"

#include <cmath>

#include "base/format.h"

namespace retort::report {
namespace {

std::optional<std::size_t> indexOf(const Report& report, std::string_view role) {
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (report.models[i].role == role) return i;
  return {};
}

std::vector<double> scoresOf(const std::vector<RowAnswer>& rows, std::size_t model) {
  std::vector<double> out;
  for (const auto& row : rows) out.push_back(row.right[model] ? 1 : 0);
  return out;
}

std::vector<double> minus(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] - b[i];
  return out;
}

Difference pairedDifference(const Report& report, const std::vector<RowAnswer>& rows, const std::vector<int>& clusters, std::size_t first, std::size_t second) {
  const auto a = scoresOf(rows, first), b = scoresOf(rows, second);
  const metrics::PairedOutcome outcome = metrics::pairedOutcome(a, b);
  Difference d;
  d.first = report.models[first].name;
  d.second = report.models[second].name;
  d.counts = {outcome.onlyFirst, outcome.onlySecond, outcome.n};
  d.both = outcome.both;
  d.neither = outcome.n - outcome.both - outcome.onlyFirst - outcome.onlySecond;
  d.interval = outcome.interval;
  d.p = d.pHolm = outcome.p;
  d.detectable = metrics::detectableEffect(metrics::meanError(minus(a, b), clusters).error);
  return d;
}

double validShare(const Report& report, std::size_t model) { return report.rows > 0 ? static_cast<double>(report.models[model].valid) / static_cast<double>(report.rows) : 0; }

// What the student lost against `other`: accuracy beyond chance (Holm), or more than a point of valid answers.
void addAlarms(Report& report, std::size_t student, std::size_t other, const Difference& d, double alpha) {
  const auto& name = report.models[other].name;
  if (d.counts.difference() < 0 && d.pHolm <= alpha && report.models[other].role != "teacher")
    report.alarms.push_back("Worse than " + name + " by " + formatNumber(-d.counts.difference() * 100, 1) + " points (" + formatCount(d.counts.c) + " rows lost, " + formatCount(d.counts.b) + " won).");
  if (validShare(report, student) < validShare(report, other) - 0.01)
    report.alarms.push_back("Fewer answers in the expected form than " + name + ": " + formatPercent(validShare(report, student)) + " against " + formatPercent(validShare(report, other)) + ".");
}

void addGap(Report& report, const std::vector<RowAnswer>& rows, const std::vector<int>& clusters, std::size_t teacher, std::size_t base, std::size_t student) {
  const auto gap = metrics::meanError(minus(scoresOf(rows, teacher), scoresOf(rows, base)), clusters);
  if (std::abs(gap.mean) < 2 * gap.error || gap.mean == 0) return;   // no gap that could be told from noise
  report.gapRecovered = (report.models[student].accuracy - report.models[base].accuracy) / gap.mean;
}

}  // namespace

void compareModels(Report& report, const data::EvalPlan& plan, const std::vector<RowAnswer>& rows, const std::vector<int>& clusters) {
  const auto teacher = indexOf(report, "teacher"), base = indexOf(report, "base"), student = indexOf(report, "student");
  if (teacher && !rows.empty())
    for (std::size_t i = 0; i < report.models.size(); ++i) {
      auto& model = report.models[i];
      for (const auto& row : rows) model.agreeing += data::agrees(plan, row.answers[i], row.answers[*teacher]) ? 1 : 0;
      model.agreement = static_cast<double>(model.agreeing) / static_cast<double>(rows.size());
    }
  const bool annotated = report.source != "teacher";
  if (teacher && base && annotated && validShare(report, *base) >= validShare(report, *teacher) - 0.01)
    report.baseVerdict = judgeBase(scoresOf(rows, *base), scoresOf(rows, *teacher), clusters, plan.margin, plan.alpha);
  if (!student) {
    if (teacher && base && annotated) report.verdict = report.baseVerdict ? report.baseVerdict : judge(scoresOf(rows, *base), scoresOf(rows, *teacher), clusters, plan.margin, plan.alpha, report.source);
    return;
  }
  std::vector<std::size_t> others;
  if (teacher) others.push_back(*teacher);
  if (base) others.push_back(*base);
  for (std::size_t i = 0; i < report.models.size(); ++i)
    if (report.models[i].role == "other") others.push_back(i);
  std::vector<double> p;
  for (const std::size_t other : others) {
    report.differences.push_back(pairedDifference(report, rows, clusters, *student, other));
    p.push_back(report.differences.back().p);
  }
  const auto adjusted = metrics::holmAdjusted(p);
  for (std::size_t i = 0; i < others.size(); ++i) {
    report.differences[i].pHolm = adjusted[i];
    addAlarms(report, *student, others[i], report.differences[i], plan.alpha);
  }
  if (!annotated) {
    report.verdict = judge(scoresOf(rows, *student), {}, clusters, plan.margin, plan.alpha, "teacher");
  } else if (teacher) {
    report.verdict = judge(scoresOf(rows, *student), scoresOf(rows, *teacher), clusters, plan.margin, plan.alpha, report.source);
  }
  if (teacher && base) addGap(report, rows, clusters, *teacher, *base, *student);
}

}  // namespace retort::report
