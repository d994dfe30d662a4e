// State, events and heartbeat of a run.
#include "engine/run_reporter.h"

#include <chrono>

namespace retort::engine {

RunReporter::RunReporter(job::JobFolder folder) : m_folder(std::move(folder)), m_heart([this] { beat(); }) {}

RunReporter::~RunReporter() {
  {
    const std::lock_guard lock(m_mutex);
    m_stopping = true;
  }
  m_wake.notify_all();
  m_heart.join();
}

void RunReporter::beat() {
  std::unique_lock lock(m_mutex);
  while (!m_wake.wait_for(lock, std::chrono::seconds(5), [this] { return m_stopping; })) (void)m_folder.update([](job::State&) {}, true);
}

Status RunReporter::event(std::string_view type, Json body) {
  const std::lock_guard lock(m_mutex);
  return m_folder.event(type, std::move(body));
}

Status RunReporter::warning(const Error& error) { return event("warning", {{"code", error.code}, {"what", error.what}, {"where", error.where}, {"why", error.why}, {"next", error.next}}); }

Status RunReporter::phase(job::Phase phase, std::string stage) {
  return change([&](job::State& s) {
    s.phase = phase;
    s.stage = std::move(stage);
  }, true);
}

Status RunReporter::progress(std::int64_t step, std::int64_t of, double secondsLeft) {
  return change([&](job::State& s) {
    s.step = step;
    s.of = of;
    s.secondsLeft = secondsLeft;
  });
}

Status RunReporter::change(const std::function<void(job::State&)>& change, bool now) {
  const std::lock_guard lock(m_mutex);
  return m_folder.update(change, now);
}

Status RunReporter::restartFrom(std::int64_t step) {
  const std::lock_guard lock(m_mutex);
  return m_folder.restartFrom(step);
}

Status RunReporter::finish(job::Phase phase, const std::optional<Error>& error, Json extra) {
  const std::lock_guard lock(m_mutex);
  m_stopping = true;                         // no heartbeat may follow the last state
  return m_folder.finish(phase, error, std::move(extra));
}

std::optional<std::string> RunReporter::takeControl() {
  const std::lock_guard lock(m_mutex);
  return m_folder.takeControl();
}

int RunReporter::attempt() {
  const std::lock_guard lock(m_mutex);
  return m_folder.state().attempt;
}

}  // namespace retort::engine
