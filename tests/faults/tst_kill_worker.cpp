// SIGKILL of a training worker's process group at 20 moments, some in the middle of a checkpoint, some twice in a row: what comes out
// in the end equals the uninterrupted run's to the bit.
#include "flows/flow_tools.h"

#include <csignal>
#include <sys/wait.h>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "job/job_folder.h"
#include "job/run_spec.h"
#include "run/metric_series.h"

using namespace retort;

class TestKillWorker : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path m_root, m_reference;
  Json m_spec;
  double m_seconds = 0;
  int m_count = 0;

  fs::path newRun() {
    const auto id = job::createJob(m_root / "w/runs", m_spec);
    return m_root / "w/runs" / *id;
  }
  pid_t startWorker(const fs::path& folder) {
    const auto pid = startDetached({flow::bin("retort-worker"), {"train", folder.string()}, {}, {}, {}}, folder / "worker.log");
    return pid.ok() ? *pid : -1;
  }
  static std::string hashOf(const fs::path& file) { return sha256File(file).value(); }
  static fs::path lastCheckpoint(const fs::path& run) {
    fs::path best;
    int step = -1;
    for (const auto& e : fs::directory_iterator(run / "checkpoints")) {
      const int s = QString::fromStdString(e.path().filename().string()).toInt();
      if (e.path().filename().string()[0] != '.' && s > step) step = s, best = e.path();
    }
    return best;
  }
  static bool isWritingCheckpoint(const fs::path& run) {
    std::error_code error;
    for (fs::directory_iterator it(run / "checkpoints", error), end; !error && it != end; it.increment(error))
      if (it->path().filename().string().ends_with(".part")) return true;
    return false;
  }
  /// Kills the group; true when the worker was still there.
  static bool killGroup(pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) return false;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    return true;
  }
  void compareWithReference(const fs::path& run) {
    QCOMPARE(job::readState(run)->phase, job::Phase::done);
    QCOMPARE(hashOf(run / "student/model.safetensors"), hashOf(m_reference / "student/model.safetensors"));
    for (const char* name : {"model.safetensors", "optim.safetensors", "rng.safetensors"}) QCOMPARE(hashOf(lastCheckpoint(run) / name), hashOf(lastCheckpoint(m_reference) / name));
    const auto mine = run::readMetrics(run).value(), reference = run::readMetrics(m_reference).value();
    for (const char* name : {"loss", "grad_norm", "val.nll"}) {
      const auto &a = mine.at(name), &b = reference.at(name);
      QCOMPARE(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        QCOMPARE(a[i].step, b[i].step);
        QCOMPARE(a[i].value, b[i].value);
      }
    }
  }

 private Q_SLOTS:
  void initTestCase() {
    m_root = m_dir.path().toStdString();
    QCOMPARE(flow::cli({"init", (m_root / "w").string()}).exitCode, 0);
    QCOMPARE(flow::cli({"logs", "generate", (m_root / "logs").string(), "--records", "400", "--golden", "300", "--seed", "5"}).exitCode, 0);
    const auto built = flow::cliJson({"-w", (m_root / "w").string(), "dataset", "build", "d", "--rows", (m_root / "logs.golden.jsonl").string(), "--split", "85/15/0", "--system", "Name the service."});
    QVERIFY(!built.is_null());
    const auto spec = flow::cli({"-w", (m_root / "w").string(), "run", "spec", "--dataset", "d", "--student", "tiny", "--set", "methods.0.steps=30", "--set", "train.checkpoint_every=2", "--set",
                                 "eval.every=10", "--set", "eval.samples=1", "--set", "eval.patience=0", "--set", "train.batch_rows=16", "--set", "threads=2", "--set", "device=cpu"});
    QVERIFY2(spec.exitCode == 0, spec.err.c_str());
    m_spec = parseJson(spec.out, "spec").value();
    m_reference = newRun();
    const double start = monotonicSeconds();
    int status = 0;
    const pid_t pid = startWorker(m_reference);
    ::waitpid(pid, &status, 0);
    m_seconds = monotonicSeconds() - start;
    QCOMPARE(job::readState(m_reference)->phase, job::Phase::done);
    qInfo("an uninterrupted run takes %.1f s", m_seconds);
  }

  void twentyKills() {
    Random random(20);
    int kills = 0, inCheckpoint = 0, twice = 0;
    while (kills < 20) {
      const fs::path run = newRun();
      for (bool alive = true; alive && kills < 20;) {
        const pid_t pid = startWorker(run);
        QVERIFY(pid > 0);
        const double until = monotonicSeconds() + random.uniform() * m_seconds;
        const bool aimAtCheckpoint = inCheckpoint < 6 && random.chance(0.5);
        bool hit = false;
        int status = 0;
        while (true) {
          if (aimAtCheckpoint ? (hit = isWritingCheckpoint(run)) : monotonicSeconds() > until) break;
          if (::waitpid(pid, &status, WNOHANG) == pid) {
            alive = false;
            break;
          }
          std::this_thread::sleep_for(std::chrono::microseconds(aimAtCheckpoint ? 100 : 5000));
        }
        if (!alive) break;
        alive = killGroup(pid);
        if (!alive) break;
        ++kills;
        inCheckpoint += hit ? 1 : 0;
        if (kills % 5 == 0 && kills < 20) {  // again, before it has done anything
          const pid_t second = startWorker(run);
          std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int>(random.below(400))));
          if (killGroup(second)) ++kills, ++twice;
        }
      }
      int status = 0;
      if (job::readState(run)->phase != job::Phase::done) ::waitpid(startWorker(run), &status, 0);
      compareWithReference(run);
      if (QTest::currentTestFailed()) return;
      ++m_count;
    }
    qInfo("%d kills over %d runs, %d inside a checkpoint, %d twice in a row: all equal", kills, m_count, inCheckpoint, twice);
    QVERIFY(inCheckpoint >= 5);
    QVERIFY(twice >= 2);
  }
};

QTEST_GUILESS_MAIN(TestKillWorker)
#include "tst_kill_worker.moc"
