// The arithmetic of limits.
#include "providers/limits.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace retort::providers {

AimdLimit::AimdLimit(int ceiling, int start) : m_limit(std::clamp(start, 1, std::max(1, ceiling))), m_ceiling(std::max(1, ceiling)) {}

double AimdLimit::median() const {
  std::vector<double> sorted(m_latencies.begin(), m_latencies.end());
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  return sorted[sorted.size() / 2];
}

void AimdLimit::success(double latencySeconds) {
  m_latencies.push_back(latencySeconds);
  if (m_latencies.size() > 32) m_latencies.pop_front();
  if (++m_successes < limit()) return;
  m_successes = 0;
  const double now = median();
  if (m_latencies.size() >= 4 && (m_lowest < 0 || now < m_lowest)) m_lowest = now;
  if (m_lowest < 0 || now < 2 * m_lowest) m_limit = std::min(m_ceiling, std::floor(m_limit) + 1);
}

void AimdLimit::throttled(double now, double sentAt) {
  m_successes = 0;
  if (sentAt < m_lastCut) return;
  m_lastCut = now;
  m_limit = std::max(1.0, m_limit / 2);
}

void RateBucket::refill(double now) {
  if (m_level < 0 && m_at == 0) m_level = capacity();
  else m_level = std::min(capacity(), m_level + (now - m_at) * m_perSecond);
  m_at = now;
}

double RateBucket::waitFor(double amount, double now) {
  if (now < m_blocked) return m_blocked - now;
  if (m_perSecond <= 0) return 0;
  refill(now);
  const double need = std::min(amount, capacity());
  return m_level + 1e-9 >= need ? 0 : (need - m_level) / m_perSecond;
}

void RateBucket::take(double amount, double now) {
  if (m_perSecond <= 0) return;
  refill(now);
  m_level -= amount;
}

double retryDelay(int tries, double retryAfter, Random& random) {
  if (retryAfter >= 0) return retryAfter + 0.25 * random.uniform();
  const double longest = std::min(30.0, 0.5 * std::ldexp(1.0, std::min(tries, 10)));
  return longest * random.uniform();
}

}  // namespace retort::providers
