// The contract between programs: specs, job folders, events.
#include <QTemporaryDir>
#include <QTest>

#include <fstream>

#include "job/job_folder.h"
#include "job/row.h"
#include "job/run_spec.h"

using namespace retort;
using namespace retort::job;

namespace {

RunSpec sample() {
  RunSpec spec;
  spec.name = "demo";
  spec.student.model = {"m", "/m", "00"};
  spec.student.layers = {0, 2, 4};
  spec.teachers = {{{"t", "/t", "11"}, 1}};
  MethodSpec method;
  method.kind = "logit-kd";
  method.steps = 10;
  spec.methods = {method};
  spec.data.dataset = "d";
  return spec;
}

}  // namespace

class TestJob : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path folder() const { return m_dir.path().toStdString(); }

 private Q_SLOTS:
  void specRoundTrip() {
    const Json json = toJson(sample());
    const auto back = runSpecFromJson(json, "spec.json");
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QCOMPARE(toJson(*back).dump(), json.dump());
  }

  void specErrorsNameTheField_data() {
    QTest::addColumn<QString>("set");
    QTest::addColumn<QString>("message");
    QTest::newRow("unknown") << "train.lerning=1" << "train.lerning is unknown";
    QTest::newRow("type") << "train.batch_rows=many" << "train.batch_rows: must be a whole number";
    QTest::newRow("range") << "train.batch_rows=0" << "train.batch_rows: must be between 1";
    QTest::newRow("word") << "student.tuning=ful" << "did you mean full";
    QTest::newRow("method") << "methods.0.kind=sftt" << "methods[0].kind: must be one of";
    QTest::newRow("teacher") << "teachers=[]" << "teachers: must name a teacher";
    QTest::newRow("layers") << "student.layers=[3,1]" << "student.layers: must rise";
    QTest::newRow("path") << "data.train=../x" << "data.train: must be the name of a file";
  }
  void specErrorsNameTheField() {
    QFETCH(QString, set);
    QFETCH(QString, message);
    Json json = toJson(sample());
    QVERIFY(setField(json, set.toStdString()).ok());
    const auto parsed = runSpecFromJson(json, "spec.json");
    QVERIFY(!parsed.ok());
    QVERIFY2(QString::fromStdString(parsed.error().text()).contains(message), parsed.error().text().c_str());
  }

  void jobLifeAndRestart() {
    const auto id = createJob(folder(), {{"schema", "retort.job/1"}, {"kind", "x"}});
    QVERIFY(id.ok());
    const fs::path at = folder() / *id;
    QCOMPARE(observedState(at)->phase, Phase::queued);
    {
      auto job = JobFolder::open(at);
      QVERIFY(job.ok());
      QCOMPARE(JobFolder::open(at).error().code, std::string("job.folder.busy"));
      QVERIFY(job->update([](State& s) { s.phase = Phase::training; }).ok());
      for (int step = 1; step <= 5; ++step) QVERIFY(job->event("metric", {{"step", step}, {"loss", step == 4 ? std::nan("") : 1.0 / step}}).ok());
      QVERIFY(sendControl(at, "pause").ok());
      QCOMPARE(job->takeControl().value(), std::string("pause"));
      QVERIFY(!job->takeControl());
    }
    QCOMPARE(observedState(at)->phase, Phase::interrupted);  // the lock is free, the phase active
    std::ofstream(at / "events.jsonl", std::ios::app) << "{\"seq\":99,\"torn";
    auto job = JobFolder::open(at);
    QVERIFY(job.ok());
    QCOMPARE(job->state().attempt, 2);
    QVERIFY(job->restartFrom(3).ok());
    QVERIFY(job->event("metric", {{"step", 4}, {"loss", 0.5}}).ok());
    QVERIFY(job->finish(Phase::done, {}, {{"answer", 42}}).ok());
    const auto events = readEvents(at);
    QVERIFY(events.ok());
    std::vector<std::pair<int, double>> losses;
    std::int64_t seq = 0;
    for (const auto& e : *events) {
      QVERIFY(e.seq > seq);
      seq = e.seq;
      if (e.type == "metric") losses.emplace_back(e.body["step"].get<int>(), numberOf(e.body["loss"], -1));
    }
    QCOMPARE(losses.size(), std::size_t{4});
    QCOMPARE(losses.back(), (std::pair<int, double>{4, 0.5}));
    QCOMPARE(readState(at)->extra["answer"].get<int>(), 42);
  }

  void rowsNameFileAndLine() {
    Row row;
    row.id = "r1";
    row.messages = Json::array({{{"role", "user"}, {"content", "hi"}}});
    row.target = {{"role", "assistant"}, {"content", "yes"}};
    QVERIFY(writeRows(folder() / "rows.jsonl", {row, row}).ok());
    QCOMPARE(readAllRows(folder() / "rows.jsonl")->size(), std::size_t{2});
    std::ofstream(folder() / "rows.jsonl", std::ios::app) << "{\"id\":\"x\"}\n";
    const auto bad = readAllRows(folder() / "rows.jsonl");
    QVERIFY(!bad.ok());
    QVERIFY2(bad.error().text().find("line 3") != std::string::npos, bad.error().text().c_str());
  }
};

QTEST_GUILESS_MAIN(TestJob)
#include "tst_job.moc"
