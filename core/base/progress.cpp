// Progress throttled at its source.
#include "base/progress.h"

#include "base/clock.h"

namespace retort {

ProgressMeter::ProgressMeter(ProgressFn fn, std::string stage, std::string unit, std::int64_t of)
    : m_fn(std::move(fn)), m_stage(std::move(stage)), m_unit(std::move(unit)), m_of(of), m_start(monotonicSeconds()) {
  if (m_fn) report(0, m_start);
}

void ProgressMeter::at(std::int64_t done) {
  if (!m_fn) return;
  const double now = monotonicSeconds();
  if (now - m_last >= 0.1) report(done, now);
}

void ProgressMeter::finish() {
  if (m_fn) report(m_of, monotonicSeconds());
}

void ProgressMeter::report(std::int64_t done, double now) {
  m_last = now;
  const double elapsed = now - m_start;
  // A rate from less than half a second or a fiftieth of the work misleads more than it helps.
  const bool known = m_of > 0 && done > 0 && elapsed > 0.5 && done * 50 >= m_of;
  m_fn({m_stage, done, m_of, m_unit, known ? elapsed * static_cast<double>(m_of - done) / static_cast<double>(done) : -1});
}

}  // namespace retort
