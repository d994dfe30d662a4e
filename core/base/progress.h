// How far a long task is: reported by the one who works, throttled at the source, shown by a front end.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace retort {

struct Progress {
  std::string stage;            ///< sentence-case phrase: "Importing", "Training student"
  std::int64_t done = 0;        ///< in `unit`
  std::int64_t of = 0;          ///< 0: unknown
  std::string unit;             ///< "records", "steps", "MB"
  double secondsLeft = -1;      ///< -1: unknown
};

/// Called from any thread at most about ten times a second; must return at once.
using ProgressFn = std::function<void(const Progress&)>;

/// Turns counts into throttled Progress with the time left from the observed rate.
class ProgressMeter {
 public:
  ProgressMeter(ProgressFn fn, std::string stage, std::string unit, std::int64_t of);
  void at(std::int64_t done);       ///< reports at most every 100 ms
  void finish();                    ///< reports the end

 private:
  void report(std::int64_t done, double now);
  ProgressFn m_fn;
  std::string m_stage, m_unit;
  std::int64_t m_of;
  double m_start, m_last = -1;
};

}  // namespace retort
