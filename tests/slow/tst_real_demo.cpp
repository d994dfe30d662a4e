// The demo on the real model: what "Done when" of the line asks for, with the figures printed for tests/bench/RESULTS.md.
#include "flows/flow_tools.h"

#include "base/clock.h"
#include "base/paths.h"

using namespace retort;

class TestRealDemo : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;

 private Q_SLOTS:
  void demo() {
    if (!fs::exists(userDataFolder() / "models/SmolLM2-135M-Instruct.Q4_1.gguf")) QSKIP("the sample model is absent: packaging/setup fetches it");
    const fs::path root = fs::path(m_dir.path().toStdString()) / "w";
    int code = -1;
    const double start = monotonicSeconds();
    const Json s = flow::cliJson({"-w", root.string(), "demo"}, &code);
    const double seconds = monotonicSeconds() - start;
    QCOMPARE(code, 0);
    qInfo("%.0f s\n%s", seconds, s.dump(1).c_str());
    const double teacher = s["teacher"]["accuracy"], student = s["student"]["accuracy"];
    QVERIFY(s["rows"].get<int>() >= 400);
    QVERIFY(teacher >= 0.85 && teacher <= 0.98);
    QVERIFY2(student >= teacher - 0.03, "the student is more than 3 points below its teacher");
    QVERIFY(s["speedup_p50"].get<double>() >= 1.5);
    for (const auto& e : s["exports"]) QVERIFY(e["verified"].get<bool>());
    QVERIFY(seconds < 15 * 60);

    if (!fs::exists(flow::oraclePython())) QSKIP("the reference implementations are absent: packaging/setup --tests");
    const auto datasets = flow::cliJson({"-w", root.string(), "dataset", "list"});
    std::string folder;
    for (const auto& d : datasets["datasets"])
      if (d.value("name", std::string()).find("answered") != std::string::npos) folder = (root / "datasets" / d["id"].get<std::string>()).string();
    const auto bow = runCommand({flow::oraclePython(), {(fs::path(std::getenv("RETORT_SOURCE")) / "tests/slow/bag_of_words.py").string(), folder}, {}, {}, {}});
    QVERIFY(bow.ok() && bow->exitCode == 0);
    const double words = std::stod(bow->out);
    qInfo("bag of words %.3f, teacher %.3f", words, teacher);
    QVERIFY(words <= teacher - 0.05);
  }
};

QTEST_GUILESS_MAIN(TestRealDemo)
#include "tst_real_demo.moc"
