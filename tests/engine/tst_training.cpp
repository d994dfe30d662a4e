// Whole runs of a tiny model: it learns, it resumes bit for bit, teacher equal to student teaches nothing, orders are obeyed.
#define QT_NO_KEYWORDS
#include <QProcess>
#include <cmath>
#include <csignal>
#include <fstream>

#include "engine/tiny_run.h"
#include "models/text_parts.h"

using namespace retort;
using namespace retort::engine;

using tests::eventsOf;

class TestTraining : public QObject {
  Q_OBJECT
  tests::TinyRuns m_runs;
  fs::path root() const { return m_runs.root(); }

  job::RunSpec spec(const char* kind, std::int64_t steps) const {
    job::RunSpec s = m_runs.spec(kind, steps);
    s.eval.samples = 1;
    s.eval.sampleTokens = 6;
    return s;
  }
  fs::path makeRun(const char* name, const job::RunSpec& s) const { return m_runs.makeRun(name, s); }
  Result<TrainResult> train(const fs::path& folder, const job::RunSpec& s, Json* extra = nullptr) const {
    auto result = m_runs.train(folder, s);
    if (result.ok() && extra) *extra = result->extra;
    return result;
  }
  static std::string weightsHash(const fs::path& run) { return tests::TinyRuns::weightsHash(run); }

 private Q_SLOTS:
  void initTestCase() {
    // One thread: the products are so small that waiting for a second one on a busy machine costs more than it brings.
    OK(m_runs.begin());
    OK(tests::writeTinyModel(root() / "wide", 3, 0.25));   // its frozen head can be certain
    OK(tests::writeTinyDataset(root() / "eight", tests::tinyRows(8), tests::tinyRows(8)));
  }

  void eightSamplesAreLearntByHeart_data() {
    QTest::addColumn<QString>("tuning");
    QTest::addColumn<QString>("precision");
    QTest::newRow("full f32") << "full" << "f32";
    QTest::newRow("full bf16") << "full" << "bf16";
    QTest::newRow("lora bf16") << "lora" << "bf16";
  }
  void eightSamplesAreLearntByHeart() {
    QFETCH(QString, tuning);
    QFETCH(QString, precision);
    job::RunSpec s = spec("sft", 200);
    s.data.path = (root() / "eight").string();
    s.student.tuning = tuning.toStdString();
    s.student.lora.rank = 16;
    if (tuning == "lora") s.student.model.path = (root() / "wide").string();
    s.train.precision = precision.toStdString();
    s.methods[0].learningRate = tuning == "lora" ? 2e-2 : 5e-3;
    s.train.checkpointEvery = 0;
    s.eval.every = 100;
    const fs::path run = makeRun(("heart-" + tuning + precision).toUtf8().constData(), s);
    Json extra;
    OK(train(run, s, &extra));
    QVERIFY2(extra["nll"].get<double>() < .05, dumpJson(extra).c_str());
    QCOMPARE(extra["token_accuracy"].get<double>(), 1.0);
    const auto evals = eventsOf(run, "eval");
    QCOMPARE(evals.size(), std::size_t{3});
    QVERIFY(evals.front().body["nll"].get<double>() > 2);
    QCOMPARE(eventsOf(run, "metric").size(), std::size_t{200});
    // The student answers what it learnt, and stops.
    const auto samples = eventsOf(run, "sample");
    QCOMPARE(samples.back().body["text"].get<std::string>(), samples.back().body["target"].get<std::string>());
    QCOMPARE(samples.back().body["finish"].get<std::string>(), std::string("stop"));
    if (tuning == "lora") QVERIFY(fs::exists(run / "adapter" / "adapter_config.json"));
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}) QVERIFY(fs::exists(run / "student" / name));
    QVERIFY(!fs::exists(run / "smoke"));
    QCOMPARE(job::readState(run)->phase, job::Phase::done);
    QCOMPARE(extra["sha256"].get<std::string>(), models::modelSha256(run / "student").valueOr(""));
  }

  void teacherEqualToStudentChangesNothing_data() {
    QTest::addColumn<QString>("precision");
    QTest::newRow("f32") << "f32";
    QTest::newRow("bf16") << "bf16";
  }
  void teacherEqualToStudentChangesNothing() {
    QFETCH(QString, precision);
    job::RunSpec s = spec("logit-kd", 10);
    s.teachers[0].model = s.student.model;
    s.methods[0].loss.kdWeight = 1;
    s.methods[0].loss.source = "live";
    s.train.weightDecay = 0;
    s.train.precision = precision.toStdString();
    const fs::path run = makeRun(("same-" + precision).toUtf8().constData(), s);
    OK(train(run, s));
    const auto metrics = eventsOf(run, "metric");
    QCOMPARE(metrics.size(), std::size_t{10});
    for (const auto& m : metrics) QVERIFY2(std::abs(m.body["kd"].get<double>()) < 1e-6, dumpJson(m.body).c_str());
    const auto before = readTensorFile(root() / "student" / "model.safetensors");
    const auto after = loadCheckpoint(run / "checkpoints" / "10");
    OK(before);
    OK(after);
    const at::ScalarType type = precision == "f32" ? at::kFloat : at::kBFloat16;
    for (const auto& m : after->masters)
      for (const auto& b : *before)
        if (m.name == b.name) QVERIFY((m.tensor - b.tensor.to(type).to(at::kFloat)).abs().max().item<double>() <= 1e-7);
  }

  void cachedLogitsTeachLikeLiveOnes() {
    job::RunSpec s = spec("logit-kd", 60);
    s.methods[0].loss.kdWeight = 1;
    s.methods[0].loss.topK = 64;
    s.eval.every = 30;
    s.train.checkpointEvery = 0;
    double kd[3] = {};
    const char* names[] = {"live", "top-k", "rs-kd"};
    for (int i = 0; i < 3; ++i) {
      s.methods[0].loss.source = i == 0 ? "live" : "cached";
      s.methods[0].loss.cache = i == 2 ? "rs-kd" : "top-k";
      const fs::path run = makeRun((std::string("kd-") + names[i]).c_str(), s);
      OK(train(run, s));
      const auto metrics = eventsOf(run, "metric");
      QVERIFY2(metrics.back().body["kd"].get<double>() < (i == 2 ? .8 : .6) * metrics.front().body["kd"].get<double>(), names[i]);
      kd[i] = metrics.back().body["kd"].get<double>();
      if (i > 0) {
        const auto cache = eventsOf(run, "cache");
        QCOMPARE(cache.size(), std::size_t{1});
        QCOMPARE(cache[0].body["rows"].get<int>(), 24);
        const auto card = readJsonFile(fs::path(cache[0].body["path"].get<std::string>()) / "card.json");
        OK(card);
        QCOMPARE((*card)["complete"].get<bool>(), true);
      }
    }
    // 64 of 320 events and their rest see most of what the whole vocabulary shows.
    QVERIFY2(std::abs(kd[1] - kd[0]) < .5 * kd[0] + .02, qPrintable(QString("%1 %2").arg(kd[0]).arg(kd[1])));
    const fs::path again = makeRun("kd-again", s);    // the same key: nothing is computed anew
    OK(train(again, s));
    QVERIFY(eventsOf(again, "progress").empty());
  }

  void divergencesAndFrozenEmbeddings() {
    for (const char* divergence : {"reverse-kl", "jsd", "skew-kl"}) {
      job::RunSpec s = spec("logit-kd", 30);
      s.methods[0].loss.divergence = divergence;
      s.methods[0].loss.kdWeight = 1;
      s.methods[0].loss.source = "live";
      s.methods[0].loss.temperature = 2;
      s.student.freezeEmbeddings = true;
      s.train.checkpointEvery = 30;
      s.eval.every = 0;
      const fs::path run = makeRun((std::string("divergence-") + divergence).c_str(), s);
      OK(train(run, s));
      const auto metrics = eventsOf(run, "metric");
      QVERIFY2(metrics.back().body["kd"].get<double>() < metrics.front().body["kd"].get<double>(), divergence);
      const auto c = loadCheckpoint(run / "checkpoints" / "30");
      OK(c);
      for (const auto& m : c->masters) QVERIFY(m.name != "model.embed_tokens.weight");
    }
  }

  void methodsFollowEachOther() {
    job::RunSpec s = spec("sft", 6);
    s.methods.push_back(s.methods[0]);
    s.methods[1].kind = "logit-kd";
    s.methods[1].steps = 6;
    s.student.layers = {1};
    const fs::path run = makeRun("two-methods", s);
    Json extra;
    OK(train(run, s, &extra));
    const auto metrics = eventsOf(run, "metric");
    QCOMPARE(metrics.size(), std::size_t{12});
    QCOMPARE(metrics[5].body["method"].get<std::string>(), std::string("sft"));
    QCOMPARE(metrics[6].body["method"].get<std::string>(), std::string("logit-kd"));
    const auto source = models::openModel(run / "student");
    OK(source);
    QCOMPARE((*source)->config().layers, std::int64_t{1});
  }

  void resumesBitForBitAfterAKill_data() {
    QTest::addColumn<QString>("tuning");
    QTest::addColumn<double>("dropout");
    QTest::newRow("full") << "full" << 0.0;
    QTest::newRow("lora with dropout") << "lora" << 0.1;
  }
  void resumesBitForBitAfterAKill() {
    QFETCH(QString, tuning);
    QFETCH(double, dropout);
    const QString worker = qEnvironmentVariable("RETORT_BIN") + "/retort-worker-torch";
    if (!QFile::exists(worker)) QSKIP("retort-worker-torch is not built");
    job::RunSpec s = spec("sft", 20);
    s.student.tuning = tuning.toStdString();
    s.student.lora.dropout = dropout;
    s.threads = 1;
    const fs::path whole = makeRun(("whole-" + tuning).toUtf8().constData(), s), killed = makeRun(("killed-" + tuning).toUtf8().constData(), s);
    QCOMPARE(QProcess::execute(worker, {"train", QString::fromStdString(whole.string())}), 0);
    // The killed run's first attempt: its process dies, without warning, somewhere after its checkpoint of step 10.
    QProcess process;
    process.setProcessChannelMode(QProcess::ForwardedChannels);
    process.start(worker, {"train", QString::fromStdString(killed.string())});
    QVERIFY(process.waitForStarted());
    while (process.state() == QProcess::Running && !fs::exists(killed / "checkpoints" / "10" / "manifest.json")) QTest::qWait(1);
    const bool isRunning = process.state() == QProcess::Running;
    ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
    process.waitForFinished();
    QVERIFY2(isRunning && !fs::exists(killed / "student"), "the run ended before it could be killed");
    QCOMPARE(job::observedState(killed)->phase, job::Phase::interrupted);
    QCOMPARE(QProcess::execute(worker, {"train", QString::fromStdString(killed.string())}), 0);
    QCOMPARE(weightsHash(killed), weightsHash(whole));
    QVERIFY(weightsHash(whole) != "none");
    const auto a = loadCheckpoint(whole / "checkpoints" / "20"), b = loadCheckpoint(killed / "checkpoints" / "20");
    OK(a);
    OK(b);
    QCOMPARE(a->optimiser.size(), b->optimiser.size());
    for (std::size_t i = 0; i < a->optimiser.size(); ++i) QVERIFY(at::equal(a->optimiser[i].tensor, b->optimiser[i].tensor));
    for (std::size_t i = 0; i < a->masters.size(); ++i) QVERIFY(at::equal(a->masters[i].tensor, b->masters[i].tensor));
    // A reader sees each step once.
    const auto metrics = eventsOf(killed, "metric");
    QCOMPARE(metrics.size(), std::size_t{20});
    QCOMPARE(job::readState(killed)->attempt, 2);
    QCOMPARE(eventsOf(killed, "restart").size(), std::size_t{1});
  }

  void ordersAreObeyed() {
    const QString worker = qEnvironmentVariable("RETORT_BIN") + "/retort-worker-torch";
    if (!QFile::exists(worker)) QSKIP("retort-worker-torch is not built");
    job::RunSpec s = spec("sft", 100000);
    s.eval.every = 0;
    const fs::path run = makeRun("orders", s);
    QProcess process;
    process.start(worker, {"train", QString::fromStdString(run.string())});
    const auto waitFor = [&](auto condition) {
      for (int i = 0; i < 3000 && !condition(); ++i) QTest::qWait(10);
      return condition();
    };
    const auto phase = [&] { const auto state = job::readState(run); return state.ok() ? state->phase : job::Phase::queued; };
    QVERIFY(waitFor([&] { return phase() == job::Phase::training; }));
    OK(job::sendControl(run, "pause"));
    QVERIFY(waitFor([&] { return phase() == job::Phase::paused; }));
    const auto paused = job::readState(run);
    QVERIFY(!checkpointSteps(run / "checkpoints").empty());
    QVERIFY(paused->resumable);
    OK(job::sendControl(run, "evaluate-now"));
    OK(job::sendControl(run, "resume"));
    QVERIFY(waitFor([&] { return phase() == job::Phase::training && job::readState(run)->step > paused->step; }));
    OK(job::sendControl(run, "evaluate-now"));
    QVERIFY(waitFor([&] { return !eventsOf(run, "eval").empty(); }));
    process.terminate();                       // SIGTERM: a checkpoint, then the end
    QVERIFY(process.waitForFinished(30000));
    QCOMPARE(phase(), job::Phase::interrupted);
    const auto steps = checkpointSteps(run / "checkpoints");
    QCOMPARE(steps.back(), job::readState(run)->step);
    process.start(worker, {"train", QString::fromStdString(run.string())});
    QVERIFY(waitFor([&] { return phase() == job::Phase::training; }));
    OK(job::sendControl(run, "stop-save"));
    QVERIFY(process.waitForFinished(30000));
    QCOMPARE(phase(), job::Phase::stopped);
    QVERIFY(fs::exists(run / "student" / "model.safetensors"));
  }

  void patienceStopsAndTheBestIsKept() {
    job::RunSpec s = spec("sft", 400);
    s.data.path = (root() / "data").string();
    s.methods[0].learningRate = 2e-2;          // learns the training rows by heart and forgets the others
    s.data.validation = "validation.jsonl";
    OK(tests::writeTinyDataset(root() / "apart", tests::tinyRows(12), [] { auto all = tests::tinyRows(40); return std::vector<job::Row>(all.begin() + 32, all.end()); }()));
    s.data.path = (root() / "apart").string();
    s.eval.every = 5;
    s.eval.patience = 3;
    s.eval.keepBest = true;
    const fs::path run = makeRun("patience", s);
    Json extra;
    OK(train(run, s, &extra));
    QVERIFY(extra["steps"].get<int>() < 400);
    const int best = extra["best_step"].get<int>();
    QCOMPARE(extra["used_step"].get<int>(), best);
    double least = 1e9;
    for (const auto& e : eventsOf(run, "eval")) least = std::min(least, e.body["nll"].get<double>());
    QCOMPARE(extra["best_nll"].get<double>(), least);
    QVERIFY2(std::abs(extra["nll"].get<double>() - least) < .05 * least, dumpJson(extra).c_str());   // the file is the best one, in bf16
    QVERIFY(fs::exists(run / "checkpoints" / std::to_string(best)));
  }

  void mistakesAreNamed() {
    const auto code = [&](const job::RunSpec& s) {
      static int number = 0;
      const fs::path run = makeRun(("mistake-" + std::to_string(++number)).c_str(), s);
      const auto result = train(run, s);
      return result.ok() ? std::string() : result.error().code;
    };
    job::RunSpec s = spec("logit-kd", 5);
    s.methods[0].loss.cache = "rs-kd";
    s.methods[0].loss.divergence = "jsd";
    QCOMPARE(code(s), std::string("engine.loss.unsupported"));
    s = spec("sft", 5);
    s.student.model.sha256 = std::string(64, '0');
    QCOMPARE(code(s), std::string("engine.model.changed"));
    s = spec("sft", 5);
    s.data.sha256 = std::string(64, '0');
    QCOMPARE(code(s), std::string("engine.data.changed"));
    s = spec("sft", 5);
    s.data.maxTokens = 4;
    QCOMPARE(code(s), std::string("engine.labels.none"));
    s = spec("sft", 5);
    s.student.layers = {7};
    QCOMPARE(code(s), std::string("engine.layers.range"));
  }
};

QTEST_GUILESS_MAIN(TestTraining)
#include "tst_training.moc"
