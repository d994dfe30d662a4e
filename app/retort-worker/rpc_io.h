// The lines of rpc: a thread that only reads and parses, a queue for the thread that computes, and whole lines out.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/json.h"

namespace retort::worker {

/// One request, or a line that is none (`problem`).
struct Request {
  Json id;
  std::string method;
  Json params = Json::object();
  std::optional<Error> problem;
};

class RpcIo {
 public:
  /// Starts reading file descriptor `in`; writes to `out`.
  RpcIo(int in, int out);
  ~RpcIo() = default;
  RpcIo(const RpcIo&) = delete;
  RpcIo& operator=(const RpcIo&) = delete;

  /// The next request; nullopt at end of input or after `idleSeconds` (0: wait for ever) without one.
  std::optional<Request> next(double idleSeconds);
  /// The request with this id was cancelled, or nobody listens any more.
  [[nodiscard]] bool cancelled(const Json& id);
  void send(const Json& message);
  void result(const Json& id, Json value);
  void error(const Json& id, const Error& error);

 private:
  void readLines();
  void accept(std::string_view line);
  int m_in, m_out;
  std::mutex m_mutex, m_writing;
  std::condition_variable m_arrived;
  std::deque<Request> m_queue;
  std::set<std::string> m_cancelled;             ///< dumped ids
  std::atomic<bool> m_anyCancel{false}, m_ended{false};
};

}  // namespace retort::worker
