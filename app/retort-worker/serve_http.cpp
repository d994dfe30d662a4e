// Routes and guards over cpp-httplib (old versions in distributions: what its parser lets through is refused before a body is read).
#include "app/retort-worker/serve_http.h"

#include <httplib.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <random>

#include "base/clock.h"
#include "base/format.h"
#include "engine/chat_api.h"

namespace retort::worker {
namespace {

using engine::ApiAnswer;
using engine::ApiRequest;
using engine::Generated;

constexpr std::size_t kBodyLimit = 16u << 20;          // bytes
constexpr auto kHeartbeat = std::chrono::seconds(10);  // an SSE comment while nothing else is said
constexpr std::size_t kThreads = 160;                  // each stream holds one

std::string randomHex(std::size_t bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device source;
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) {
    const unsigned value = source();
    out += kDigits[(value >> 4) & 15], out += kDigits[value & 15];
  }
  return out;
}

bool sameSecret(std::string_view a, std::string_view b) {
  unsigned char differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < b.size(); ++i) differs = static_cast<unsigned char>(differs | ((i < a.size() ? a[i] : 0) ^ b[i]));
  return differs == 0;
}

/// Between the service's thread, which fills it, and the connection's, which sends.
struct Channel {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> pieces;
  std::optional<Result<Generated>> end;
  std::atomic<bool> gone = false;                      // the client went away

  void push(std::string_view piece) {
    const std::lock_guard lock(mutex);
    pieces.emplace_back(piece);
    changed.notify_one();
  }
  void finish(Result<Generated> result) {
    const std::lock_guard lock(mutex);
    end.emplace(std::move(result));
    changed.notify_one();
  }
};

void sendError(httplib::Response& response, int status, const Error& error, std::string_view type) {
  response.status = status;
  response.set_content(dumpJson(engine::apiError(error, type)), "application/json");
}

Error refusal(std::string what, std::string why, std::string next) { return Error{"worker.serve.refused", std::move(what), {}, std::move(why), std::move(next), {}, {}}; }

int statusOf(const Error& error) {
  if (isCancelled(error)) return 503;
  if (error.code == "engine.api.model") return 404;
  return error.code.starts_with("engine.api") || error.code.starts_with("engine.prompt") || error.code.starts_with("base.json") || error.code.starts_with("text.") ? 400 : 500;
}

}  // namespace

bool isLoopback(const std::string& address) { return address == "::1" || address.starts_with("127."); }

bool isLoopbackHost(std::string_view header) {
  std::string_view name = header;
  if (name.starts_with("[")) name = name.substr(0, name.find(']') + 1);
  else name = name.substr(0, name.find(':'));
  const std::string host = lowerAscii(name);
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

struct HttpServer::Private {
  const engine::ModelHost& host;
  ServeOptions options;
  TrafficLog* log;
  engine::AnswerService service;
  httplib::Server http;
  double started = monotonicSeconds();

  Private(const engine::ModelHost& h, ServeOptions o, TrafficLog* l) : host(h), options(std::move(o)), log(l), service(host.decoder, host.text.tokenizer.get(), options.slots, options.queue) { routes(); }

  /// Before any body is read: who asks, from where, and how much is to come.
  bool refused(const httplib::Request& request, httplib::Response& response) const {
    const auto no = [&](int status, std::string why, std::string next) {
      sendError(response, status, refusal("The request was refused", std::move(why), std::move(next)), status == 401 ? "authentication_error" : "invalid_request_error");
      response.set_header("Connection", "close");
      return true;
    };
    if (isLoopback(options.address) && !isLoopbackHost(request.get_header_value("Host"))) return no(403, "its Host header does not name this machine", "Use http://127.0.0.1");
    if (request.has_header("Origin")) return no(403, "it comes from a web page", "Ask from a program");
    if (!options.key.empty()) {
      const std::string given = request.get_header_value("Authorization");
      if (!given.starts_with("Bearer ") || !sameSecret(std::string_view(given).substr(7), options.key)) return no(401, "the key is missing or wrong", "Send the key as Authorization: Bearer KEY");
    }
    if (request.has_header("Transfer-Encoding")) return no(411, "its length is not said", "Send Content-Length");
    if (request.has_header("Content-Encoding")) return no(415, "its body is compressed", "Send it as it is");
    if (const auto length = request.get_header_value("Content-Length"); length.size() > 9 || std::strtoull(length.c_str(), nullptr, 10) > kBodyLimit) return no(413, "it is larger than 16 MiB", "Send less");
    return false;
  }

  void routes() {
    http.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    http.set_tcp_nodelay(true);
    http.set_read_timeout(10, 0);
    http.set_write_timeout(20, 0);
    http.set_keep_alive_timeout(30);
    http.set_payload_max_length(kBodyLimit);
    http.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return refused(request, response) ? httplib::Server::HandlerResponse::Handled : httplib::Server::HandlerResponse::Unhandled;
    });
    http.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
      if (response.body.empty()) sendError(response, response.status, refusal("There is nothing at " + shown(request.path), request.method + " is not served there", "Use POST /v1/chat/completions"), "invalid_request_error");
    });
    http.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
      sendError(response, 500, Error{"worker.serve.failed", "The request failed", {}, "an unexpected fault", "Try again", {}, {}}, "server_error");
    });
    http.Get("/health", [this](const httplib::Request&, httplib::Response& response) { response.set_content(dumpJson(health()), "application/json"); });
    http.Get("/v1/models", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(dumpJson({{"object", "list"}, {"data", Json::array({{{"id", options.name}, {"object", "model"}, {"created", utcMicros() / 1'000'000}, {"owned_by", "retort"}, {"context", host.decoder.config.context}}})}}), "application/json");
    });
    http.Post("/v1/chat/completions", [this](const httplib::Request& request, httplib::Response& response) { answer(request, response, true); });
    http.Post("/v1/completions", [this](const httplib::Request& request, httplib::Response& response) { answer(request, response, false); });
  }

  Json health() const {
    const auto c = service.counts();
    Json out = {{"status", "ok"}, {"model", options.name}, {"uptime_s", jsonNumber(monotonicSeconds() - started)}, {"active", c.active}, {"waiting", c.waiting}, {"answered", c.answered},
                {"failed", c.failed}, {"cancelled", c.cancelled}, {"tokens", c.tokens}, {"tokens_per_s", jsonNumber(c.tokensPerSecond)}};
    if (log) out["logged"] = log->written(), out["not_logged"] = log->missed();
    return out;
  }

  void answer(const httplib::Request& http, httplib::Response& response, bool chat) {
    auto parsed = engine::parseApiRequest(http.body, chat, host, options.name);
    if (!parsed.ok()) return sendError(response, statusOf(parsed.error()), parsed.error(), "invalid_request_error");
    auto request = std::make_shared<ApiRequest>(std::move(*parsed));
    const ApiAnswer head{(chat ? "chatcmpl-" : "cmpl-") + randomHex(16), utcMicros() / 1'000'000, options.name};
    auto channel = std::make_shared<Channel>();
    auto live = std::make_shared<engine::LiveRequest>();
    live->prompt = request->prompt;
    live->options = request->options;
    live->cancelled = [channel] { return channel->gone.load(); };
    if (request->stream) live->delta = [channel](std::string_view piece) { channel->push(piece); };
    live->done = [this, channel, request, head](Result<Generated> made) {
      if (made.ok() && log) log->add(head, *request, *made);
      channel->finish(std::move(made));
    };
    if (!service.submit(live)) {
      response.set_header("Retry-After", "2");
      return sendError(response, 503, refusal("The server is full", std::to_string(options.queue) + " requests wait already", "Try again in a moment"), "server_error");
    }
    if (request->stream) return stream(response, channel, request, head);
    std::unique_lock lock(channel->mutex);
    channel->changed.wait(lock, [&] { return channel->end.has_value(); });
    if (!channel->end->ok()) return sendError(response, statusOf(channel->end->error()), channel->end->error(), "server_error");
    response.set_content(dumpJson(engine::completion(head, *request, **channel->end, *host.text.tokenizer)), "application/json");
  }

  static std::string event(const Json& json) { return "data: " + dumpJson(json) + "\n\n"; }

  /// Server-sent events as they come; a failed write ends the generation.
  void stream(httplib::Response& response, const std::shared_ptr<Channel>& channel, const std::shared_ptr<ApiRequest>& request, const ApiAnswer& head) {
    response.set_header("Cache-Control", "no-store");
    auto first = std::make_shared<bool>(true);
    response.set_chunked_content_provider(
        "text/event-stream",
        [channel, request, head, first](std::size_t, httplib::DataSink& sink) {
          std::string out;
          bool over = false;
          {
            std::unique_lock lock(channel->mutex);
            if (!channel->changed.wait_for(lock, kHeartbeat, [&] { return !channel->pieces.empty() || channel->end.has_value(); })) out = ": waiting\n\n";
            for (; !channel->pieces.empty(); channel->pieces.pop_front(), *first = false) out += event(engine::chunk(head, *request, channel->pieces.front(), *first));
            if (channel->end.has_value()) {
              over = true;
              const auto& end = *channel->end;
              if (!end.ok()) out += event(engine::apiError(end.error(), "server_error"));
              else {
                if (*first) out += event(engine::chunk(head, *request, "", true));
                out += event(engine::lastChunk(head, *request, *end));
                if (request->streamUsage) out += event(engine::usageChunk(head, *request, *end));
              }
              out += "data: [DONE]\n\n";
            }
          }
          if (!sink.is_writable() || !sink.write(out.data(), out.size())) {
            channel->gone = true;
            return false;
          }
          if (over) sink.done();
          return true;
        },
        [channel](bool whole) {
          if (!whole) channel->gone = true;
        });
  }
};

HttpServer::HttpServer(const engine::ModelHost& host, ServeOptions options, TrafficLog* log) : m(std::make_unique<Private>(host, std::move(options), log)) {}
HttpServer::~HttpServer() = default;

Result<int> HttpServer::bind() {
  const int port = m->options.port == 0 ? m->http.bind_to_any_port(m->options.address.c_str()) : m->http.bind_to_port(m->options.address.c_str(), m->options.port) ? m->options.port : -1;
  if (port > 0) return port;
  return Error{"worker.serve.port", "The server cannot listen on " + m->options.address + ":" + std::to_string(m->options.port), {}, "the port is taken, or the address is not this machine's", "Choose another with --port, or 0 for any", {}, {}};
}

void HttpServer::run() { m->http.listen_after_bind(); }
void HttpServer::stop() { m->http.stop(); }

}  // namespace retort::worker
