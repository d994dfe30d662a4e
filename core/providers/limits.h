// How fast to ask: adaptive concurrency, buckets for requests and tokens, waits between tries. Time is a parameter: tests run in none.
#pragma once
#include <cstdint>
#include <deque>

#include "base/random.h"

namespace retort::providers {

/// Additive increase, multiplicative decrease. Starts at 4; +1 after `limit` successes in a row while the median latency stays under twice
/// the lowest median seen; halved when the server throttles, at most once a round trip; never below 1 or above the ceiling.
class AimdLimit {
 public:
  explicit AimdLimit(int ceiling, int start = 4);
  [[nodiscard]] int limit() const { return static_cast<int>(m_limit); }
  void success(double latencySeconds);
  /// `sentAt` of the throttled request: those sent before the last decrease tell nothing new.
  void throttled(double now, double sentAt);

 private:
  [[nodiscard]] double median() const;
  double m_limit, m_ceiling, m_lowest = -1, m_lastCut = -1;
  int m_successes = 0;
  std::deque<double> m_latencies;       ///< the last 32
};

/// So much a minute, at most ten seconds' worth at once. What was reserved is settled when the true amount is known.
class RateBucket {
 public:
  explicit RateBucket(double perMinute) : m_perSecond(perMinute / 60) {}
  /// Seconds to wait before `amount` may go; 0: now. An amount larger than the bucket goes when it is full.
  [[nodiscard]] double waitFor(double amount, double now);
  void take(double amount, double now);
  void giveBack(double amount) { m_level += amount; }
  /// The server said that nothing is left until then.
  void blockUntil(double time) { m_blocked = time > m_blocked ? time : m_blocked; }

 private:
  void refill(double now);
  [[nodiscard]] double capacity() const { return m_perSecond * 10 < 1 ? 1 : m_perSecond * 10; }
  double m_perSecond, m_level = -1, m_at = 0, m_blocked = 0;
};

inline constexpr int kMaxTries = 6;
inline constexpr double kLongestWait = 600;     ///< what a server may ask for before we pause instead
/// Seconds before try number `tries` + 1: full jitter over min(30, 0.5 * 2^tries), or what the server asked for plus a little.
[[nodiscard]] double retryDelay(int tries, double retryAfter, Random& random);

}  // namespace retort::providers
