// The supervisor with a scripted worker: this very program, started as `train DIR`, writes events and dies on request.
#include <QTemporaryDir>
#include <QTest>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <unistd.h>

#include "base/files.h"
#include "base/paths.h"
#include "job/job_folder.h"
#include "job/run_spec.h"
#include "job/worker.h"
#include "run/metric_series.h"
#include "run/run_list.h"
#include "run/supervisor.h"

using namespace retort;
using job::Phase;

namespace {

/// Five steps; script.json in the folder says at which step of which attempt to die, or to pretend no progress.
int fakeWorker(const fs::path& folder) {
  const auto script = readJsonFile(folder / "script.json").value();
  if (script.value("refuse", false)) return std::fputs("libtorch is missing\n", stderr), 3;
  std::string variables;
  for (char** entry = environ; *entry; ++entry) variables.append(*entry).push_back('\n');
  (void)writeFileAtomically(folder / "environment", variables);
  auto job = job::JobFolder::open(folder);
  if (!job.ok()) return 1;
  const int attempt = job->state().attempt;
  std::int64_t from = fs::exists(folder / "checkpoint") ? std::stoll(readFile(folder / "checkpoint").value()) : 0;
  if (attempt > 1) (void)job->restartFrom(from);
  for (std::int64_t step = from + 1; step <= 5; ++step) {
    (void)job->update([&](job::State& s) { s.phase = Phase::training, s.step = step, s.of = 5, s.resumable = true; }, true);
    if (script.contains("die") && script["die"].value(std::to_string(attempt), -1) == step) ::raise(SIGKILL);
    (void)job->event("metric", {{"step", step}, {"loss", 1.0 / static_cast<double>(step)}});
    (void)writeFileAtomically(folder / "checkpoint", std::to_string(step));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    while (auto word = job->takeControl())
      if (word->starts_with("stop")) return (void)job->finish(Phase::stopped), 0;
  }
  (void)job->event("eval", {{"step", 5}, {"nll", 0.25}});
  return (void)job->finish(Phase::done), 0;
}

job::RunSpec spec() {
  job::RunSpec s;
  s.name = "fake";
  s.student.model = {"m", "/m", "00"};
  job::MethodSpec method;
  method.steps = 5;
  s.methods = {method};
  s.data.dataset = "d";
  return s;
}

}  // namespace

class TestSupervisor : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  std::optional<Workspace> m_workspace;
  int m_count = 0;

  /// A queued run with a script.
  fs::path queue(const Json& script) {
    const auto id = job::createJob(m_workspace->runs(), job::toJson(spec()));
    const fs::path folder = m_workspace->runs() / *id;
    (void)writeJsonFile(folder / "script.json", script);
    return folder;
  }
  void superviseToIdle() {
    run::SupervisorOptions options;
    options.idleSeconds = 0.3;
    options.pollSeconds = 0.02;
    const auto status = run::supervise(*m_workspace, options, {});
    QVERIFY2(status.ok(), status.ok() ? "" : status.error().text().c_str());
  }

 private Q_SLOTS:
  void initTestCase() { ::setenv("RETORT_WORKER", ownProgram().c_str(), 1); }
  void init() { m_workspace = Workspace::create(fs::path(m_dir.path().toStdString()) / std::to_string(m_count++)).value(); }

  void workersInheritNoKeys() {
    for (const auto& name : {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "RETORT_KEY_MY_TEACHER"}) ::setenv(name, "planted-key", 1);
    ::setenv("RETORT_PLAIN", "kept", 1);
    const auto folder = queue(Json::object());
    superviseToIdle();
    QCOMPARE(job::readState(folder)->phase, Phase::done);
    const auto seen = readFile(folder / "environment").value();
    QVERIFY(seen.find("RETORT_PLAIN=kept") != std::string::npos);
    QVERIFY2(seen.find("planted-key") == std::string::npos, seen.c_str());
    for (const auto& entry : fs::recursive_directory_iterator(m_workspace->root()))
      if (entry.is_regular_file()) QVERIFY2(readFile(entry.path()).value().find("planted-key") == std::string::npos, entry.path().c_str());
    for (const auto& name : job::keyVariables()) ::unsetenv(name.c_str());
  }

  void runsInOrderAndEnds() {
    const auto first = queue(Json::object()), second = queue(Json::object());
    superviseToIdle();
    QCOMPARE(job::readState(first)->phase, Phase::done);
    QCOMPARE(job::readState(second)->phase, Phase::done);
    const auto summary = run::runSummary(*m_workspace, first.filename().string());
    QVERIFY(summary.ok());
    QCOMPARE(summary->bestNll.value(), 0.25);
  }

  void restartsTheDeadFromItsCheckpoint() {
    const auto folder = queue({{"die", {{"1", 2}, {"2", 4}}}});
    superviseToIdle();
    const auto state = job::readState(folder);
    QCOMPARE(state->phase, Phase::done);
    QCOMPARE(state->attempt, 3);
    const auto series = run::readMetrics(folder);
    QVERIFY(series.ok());
    const auto& loss = series->at("loss");
    QCOMPARE(loss.size(), std::size_t{5});  // no step twice, none missing
    for (std::size_t i = 0; i < 5; ++i) QCOMPARE(loss[i].step, double(i + 1));
  }

  void givesUpWithoutProgress() {
    const auto folder = queue({{"die", {{"1", 3}, {"2", 3}, {"3", 3}}}});
    superviseToIdle();
    const auto state = job::readState(folder);
    QCOMPARE(state->phase, Phase::failed);
    QCOMPARE(state->attempt, 3);  // two starts and the mark itself
    QVERIFY(job::errorFromJson(state->error).text().find("died twice") != std::string::npos);
    QVERIFY(run::requeue(folder).ok());
    QCOMPARE(job::readState(folder)->phase, Phase::queued);
  }

  void failsAtOnceWhenNothingStarts() {
    const auto folder = queue({{"refuse", true}});
    superviseToIdle();
    const auto state = job::readState(folder);
    QCOMPARE(state->phase, Phase::failed);
    QVERIFY2(job::errorFromJson(state->error).text().find("libtorch is missing") != std::string::npos, job::errorFromJson(state->error).text().c_str());
  }

  void onlyOneSupervisor() {
    auto lock = FileLock::tryLock(m_workspace->jobs() / ".supervisor.lock").value();
    QVERIFY(lock.has_value());
    const auto folder = queue(Json::object());
    superviseToIdle();  // returns at once: somebody else is at work
    QCOMPARE(job::readState(folder)->phase, Phase::queued);
  }
};

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "train") return fakeWorker(argv[2]);
  QCoreApplication app(argc, argv);
  TestSupervisor test;
  return QTest::qExec(&test, argc, argv);
}
#include "tst_supervisor.moc"
