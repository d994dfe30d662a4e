// The thread of the answer service.
#include "engine/answer_service.h"

#include <utility>

#include "base/clock.h"

namespace retort::engine {

AnswerService::AnswerService(const Decoder& decoder, const text::Tokenizer* tokenizer, std::size_t slots, std::size_t queue)
    : m_batch(decoder, tokenizer, slots), m_queueLimit(queue), m_thread([this] { run(); }) {}

AnswerService::~AnswerService() {
  {
    const std::lock_guard lock(m_mutex);
    m_stop = true;
  }
  m_wake.notify_all();
  m_thread.join();
}

bool AnswerService::submit(std::shared_ptr<LiveRequest> request) {
  watch(*request);
  {
    const std::lock_guard lock(m_mutex);
    if (m_stop || m_waiting.size() >= m_queueLimit) return false;
    m_waiting.push_back(std::move(request));
    m_counts.waiting = m_waiting.size();
  }
  m_wake.notify_one();
  return true;
}

ServiceCounts AnswerService::counts() const {
  const std::lock_guard lock(m_mutex);
  return m_counts;
}

void AnswerService::watch(LiveRequest& request) {
  request.done = [this, done = std::move(request.done)](Result<Generated> result) {
    {
      const std::lock_guard lock(m_mutex);
      if (result.ok()) ++m_counts.answered, m_counts.tokens += result->ids.size();
      else if (isCancelled(result.error())) ++m_counts.cancelled;
      else ++m_counts.failed;
    }
    done(std::move(result));
  };
}

void AnswerService::run() {
  double busy = 0, made = 0;                     // seconds and tokens, fading, for the rate
  for (;;) {
    std::shared_ptr<LiveRequest> next;
    {
      std::unique_lock lock(m_mutex);
      m_counts.active = m_batch.active();
      m_wake.wait(lock, [&] { return m_stop || !m_waiting.empty() || m_batch.active() > 0; });
      if (m_stop) break;
      // One prompt between two tokens: those that are being answered wait for one prompt at most.
      if (!m_waiting.empty() && m_batch.hasRoom()) {
        next = std::move(m_waiting.front());
        m_waiting.pop_front();
        m_counts.waiting = m_waiting.size();
      }
    }
    if (next) {
      if (next->cancelled && next->cancelled()) next->done(cancelledError("Generation"));
      else m_batch.admit(std::move(next));
    }
    const double begin = monotonicSeconds();
    const auto rows = static_cast<double>(m_batch.active());
    m_batch.step();
    if (rows > 0) {
      busy = busy * 0.98 + (monotonicSeconds() - begin), made = made * 0.98 + rows;
      const std::lock_guard lock(m_mutex);
      m_counts.tokensPerSecond = busy > 0 ? made / busy : 0;
    }
  }
  m_batch.failAll(cancelledError("The server"));
  std::deque<std::shared_ptr<LiveRequest>> rest;
  {
    const std::lock_guard lock(m_mutex);
    rest = std::exchange(m_waiting, {});
  }
  for (auto& request : rest) request->done(cancelledError("The server"));
}

}  // namespace retort::engine
