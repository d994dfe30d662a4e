// Every method in whole runs of a tiny model: preferences, the student's own answers, several teachers, mixtures, 4-bit bases.
#define QT_NO_KEYWORDS
#include <QTest>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "engine/lora.h"
#include "engine/student_writer.h"
#include "engine/tiny_run.h"
#include "models/adapter.h"
#include "models/model_source.h"

using namespace retort;
using namespace retort::engine;
using retort::tests::eventsOf;

class TestMethods : public QObject {
  Q_OBJECT
  tests::TinyRuns m_runs;
  static double number(const job::Event& e, const char* key) { return numberOf(e.body[key], std::nan("")); }

  /// The same run, once whole and once from its checkpoint of `step`: the same bits.
  void resumesAlike(const char* name, const job::RunSpec& s, std::int64_t step) {
    const fs::path whole = m_runs.makeRun(name, s);
    OK(m_runs.train(whole, s));
    const fs::path again = m_runs.cutBack(whole, std::string(name) + "-again", step);
    OK(m_runs.train(again, s));
    QCOMPARE(eventsOf(again, "restart").back().body["from_step"].get<std::int64_t>(), step);
    QVERIFY(tests::TinyRuns::weightsHash(whole) != "none");
    QCOMPARE(tests::TinyRuns::weightsHash(again), tests::TinyRuns::weightsHash(whole));
    const auto a = eventsOf(whole, "metric"), b = eventsOf(again, "metric");
    QCOMPARE(b.size(), a.size());
    for (std::size_t i = 0; i < a.size(); ++i) QCOMPARE(number(b[i], "loss"), number(a[i], "loss"));
  }

 private Q_SLOTS:
  void initTestCase() {
    OK(m_runs.begin());
    OK(tests::writeTinyDataset(m_runs.root() / "pairs", tests::tinyPairs(24), tests::tinyRows(8)));
  }

  void dpoBeginsAtLnTwoAndLearnsToPrefer() {
    job::RunSpec s = m_runs.spec("dpo", 40);
    s.teachers.clear();
    s.data.path = (m_runs.root() / "pairs").string();
    s.methods[0].learningRate = 2e-3;
    s.methods[0].dpo.beta = .1;
    s.methods[0].warmup = 0;
    s.eval.every = 0;
    const fs::path run = m_runs.makeRun("dpo", s);
    OK(m_runs.train(run, s));
    const auto metrics = eventsOf(run, "metric");
    QCOMPARE(metrics.size(), std::size_t{40});
    // q = ref: ln 2, and no margin.
    QVERIFY2(std::abs(number(metrics[0], "loss") - std::log(2.0)) < 1e-6, dumpJson(metrics[0].body).c_str());
    QVERIFY(std::abs(number(metrics[0], "margin")) < 1e-4);
    QVERIFY(number(metrics.back(), "loss") < .35);
    QCOMPARE(number(metrics.back(), "preferred"), 1.0);
    QVERIFY(number(metrics.back(), "margin") > 5);
    QVERIFY(fs::exists(run / "reference-0-0.json"));
  }

  void dpoGradientIsTheFormula() {
    // One pair, one step of plain descent seen through Adam's first step is sign only; so the loss's slope is checked by finite
    // differences of a whole run's first losses instead: two rates, the same data.
    job::RunSpec s = m_runs.spec("dpo", 2);
    s.teachers.clear();
    s.data.path = (m_runs.root() / "pairs").string();
    s.methods[0].warmup = 0;
    s.methods[0].floor = 1;
    s.methods[0].learningRate = 1e-5;
    s.train.batchRows = 24;                    // all rows at each step, so that the second loss is of the same pairs
    s.train.weightDecay = 0;
    s.eval.every = 0;
    const fs::path run = m_runs.makeRun("dpo-slope", s);
    OK(m_runs.train(run, s));
    const auto metrics = eventsOf(run, "metric");
    const double drop = number(metrics[0], "loss") - number(metrics[1], "loss");
    // d loss / d margin at 0 is -beta / 2: the loss falls by that times the margin won.
    const double margin = number(metrics[1], "margin");
    QVERIFY2(margin > 0, dumpJson(metrics[1].body).c_str());
    QVERIFY2(std::abs(drop - .05 * margin) < .02 * drop + 1e-9, qPrintable(QString("%1 %2").arg(drop).arg(.05 * margin)));
  }

  void dpoResumesBitForBit() {
    job::RunSpec s = m_runs.spec("sft", 6);
    s.teachers.clear();
    s.data.path = (m_runs.root() / "pairs").string();
    s.methods.push_back(s.methods[0]);
    s.methods[1].kind = "dpo";
    s.methods[1].steps = 10;
    s.train.checkpointEvery = 4;               // 4 is in sft, 8 and 12 in dpo
    s.train.keepLast = 10;
    s.eval.every = 0;
    resumesAlike("dpo-resume", s, 8);
    // The reference of the second method is the student after the first, and is not made again.
    const auto metrics = eventsOf(m_runs.root() / "runs" / "dpo-resume", "metric");
    QVERIFY(std::abs(number(metrics[6], "loss") - std::log(2.0)) < 1e-6);
    const fs::path early = m_runs.cutBack(m_runs.root() / "runs" / "dpo-resume", "dpo-early", 4);
    OK(m_runs.train(early, s));
    QCOMPARE(tests::TinyRuns::weightsHash(early), tests::TinyRuns::weightsHash(m_runs.root() / "runs" / "dpo-resume"));
    const fs::path lost = m_runs.cutBack(m_runs.root() / "runs" / "dpo-resume", "dpo-lost", 8);
    fs::remove(lost / "reference-1-0.json");
    const auto result = m_runs.train(lost, s);
    QVERIFY(!result.ok());
    QCOMPARE(result.error().code, std::string("engine.reference.lost"));
  }

  void onPolicyComesNearerToTheTeacher_data() {
    QTest::addColumn<QString>("estimator");
    QTest::addColumn<int>("every");
    QTest::newRow("whole vocabulary") << "full" << 1;
    QTest::newRow("whole vocabulary, answers for 4 steps") << "full" << 4;
    QTest::newRow("policy gradient") << "sampled" << 1;
  }
  void onPolicyComesNearerToTheTeacher() {
    QFETCH(QString, estimator);
    QFETCH(int, every);
    job::RunSpec s = m_runs.spec("on-policy-kd", 40);
    s.methods[0].onPolicy.maxTokens = 12;
    s.methods[0].onPolicy.rollouts = 2;
    s.methods[0].onPolicy.every = every;
    s.methods[0].onPolicy.estimator = estimator.toStdString();
    s.methods[0].onPolicy.rules = "warn";      // tiny random models end no answer
    s.methods[0].learningRate = 5e-3;
    s.eval.every = 0;
    const fs::path run = m_runs.makeRun(("policy-" + estimator).toStdString() + std::to_string(every), s);
    OK(m_runs.train(run, s));
    const auto metrics = eventsOf(run, "metric");
    QCOMPARE(metrics.size(), std::size_t{40});
    const auto mean = [&](std::size_t from, const char* key) { double sum = 0; for (std::size_t i = from; i < from + 5; ++i) sum += number(metrics[i], key); return sum / 5; };
    const double share = estimator == "full" ? .92 : .97;
    QVERIFY2(mean(35, "reverse_kl") < share * mean(0, "reverse_kl"), qPrintable(QString("%1 %2").arg(mean(0, "reverse_kl")).arg(mean(35, "reverse_kl"))));
    for (const char* key : {"overlap", "entropy_gap", "student_entropy", "answer_tokens", "end_rate", "clipped", "ratio_p99"}) QVERIFY2(std::isfinite(number(metrics[20], key)), key);
    QVERIFY(number(metrics[0], "answer_tokens") <= 12);
    if (estimator == "full") QVERIFY(mean(35, "overlap") > mean(0, "overlap"));
    QCOMPARE(fs::exists(run / "rollouts"), every > 1);
    if (every > 1) QVERIFY(std::abs(number(metrics[1], "ratio_p99") - 1) > 1e-6);   // the second step's student is not the one that answered
    else QVERIFY(std::abs(number(metrics[1], "ratio_p99") - 1) < 2e-3);
  }

  void onPolicyResumesBitForBit() {
    job::RunSpec s = m_runs.spec("on-policy-kd", 12);
    s.methods[0].onPolicy.maxTokens = 8;
    s.methods[0].onPolicy.every = 4;
    s.methods[0].onPolicy.rules = "warn";
    s.train.checkpointEvery = 3;               // 3 and 6 are inside a block of answers
    s.train.keepLast = 10;
    s.eval.every = 0;
    resumesAlike("policy-resume", s, 6);
  }

  void whatDoesNotComeNearerIsEnded() {
    job::RunSpec s = m_runs.spec("sft", 80);
    OK(tests::writeTinyDataset(m_runs.root() / "eight", tests::tinyRows(8), tests::tinyRows(8)));
    s.data.path = (m_runs.root() / "eight").string();
    s.methods[0].learningRate = 5e-3;
    s.methods.push_back(m_runs.spec("on-policy-kd", 100).methods[0]);
    s.methods[1].learningRate = 0;             // nothing can come nearer
    s.methods[1].onPolicy.maxTokens = 10;
    s.methods[1].onPolicy.temperature = .01;
    s.train.checkpointEvery = 0;
    s.train.microTokens = 4096;
    s.eval.every = 0;
    const fs::path run = m_runs.makeRun("policy-flat", s);
    const auto result = m_runs.train(run, s);
    QVERIFY(!result.ok());
    QCOMPARE(result.error().code, std::string("engine.policy.flat"));
    QCOMPARE(eventsOf(run, "metric").size(), std::size_t{130});
    QCOMPARE(checkpointSteps(run / "checkpoints"), std::vector<std::int64_t>{130});   // what was there is kept
  }

  void cutOffAnswersPauseTheRun() {
    job::RunSpec s = m_runs.spec("on-policy-kd", 400);
    s.methods[0].onPolicy.maxTokens = 4;       // a random model ends none
    s.eval.every = 0;
    const fs::path run = m_runs.makeRun("policy-pause", s);
    std::atomic<int> pauses{0};
    std::thread user([&] {
      for (int i = 0; i < 6000 && pauses < 2; ++i) {
        const auto state = job::readState(run);
        if (state.ok() && state->phase == job::Phase::paused) {
          (void)job::sendControl(run, ++pauses == 1 ? "resume" : "stop-save");
          while (job::readState(run).ok() && job::readState(run)->phase == job::Phase::paused) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
    const auto result = m_runs.train(run, s);
    user.join();
    OK(result);
    QCOMPARE(pauses.load(), 2);
    QVERIFY(result->outcome == Outcome::stopped);
    QCOMPARE(eventsOf(run, "metric").size(), std::size_t{10});   // five steps each time
    QVERIFY(eventsOf(run, "warning").size() >= 2);
  }

  void severalTeachersAreOneMixture() {
    // Forward KL to shares of two teachers has the gradient of KL to their mixture; a teacher named twice is itself.
    job::RunSpec s = m_runs.spec("logit-kd", 10);
    s.methods[0].loss.kdWeight = 1;
    s.methods[0].loss.source = "live";
    s.train.microTokens = 4096;
    s.eval.every = 0;
    const fs::path once = m_runs.makeRun("teacher-once", s);
    OK(m_runs.train(once, s));
    s.teachers.push_back(s.teachers[0]);
    s.teachers[0].weight = 3;
    const fs::path twice = m_runs.makeRun("teacher-twice", s);
    OK(m_runs.train(twice, s));
    const auto a = eventsOf(once, "metric"), b = eventsOf(twice, "metric");
    for (std::size_t i = 0; i < a.size(); ++i) QVERIFY(std::abs(number(a[i], "kd") - number(b[i], "kd")) < 1e-3 * number(a[i], "kd"));
    // Two that differ: the loss is the weighted sum of what each alone has at the first step.
    s.teachers[1].model.path = (m_runs.root() / "other").string();
    for (const char* source : {"live", "cached"}) {
      s.methods[0].loss.source = source;
      s.methods[0].loss.topK = 320;
      double alone[2] = {}, both = 0;
      for (int i = 0; i < 3; ++i) {
        job::RunSpec t = s;
        if (i < 2) t.teachers = {s.teachers[static_cast<std::size_t>(i)]};
        t.methods[0].steps = 1;
        const fs::path run = m_runs.makeRun(std::string("two-teachers-") + source + std::to_string(i), t);
        OK(m_runs.train(run, t));
        (i < 2 ? alone[i] : both) = number(eventsOf(run, "metric")[0], "kd");
      }
      QVERIFY2(std::abs(both - (.75 * alone[0] + .25 * alone[1])) < 1e-4 * both, source);
    }
  }

  void methodsGoTogether() {
    job::RunSpec s = m_runs.spec("sft", 12);
    s.data.path = (m_runs.root() / "pairs").string();
    s.methods.push_back(s.methods[0]);
    s.methods[1].kind = "dpo";
    s.methods[1].together = true;
    s.methods[1].share = .5;
    s.methods[1].steps = 0;
    s.train.checkpointEvery = 4;
    s.train.keepLast = 10;
    s.eval.every = 0;
    resumesAlike("mixture", s, 8);
    const auto metrics = eventsOf(m_runs.root() / "runs" / "mixture", "metric");
    QCOMPARE(metrics[0].body["method"].get<std::string>(), std::string("sft + dpo"));
    QCOMPARE(metrics.size(), std::size_t{12});
    // 2/3 of the answers' cross-entropy and 1/3 ln 2.
    QVERIFY(std::abs(number(metrics[0], "loss") - (number(metrics[0], "ce") + std::log(2.0) / 3)) < 1e-5);
    QVERIFY(number(metrics.back(), "loss") < number(metrics[0], "loss"));
  }

  void qloraTrainsOverFourBits() {
    job::RunSpec s = m_runs.spec("sft", 60);
    s.student.tuning = "qlora";
    s.student.model.path = (m_runs.root() / "teacher").string();   // its frozen head can be certain
    s.student.lora.rank = 16;
    s.student.lora.rankStabilised = true;
    s.methods[0].learningRate = 1e-2;
    s.train.checkpointEvery = 20;
    s.train.keepLast = 5;
    s.train.activationCheckpointing = true;
    s.eval.every = 20;
    resumesAlike("qlora", s, 40);
    const fs::path run = m_runs.root() / "runs" / "qlora";
    const auto evals = eventsOf(run, "eval");
    QVERIFY2(number(evals.back(), "nll") < .5 * number(evals.front(), "nll"), dumpJson(evals.back().body).c_str());
    // The saved student is base in 4 bits plus adapter: what was trained, not the base that was read.
    const auto adapter = models::readAdapter(run / "adapter");
    OK(adapter);
    QVERIFY(adapter->rankStabilised);
    QVERIFY(std::abs(adapter->scale() - 32 / std::sqrt(16.0)) < 1e-12);
    const double measured = number(evals.back(), "nll"), saved = numberOf(job::readState(run)->extra["nll"], -1);
    QVERIFY2(std::abs(saved - measured) < .05 * measured + .02, qPrintable(QString("%1 %2").arg(saved).arg(measured)));
  }

  void theBestGoesByTheChosenMetric() {
    job::RunSpec s = m_runs.spec("sft", 60);
    s.eval.metric = "exact-match";
    s.eval.keepBest = true;
    s.eval.every = 10;
    s.eval.sampleTokens = 10;
    s.methods[0].learningRate = 5e-3;
    OK(tests::writeTinyDataset(m_runs.root() / "same", tests::tinyRows(8), tests::tinyRows(8)));
    s.data.path = (m_runs.root() / "same").string();
    const fs::path run = m_runs.makeRun("exact", s);
    const auto result = m_runs.train(run, s);
    OK(result);
    double best = -1;
    std::int64_t at = -1;
    for (const auto& e : eventsOf(run, "eval"))
      if (number(e, "exact_match") > best) best = number(e, "exact_match"), at = e.body["step"].get<std::int64_t>();
    QVERIFY2(best > .5, qPrintable(QString::number(best)));
    QCOMPARE(result->extra["best_step"].get<std::int64_t>(), at);
    QCOMPARE(numberOf(result->extra["best_score"], -1), best);
    QCOMPARE(result->extra["metric"].get<std::string>(), std::string("exact-match"));
    QVERIFY(fs::exists(run / "checkpoints" / std::to_string(at)));
  }

  void telemetryIsComplete() {
    job::RunSpec s = m_runs.spec("sft", 3);
    const fs::path run = m_runs.makeRun("telemetry", s);
    OK(m_runs.train(run, s));
    for (const auto& m : eventsOf(run, "metric"))
      for (const char* key : {"loss", "ce", "lr", "grad_norm", "tokens_per_s", "token_accuracy", "mfu", "memory_bytes", "peak_bytes"})
        QVERIFY2(std::isfinite(number(m, key)), key);
  }

  void mistakesAreNamed() {
    const auto code = [&](const job::RunSpec& s) {
      static int n = 0;
      const auto result = m_runs.train(m_runs.makeRun("mistake-" + std::to_string(++n), s), s);
      return result.ok() ? std::string() : result.error().code;
    };
    job::RunSpec s = m_runs.spec("dpo", 5);
    QCOMPARE(code(s), std::string("engine.pairs.none"));
    s.data.lossOn = "assistant";
    QCOMPARE(code(s), std::string("engine.loss.unsupported"));
    s = m_runs.spec("on-policy-kd", 5);
    s.methods[0].loss.source = "cached";
    QCOMPARE(code(s), std::string("engine.loss.unsupported"));
    s = m_runs.spec("on-policy-kd", 5);
    s.methods[0].loss.kdWeight = .5;
    QCOMPARE(code(s), std::string("engine.loss.unsupported"));
    s = m_runs.spec("logit-kd", 5);
    s.teachers[0].weight = 0;
    QCOMPARE(code(s), std::string("engine.teachers.none"));
  }
};

QTEST_GUILESS_MAIN(TestMethods)
#include "tst_methods.moc"
