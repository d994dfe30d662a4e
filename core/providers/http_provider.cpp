// Teachers behind an address: a dialect, an authorizer and the network thread put together; every way an attempt can end.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <variant>

#include "base/clock.h"
#include "base/format.h"
#include "providers/auth.h"
#include "providers/dialect_choice.h"
#include "providers/event_stream.h"
#include "providers/json_peek.h"
#include "providers/provider.h"
#include "providers/sse.h"

namespace retort::providers {
namespace {

constexpr std::size_t kErrorBody = 256u << 10;

Error formError(const std::string& teacher, const Error& cause, std::string_view bytes) {
  return Error{"providers.answer.form", teacher + " sent what is no answer", {}, bytes.find('<') < 20 ? "it looks like a web page: a proxy or another server stands at this address" : cause.why.empty() ? cause.what : cause.why,
               "Check the address with: retort-cli teacher test", redacted(shown(bytes)), {}};
}

/// One request on its way: gathers bytes, gives deltas, becomes an Outcome.
class Attempt {
 public:
  Attempt(std::string teacher, const Dialect& dialect, Handlers handlers, std::vector<std::string> notices, bool isStream)
      : m_teacher(std::move(teacher)), m_decoder(dialect.decoder()), m_handlers(std::move(handlers)), m_framing(dialect.framing()), m_isStream(isStream) {
    m_decoder->answer.notices = std::move(notices);
    m_emit = [this](Delta&& d) {
      m_lastAt = monotonicSeconds();
      if (m_firstAt == 0) m_firstAt = m_lastAt;
      ++m_pieces;
      if (m_handlers.delta) m_handlers.delta(d);
    };
  }
  std::string requestBody;

  void head(const HttpHead& head) {
    m_status = head.status;
    const std::string type = lowerAscii(head.find("content-type"));
    if (m_status < 200 || m_status >= 300) return;
    if (type.find("amazon.eventstream") != std::string::npos) {
      m_framer.emplace<EventStreamParser>([this](Frame&& f) { return frame(f); });
    } else if (type.find("event-stream") != std::string::npos) {
      m_framer.emplace<SseParser>([this](const SseEvent& e) { return sse(e); });
    } else if (type.find("ndjson") != std::string::npos || (m_framing == Framing::lines && m_isStream)) {
      m_framer.emplace<LineFramer>([this](std::string_view line) { return json({}, line); });
    }
  }

  Status data(std::string_view bytes) {
    m_sawBytes = true;
    if (m_status < 200 || m_status >= 300) {
      if (m_body.size() < kErrorBody) m_body.append(bytes.substr(0, kErrorBody - m_body.size()));
      return {};
    }
    if (auto* p = std::get_if<SseParser>(&m_framer)) return p->feed(bytes);
    if (auto* p = std::get_if<LineFramer>(&m_framer)) return p->feed(bytes);
    if (auto* p = std::get_if<EventStreamParser>(&m_framer)) return p->feed(bytes);
    m_body.append(bytes);
    return {};
  }

  void done(HttpEnd&& end) {
    Outcome o;
    o.http = end.head.status;
    o.headers = end.head.headers;
    o.requestBody = std::move(requestBody);
    const bool isGood = o.http >= 200 && o.http < 300;
    if (!end.error && isGood)
      if (auto finished = finishBody(); !finished.ok()) end.error = std::move(finished).error();
    o.sawBytes = m_sawBytes;
    judge(o, end);
    o.answer = std::move(m_decoder->answer);
    const double from = end.timing.sent > 0 ? end.timing.sent : end.timing.started;
    if (m_firstAt > 0) o.timing.ttftMs = m_isStream ? (m_firstAt - from) * 1000 : -1;
    o.timing.totalMs = ((m_isStream && m_lastAt > 0 ? m_lastAt : end.timing.ended) - from) * 1000;
    o.timing.loadMs = m_decoder->loadMs;
    o.timing.pieces = m_pieces;
    if (m_handlers.done) m_handlers.done(std::move(o));
  }

 private:
  Status frame(const Frame& f) {
    const auto kind = f.text(":message-type");
    if (kind == "error") {
      m_decoder->failure = Json{{"error", {{"type", f.text(":error-code")}, {"message", f.text(":error-message")}}}};
      return {};
    }
    return json(kind == "exception" ? f.text(":exception-type") : f.text(":event-type"), f.payload);
  }

  Status sse(const SseEvent& e) {
    if (trimmed(e.data) == "[DONE]") return m_decoder->markEnd(), Status();
    if (!e.isAtEnd) return json(e.type, e.data);
    // Cut before its blank line: only good for saying that the answer is over.
    constexpr std::string_view kEnds[] = {"message_stop", "response.completed", "response.incomplete", "response.failed", "error"};
    const auto parsed = parseJson(e.data, "event");
    if (parsed.ok() && std::find(std::begin(kEnds), std::end(kEnds), peekText(*parsed, "type")) != std::end(kEnds)) m_decoder->event(e.type, *parsed, m_emit);
    return {};
  }

  Status json(std::string_view type, std::string_view text) {
    const auto parsed = parseJson(text, "event");
    if (!parsed.ok()) return formError(m_teacher, parsed.error(), text);
    m_decoder->event(type, *parsed, m_emit);
    return {};
  }

  Status finishBody() {
    if (auto* p = std::get_if<SseParser>(&m_framer)) return p->finish();
    if (auto* p = std::get_if<LineFramer>(&m_framer)) return p->finish();
    if (auto* p = std::get_if<EventStreamParser>(&m_framer)) return p->finish();
    const auto parsed = parseJson(m_body, "answer");
    if (!parsed.ok()) return formError(m_teacher, parsed.error(), m_body);
    m_decoder->whole(*parsed, m_emit);
    return {};
  }

  void fail(Outcome& o, Failure&& f, End end = End::failed) {
    o.end = end;
    o.error = std::move(f.error);
    o.errorClass = f.errorClass;
    o.retryAfter = f.retryAfter;
    o.rejectedParameter = std::move(f.rejectedParameter);
  }

  void judge(Outcome& o, HttpEnd& end) {
    const bool hasText = !m_decoder->answer.text.empty() || !m_decoder->answer.reasoning.empty();
    if (end.error) {
      const ErrorClass c = classifyTransport(*end.error);
      Failure f{end.error->code == "providers.answer.form" ? ErrorClass::retry : c, std::move(*end.error), -1, {}};
      return fail(o, std::move(f), c == ErrorClass::cancelled ? End::cancelled : hasText ? End::partial : End::failed);
    }
    if (o.http < 200 || o.http >= 300) return fail(o, classifyHttp(m_teacher, o.http, m_body, o.headers, utcMicros()));
    if (m_decoder->failure) return fail(o, classifyErrorObject(m_teacher, *m_decoder->failure));
    if (!m_decoder->isTerminal) {
      Error e{"providers.answer.partial", "The answer of " + m_teacher + " is not whole", {}, "the stream ended without its end marker", "It is asked again; what came is not used.", {}, {}};
      return fail(o, {ErrorClass::retry, std::move(e), -1, {}}, End::partial);
    }
    switch (m_decoder->answer.finish) {
      case Finish::length: o.end = End::tooLong; break;
      case Finish::filtered: o.end = End::filtered; break;
      case Finish::refusal: o.end = End::refused; break;
      case Finish::error: return fail(o, {ErrorClass::retry, Error{"providers.answer.broken", m_teacher + " broke off its answer", {}, "it says \"" + shown(m_decoder->answer.rawFinish) + "\"", "It is asked again.", {}, {}}, -1, {}});
      default: o.end = m_decoder->answer.text.empty() && m_decoder->answer.toolCalls.empty() && !m_decoder->answer.refusal.empty() ? End::refused : End::ok;
    }
  }

  std::string m_teacher;
  std::unique_ptr<Decoder> m_decoder;
  Handlers m_handlers;
  Framing m_framing;
  bool m_isStream;
  Decoder::Emit m_emit;
  std::variant<std::monostate, SseParser, LineFramer, EventStreamParser> m_framer;
  std::string m_body;
  int m_status = 0, m_pieces = 0;
  bool m_sawBytes = false;
  double m_firstAt = 0, m_lastAt = 0;
};

class HttpProvider : public Provider {
 public:
  HttpProvider(Teacher teacher, std::shared_ptr<HttpClient> http) : m_teacher(std::move(teacher)), m_dialect(dialectOf(m_teacher.kind)), m_http(std::move(http)), m_base(m_teacher.baseUrl()) {
    m_context = contextOf(m_teacher);
  }

  const Teacher& teacher() const override { return m_teacher; }
  std::string dialectName() const override { return std::string(m_dialect.name()); }

  void rejectParameter(const std::string& name) override {
    const std::lock_guard lock(m_mutex);
    auto& list = m_context.capabilities.rejectedParams;
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  }

  void generate(GenRequest request, Handlers handlers, std::stop_token stop) override {
    WireRequest wire;
    bool isStream = false;
    {
      const std::lock_guard lock(m_mutex);
      wire = m_dialect.encode(request, m_context);
      isStream = request.stream && m_context.capabilities.stream;
    }
    isStream = isStream || peekFlag(wire.body, "stream");
    auto attempt = std::make_shared<Attempt>(m_teacher.name, m_dialect, handlers, std::move(wire.notices), isStream);
    HttpRequest http = plain("POST", m_base + wire.path);
    http.body = dumpJson(wire.body);
    http.headers.push_back({"Content-Type", "application/json", false});
    if (auto signedUp = authorize(http); !signedUp.ok()) {
      Outcome o;
      o.error = signedUp.error();
      o.errorClass = ErrorClass::pauseAuth;
      return handlers.done(std::move(o));
    }
    attempt->requestBody = http.body;
    m_http->start(std::move(http), {[attempt](const HttpHead& h) { attempt->head(h); }, [attempt](std::string_view b) { return attempt->data(b); }, [attempt](HttpEnd&& e) { attempt->done(std::move(e)); }}, std::move(stop));
  }

  Result<Capabilities> probe(std::stop_token stop) override {
    Capabilities found;
    found.probed = isoUtc(utcMicros());
    RETORT_CHECK(listModels(found, stop));
    GenRequest r;
    r.messages = Json::array({{{"role", "user"}, {"content", "Answer with the word ok."}}});
    r.sampling.maxTokens = m_teacher.kind == Kind::openaiResponses || m_teacher.kind == Kind::openai ? 16 : 1;
    r.sampling.seed = 1;
    r.sampling.temperature = 0;
    r.topLogprobs = 1;
    r.format = {{"type", "json_schema"}, {"json_schema", {{"name", "probe"}, {"strict", true}, {"schema", {{"type", "object"}, {"properties", {{"ok", {{"type", "boolean"}}}}}, {"required", {"ok"}}, {"additionalProperties", false}}}}}};
    std::vector<std::string> rejected;
    for (int tries = 0; tries < 10; ++tries) {
      const Outcome o = ask(r, stop);
      if (o.errorClass == ErrorClass::reshape) {
        rejectParameter(o.rejectedParameter);
        rejected.push_back(o.rejectedParameter);
        continue;
      }
      if (o.end == End::failed || o.end == End::cancelled || o.end == End::partial) return o.error;
      fill(found, o, rejected);
      const std::lock_guard lock(m_mutex);
      m_context.capabilities = found;
      return found;
    }
    return Error{"providers.probe.parameters", m_teacher.name + " takes none of our parameters", m_base, "it refused one after the other: " + join(rejected, ", "), "Check that this address speaks the dialect " + dialectName(), {}, {}};
  }

 private:
  HttpRequest plain(std::string method, std::string url) const {
    HttpRequest http;
    http.method = std::move(method);
    http.url = std::move(url);
    http.timeouts = m_teacher.timeouts;
    http.caFile = m_teacher.caFile;
    http.pinnedKey = m_teacher.pinnedKey;
    http.allowPlainKey = m_teacher.allowPlainKey;
    return http;
  }

  Status authorize(HttpRequest& http) {
    std::shared_ptr<Authorizer> authorizer;
    {
      const std::lock_guard lock(m_mutex);
      if (!m_authorizer) {
        RETORT_TRY(m_authorizer, Authorizer::of(m_teacher));
      }
      authorizer = m_authorizer;
    }
    return authorizer->sign(http, utcMicros());
  }

  /// The server's models; servers without a list are fine, refused keys and dead addresses are not.
  Status listModels(Capabilities& found, std::stop_token stop) {
    if (m_teacher.kind == Kind::bedrock) return {};
    HttpRequest http = plain("GET", m_base + (m_teacher.kind == Kind::ollama ? "/api/tags" : "/models"));
    http.maxBody = 8u << 20;
    RETORT_CHECK(authorize(http));
    RETORT_TRY(const auto response, m_http->fetch(std::move(http), stop));
    found.server = response.head.find("server");
    if (response.head.status == 401 || response.head.status == 403) return classifyHttp(m_teacher.name, response.head.status, response.body, response.head.headers, utcMicros()).error;
    const auto json = parseJson(response.body, "models");
    if (!json.ok()) return {};
    const Json& list = peek(*json, m_teacher.kind == Kind::ollama ? "models" : "data");
    if (list.is_array())
      for (const auto& entry : list) {
        if (found.models.size() >= 200) break;
        const auto id = peekText(entry, m_teacher.kind == Kind::ollama ? "name" : "id");
        if (!id.empty()) found.models.push_back(id);
        if (id == m_teacher.model) {
          // vLLM says max_model_len, llama.cpp meta.n_ctx_train, OpenRouter context_length.
          found.contextTokens = std::max({peekCount(entry, "max_model_len"), peekCount(peek(entry, "meta"), "n_ctx_train"), peekCount(entry, "context_length")});
        }
      }
    return {};
  }

  void fill(Capabilities& found, const Outcome& o, const std::vector<std::string>& rejected) const {
    const auto isIn = [&](std::string_view name) { return std::find(rejected.begin(), rejected.end(), name) != rejected.end(); };
    const bool isChat = m_dialect.name() == "openai-chat";
    found.seed = (isChat || m_dialect.name() == "ollama-chat") && !isIn("seed");
    found.jsonSchema = m_dialect.name() != "anthropic-messages" && m_dialect.name() != "bedrock-converse" && !isIn("response_format");
    found.usageInStream = o.answer.usage.isKnown;
    found.maxTopLogprobs = o.answer.logprobs.is_array() && !o.answer.logprobs.empty() ? 20 : 0;
    found.batch = m_teacher.kind == Kind::openai || m_teacher.kind == Kind::anthropic || m_teacher.kind == Kind::bedrock;
    found.rejectedParams = rejected;
    if (!o.answer.fingerprint.empty()) found.server += (found.server.empty() ? "" : " ") + o.answer.fingerprint;
  }

  Teacher m_teacher;
  const Dialect& m_dialect;
  std::shared_ptr<HttpClient> m_http;
  std::string m_base;
  std::mutex m_mutex;
  DialectContext m_context;
  std::shared_ptr<Authorizer> m_authorizer;
};

}  // namespace

Outcome Provider::ask(GenRequest request, std::stop_token stop) {
  struct Shared {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Outcome> outcome;
  };
  auto shared = std::make_shared<Shared>();
  generate(std::move(request), {{}, [shared](Outcome&& o) {
             const std::lock_guard lock(shared->mutex);
             shared->outcome = std::move(o);
             shared->ready.notify_all();
           }}, std::move(stop));
  std::unique_lock lock(shared->mutex);
  shared->ready.wait(lock, [&] { return shared->outcome.has_value(); });
  return std::move(*shared->outcome);
}

Result<std::shared_ptr<Provider>> makeHttpProvider(const Teacher& teacher, std::shared_ptr<HttpClient> http) {
  RETORT_TRY([[maybe_unused]] const auto origin, originOf(teacher.baseUrl()));
  return std::shared_ptr<Provider>(std::make_shared<HttpProvider>(teacher, http ? std::move(http) : HttpClient::shared()));
}

Result<std::shared_ptr<Provider>> makeProvider(const Teacher& teacher, const ProviderOptions& options) {
  if (teacher.kind == Kind::replay) return makeReplayProvider(teacher);
  if (teacher.kind == Kind::local) return makeLocalProvider(teacher);
  return makeHttpProvider(teacher, options.http);
}

}  // namespace retort::providers
