// Serving: OpenAI's API over real sockets; many at once say what one says alone; what is hostile is refused; traffic comes back as logs.
#include <QtTest>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/format.h"
#include "base/random.h"
#include "flows/flow_tools.h"

using namespace retort;

namespace {

/// One connection to the server.
class Connection {
 public:
  explicit Connection(int port) : m_socket(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval limit{60, 0};
    ::setsockopt(m_socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    m_ok = ::connect(m_socket, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~Connection() { ::close(m_socket); }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::send(m_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  std::string some() const {
    char buffer[4096];
    const auto n = ::recv(m_socket, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  std::string rest() const {
    std::string out;
    for (std::string piece; !(piece = some()).empty();) out += piece;
    return out;
  }
  [[nodiscard]] bool ok() const { return m_ok; }

 private:
  int m_socket;
  bool m_ok = false;
};

std::string httpRequest(const std::string& method, const std::string& path, const std::string& body, const std::string& headers = {}) {
  return method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers + (body.empty() ? "" : "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" + body;
}

struct Reply {
  int status = 0;
  std::string head, body;
  [[nodiscard]] Json json() const { return parseJson(body, "reply").ok() ? *parseJson(body, "reply") : Json(); }
};

Reply parsed(const std::string& raw) {
  Reply reply;
  const auto end = raw.find("\r\n\r\n");
  if (end == std::string::npos || !raw.starts_with("HTTP/1.1 ")) return reply;
  reply.status = std::atoi(raw.c_str() + 9);
  reply.head = raw.substr(0, end);
  reply.body = raw.substr(end + 4);
  return reply;
}

std::string chatBody(const std::string& question, const std::string& more = {}) {
  return "{\"messages\":[{\"role\":\"user\",\"content\":" + dumpJson(Json(question)) + "}]" + more + "}";
}

/// The text of a streamed answer, and whether it ended as it should.
std::string streamedText(const std::string& body, bool& whole) {
  std::string text;
  for (std::size_t at = 0; (at = body.find("data: {", at)) != std::string::npos; ++at) {
    const auto json = parseJson(body.substr(at + 6, body.find("\n", at) - at - 6), "event");
    if (json.ok() && !(*json)["choices"].empty()) text += (*json)["choices"][0]["delta"].value("content", std::string());
  }
  whole = body.find("data: [DONE]") != std::string::npos;
  return text;
}

}  // namespace

class TestServe : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  pid_t m_server = -1;
  int m_port = 0;
  std::string m_model;

  fs::path at(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }
  Reply ask(const std::string& request) const {
    const Connection c(m_port);
    c.send(request);
    return parsed(c.rest());
  }
  Reply chat(const std::string& body, const std::string& headers = {}) const { return ask(httpRequest("POST", "/v1/chat/completions", body, headers)); }
  static std::string textOf(const Reply& reply) { return reply.json()["choices"][0]["message"].value("content", std::string()); }

 private Q_SLOTS:
  void initTestCase() {
    QCOMPARE(flow::cli({"init", at("w").string()}).exitCode, 0);
    int pipe[2];
    QVERIFY(::pipe(pipe) == 0);
    m_server = ::fork();
    if (m_server == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(pipe[1], STDOUT_FILENO);
      const std::string program = flow::bin("retort-cli").string(), w = at("w").string();
      ::setenv("RETORT_SERVE_KEY", "", 1);
      ::execl(program.c_str(), "retort-cli", "-w", w.c_str(), "serve", "tiny", "--port", "0", "--log", "--slots", "8", "--queue", "64", "--dtype", "f32", nullptr);
      ::_exit(127);
    }
    ::close(pipe[1]);
    std::string line;
    for (char c = 0; ::read(pipe[0], &c, 1) == 1 && c != '\n';) line += c;
    const auto hello = parseJson(line, "hello");
    QVERIFY2(hello.ok(), line.c_str());
    const std::string address = (*hello)["serving"];
    m_port = std::atoi(address.c_str() + address.rfind(':') + 1);
    m_model = (*hello)["model"];
    QVERIFY(m_port > 0 && m_model.find("@") != std::string::npos);
  }

  void cleanupTestCase() {
    if (m_server <= 0) return;
    ::kill(m_server, SIGTERM);
    int status = -1;
    ::waitpid(m_server, &status, 0);
    QCOMPARE(status, 0);
  }

  void answersLikeTheApi() {
    const auto models = ask(httpRequest("GET", "/v1/models", "")).json();
    QCOMPARE(models["data"][0]["id"], Json(m_model));
    const auto reply = chat(chatBody("There is a pothole in my street", ",\"model\":\"tiny\",\"max_tokens\":8,\"logprobs\":true,\"top_logprobs\":2"));
    QCOMPARE(reply.status, 200);
    const auto json = reply.json();
    QCOMPARE(json["model"], Json(m_model));
    QCOMPARE(json["choices"][0]["finish_reason"], Json("stop"));
    QCOMPARE(json["usage"]["total_tokens"].get<int>(), json["usage"]["prompt_tokens"].get<int>() + json["usage"]["completion_tokens"].get<int>());
    const auto tokens = json["choices"][0]["logprobs"]["content"];
    QCOMPARE(tokens.size(), json["usage"]["completion_tokens"].get<std::size_t>());
    QVERIFY(tokens[0]["logprob"].get<double>() <= 0 && tokens[0]["top_logprobs"].size() == 2);
    // The same words as the worker's own generation.
    const auto generated = flow::cliJson({"model", "generate", "tiny", "--prompt", "There is a pothole in my street", "--dtype", "f32"});
    QCOMPARE(textOf(reply), generated["outputs"][0].value("text", std::string("?")));
    QCOMPARE(ask(httpRequest("POST", "/v1/completions", "{\"prompt\":\"The city\",\"max_tokens\":3}")).json()["object"], Json("text_completion"));
    QCOMPARE(ask(httpRequest("GET", "/health", "")).json()["status"], Json("ok"));
  }

  void manyAtOnceSayWhatOneSays() {
    std::vector<std::string> questions;
    for (int i = 0; i < 64; ++i) questions.push_back("Request " + std::to_string(i) + ": my " + (i % 3 == 0 ? "bin was not collected" : i % 3 == 1 ? "street light is broken, please send somebody" : "neighbour is loud"));
    const std::string more = ",\"max_tokens\":12,\"temperature\":0.8,\"seed\":7,\"stream\":true";
    std::vector<std::string> alone;
    for (int i = 0; i < 8; ++i) {
      bool whole = false;
      alone.push_back(streamedText(chat(chatBody(questions[static_cast<std::size_t>(i)], more)).body, whole));
      QVERIFY(whole);
    }
    std::vector<std::string> together(questions.size());
    std::atomic<int> complete = 0;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < questions.size(); ++i)
      threads.emplace_back([&, i] {
        bool whole = false;
        together[i] = streamedText(chat(chatBody(questions[i], more)).body, whole);
        if (whole) ++complete;
      });
    for (auto& thread : threads) thread.join();
    QCOMPARE(complete.load(), 64);
    for (std::size_t i = 0; i < alone.size(); ++i) QCOMPARE(together[i], alone[i]);
  }

  void aClientThatLeavesFreesItsPlace() {
    {
      const Connection c(m_port);
      c.send(httpRequest("POST", "/v1/chat/completions", chatBody("Tell me a story", ",\"max_tokens\":480,\"temperature\":2,\"seed\":3,\"stream\":true,\"repetition_penalty\":2")));
      QVERIFY(!c.some().empty());
    }
    QTRY_COMPARE_WITH_TIMEOUT(ask(httpRequest("GET", "/health", "")).json().value("active", -1), 0, 20'000);
    QCOMPARE(chat(chatBody("Hello", ",\"max_tokens\":2")).status, 200);
  }

  void whatIsWrongIsSaid() {
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"{", "base.json.syntax"}, {"[]", "body"}, {"{}", "messages"}, {"{\"messages\":[]}", "messages"}, {"{\"messages\":[{\"content\":\"x\"}]}", "messages[0]"},
        {chatBody("x", ",\"n\":2"), "n"}, {chatBody("x", ",\"temperature\":-1"), "temperature"}, {chatBody("x", ",\"temperature\":\"hot\""), "temperature"}, {chatBody("x", ",\"max_tokens\":1.5"), "max_tokens"},
        {chatBody("x", ",\"stop\":[1]"), "stop"}, {chatBody("x", ",\"response_format\":{\"type\":\"json_object\"}"), "response_format"}, {chatBody("x", ",\"top_logprobs\":3"), "top_logprobs"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]}", "messages[0].content"}};
    for (const auto& [body, says] : bad) {
      const auto reply = chat(body);
      QCOMPARE(reply.status, 400);
      QVERIFY2(reply.body.find(says) != std::string::npos, reply.body.c_str());
    }
    QCOMPARE(chat(chatBody("x", ",\"model\":\"another\"")).status, 404);
    std::string lengthy;
    for (int i = 0; i < 3000; ++i) lengthy += "word ";
    QCOMPARE(chat(chatBody(lengthy)).status, 400);
    QCOMPARE(ask(httpRequest("GET", "/v1/nothing", "")).status, 404);
  }

  void hostileRequestsAreRefused() {
    const std::string body = chatBody("x");
    QCOMPARE(chat(body, "Origin: http://evil.example\r\n").status, 403);
    QCOMPARE(ask("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").status, 403);
    QCOMPARE(ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n").status, 411);
    QCOMPARE(ask("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n").status, 413);
    QCOMPARE(chat(body, "Content-Encoding: gzip\r\n").status, 415);
    Random random(4, "requests");
    const std::string good = httpRequest("POST", "/v1/chat/completions", body);
    for (int i = 0; i < 60; ++i) {
      std::string broken = good;
      for (int k = 0; k < 4; ++k) broken[random.below(broken.size())] = static_cast<char>(random.below(256));
      broken.resize(1 + random.below(broken.size()));
      const Connection c(m_port);
      c.send(broken);
    }
    const Connection slow(m_port);   // a client that never finishes its sentence holds nobody up
    slow.send("POST /v1/chat/completions HTTP/1.1\r\nHo");
    QCOMPARE(chat(body).status, 200);
  }

  void trafficComesBackAsLogs() {
    const auto health = ask(httpRequest("GET", "/health", "")).json();
    const auto imported = flow::cliJson({"-w", at("w").string(), "logs", "import", (at("w") / "traffic").string()});
    QVERIFY2(imported.is_object() && imported.value("accepted", 0) >= 70, imported.dump().c_str());
    QCOMPARE(imported.value("accepted", 0), health.value("logged", -1));
    QCOMPARE(imported.value("rejected", -1), 0);
    const auto found = flow::cliJson({"-w", at("w").string(), "logs", "count", "@model = \"" + m_model + "\" and served = \"retort\""});
    QVERIFY2(found.is_object() && found.value("count", 0) == imported.value("accepted", 0), found.dump().c_str());
  }
};

QTEST_GUILESS_MAIN(TestServe)
#include "tst_serve.moc"
