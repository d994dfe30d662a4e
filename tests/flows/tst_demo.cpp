// The whole line with the built-in tiny model: what `demo --fast --json` promises.
#include "flows/flow_tools.h"

#include "base/clock.h"

using namespace retort;

class TestDemo : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;

 private Q_SLOTS:
  void fastDemo() {
    const fs::path root = fs::path(m_dir.path().toStdString()) / "w";
    int code = -1;
    const double start = monotonicSeconds();
    const Json summary = flow::cliJson({"-w", root.string(), "demo", "--fast"}, &code);
    qInfo("demo --fast took %.1f s", monotonicSeconds() - start);
    QCOMPARE(code, 0);
    for (const char* role : {"teacher", "base", "student"}) {
      QVERIFY2(summary.contains(role) && summary[role].is_object(), role);
      const auto& m = summary[role];
      QVERIFY(m["accuracy"].is_number() && m["interval"].size() == 2 && m["p50_ms"].is_number() && m["tokens_per_s"].is_number() && m["bytes"].is_number());
      const double low = m["interval"][0], high = m["interval"][1], accuracy = m["accuracy"];
      QVERIFY(0 <= low && low <= accuracy && accuracy <= high && high <= 1);
    }
    QVERIFY(summary["rows"].get<int>() >= 400);
    // The student learnt: its interval lies above the base model's and above the most frequent label's share.
    QVERIFY(summary["student"]["interval"][0].get<double>() > summary["base"]["interval"][1].get<double>());
    QVERIFY(summary["student"]["interval"][0].get<double>() > 0.15);
    QVERIFY(summary["student"]["bytes"].get<double>() < summary["teacher"]["bytes"].get<double>());
    QVERIFY(summary["exports"].size() >= 3);
    for (const auto& e : summary["exports"]) {
      QVERIFY2(e["verified"].get<bool>(), e.dump().c_str());
      QVERIFY(fs::exists(e["path"].get<std::string>()));
      QCOMPARE(e["sha256"].get<std::string>().size(), std::size_t{64});
    }
    // The same command again finds nothing left to do but a new demo; the workspace lists what was made.
    QVERIFY(flow::cliJson({"-w", root.string(), "run", "list"}).size() >= 4);
    QVERIFY(flow::cliJson({"-w", root.string(), "report", "list"}).size() >= 1);
  }
};

QTEST_GUILESS_MAIN(TestDemo)
#include "tst_demo.moc"
