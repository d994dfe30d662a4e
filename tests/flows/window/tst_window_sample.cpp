// `retort --sample`: the sample project is made, the demo starts in it once, and goes on when the window is gone.
#include <QProcess>

#include "base/ids.h"
#include "flows/window/window_tools.h"
#include "job/job_folder.h"

using namespace retort;

class TestWindowSample : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path home(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }

  static void start(QProcess& window, const fs::path& data) {
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("RETORT_DATA_HOME"), ui::qs(data.string()));
    environment.insert(QStringLiteral("XDG_CONFIG_HOME"), ui::qs((data / "config").string()));
    environment.insert(QStringLiteral("QT_QPA_PLATFORM"), QStringLiteral("offscreen"));
    window.setProcessEnvironment(environment);
    window.setProcessChannelMode(QProcess::MergedChannels);
    window.start(ui::qs(flow::bin("retort").string()), {QStringLiteral("--sample")});
  }
  /// The jobs of the sample project; waits for the first.
  static std::vector<std::string> jobs(const fs::path& data) {
    const fs::path folder = data / "sample-project" / "jobs";
    (void)flow::until([&] { return !listProducts(folder).empty(); }, 30'000);
    return listProducts(folder);
  }

 private Q_SLOTS:
  void initTestCase() {
    if (!flow::hasPrograms()) QSKIP("retort-cli and retort-worker are not in RETORT_BIN");
  }

  void theFastDemoRunsWhereThereIsNoModel() {
    const fs::path data = home("plain"), project = data / "sample-project";
    QProcess window;
    start(window, data);
    const auto ids = jobs(data);
    QVERIFY2(ids.size() == 1, window.readAll().constData());
    const fs::path job = project / "jobs" / ids[0];
    const Json spec = *readJsonFile(job / "spec.json");
    QCOMPARE(spec["kind"].get<std::string>(), std::string("demo"));
    QCOMPARE(spec["params"]["fast"].get<bool>(), true);
    QVERIFY(flow::until([&] { const auto s = job::observedState(job); return s.ok() && job::isActive(s->phase); }, 30'000));
    window.kill();
    QVERIFY(window.waitForFinished(10'000));
    // It works on without the window: something more is finished than at its end.
    QVERIFY(flow::until([&] { return fs::exists(job / "progress.json"); }, 60'000));
    const auto state = job::observedState(job);
    QVERIFY(state.ok() && job::isActive(state->phase));
    // A second window finds the demo and starts no other one.
    QProcess again;
    start(again, data);
    QTest::qWait(3000);
    QCOMPARE(jobs(data).size(), std::size_t{1});
    again.kill();
    QVERIFY(again.waitForFinished(10'000));
    QCOMPARE(flow::cli({"-w", project.string(), "job", "stop", ids[0]}).exitCode, 0);
    QVERIFY(flow::until([&] { const auto s = job::observedState(job); return s.ok() && job::isFinal(s->phase); }, 60'000));
    for (const auto& run : listProducts(project / "runs")) (void)flow::cli({"-w", project.string(), "run", "stop", run});
  }

  void theRealOneWhereTheModelIs() {
    const fs::path data = home("model");
    fs::create_directories(data / "models");
    QVERIFY(writeFileAtomically(data / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf", "GGUF").ok());   // its name is enough to be offered
    QProcess window;
    start(window, data);
    const auto ids = jobs(data);
    QVERIFY2(ids.size() == 1, window.readAll().constData());
    const Json spec = *readJsonFile(data / "sample-project" / "jobs" / ids[0] / "spec.json");
    QCOMPARE(spec["params"]["fast"].get<bool>(), false);
    window.kill();
    QVERIFY(window.waitForFinished(10'000));
    (void)flow::cli({"-w", (data / "sample-project").string(), "job", "stop", ids[0]});
  }
};

int main(int argc, char** argv) { return flow::runWindowTest<TestWindowSample>(argc, argv); }
#include "tst_window_sample.moc"
