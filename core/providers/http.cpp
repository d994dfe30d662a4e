// The network thread: adds requests, lets libcurl work, watches the clocks, hands out what came.
#include "providers/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/format.h"
#include "providers/secret.h"
#include "providers/sse.h"

namespace retort::providers {
namespace {

bool isLoopbackAddress(const sockaddr* address) {
  if (address->sa_family == AF_INET) return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  if (address->sa_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  return false;
}

Error httpError(std::string_view kind, const std::string& host, std::string why, std::string next, std::string detail = {}) {
  return Error{"providers.http." + std::string(kind), host + " did not answer as it should", {}, std::move(why), std::move(next), redacted(detail), {}};
}

Error curlError(CURLcode code, const std::string& host, const char* text, bool isOffline) {
  const std::string detail = text && *text ? text : curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return httpError("dns", host, "its name is not known here", "Check the address and the network.", detail);
    case CURLE_COULDNT_CONNECT:
      if (isOffline) return httpError("offline", host, "Retort is offline: only this machine may be reached", "Unset RETORT_OFFLINE, or switch offline mode off.", detail);
      return httpError("connect", host, "no connection could be made", "Check that the server runs and that nothing blocks the way.", detail);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return httpError("tls", host, "its certificate cannot be trusted", "Check the address and this machine's clock; give the server's CA file if it has its own.", detail);
    case CURLE_SSL_CONNECT_ERROR: return httpError("connect", host, "no secure connection could be made", "Try again; check for a proxy on the way.", detail);
    case CURLE_OPERATION_TIMEDOUT: return httpError("connect", host, "no connection was made in time", "Check that the server runs.", detail);
    default: return httpError("reset", host, "the connection broke", "It is tried again where that is safe.", detail);
  }
}

}  // namespace

HttpRequest::~HttpRequest() {
  for (auto& h : headers)
    if (h.isSecret) wipe(h.value);
}

std::string_view HttpHead::find(std::string_view lowerName) const {
  for (const auto& [name, value] : headers)
    if (name == lowerName) return value;
  return {};
}

struct HttpClient::Private {
  struct Transfer {
    Private* owner = nullptr;
    HttpRequest request;
    HttpHandlers handlers;
    std::string host;
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
    char errorText[CURL_ERROR_SIZE] = {};
    HttpEnd end;
    std::optional<Error> failure;
    std::size_t received = 0;
    double lastByte = 0;
    bool headGiven = false;
    bool loopbackOnly = false, isOffline = false;   ///< isOffline: a socket to another machine was refused
    std::atomic<bool> isCancelled = false;
    struct Cancel {
      Transfer* transfer;
      void operator()() const noexcept {
        transfer->isCancelled = true;
        curl_multi_wakeup(transfer->owner->multi);
      }
    };
    std::optional<std::stop_callback<Cancel>> onStop;
    ~Transfer() {
      onStop.reset();
      for (auto* h = headers; h; h = h->next) OPENSSL_cleanse(h->data, std::strlen(h->data));   // keys were in them
      curl_slist_free_all(headers);
      if (easy) curl_easy_cleanup(easy);
    }
    /// The moment at which the request went out, from libcurl's own clock.
    void noteSent() {
      if (end.timing.sent > 0 || !easy) return;
      curl_off_t micros = 0;
      if (curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &micros) == CURLE_OK && micros > 0) end.timing.sent = end.timing.started + static_cast<double>(micros) / 1e6;
    }
    void noteByte() {
      lastByte = monotonicSeconds();
      if (end.timing.firstByte > 0) return;
      end.timing.firstByte = lastByte;
      noteSent();
    }
    void giveHead() {
      if (std::exchange(headGiven, true)) return;
      if (handlers.head && end.head.status > 0) handlers.head(end.head);
    }
  };

  Reach reach;
  CURLM* multi = nullptr;
  std::mutex mutex;
  std::vector<std::pair<std::unique_ptr<Transfer>, std::stop_token>> waiting;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> live;
  std::atomic<bool> isEnding = false;
  std::thread thread;

  static std::size_t onHeader(char* bytes, std::size_t size, std::size_t n, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    const std::string_view line = trimmed({bytes, size * n});
    t.noteByte();
    auto& head = t.end.head;
    if (line.starts_with("HTTP/")) {
      head = {};
      const auto space = line.find(' ');
      head.status = space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
      return size * n;
    }
    if (const auto colon = line.find(':'); colon != std::string_view::npos && head.headers.size() < 200)
      head.headers.emplace_back(lowerAscii(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1))));
    return size * n;
  }

  static std::size_t onData(char* bytes, std::size_t size, std::size_t n, void* user) {
    auto& t = *static_cast<Transfer*>(user);
    t.noteByte();
    if (t.isCancelled) return 0;
    t.giveHead();
    t.received += size * n;
    if (t.received > t.request.maxBody) return t.failure = tooLongError("a body", t.request.maxBody), 0;
    if (t.handlers.data)
      if (auto status = t.handlers.data({bytes, size * n}); !status.ok()) return t.failure = std::move(status).error(), 0;
    return size * n;
  }

  /// The one gate through which every socket goes.
  static curl_socket_t openSocket(void* user, curlsocktype, curl_sockaddr* address) {
    auto& t = *static_cast<Transfer*>(user);
    if (t.loopbackOnly && !isLoopbackAddress(&address->addr)) return t.isOffline = true, CURL_SOCKET_BAD;
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  void setUp(Transfer& t) {
    CURL* e = t.easy = curl_easy_init();
    curl_easy_setopt(e, CURLOPT_URL, t.request.url.c_str());
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);   // across hosts libcurl would hand x-api-key on
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, t.request.url.starts_with("https:") ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(t.request.timeouts.connect * 1000));
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t.errorText);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, &onHeader);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, &onData);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, &openSocket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, &t);
    t.loopbackOnly = reach == Reach::loopback;
    if (const auto origin = originOf(t.request.url); origin.ok() && origin->isLoopback()) curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (!t.request.caFile.empty()) curl_easy_setopt(e, CURLOPT_CAINFO, t.request.caFile.c_str());
    if (!t.request.pinnedKey.empty()) curl_easy_setopt(e, CURLOPT_PINNEDPUBLICKEY, t.request.pinnedKey.c_str());
    if (t.request.method != "GET") {
      curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t.request.method.c_str());
      if (t.request.method == "POST" || t.request.method == "PUT" || !t.request.body.empty()) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, t.request.body.data());
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(t.request.body.size()));
      }
    }
    const auto add = [&](const std::string& line) { t.headers = curl_slist_append(t.headers, line.c_str()); };
    add("Expect:");                         // else large bodies wait a second for "100 Continue"
    add("Accept-Encoding: identity");       // no bombs of compressed text, no buffering of streams
    for (auto& h : t.request.headers) {
      std::string line = h.name + ": " + h.value;
      add(line);
      if (h.isSecret) wipe(line);
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t.headers);
  }

  void addWaiting() {
    std::vector<std::pair<std::unique_ptr<Transfer>, std::stop_token>> fresh;
    {
      const std::lock_guard lock(mutex);
      fresh.swap(waiting);
    }
    for (auto& [t, stop] : fresh) {
      t->end.timing.started = t->lastByte = monotonicSeconds();
      if (t->failure || stop.stop_requested() || isEnding) {
        if (!t->failure) t->isCancelled = true;
        finish(std::move(t), CURLE_OK);
        continue;
      }
      setUp(*t);
      t->onStop.emplace(stop, Transfer::Cancel{t.get()});
      CURL* easy = t->easy;
      live.emplace(easy, std::move(t));
      curl_multi_add_handle(multi, easy);
    }
  }

  /// Reports the end; `code` is libcurl's word where we have none of our own.
  void finish(std::unique_ptr<Transfer> t, CURLcode code) {
    t->onStop.reset();
    t->end.timing.ended = monotonicSeconds();
    if (t->isCancelled) t->failure = cancelledError("The request to " + t->host);
    else if (!t->failure && code != CURLE_OK) t->failure = curlError(code, t->host, t->errorText, t->isOffline);
    if (!t->failure) t->giveHead();
    t->end.error = std::move(t->failure);
    if (t->handlers.done) t->handlers.done(std::move(t->end));
  }

  void end(CURL* easy, CURLcode code) {
    const auto it = live.find(easy);
    if (it == live.end()) return;
    auto t = std::move(it->second);
    live.erase(it);
    t->noteSent();
    curl_multi_remove_handle(multi, easy);
    finish(std::move(t), code);
  }

  /// Ends what was cancelled or took too long; returns the seconds until the next clock strikes.
  double watchClocks() {
    const double now = monotonicSeconds();
    double next = 1;
    std::vector<CURL*> over;
    for (auto& [easy, t] : live) {
      const auto& limits = t->request.timeouts;
      const bool began = t->end.timing.firstByte > 0;
      const double totalAt = t->end.timing.started + limits.total, quietAt = began ? t->lastByte + limits.idle : t->end.timing.started + limits.connect + limits.firstByte;
      if (t->isCancelled) over.push_back(easy);
      else if (now >= totalAt) t->failure = httpError("total", t->host, "the answer took longer than " + formatDuration(limits.total), "Allow more time, or ask for shorter answers."), over.push_back(easy);
      else if (now >= quietAt && began) t->failure = httpError("idle", t->host, "nothing came for " + formatDuration(limits.idle), "It is tried again; allow more time if the server is slow."), over.push_back(easy);
      else if (now >= quietAt) t->failure = httpError("firstbyte", t->host, "the answer did not begin within " + formatDuration(limits.firstByte), "Cold models need long: allow more time."), over.push_back(easy);
      else next = std::min({next, totalAt - now, quietAt - now});
    }
    for (CURL* easy : over) end(easy, CURLE_OK);
    return over.empty() ? next : 0;
  }

  void loop() {
    while (!isEnding) {
      addWaiting();
      int running = 0, left = 0;
      curl_multi_perform(multi, &running);
      while (const CURLMsg* message = curl_multi_info_read(multi, &left))
        if (message->msg == CURLMSG_DONE) end(message->easy_handle, message->data.result);
      const double wait = watchClocks();
      curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait * 1000) + (wait > 0 ? 1 : 0), nullptr);
    }
    std::vector<CURL*> rest;
    for (auto& [easy, t] : live) t->isCancelled = true, rest.push_back(easy);
    for (CURL* easy : rest) end(easy, CURLE_OK);
    addWaiting();
  }
};

HttpClient::HttpClient(Reach reach) : m(std::make_unique<Private>()) {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)once;
  m->reach = reach;
  m->multi = curl_multi_init();
  curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, 512L);
  m->thread = std::thread([this] { m->loop(); });
}

HttpClient::~HttpClient() {
  m->isEnding = true;
  curl_multi_wakeup(m->multi);
  m->thread.join();
  curl_multi_cleanup(m->multi);
}

std::shared_ptr<HttpClient> HttpClient::shared() {
  static const auto client = std::make_shared<HttpClient>(std::getenv("RETORT_OFFLINE") ? Reach::loopback : Reach::anywhere);
  return client;
}

void HttpClient::start(HttpRequest request, HttpHandlers handlers, std::stop_token stop) {
  auto t = std::make_unique<Private::Transfer>();
  t->owner = m.get();
  t->request = std::move(request);
  t->handlers = std::move(handlers);
  const auto origin = originOf(t->request.url);
  if (!origin.ok()) {
    t->failure = origin.error();
  } else {
    t->host = origin->text();
    const bool hasSecret = std::any_of(t->request.headers.begin(), t->request.headers.end(), [](const HttpHeader& h) { return h.isSecret; });
    if (origin->scheme == "http" && hasSecret && !origin->isLoopback() && !t->request.allowPlainKey)
      t->failure = httpError("plainkey", t->host, "a key would cross the network in clear over http", "Use https, or allow it for this teacher if the machine stands in your own network.");
  }
  {
    const std::lock_guard lock(m->mutex);
    m->waiting.emplace_back(std::move(t), std::move(stop));
  }
  curl_multi_wakeup(m->multi);
}

Result<HttpResponse> HttpClient::fetch(HttpRequest request, std::stop_token stop) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    bool isDone = false;
    HttpResponse response;
    std::optional<Error> error;
  };
  auto shared = std::make_shared<Shared>();
  HttpHandlers handlers;
  handlers.data = [shared](std::string_view bytes) { return shared->response.body.append(bytes), Status(); };
  handlers.done = [shared](HttpEnd&& end) {
    const std::lock_guard lock(shared->mutex);
    shared->response.head = std::move(end.head);
    shared->response.timing = end.timing;
    shared->error = std::move(end.error);
    shared->isDone = true;
    shared->ready.notify_all();
  };
  start(std::move(request), std::move(handlers), std::move(stop));
  std::unique_lock lock(shared->mutex);
  shared->ready.wait(lock, [&] { return shared->isDone; });
  if (shared->error) return std::move(*shared->error);
  return std::move(shared->response);
}

std::string Origin::text() const {
  const bool isUsual = (scheme == "https" && port == 443) || (scheme == "http" && port == 80);
  return scheme + "://" + host + (isUsual ? "" : ":" + std::to_string(port));
}

bool Origin::isLoopback() const { return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos); }

Result<Origin> originOf(const std::string& url) {
  const auto bad = [&](const char* why) { return Error{"providers.address.form", "The address " + shown(redacted(url)) + " cannot be used", {}, why, "Write it like https://api.example.com/v1", {}, {}}; };
  CURLU* handle = curl_url();
  char *scheme = nullptr, *host = nullptr, *port = nullptr, *user = nullptr;
  Origin origin;
  const bool parsed = curl_url_set(handle, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK && curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                      curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK && curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
  const bool hasUser = curl_url_get(handle, CURLUPART_USER, &user, 0) == CURLUE_OK;
  if (parsed) origin = {lowerAscii(scheme), lowerAscii(host), std::atoi(port)};
  for (char* part : {scheme, host, port, user}) curl_free(part);
  curl_url_cleanup(handle);
  if (!parsed) return bad("it is no address of http or https");
  if (hasUser) return bad("it holds a user name; keys have their own place");
  if (origin.scheme != "http" && origin.scheme != "https") return bad("only http and https are spoken");
  return origin;
}

}  // namespace retort::providers
