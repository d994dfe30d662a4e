// Rules of the live panel.
#include "engine/policy_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"

namespace retort::engine {
namespace {

constexpr std::size_t kWindow = 50, kMean = 10, kLengthWindow = 20, kClippedMean = 5;
constexpr double kGapMoved = 0.005;          ///< nats in 50 steps; less is the order of sums
constexpr double kOverlapReached = 0.9;      ///< above it, flat means finished

double mean(const std::deque<double>& values, std::size_t from, std::size_t count) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + static_cast<std::ptrdiff_t>(from + count), 0.0) / static_cast<double>(count);
}

Json listOf(const std::deque<double>& values) {
  Json out = Json::array();
  for (const double v : values) out.push_back(jsonNumber(v));
  return out;
}

void readList(const Json& state, const char* key, std::deque<double>& values) {
  values.clear();
  if (const auto it = state.find(key); it != state.end() && it->is_array())
    for (const auto& v : *it) values.push_back(numberOf(v, 0));
}

void push(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > kWindow) values.pop_front();
}

}  // namespace

Json PolicyFigures::toJson() const {
  return {{"overlap", jsonNumber(overlap)}, {"entropy_gap", jsonNumber(entropyGap)}, {"student_entropy", jsonNumber(studentEntropy)}, {"reverse_kl", jsonNumber(reverseKl)},
          {"answer_tokens", jsonNumber(length)}, {"end_rate", jsonNumber(endRate)}, {"clipped", jsonNumber(clipped)}, {"ratio_p99", jsonNumber(ratio99)}};
}

PolicyVerdict PolicyWatch::add(const PolicyFigures& f) {
  push(m_overlap, f.overlap);
  push(m_gap, std::abs(f.entropyGap));
  push(m_length, f.length);
  push(m_clipped, f.clipped);
  if (m_firstEntropy < 0) m_firstEntropy = f.studentEntropy;
  if (!std::isfinite(f.reverseKl)) return {PolicyAct::stop, "engine.policy.kl", "the reverse KL is not finite"};
  m_average = m_average < 0 ? f.reverseKl : 0.9 * m_average + 0.1 * f.reverseKl;
  m_bestAverage = m_bestAverage < 0 ? m_average : std::min(m_bestAverage, m_average);
  // A tiny best average makes three times of it mean nothing.
  if (m_average > 3 * m_bestAverage && m_average > m_bestAverage + 0.1)
    return {PolicyAct::stop, "engine.policy.kl", "the reverse KL averages " + formatNumber(m_average, 3) + ", over three times its best, " + formatNumber(m_bestAverage, 3)};
  if (m_overlap.size() == kWindow) {
    const double before = mean(m_overlap, 0, kMean), now = mean(m_overlap, kWindow - kMean, kMean);
    const double gapBefore = mean(m_gap, 0, kMean), gapNow = mean(m_gap, kWindow - kMean, kMean);
    if (now < kOverlapReached && now - before < 0.01 && gapNow > gapBefore - kGapMoved)
      return {PolicyAct::stop, "engine.policy.flat", "in 50 steps the shared best tokens went from " + formatNumber(100 * before, 1) + " to " + formatNumber(100 * now, 1) +
                                                         " %, and the entropies came no nearer"};
  }
  if (m_clipped.size() >= kClippedMean && mean(m_clipped, m_clipped.size() - kClippedMean, kClippedMean) > 0.3)
    return {PolicyAct::pause, "engine.policy.clipped", "over 30 % of the answers are cut off at max_tokens"};
  if (m_length.size() > kLengthWindow && m_length.back() > 2 * m_length[m_length.size() - 1 - kLengthWindow])
    return {PolicyAct::pause, "engine.policy.length", "the answers became twice as long in 20 steps"};
  if (f.ratio99 > 2) return {PolicyAct::regenerate, "engine.policy.ratio", "the student has moved away from the answers it gave"};
  if (!m_warnedEntropy && f.studentEntropy < m_firstEntropy / 3) {
    m_warnedEntropy = true;
    return {PolicyAct::warn, "engine.policy.entropy", "the student's entropy fell below a third of its start: mix in other prompts"};
  }
  return {};
}

Json PolicyWatch::state() const {
  return {{"overlap", listOf(m_overlap)}, {"gap", listOf(m_gap)}, {"length", listOf(m_length)}, {"clipped", listOf(m_clipped)}, {"average", jsonNumber(m_average)},
          {"best_average", jsonNumber(m_bestAverage)}, {"first_entropy", jsonNumber(m_firstEntropy)}, {"warned_entropy", m_warnedEntropy}};
}

void PolicyWatch::restore(const Json& state) {
  if (!state.is_object()) return;
  readList(state, "overlap", m_overlap);
  readList(state, "gap", m_gap);
  readList(state, "length", m_length);
  readList(state, "clipped", m_clipped);
  m_average = numberOf(state.value("average", Json(-1.0)), -1);
  m_bestAverage = numberOf(state.value("best_average", Json(-1.0)), -1);
  m_firstEntropy = numberOf(state.value("first_entropy", Json(-1.0)), -1);
  m_warnedEntropy = state.value("warned_entropy", false);
}

}  // namespace retort::engine
