// Each provider against fixtures of its dialect on a scripted server: streamed, cut anywhere, whole; and every way to go wrong.
#include <QTemporaryDir>
#include <QTest>

#include <condition_variable>

#include "base/files.h"
#include "fixtures/providers/script_server.h"
#include "providers/event_stream.h"
#include "providers/prices.h"
#include "providers/provider.h"
#include "providers/sigv4.h"

using namespace retort;
using namespace retort::providers;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

namespace {

std::string fixture(const char* name) { return *readFile(fs::path(std::getenv("RETORT_SOURCE")) / "tests/fixtures/providers" / name); }

/// Frames of "type json" lines.
std::string framesOf(const std::string& lines) {
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = lines.find('\n', at), space = lines.find(' ', at);
    Frame f{{{":event-type", 7, lines.substr(at, space - at)}, {":content-type", 7, std::string("application/json")}, {":message-type", 7, std::string("event")}}, lines.substr(space + 1, end - space - 1)};
    out += encodeFrame(f);
    at = end + 1;
  }
  return out;
}

struct Case {
  Kind kind;
  std::string stream, type, wholeKey, path;
  Usage usage;
};

Case caseOf(const std::string& name) {
  if (name == "responses") return {Kind::openaiResponses, fixture("responses.sse"), "text/event-stream", name, "POST /v1/responses", {600, 400, 0, 200, 5, true}};
  if (name == "anthropic") return {Kind::anthropic, fixture("anthropic.sse"), "text/event-stream; charset=utf-8", name, "POST /v1/messages", {12, 400, 3, 40, 0, true}};
  if (name == "bedrock") return {Kind::bedrock, framesOf(fixture("converse.events")), "application/vnd.amazon.eventstream", name, "POST /model/us.teacher%3A1/converse", {600, 400, 0, 200, 0, true}};
  if (name == "ollama") return {Kind::ollama, fixture("ollama.ndjson"), "application/x-ndjson", name, "POST /api/chat", {26, 0, 0, 259, 0, true}};
  return {Kind::openai, fixture("chat.sse"), "text/event-stream", "chat", "POST /v1/chat/completions", {600, 400, 0, 200, 5, true}};
}

Teacher teacherAt(const std::string& url, Kind kind) {
  Teacher t;
  t.name = "planted";
  t.kind = kind;
  t.url = url;
  t.model = kind == Kind::bedrock ? "us.teacher:1" : "teacher-1";
  t.region = "us-east-1";
  t.timeouts = {1, 1, 1, 5};
  return t;
}

GenRequest question() {
  GenRequest r;
  r.messages = Json::array({{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", "Where is my card?"}}});
  r.sampling.maxTokens = 64;
  r.sampling.temperature = 0;
  return r;
}

std::shared_ptr<HttpClient> loopback() {
  static const auto client = std::make_shared<HttpClient>(HttpClient::Reach::loopback);
  return client;
}

Outcome askAt(const std::string& url, Kind kind, GenRequest r = question(), std::string* deltas = nullptr) {
  auto provider = *makeHttpProvider(teacherAt(url, kind), loopback());
  if (!deltas) return provider->ask(std::move(r));
  std::optional<Outcome> outcome;
  std::mutex mutex;
  std::condition_variable ready;
  provider->generate(std::move(r), {[&](const Delta& d) { *deltas += d.kind == Delta::Kind::text ? d.text : ""; }, [&](Outcome&& o) {
                                      const std::lock_guard lock(mutex);
                                      outcome = std::move(o);
                                      ready.notify_all();
                                    }}, {});
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return outcome.has_value(); });
  return std::move(*outcome);
}

const std::vector<const char*> kDialects = {"chat", "responses", "anthropic", "bedrock", "ollama"};

}  // namespace

class TestDialects : public QObject {
  Q_OBJECT

  static void rows() {
    QTest::addColumn<QString>("name");
    for (const char* name : kDialects) QTest::newRow(name) << QString(name);
  }
  static void checkAnswer(const Case& c, const Outcome& o) {
    QVERIFY2(o.end == End::ok, o.error.text().c_str());
    QCOMPARE(QString::fromStdString(o.answer.text), QString("lost_известни"));
    QCOMPARE(o.answer.reasoning, std::string("The card is lost. "));
    QCOMPARE(o.answer.toolCalls.size(), std::size_t(1));
    QCOMPARE(o.answer.toolCalls[0]["id"].get<std::string>(), std::string("call_1"));
    QCOMPARE(o.answer.toolCalls[0]["function"]["name"].get<std::string>(), std::string("find"));
    QCOMPARE(parseJson(o.answer.toolCalls[0]["function"]["arguments"].get<std::string>(), "a")->at("a").get<int>(), 1);
    QCOMPARE(o.answer.finish, Finish::tool);
    QCOMPARE(o.answer.usage.input, c.usage.input);
    QCOMPARE(o.answer.usage.cacheRead, c.usage.cacheRead);
    QCOMPARE(o.answer.usage.output, c.usage.output);
  }

 private Q_SLOTS:
  void initTestCase() {
    for (const char* name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "http_proxy"}) qunsetenv(name);
    qputenv("RETORT_KEY_PLANTED", "sk-planted-key-0123456789");
  }

  void streams_data() { rows(); }
  void streams() {
    QFETCH(QString, name);
    const Case c = caseOf(name.toStdString());
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      w.beginStream(c.type);
      // The second request gets single bytes at the start, then the rest in odd pieces.
      const std::size_t step = r.number == 0 ? c.stream.size() : 7;
      for (std::size_t at = 0; at < c.stream.size(); at += step) w.send(std::string_view(c.stream).substr(at, step));
    });
    for (int i = 0; i < 2; ++i) {
      std::string deltas;
      const auto o = askAt(server.url(), c.kind, question(), &deltas);
      checkAnswer(c, o);
      QCOMPARE(QString::fromStdString(deltas), QString("lost_известни"));
      QVERIFY(o.timing.ttftMs >= 0 && o.timing.totalMs >= o.timing.ttftMs);
    }
    const auto seen = server.seen().at(0);
    QVERIFY2(seen.line().starts_with(c.path), seen.line().c_str());
    const std::string key = c.kind == Kind::anthropic ? seen.header("x-api-key") : seen.header("authorization");
    QVERIFY(key.find("sk-planted-key-0123456789") != std::string::npos);
    if (c.kind == Kind::anthropic) QCOMPARE(seen.header("anthropic-version"), std::string("2023-06-01"));
    QVERIFY(seen.body.find("planted") == std::string::npos);
    QVERIFY(seen.header("expect").empty());
  }

  void whole_data() { rows(); }
  void whole() {
    QFETCH(QString, name);
    const Case c = caseOf(name.toStdString());
    const auto all = parseJson(fixture("whole.json"), "whole");
    const std::string body = dumpJson((*all)[c.wholeKey]);
    ScriptServer server([&](const SeenRequest&, Wire& w) { w.answer(200, body); });
    auto r = question();
    r.stream = false;
    const auto o = askAt(server.url(), c.kind, r);
    checkAnswer(c, o);
    QVERIFY(server.seen()[0].body.find("\"stream\":true") == std::string::npos);
  }

  /// Whatever is cut off, the answer is never taken for whole; with everything there it is.
  void everyCutIsPartial_data() { rows(); }
  void everyCutIsPartial() {
    QFETCH(QString, name);
    const Case c = caseOf(name.toStdString());
    // Up to the beginning of the terminal marker.
    const std::string mark = c.kind == Kind::openai ? "data: [DONE]" : c.kind == Kind::openaiResponses ? "event: response.completed" : c.kind == Kind::anthropic ? "event: message_stop" : c.kind == Kind::bedrock ? "messageStop" : "\"done\":true";
    const std::size_t end = c.stream.find(mark);
    QVERIFY(end != std::string::npos);
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      w.beginStream(c.type);
      w.send(std::string_view(c.stream).substr(0, end * static_cast<std::size_t>(r.number) / 16));
    });
    for (int i = 0; i <= 16; ++i) {
      const auto o = askAt(server.url(), c.kind);
      QVERIFY2(o.end == End::partial || o.end == End::failed, std::to_string(i).c_str());
      QCOMPARE(o.errorClass, ErrorClass::retry);
    }
  }

  void errorsInsideTheStream_data() { rows(); }
  void errorsInsideTheStream() {
    QFETCH(QString, name);
    const Case c = caseOf(name.toStdString());
    std::string error = "data: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded sk-planted-key-0123456789\"}}\n\n";
    if (c.kind == Kind::anthropic) error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    if (c.kind == Kind::openaiResponses) error = "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"Overloaded\"}\n\n";
    if (c.kind == Kind::ollama) error = "{\"error\":\"server overloaded\"}\n";
    if (c.kind == Kind::bedrock)
      error = encodeFrame({{{":exception-type", 7, std::string("throttlingException")}, {":content-type", 7, std::string("application/json")}, {":message-type", 7, std::string("exception")}}, R"({"message":"Too many requests"})"});
    const std::size_t at = c.kind == Kind::bedrock ? framesOf(fixture("converse.events").substr(0, fixture("converse.events").find("contentBlockStop"))).size() : c.stream.find(c.kind == Kind::openai ? "data: [DONE]" : c.kind == Kind::ollama ? "{\"model\":\"teacher-1\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool" : c.kind == Kind::anthropic ? "event: message_delta" : "event: response.function");
    ScriptServer server([&](const SeenRequest&, Wire& w) { w.beginStream(c.type), w.send(c.stream.substr(0, at) + error); });
    const auto o = askAt(server.url(), c.kind);
    QCOMPARE(o.end, End::failed);
    QCOMPARE(o.errorClass, ErrorClass::retry);
    QVERIFY2(o.answer.text.starts_with("lost_"), o.answer.text.c_str());   // the text is kept
    QVERIFY(o.error.text().find("planted-key") == std::string::npos);
    QVERIFY(o.sawBytes);
  }

  void faults_data() {
    QTest::addColumn<QString>("fault");
    QTest::addColumn<QString>("code");
    QTest::addColumn<QString>("cls");
    const auto row = [](const char* fault, const char* code, const char* cls) { QTest::newRow(fault) << QString(fault) << QString(code) << QString(cls); };
    row("429", "providers.limited", "retry");
    row("500", "providers.busy", "retry");
    row("401", "providers.auth", "pause-auth");
    row("html", "providers.answer.form", "retry");
    row("bad utf-8", "providers.answer.form", "retry");
    row("malformed", "providers.answer.form", "retry");
    row("stall", "providers.http.idle", "retry");
    row("silence", "providers.http.firstbyte", "retry");
    row("loris", "providers.http.total", "retry");
    row("reset", "providers.http.reset", "retry");
    row("wrong length", "providers.http.reset", "retry");
    row("redirect", "providers.redirect", "fail");
  }
  void faults() {
    QFETCH(QString, fault);
    QFETCH(QString, code);
    QFETCH(QString, cls);
    const std::string stream = fixture("chat.sse");
    ScriptServer server([&](const SeenRequest&, Wire& w) {
      if (fault == "429") return w.answer(429, R"({"error":{"message":"Rate limit reached for sk-planted-key-0123456789"}})", "Retry-After: 3\r\n");
      if (fault == "500") return w.answer(500, "oops");
      if (fault == "401") return w.answer(401, R"({"error":{"message":"Incorrect API key provided: sk-planted-key-0123456789"}})");
      if (fault == "html") return w.answer(200, "<html>log in</html>", "Content-Type: text/html\r\n");
      if (fault == "bad utf-8") return w.beginStream(), w.send("data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n");
      if (fault == "malformed") return w.beginStream(), w.send("data: {\"choices\":[{\"delta\":\n\n");
      if (fault == "stall") return w.beginStream(), w.send(stream.substr(0, 1000)), w.wait(3);
      if (fault == "silence") return w.wait(3), w.close();
      if (fault == "reset") return w.beginStream(), w.send(stream.substr(0, 700)), w.reset();
      if (fault == "wrong length") return w.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{}"), w.close();
      if (fault == "redirect") return w.answer(307, "", "Location: http://192.0.2.1/\r\n");
      w.beginStream();
      for (int i = 0; i < 200 && !w.peerClosed(); ++i) w.send(": loris\n"), w.wait(0.05);
    });
    auto teacher = teacherAt(server.url(), Kind::openai);
    teacher.timeouts = {0.3, 0.6, 0.4, 1.2};
    auto provider = *makeHttpProvider(teacher, loopback());
    const auto o = provider->ask(question());
    QCOMPARE(QString::fromStdString(o.error.code), code);
    QCOMPARE(QString::fromUtf8(errorClassName(o.errorClass).data()), cls);
    QVERIFY(o.end == End::failed || o.end == End::partial);
    const std::string everything = o.error.text() + o.error.detail + o.requestBody + dumpJson(toJson(o.answer));
    QVERIFY2(everything.find("planted-key") == std::string::npos, everything.c_str());
    if (fault == "429") QCOMPARE(o.retryAfter, 3.0);
    if (fault == "stall") QCOMPARE(o.end, End::partial);
  }

  void missingKeysAreNamed() {
    Teacher t = teacherAt("http://127.0.0.1:1", Kind::openai);
    t.name = "nobody";
    const auto o = (*makeHttpProvider(t, loopback()))->ask(question());
    QCOMPARE(o.error.code, std::string("providers.key.missing"));
    QCOMPARE(o.errorClass, ErrorClass::pauseAuth);
    QVERIFY2(o.error.text().find("$OPENAI_API_KEY") != std::string::npos, o.error.text().c_str());
  }

  void bedrockSigns() {
    const Case c = caseOf("bedrock");
    ScriptServer server([&](const SeenRequest&, Wire& w) { w.beginStream(c.type), w.send(c.stream); });
    Teacher t = teacherAt(server.url(), Kind::bedrock);
    t.name = "signed";
    qputenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    qputenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    qputenv("AWS_SESSION_TOKEN", "a-session-token");
    const auto o = (*makeHttpProvider(t, loopback()))->ask(question());
    QCOMPARE(o.end, End::ok);
    const auto seen = server.seen().at(0);
    // Signed again from what arrived: the server's view.
    SigningInput in{"POST", seen.line().substr(5, seen.line().rfind(' ') - 5), "", {{"host", seen.header("host")}, {"content-type", seen.header("content-type")}, {"x-amz-date", seen.header("x-amz-date")}, {"x-amz-security-token", seen.header("x-amz-security-token")}},
                    seen.body, seen.header("x-amz-date"), "us-east-1", "bedrock"};
    AwsCredentials key{"AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), Secret()};
    QCOMPARE(seen.header("authorization"), signV4(key, in).authorization);
    for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) qunsetenv(name);
  }

  void probingLearnsWhatAServerTakes() {
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      if (r.line().starts_with("GET /v1/models")) return w.answer(200, R"({"data":[{"id":"teacher-1","max_model_len":4096},{"id":"other"}]})", "Server: scripted\r\n");
      if (r.body.find("\"seed\"") != std::string::npos) return w.answer(400, R"({"error":{"message":"Unsupported parameter: 'seed'","param":"seed"}})");
      if (r.body.find("response_format") != std::string::npos) return w.answer(400, R"({"error":{"message":"'response_format' is not supported"}})");
      w.beginStream(), w.send("data: {\"choices\":[{\"delta\":{\"content\":\"o\"},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n");
    });
    auto provider = *makeHttpProvider(teacherAt(server.url(), Kind::compatible), loopback());
    const auto found = provider->probe({});
    QVERIFY2(found.ok(), found.ok() ? "" : found.error().text().c_str());
    QVERIFY(!found->seed && !found->jsonSchema && !found->usageInStream);
    QCOMPARE(found->maxTopLogprobs, 0);
    QCOMPARE(found->contextTokens, std::int64_t(4096));
    QCOMPARE(found->models.size(), std::size_t(2));
    QCOMPARE(found->server, std::string("scripted"));
    const auto back = capabilitiesFromJson(toJson(*found));
    QCOMPARE(dumpJson(toJson(back)), dumpJson(toJson(*found)));
    // What was refused is not sent again.
    const int before = server.count();
    auto r = question();
    r.sampling.seed = 3;
    (void)provider->ask(r);
    QVERIFY(server.seen().at(static_cast<std::size_t>(before)).body.find("seed") == std::string::npos);
  }

  void requestsSpeakTheirDialect() {
    std::string body;
    ScriptServer server([&](const SeenRequest& r, Wire& w) { body = r.body, w.answer(500, "{}"); });
    GenRequest r = question();
    r.messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({{{"id", "c1"}, {"type", "function"}, {"function", {{"name", "find"}, {"arguments", "{\"q\":1}"}}}}})}});
    r.messages.push_back({{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "found"}});
    r.tools = Json::array({{{"type", "function"}, {"function", {{"name", "find"}, {"description", "d"}, {"parameters", {{"type", "object"}}}}}}});
    r.topLogprobs = 50;
    r.sampling.stop = {"a", "b", "c", "d", "e"};
    const auto chat = askAt(server.url(), Kind::openai, r);
    auto json = *parseJson(body, "b");
    QCOMPARE(json["top_logprobs"].get<int>(), 20);
    QCOMPARE(json["stop"].size(), std::size_t(4));
    QCOMPARE(json["max_completion_tokens"].get<int>(), 64);
    QCOMPARE(chat.answer.notices.size(), std::size_t(2));
    (void)askAt(server.url(), Kind::vllm, r);
    QCOMPARE((*parseJson(body, "b"))["max_tokens"].get<int>(), 64);
    (void)askAt(server.url(), Kind::anthropic, r);
    json = *parseJson(body, "b");
    QCOMPARE(json["system"].get<std::string>(), std::string("Be brief."));
    QCOMPARE(json["messages"].size(), std::size_t(3));
    QCOMPARE(json["messages"][1]["content"][0]["input"]["q"].get<int>(), 1);
    QCOMPARE(json["messages"][2]["content"][0]["type"].get<std::string>(), std::string("tool_result"));
    QCOMPARE(json["tools"][0]["input_schema"]["type"].get<std::string>(), std::string("object"));
    r.metadata = {{"team", "a"}, {"bad;key", "x"}};
    (void)askAt(server.url(), Kind::bedrock, r);
    json = *parseJson(body, "b");
    QCOMPARE(json["system"][0]["text"].get<std::string>(), std::string("Be brief."));
    QCOMPARE(json["messages"][1]["content"][0]["toolUse"]["input"]["q"].get<int>(), 1);
    QCOMPARE(json["messages"][2]["content"][0]["toolResult"]["content"][0]["text"].get<std::string>(), std::string("found"));
    QCOMPARE(json["toolConfig"]["tools"][0]["toolSpec"]["name"].get<std::string>(), std::string("find"));
    QCOMPARE(json["requestMetadata"].size(), std::size_t(1));
    (void)askAt(server.url(), Kind::openaiResponses, r);
    json = *parseJson(body, "b");
    QCOMPARE(json["input"].size(), std::size_t(3));
    QCOMPARE(json["input"][1]["type"].get<std::string>(), std::string("function_call"));
    QCOMPARE(json["tools"][0]["name"].get<std::string>(), std::string("find"));
    (void)askAt(server.url(), Kind::ollama, r);
    json = *parseJson(body, "b");
    QCOMPARE(json["options"]["num_predict"].get<int>(), 64);
    QCOMPARE(json["messages"][2]["tool_calls"][0]["function"]["arguments"]["q"].get<int>(), 1);
  }

  void ollamaSpeed() {
    // 259 tokens in 4,232,710,000 ns.
    QVERIFY(std::abs(259 / 4.232710 - 61.2) < 0.05);
    const Case c = caseOf("ollama");
    ScriptServer server([&](const SeenRequest&, Wire& w) { w.beginStream(c.type), w.send(c.stream); });
    const auto o = askAt(server.url(), c.kind);
    QVERIFY(std::abs(o.timing.loadMs - 1.334875) < 1e-9);
  }

  void replays() {
    QTemporaryDir dir;
    const fs::path file = fs::path(dir.path().toStdString()) / "answers.jsonl";
    const Json q = question().messages;
    QVERIFY(writeFileAtomically(file, dumpJson({{"messages", q}, {"answer", {{"text", "here"}, {"finish", "stop"}}}}) + "\n" + R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]})" + "\n").ok());
    Teacher t;
    t.name = "tape";
    t.kind = Kind::replay;
    t.path = file;
    const auto provider = makeProvider(t);
    QVERIFY(provider.ok());
    QCOMPARE((*provider)->ask(question()).answer.text, std::string("here"));
    GenRequest hi;
    hi.messages = Json::array({{{"role", "user"}, {"content", Json::array({{{"type", "text"}, {"text", "Hi"}}})}}});
    QCOMPARE((*provider)->ask(hi).answer.text, std::string("Hello"));
    hi.messages[0]["content"] = "Bye";
    QCOMPARE((*provider)->ask(hi).error.code, std::string("providers.replay.unknown"));
  }
};

QTEST_GUILESS_MAIN(TestDialects)
#include "tst_dialects.moc"
