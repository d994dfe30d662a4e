// The network thread against a scripted server: limits of time and size, cancelling, redirects, keys over plain http.
#include <QTest>

#include <atomic>
#include <future>

#include "base/clock.h"
#include "fixtures/providers/script_server.h"
#include "providers/http.h"
#include "providers/secret.h"

using namespace retort;
using namespace retort::providers;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

namespace {

HttpRequest get(const std::string& url) {
  HttpRequest r;
  r.url = url;
  return r;
}

std::string codeOf(const Result<HttpResponse>& r) { return r.ok() ? "ok " + std::to_string(r->head.status) : r.error().code; }

}  // namespace

class TestHttp : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void answersOfEveryStatusAreResponses() {
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(r.number == 0 ? 200 : 429, r.body, "Retry-After: 3\r\n"); });
    HttpClient client(HttpClient::Reach::loopback);
    auto post = get(server.url() + "/a/..%2Fb?x=1");
    post.method = "POST";
    post.body = std::string(2 << 20, 'x');
    const double begin = monotonicSeconds();
    const auto first = client.fetch(std::move(post));
    QVERIFY(first.ok());
    QCOMPARE(first->body.size(), std::size_t(2 << 20));
    QVERIFY(monotonicSeconds() - begin < 0.9);   // no wait for "100 Continue"
    QCOMPARE(server.seen()[0].line(), std::string("POST /a/..%2Fb?x=1 HTTP/1.1"));
    const auto second = client.fetch(get(server.url()));
    QCOMPARE(second->head.status, 429);
    QCOMPARE(second->head.find("retry-after"), std::string_view("3"));
  }

  void clocksEndWhatHangs() {
    ScriptServer server([](const SeenRequest& r, Wire& w) {
      if (r.line().find("/first") != std::string::npos) return w.wait(5), w.close();
      w.beginStream();
      if (r.line().find("/idle") != std::string::npos) return w.send(": hi\n"), w.wait(5);
      for (int i = 0; i < 100 && !w.peerClosed(); ++i) w.send("."), w.wait(0.05);
    });
    HttpClient client(HttpClient::Reach::loopback);
    for (const char* kind : {"firstbyte", "idle", "total"}) {
      auto r = get(server.url() + (std::string(kind) == "firstbyte" ? "/first" : std::string(kind) == "idle" ? "/idle" : "/drip"));
      r.timeouts = {0.1, 0.2, 0.25, 0.6};
      const double begin = monotonicSeconds();
      QCOMPARE(codeOf(client.fetch(std::move(r))), "providers.http." + std::string(kind));
      QVERIFY(monotonicSeconds() - begin < 2);
    }
  }

  void brokenAnswersAreErrors() {
    ScriptServer server([](const SeenRequest& r, Wire& w) {
      if (r.line().find("/short") != std::string::npos) return w.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), w.close();
      if (r.line().find("/reset") != std::string::npos) return w.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), w.reset();
      if (r.line().find("/chunk") != std::string::npos) return w.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabc\r\n"), w.close();
      w.answer(200, std::string(100'000, 'x'));
    });
    HttpClient client(HttpClient::Reach::loopback);
    for (const char* path : {"/short", "/reset", "/chunk"}) QCOMPARE(codeOf(client.fetch(get(server.url() + path))), std::string("providers.http.reset"));
    auto large = get(server.url());
    large.maxBody = 50'000;
    QCOMPARE(codeOf(client.fetch(std::move(large))), std::string("providers.stream.long"));
    QCOMPARE(codeOf(client.fetch(get("http://127.0.0.1:1/"))), std::string("providers.http.connect"));
    QCOMPARE(codeOf(client.fetch(get("ftp://127.0.0.1/"))), std::string("providers.address.form"));
    QCOMPARE(codeOf(client.fetch(get("http://me:pass@127.0.0.1/"))), std::string("providers.address.form"));
  }

  void nothingLeavesThisMachineOffline() {
    HttpClient client(HttpClient::Reach::loopback);
    QCOMPARE(codeOf(client.fetch(get("http://192.0.2.1:9/"))), std::string("providers.http.offline"));
  }

  void redirectsAreNotFollowedAndKeysStay() {
    ScriptServer other([](const SeenRequest&, Wire& w) { w.answer(200, "{}"); });
    ScriptServer server([&](const SeenRequest&, Wire& w) { w.answer(302, "", "Location: " + other.url() + "/\r\n"); });
    HttpClient client(HttpClient::Reach::loopback);
    auto r = get(server.url());
    r.headers.push_back({"x-api-key", "planted-key-1234", true});
    QCOMPARE(codeOf(client.fetch(std::move(r))), std::string("ok 302"));
    QCOMPARE(server.seen()[0].header("x-api-key"), std::string("planted-key-1234"));
    QCOMPARE(other.count(), 0);
    auto plain = get("http://192.0.2.1/");
    plain.headers.push_back({"authorization", "Bearer planted-key-1234", true});
    const auto refused = client.fetch(std::move(plain));
    QCOMPARE(codeOf(refused), std::string("providers.http.plainkey"));
    QVERIFY(refused.error().text().find("planted") == std::string::npos);
  }

  void cancellingClosesManySocketsAtOnce() {
    ScriptServer server([](const SeenRequest&, Wire& w) { w.beginStream(), w.wait(10); });
    HttpClient client(HttpClient::Reach::loopback);
    std::stop_source stop;
    std::atomic<int> done = 0, cancelled = 0;
    for (int i = 0; i < 64; ++i) {
      HttpHandlers h;
      h.done = [&](HttpEnd&& end) { cancelled += end.error && isCancelled(*end.error), ++done; };
      client.start(get(server.url()), std::move(h), stop.get_token());
    }
    QTRY_COMPARE_WITH_TIMEOUT(server.open(), 64, 5000);
    const double begin = monotonicSeconds();
    stop.request_stop();
    while (done < 64 && monotonicSeconds() - begin < 5) QTest::qSleep(1);
    const double took = monotonicSeconds() - begin;
    QCOMPARE(cancelled.load(), 64);
    QVERIFY2(took < 0.5, std::to_string(took).c_str());
    QTRY_COMPARE_WITH_TIMEOUT(server.open(), 0, 2000);
  }

  void errorsAreRedacted() {
    for (const char* text : {R"({"error":"Incorrect API key provided: sk-proj-planted123456"})", "Authorization: Bearer planted-abcdefgh12345", "GET /v1?key=plantedABCDEFGH&x=1", "x-api-key: planted-12345678",
                             "AKIAPLANTED12345678", "token=planted/abcdefgh+12=="}) {
      const auto clean = redacted(text);
      QVERIFY2(lowerCase(clean).find("planted") == std::string::npos, clean.c_str());
      QVERIFY(clean.find("…") != std::string::npos);
    }
    QCOMPARE(redacted("The key: not found in the monkey house"), std::string("The key: not found in the monkey house"));
  }

 private:
  static std::string lowerCase(std::string s) {
    for (auto& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return s;
  }
};

QTEST_GUILESS_MAIN(TestHttp)
#include "tst_http.moc"
