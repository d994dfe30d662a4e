// Watching the clock beside a query.
#include "logs/remote_run.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/format.h"
#include "job/worker.h"

namespace retort::logs {

struct Deadline::State {
  std::stop_source source;
  std::mutex mutex;
  std::condition_variable changed;
  bool isDone = false, isOver = false;
  std::stop_callback<std::function<void()>> forward;
  std::thread clock;

  State(std::stop_token user, double seconds)
      : forward(std::move(user), [this] { source.request_stop(); }), clock([this, seconds] {
          std::unique_lock lock(mutex);
          if (changed.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return isDone; })) return;
          isOver = !source.stop_requested();
          source.request_stop();
        }) {}
};

Deadline::Deadline(std::stop_token user, double seconds) : m_state(std::make_unique<State>(std::move(user), seconds)) {}

Deadline::~Deadline() {
  {
    std::lock_guard lock(m_state->mutex);
    m_state->isDone = true;
  }
  m_state->changed.notify_all();
  m_state->clock.join();
}

std::stop_token Deadline::token() const { return m_state->source.get_token(); }
bool Deadline::isOver() const {
  std::lock_guard lock(m_state->mutex);
  return m_state->isOver;
}

Error tooSlow(const std::string& source, double seconds) {
  return Error{"logs.remote.slow", "The query took too long", shown(source), "it was stopped after " + formatDuration(seconds), "Narrow it with --since and --until, or give it more time with --timeout.", {}, {}};
}

std::vector<std::string> keysOfOthers() {
  auto names = job::keyVariables();
  std::erase_if(names, [](const std::string& name) { return name.starts_with("AWS_"); });
  return names;
}

RemoveAtEnd::~RemoveAtEnd() {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace retort::logs
