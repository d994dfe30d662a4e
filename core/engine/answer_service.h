// One thread that answers requests of many callers with one model, fairly and in one running batch.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/live_batch.h"

namespace retort::engine {

struct ServiceCounts {
  std::size_t active = 0, waiting = 0;
  std::uint64_t answered = 0, failed = 0, cancelled = 0, tokens = 0;
  double tokensPerSecond = 0;                    ///< over the last seconds of work
};

class AnswerService {
 public:
  /// `slots`: answered together; `queue`: waiting at most.
  AnswerService(const Decoder& decoder, const text::Tokenizer* tokenizer, std::size_t slots, std::size_t queue);
  ~AnswerService();                              ///< ends what is under way with "cancelled"
  AnswerService(const AnswerService&) = delete;
  AnswerService& operator=(const AnswerService&) = delete;

  /// Takes a request; its callbacks run on the service's thread and must not block. False: the queue is full, nothing was taken.
  [[nodiscard]] bool submit(std::shared_ptr<LiveRequest> request);
  [[nodiscard]] ServiceCounts counts() const;

 private:
  void run();
  /// Wraps `done` so that the counts are kept.
  void watch(LiveRequest& request);

  LiveBatch m_batch;                             ///< of the thread alone
  std::size_t m_queueLimit;
  mutable std::mutex m_mutex;
  std::condition_variable m_wake;
  std::deque<std::shared_ptr<LiveRequest>> m_waiting;
  ServiceCounts m_counts;
  bool m_stop = false;
  std::thread m_thread;
};

}  // namespace retort::engine
