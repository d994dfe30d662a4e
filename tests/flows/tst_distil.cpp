// The line on one's own logs: a dry run that keeps nothing, then the whole of it, and the same command again.
#include "flows/flow_tools.h"

using namespace retort;

class TestDistil : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path at(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }
  std::vector<std::string> words(std::vector<std::string> more) const {
    std::vector<std::string> all = {"distil", at("logs").string(), "--student", "tiny", "--teacher", "anthropic.claude-3-5-haiku-20241022-v1:0", "--where", "env = \"prod\"", "--system", "Name the service."};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(at("out").string());
    return all;
  }

 private Q_SLOTS:
  void initTestCase() { QCOMPARE(flow::cli({"logs", "generate", at("logs").string(), "--records", "900", "--seed", "3"}).exitCode, 0); }

  void dryRunCountsAndKeepsNothing() {
    int code = -1;
    const Json dry = flow::cliJson(words({"--dry-run"}), &code);
    QCOMPARE(code, 0);
    QCOMPARE(dry["imported"]["accepted"].get<int>() + dry["imported"]["rejected"].get<int>() + dry["imported"]["duplicates"].get<int>(), dry["imported"]["lines"].get<int>());
    QVERIFY(dry["counts"]["train"].get<int>() > 100);
    QVERIFY(dry["forecast"]["memory_total"].get<double>() > 0 && dry["forecast"]["disk"].get<double>() > 0);
    QVERIFY(!fs::exists(at("out")) && !fs::exists(at("out.retort")));
  }

  void wholeLine() {
    int code = -1;
    const Json s = flow::cliJson(words({"--set", "methods.0.steps=20", "--set", "eval.keep_best=false"}), &code);
    QCOMPARE(code, 0);
    QVERIFY(s["student"]["accuracy"].is_number() && s["base"]["accuracy"].is_number());
    QVERIFY(s["teacher"].is_null() || s["teacher"].is_object());
    QCOMPARE(s["exports"].size(), std::size_t{3});
    for (const auto& e : s["exports"]) QVERIFY(e["verified"].get<bool>());
    QVERIFY(fs::exists(at("out") / "verify.json"));
    QCOMPARE(flow::cli({"export", "verify", at("out").string()}).exitCode, 0);
  }
};

QTEST_GUILESS_MAIN(TestDistil)
#include "tst_distil.moc"
