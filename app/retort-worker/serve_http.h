// The HTTP side of `serve`: routes, guards, streams. Behind a header without httplib, which is slow to compile.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "app/retort-worker/serve_log.h"
#include "engine/answer_service.h"
#include "engine/model_host.h"

namespace retort::worker {

struct ServeOptions {
  std::string address = "127.0.0.1";
  int port = 8080;                          ///< 0: any free one
  std::string key;                          ///< empty: none is asked for (loopback only)
  std::string name;                         ///< NAME@<12 hex>
  std::size_t slots = 16, queue = 256;      ///< answered together; waiting
};

/// Serves until stop() is called. `/v1/chat/completions`, `/v1/completions`, `/v1/models`, `/health`.
class HttpServer {
 public:
  HttpServer(const engine::ModelHost& host, ServeOptions options, TrafficLog* log);
  ~HttpServer();
  /// Takes the port; the one that was taken. Error "worker.serve.port".
  Result<int> bind();
  /// Blocks.
  void run();
  /// From any thread.
  void stop();

 private:
  struct Private;
  std::unique_ptr<Private> m;
};

[[nodiscard]] bool isLoopback(const std::string& address);
/// Does a Host header ("localhost:8080", "[::1]") name this machine?
[[nodiscard]] bool isLoopbackHost(std::string_view header);

}  // namespace retort::worker
