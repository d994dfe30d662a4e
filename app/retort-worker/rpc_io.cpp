// Reading and writing the lines of rpc.
#include "app/retort-worker/rpc_io.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "job/job_folder.h"
#include "job/rpc.h"

namespace retort::worker {

RpcIo::RpcIo(int in, int out) : m_in(in), m_out(out) {
  // Never joined: it may sit in read() when the process ends.
  std::thread([this] { readLines(); }).detach();
}

void RpcIo::readLines() {
  std::string buffer;
  char block[65536];
  bool skipping = false;             // inside a line that was too long
  for (;;) {
    const ssize_t count = ::read(m_in, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    buffer.append(block, static_cast<std::size_t>(count));
    std::size_t begin = 0;
    for (std::size_t end; (end = buffer.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (!skipping) accept(std::string_view(buffer).substr(begin, end - begin));
      skipping = false;
    }
    buffer.erase(0, begin);
    if (buffer.size() <= job::kRpcMaxLine) continue;
    buffer.clear();
    if (!skipping) {
      const std::scoped_lock lock(m_mutex);
      m_queue.push_back({nullptr, {}, {}, Error{"worker.rpc.line", "A request was not read", "stdin", "the line is longer than 16 MiB", "Send fewer rows at a time", {}, {}}});
      m_arrived.notify_one();
    }
    skipping = true;
  }
  m_ended = true;
  const std::scoped_lock lock(m_mutex);
  m_arrived.notify_all();
}

void RpcIo::accept(std::string_view line) {
  if (line.empty()) return;
  Request request;
  auto parsed = parseJson(line, "stdin", 64);
  if (!parsed.ok()) {
    request.problem = parsed.error();
  } else if (!parsed->is_object()) {
    request.problem = Error{"worker.rpc.request", "A request was not understood", "stdin", "it is not a JSON object", "Send {\"id\",\"method\",\"params\"}", {}, {}};
  } else if (parsed->contains("rpc")) {
    return;                          // the client's hello
  } else {
    request.id = parsed->value("id", Json());
    const Json method = parsed->value("method", Json());
    if (method.is_string()) request.method = method.get<std::string>();
    if (parsed->contains("params") && (*parsed)["params"].is_object()) request.params = (*parsed)["params"];
    if (request.method.empty())
      request.problem = Error{"worker.rpc.request", "A request was not understood", "stdin", "it names no method", "Send {\"id\",\"method\",\"params\"}", {}, {}};
  }
  const std::scoped_lock lock(m_mutex);
  if (request.method == "cancel") {
    m_cancelled.insert(dumpJson(request.params.value("id", Json())));
    m_anyCancel = true;
    return;
  }
  m_queue.push_back(std::move(request));
  m_arrived.notify_one();
}

std::optional<Request> RpcIo::next(double idleSeconds) {
  std::unique_lock lock(m_mutex);
  const auto ready = [&] { return !m_queue.empty() || m_ended; };
  if (idleSeconds > 0) m_arrived.wait_for(lock, std::chrono::duration<double>(idleSeconds), ready);
  else m_arrived.wait(lock, ready);
  if (m_queue.empty()) return std::nullopt;
  Request request = std::move(m_queue.front());
  m_queue.pop_front();
  return request;
}

bool RpcIo::cancelled(const Json& id) {
  if (m_ended) {
    // A client that only closed its side may still read the answer; work stops when nobody does.
    pollfd ears{m_out, POLLOUT, 0};
    return ::poll(&ears, 1, 0) > 0 && (ears.revents & (POLLERR | POLLHUP)) != 0;
  }
  if (!m_anyCancel) return false;
  const std::scoped_lock lock(m_mutex);
  return m_cancelled.contains(dumpJson(id));
}

void RpcIo::send(const Json& message) {
  std::string line = dumpJson(message);
  if (line.size() > job::kRpcMaxLine) {
    line = dumpJson({{"id", message.value("id", Json())},
                     {"error", job::toJson(Error{"worker.rpc.large", "The answer is too large", "stdout", std::to_string(line.size()) + " bytes of at most " + std::to_string(job::kRpcMaxLine),
                                                 "Ask for fewer rows at a time", {}, {}})}});
  }
  line += '\n';
  const std::scoped_lock lock(m_writing);
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t count = ::write(m_out, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ::_exit(0);       // the one who asked is gone
    done += static_cast<std::size_t>(count);
  }
}

void RpcIo::result(const Json& id, Json value) { send({{"id", id}, {"result", std::move(value)}}); }
void RpcIo::error(const Json& id, const Error& error) { send({{"id", id}, {"error", job::toJson(error)}}); }

}  // namespace retort::worker
