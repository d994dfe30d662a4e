// Teachers from the command line: adding, testing, consent, dry run, buying, the cap, and a killed job that pays for nothing twice.
#include <csignal>

#include "base/clock.h"
#include "fixtures/providers/desk_rows.h"
#include "flows/flow_tools.h"

using namespace retort;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

class TestTeacher : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path m_at, m_w;
  std::string m_dataset;
  std::int64_t m_rows = 0;
  const std::vector<std::pair<std::string, std::string>> m_env = {{"RETORT_KEY_SCRIPTED", "sk-planted-key-0123456789"}};

  Json run(std::vector<std::string> args, int wanted = 0) const {
    args.insert(args.begin(), {"-w", m_w.string()});
    int code = -1;
    const auto json = flow::cliJson(args, &code, m_env);
    if (code != wanted) qWarning("exit %d, wanted %d: %s", code, wanted, dumpJson(json).substr(0, 1500).c_str());
    return code == wanted ? json : Json();
  }
  Json add(const ScriptServer& server, std::vector<std::string> more = {}) const {
    std::vector<std::string> args = {"teacher", "add", "scripted", "--kind", "compatible", "--url", server.url(), "--model", "teacher-1", "--price", "3,15", "--may-train", "yes", "--note", "ours", "--replace"};
    args.insert(args.end(), more.begin(), more.end());
    return run(args);
  }

 private Q_SLOTS:
  void initTestCase() {
    qunsetenv("http_proxy");
    m_at = m_dir.path().toStdString();
    m_w = m_at / "w";
    fixtures::writeDesk(m_at, 60);
    QCOMPARE(flow::cli({"init", m_w.string()}).exitCode, 0);
    const auto made = run({"dataset", "build", "desk", "--rows", (m_at / "rows.jsonl").string(), "--golden", (m_at / "golden.jsonl").string(), "--references", (m_at / "labels.jsonl").string()});
    QVERIFY(made.is_object());
    m_dataset = made["id"].get<std::string>();
    m_rows = made["counts"]["train"].get<std::int64_t>() + made["counts"]["validation"].get<std::int64_t>();
  }

  void mistakesAreNamed() {
    const auto kind = flow::cli({"-w", m_w.string(), "teacher", "add", "x", "--kind", "opnai"});
    QCOMPARE(kind.exitCode, 2);
    QVERIFY2(kind.err.find("did you mean openai?") != std::string::npos, kind.err.c_str());
    const auto unknown = flow::cli({"-w", m_w.string(), "teacher", "test", "nobody"});
    QCOMPARE(unknown.exitCode, 1);
    QVERIFY(unknown.err.find("teacher list") != std::string::npos);
  }

  void spendingNeedsAWord() {
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body)); });
    QVERIFY(add(server).is_object());
    const auto silent = flow::cli({"-w", m_w.string(), "teacher", "answer", m_dataset, "--teacher", "scripted"}, m_env);
    QCOMPARE(silent.exitCode, 2);
    QVERIFY2(silent.err.find("--cap-money") != std::string::npos, silent.err.c_str());
    QVERIFY(silent.err.find("may train a model: ours") != std::string::npos);
    QCOMPARE(server.count(), 0);
    QVERIFY(add(server, {"--may-train", "no"}).is_object());
    const auto refused = flow::cli({"-w", m_w.string(), "teacher", "answer", m_dataset, "--teacher", "scripted", "--yes"}, m_env);
    QCOMPARE(refused.exitCode, 2);
    QCOMPARE(server.count(), 0);
  }

  void testingRemembers() {
    ScriptServer server([](const SeenRequest& r, Wire& w) {
      if (r.line().starts_with("GET")) return w.answer(200, "{\"data\":[{\"id\":\"teacher-1\",\"max_model_len\":2048}]}");
      w.answer(200, fixtures::deskReply(r.body));
    });
    QVERIFY(add(server).is_object());
    QCOMPARE(run({"teacher", "test", "scripted", "--yes"})["context_tokens"].get<int>(), 2048);
    const auto list = run({"teacher", "list"});
    QCOMPARE(list["teachers"][0]["capabilities"]["context_tokens"].get<int>(), 2048);
    QCOMPARE(list["teachers"][0]["price"]["output_per_million"].get<std::string>(), std::string("15"));
  }

  void dryRunBuyAndNeverAgain() {
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body)); });
    QVERIFY(add(server).is_object());
    const auto dry = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--dry-run", "--cap-money", "1"});
    QCOMPARE(dry["rows"].size(), std::size_t(16));
    QVERIFY(dry["forecast"]["high_usd"].get<double>() > 0);
    QCOMPARE(server.count(), 16);
    const auto made = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--cap-money", "1", "--name", "bought"});
    QVERIFY(made.is_object());
    QCOMPARE(std::int64_t(server.count()), m_rows);
    QCOMPARE(made["accepted"].get<std::int64_t>(), m_rows);
    QCOMPARE(made["cached"].get<int>(), 16);
    const auto again = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--yes"});
    QCOMPARE(again["cached"].get<std::int64_t>(), m_rows);
    QCOMPARE(std::int64_t(server.count()), m_rows);
    QCOMPARE(run({"dataset", "show", "bought"})["output_use"]["may_train"].get<std::string>(), std::string("yes"));
    const auto trial = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--trial", "--trial-rows", "8", "--cap-money", "1"});
    QCOMPARE(trial["arms"].size(), std::size_t(3));
    const auto usage = run({"teacher", "usage"});
    QCOMPARE(usage["attempts"].get<int>(), server.count());
    QCOMPARE(usage["possibly_billed"].get<int>(), 0);
  }

  void theCapPausesAndMoreGoesOn() {
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body)); });
    QVERIFY(add(server).is_object());
    // Each answer costs 165 micro-dollars and at most about 1,200: enough for the probe rows and a few more.
    const auto paused = flow::cli({"-w", m_w.string(), "--json", "--quiet", "teacher", "answer", m_dataset, "--teacher", "scripted", "--cap-money", "0.0055"}, m_env);
    QCOMPARE(paused.exitCode, 1);
    QVERIFY2(paused.out.find("providers.paused.cap") != std::string::npos, paused.out.c_str());
    const int bought = server.count();
    QVERIFY(bought >= 16 && bought < m_rows);
    QVERIFY(run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--cap-money", "1"}).is_object());
    QCOMPARE(std::int64_t(server.count()), m_rows);
  }

  void killedJobsPayNothingTwice() {
    std::atomic<bool> open = false;
    std::atomic<int> answered = 0;
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      while (!open && answered >= 24 && !w.peerClosed()) w.wait(0.01);
      if (w.peerClosed()) return;
      ++answered;
      w.answer(200, fixtures::deskReply(r.body));
    });
    QVERIFY(add(server, {"--max-concurrent", "4"}).is_object());
    const auto job = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--yes", "--detach"});
    const auto id = job["id"].get<std::string>();
    QTRY_VERIFY_WITH_TIMEOUT(server.count() >= 28, 20'000);
    QTest::qSleep(100);
    const auto state = readJsonFile(m_w / "jobs" / id / "state.json");
    QVERIFY(state.ok());
    ::kill(static_cast<pid_t>((*state)["pid"].get<std::int64_t>()), SIGKILL);
    const int before = server.count();
    open = true;
    int code = -1;
    (void)flow::cliJson({"-w", m_w.string(), "job", "wait", id}, &code, m_env);
    QCOMPARE(code, 0);
    // 24 were answered before; the four on their way are asked again, each other row once.
    QCOMPARE(std::int64_t(server.count()), m_rows + before - 24);
    const auto usage = run({"teacher", "usage", "--run", id});
    QCOMPARE(usage["possibly_billed"].get<int>(), before - 24);
    QCOMPARE(usage["attempts"].get<std::int64_t>(), m_rows - 16 + before - 24);   // the 16 probe rows were asked before the job
  }

  void batchesComeHome() {
    std::string uploaded;
    ScriptServer server([&](const SeenRequest& r, Wire& w) {
      const auto line = r.line();
      if (line.starts_with("POST /v1/files")) return uploaded = r.body, w.answer(200, "{\"id\":\"file-1\"}");
      if (line.starts_with("POST /v1/batches")) return w.answer(200, "{\"id\":\"batch_1\"}");
      if (line.starts_with("GET /v1/batches/")) return w.answer(200, "{\"id\":\"batch_1\",\"status\":\"completed\",\"output_file_id\":\"out-1\"}");
      std::string out;
      for (std::size_t at = 0; at < uploaded.size();) {
        const auto end = std::min(uploaded.find('\n', at), uploaded.size());
        const auto json = parseJson(uploaded.substr(at, end - at), "l");
        if (json.ok() && json->is_object()) out = dumpJson({{"custom_id", (*json)["custom_id"]}, {"response", {{"status_code", 200}, {"body", *parseJson(fixtures::deskReply(dumpJson((*json)["body"])), "b")}}}}) + "\n" + out;
        at = end + 1;
      }
      w.answer(200, out);
    });
    QVERIFY(add(server).is_object());
    const auto batch = run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--yes", "--batch"});
    QCOMPARE(batch["items"].get<std::int64_t>(), m_rows);
    const auto home = run({"teacher", "batches", "--id", batch["id"].get<std::string>()});
    QCOMPARE(home["batches"][0]["answered"].get<std::int64_t>(), m_rows);
    const int before = server.count();
    QCOMPARE(run({"teacher", "answer", m_dataset, "--teacher", "scripted", "--yes"})["cached"].get<std::int64_t>(), m_rows);
    QCOMPARE(server.count(), before);
  }

  void comparing() {
    ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, fixtures::deskReply(r.body)); });
    QVERIFY(add(server).is_object());
    const auto c = run({"compare", m_dataset, "--columns", "logged,teacher:scripted", "--rows", "20", "--cap-money", "1"});
    QCOMPARE(c["columns"].size(), std::size_t(2));
    QCOMPARE(c["pairs"][0]["agreement"].get<double>(), 1.0);
    const auto refused = flow::cli({"-w", m_w.string(), "compare", m_dataset, "--columns", "logged,teacher:scripted"}, m_env);
    QCOMPARE(refused.exitCode, 2);
  }

  void aLocalModelIsATeacher() {
    if (!fs::exists(flow::bin("retort-worker"))) QSKIP("retort-worker is not built");
    const auto tiny = fs::path(std::getenv("RETORT_SOURCE")) / "resources/tiny";
    QVERIFY(run({"teacher", "add", "tiny", "--kind", "local", "--path", tiny.string()}).is_object());
    const auto dry = run({"teacher", "answer", m_dataset, "--teacher", "tiny", "--dry-run", "--check", "none", "--max-tokens", "8"});
    QCOMPARE(dry["rows"].size(), std::size_t(16));
    QCOMPARE(dry["forecast"]["high_usd"].get<double>(), 0.0);
    const auto c = run({"compare", m_dataset, "--columns", "logged,teacher:tiny,model:" + tiny.string(), "--rows", "8"});
    QCOMPARE(c["pairs"][2]["agreement"].get<double>(), 1.0);   // the same model twice
  }

  /// Retort's own server as a teacher behind an address: real streams, real usage.
  void aServedModelIsATeacher() {
    if (!fs::exists(flow::bin("retort-worker"))) QSKIP("retort-worker is not built");
    const auto tiny = fs::path(std::getenv("RETORT_SOURCE")) / "resources/tiny";
    auto server = LineProcess::start({flow::bin("retort-cli"), {"-w", m_w.string(), "serve", tiny.string(), "--port", "0"}, {{"RETORT_SERVE_KEY", ""}}, {}, {}});
    QVERIFY(server.ok());
    const auto line = server->readLine();
    QVERIFY(line.ok() && line->has_value());
    const auto hello = parseJson(**line, "hello");
    QVERIFY2(hello.ok() && hello->contains("serving"), (*line)->c_str());
    std::string address = (*hello)["serving"].get<std::string>();
    if (!address.starts_with("http")) address = "http://" + address;
    QVERIFY(run({"teacher", "add", "served", "--kind", "compatible", "--url", address, "--model", (*hello)["model"].get<std::string>(), "--price", "0,0"}).is_object());
    const auto found = run({"teacher", "test", "served"});
    QVERIFY(found["usage_in_stream"].get<bool>());
    QVERIFY(!found["models"].empty());
    const auto dry = run({"teacher", "answer", m_dataset, "--teacher", "served", "--dry-run", "--check", "none", "--max-tokens", "8"});
    QCOMPARE(dry["rows"].size(), std::size_t(16));
    int said = 0;
    for (const auto& row : dry["rows"]) said += row["accepted"].get<bool>() || row["reason"].get<std::string>().starts_with("cut at 8");
    QCOMPARE(said, 16);
    server->kill(SIGTERM);
    (void)server->wait();
  }

  void noKeyLiesAnywhere() {
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(m_dir.path().toStdString())) {
      if (!entry.is_regular_file()) continue;
      ++files;
      const auto bytes = readFile(entry.path());
      QVERIFY2(bytes.ok() && bytes->find("planted-key") == std::string::npos, entry.path().c_str());
    }
    QVERIFY(files > 20);
  }
};

QTEST_GUILESS_MAIN(TestTeacher)
#include "tst_teacher.moc"
