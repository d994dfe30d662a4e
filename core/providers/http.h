// HTTP over libcurl: one network thread, many requests at once, every time limit and size limit ours, TLS always verified.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace retort::providers {

struct HttpHeader {
  std::string name, value;
  bool isSecret = false;           ///< wiped after use; never over plain http to another machine
};

/// Seconds. `idle` is the longest silence once the answer began; comments of a stream count as a sign of life.
struct Timeouts {
  double connect = 10, firstByte = 120, idle = 60, total = 600;
};

struct HttpRequest {
  std::string method = "GET", url;
  std::vector<HttpHeader> headers;
  std::string body;
  Timeouts timeouts{};
  std::size_t maxBody = 64u << 20;
  std::string caFile, pinnedKey;       ///< further trust: a CA bundle; "sha256//…" on top of verification
  bool allowPlainKey = false;          ///< a key over http to a machine of the local network, by the user's word
  HttpRequest() = default;
  HttpRequest(HttpRequest&&) noexcept = default;
  HttpRequest& operator=(HttpRequest&&) noexcept = default;
  HttpRequest(const HttpRequest&) = delete;
  HttpRequest& operator=(const HttpRequest&) = delete;
  ~HttpRequest();
};

struct HttpHead {
  int status = 0;                                              ///< 0: none arrived
  std::vector<std::pair<std::string, std::string>> headers;    ///< names in lower case
  /// The first value of a header; empty when it is missing.
  [[nodiscard]] std::string_view find(std::string_view lowerName) const;
};

/// Monotonic seconds: when the request was handed to the network, was on its way, got its first byte back, ended. 0: never.
struct HttpTiming {
  double started = 0, sent = 0, firstByte = 0, ended = 0;
};

struct HttpEnd {
  HttpHead head;
  std::optional<Error> error;          ///< "providers.http.*", the cancelled error, or the error of the data handler
  HttpTiming timing;
};

/// Called on the network thread, for at most a millisecond. An error of `data` ends the request. `done` comes exactly once, last.
struct HttpHandlers {
  std::function<void(const HttpHead&)> head;
  std::function<Status(std::string_view)> data;
  std::function<void(HttpEnd&&)> done;
};

struct HttpResponse {
  HttpHead head;
  std::string body;
  HttpTiming timing;
};

class HttpClient {
 public:
  enum class Reach { anywhere, loopback };
  /// `reach` loopback refuses every socket to another machine: the offline switch ($RETORT_OFFLINE) and tests.
  explicit HttpClient(Reach reach = Reach::anywhere);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// The client of this process.
  static std::shared_ptr<HttpClient> shared();

  void start(HttpRequest request, HttpHandlers handlers, std::stop_token stop = {});
  /// Waits for the whole answer; a status of any kind is a response.
  Result<HttpResponse> fetch(HttpRequest request, std::stop_token stop = {});

 private:
  struct Private;
  std::unique_ptr<Private> m;
};

struct Origin {
  std::string scheme, host;
  int port = 0;
  [[nodiscard]] std::string text() const;            ///< "https://api.example.com" (the port where it is not the scheme's)
  [[nodiscard]] bool isLoopback() const;
  bool operator==(const Origin&) const = default;
};
/// Origin of an http or https address; "providers.address.form" for anything else, user names and passwords included.
Result<Origin> originOf(const std::string& url);

}  // namespace retort::providers
