// Optimiser, schedule, adapters, checkpoints and the logit cache, each by itself.
#define QT_NO_KEYWORDS
#include <QTemporaryDir>
#include <QTest>
#include <cmath>
#include <fstream>

#include "engine/checkpoints.h"
#include "engine/logit_cache.h"
#include "engine/lora.h"
#include "engine/optimiser.h"
#include "engine/student_writer.h"
#include "engine/teacher.h"
#include "engine/tensor_more.h"
#include "engine/tiny_model.h"
#include "models/adapter.h"

using namespace retort;
using namespace retort::engine;

namespace {

double worst(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(); }

#define OK(expression)                                                                    \
  do {                                                                                    \
    const auto& okResult = (expression);                                                  \
    QVERIFY2(okResult.ok(), okResult.ok() ? "" : okResult.error().text().c_str());        \
  } while (false)

}  // namespace

class TestParts : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path folder(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }

 private Q_SLOTS:
  void adamWIsTheFormula() {
    at::manual_seed(3);
    at::Tensor w = at::randn({5, 4}), bias = at::randn({4});
    const at::Tensor w0 = w.clone(), b0 = bias.clone();
    std::vector<Trainable> parameters{makeTrainable("w", w), makeTrainable("b", bias)};
    const AdamWOptions o{.9, .95, 1e-8, .1, 0};
    AdamW optimiser(parameters, o);
    at::Tensor p = w0.to(at::kDouble), q = b0.to(at::kDouble);
    at::Tensor m = at::zeros_like(p), v = at::zeros_like(p), mb = at::zeros_like(q), vb = at::zeros_like(q);
    for (int t = 1; t <= 5; ++t) {
      const at::Tensor g = at::randn({5, 4}), gb = at::randn({4});
      w.mutable_grad() = g * 3;              // the sum over 3 tokens
      bias.mutable_grad() = gb * 3;
      optimiser.collect();
      const auto result = optimiser.step(1e-2, 3);
      QVERIFY(result.applied);
      QVERIFY(std::abs(result.gradientNorm - std::sqrt((g.pow(2).sum() + gb.pow(2).sum()).item<double>())) < 1e-5);
      const auto naive = [&](at::Tensor& x, at::Tensor& mm, at::Tensor& vv, const at::Tensor& grad, double decay) {
        const at::Tensor gd = grad.to(at::kDouble);
        x = x * (1 - 1e-2 * decay);
        mm = .9 * mm + .1 * gd;
        vv = .95 * vv + .05 * gd * gd;
        x = x - 1e-2 * (mm / (1 - std::pow(.9, t))) / ((vv / (1 - std::pow(.95, t))).sqrt() + 1e-8);
      };
      naive(p, m, v, g, .1);
      naive(q, mb, vb, gb, 0);               // vectors do not decay
    }
    QVERIFY2(worst(w, p) < 1e-6, qPrintable(QString::number(worst(w, p))));
    QVERIFY(worst(bias, q) < 1e-6);
    QCOMPARE(optimiser.steps(), std::int64_t{5});
  }
  void clippingAndNotFinite() {
    at::Tensor w = at::zeros({2});
    AdamW optimiser({makeTrainable("w", w)}, {.9, .95, 1e-8, 0, 1.0});
    w.mutable_grad() = at::full({2}, std::nan(""));
    optimiser.collect();
    QVERIFY(!optimiser.step(1e-2, 1).applied);
    QCOMPARE(w.abs().max().item<double>(), 0.0);
    QCOMPARE(optimiser.steps(), std::int64_t{0});
    w.mutable_grad() = at::tensor(std::vector<double>{30, 40}, at::kFloat);
    optimiser.collect();
    QCOMPARE(optimiser.step(1e-2, 1).gradientNorm, 50.0);
    QVERIFY(std::abs(optimiser.parameters()[0].m[0].item<double>() - .1 * 30 / 50) < 1e-6);   // the clipped gradient
    QCOMPARE(optimiser.step(1e-2, 1).applied, false);                                         // there is none
  }
  void bf16KeepsF32Masters() {
    at::Tensor w = at::ones({4}, at::kBFloat16);
    AdamW optimiser({makeTrainable("w", w)}, {.9, .95, 1e-8, 0, 0});
    for (int i = 0; i < 20; ++i) {
      w.mutable_grad() = at::ones({4}, at::kBFloat16);
      optimiser.collect();
      optimiser.step(1e-4, 1);               // too small for one bf16 step from 1
    }
    QVERIFY(std::abs(optimiser.parameters()[0].master[0].item<double>() - (1 - 20 * 1e-4)) < 1e-5);
    QVERIFY(at::equal(w, optimiser.parameters()[0].master.to(at::kBFloat16)));
  }
  void rateOfOneIsKeptAtZero() {   // the trial step relies on it
    at::Tensor w = at::randn({6, 3});
    const at::Tensor before = w.clone();
    AdamW optimiser({makeTrainable("w", w)}, {.9, .95, 1e-8, .1, 1});
    w.mutable_grad() = at::randn({6, 3});
    optimiser.collect();
    QVERIFY(optimiser.step(0, 2).applied);
    optimiser.reset();
    QVERIFY(at::equal(w, before));
    QCOMPARE(optimiser.parameters()[0].m.abs().max().item<double>() + optimiser.parameters()[0].v.abs().max().item<double>(), 0.0);
  }
  void schedule() {
    QCOMPARE(scheduleShare(0, 100, .06, .05), 1.0 / 6);
    QCOMPARE(scheduleShare(5, 100, .06, .05), 1.0);
    QCOMPARE(scheduleShare(6, 100, .06, .05), 1.0);
    QVERIFY(std::abs(scheduleShare(53, 100, .06, .05) - (1 - .95 * .5)) < 1e-12);
    QVERIFY(scheduleShare(99, 100, .06, .05) > .05 && scheduleShare(99, 100, .06, .05) < .065);
    QCOMPARE(scheduleShare(0, 1, 0, 0), 1.0);
    QVERIFY(std::abs(scheduleShare(50, 100, 0, 0, true) - .5) < 1e-12);        // check 30: half a cosine at half
    QVERIFY(std::abs(scheduleShare(25, 100, 0, 0, true) - (1 + std::sqrt(.5)) / 2) < 1e-12);
    QVERIFY(std::abs(scheduleShare(50, 100, 0, 0) - .5) < 1e-12);
  }
  void loraStartsAsTheModelAndMerges_data() {
    QTest::addColumn<bool>("stabilised");
    QTest::newRow("alpha / r") << false;
    QTest::newRow("alpha / sqrt(r)") << true;
  }
  void loraStartsAsTheModelAndMerges() {
    QFETCH(bool, stabilised);
    const c10::NoGradGuard off;
    Decoder decoder = randomDecoder(tests::tinyConfig(), at::kFloat, at::kCPU, 3, 0.08);
    const at::Tensor ids = at::arange(24, at::kLong).view({2, 12});
    const at::Tensor plain = logitsOf(decoder, forwardHidden(decoder, ids));
    job::LoraSpec spec;
    spec.rank = 4, spec.alpha = 8, spec.rankStabilised = stabilised;
    attachLora(decoder, spec, 9);
    int adapters = 0;
    forEachAdapter(decoder, [&](const std::string& name, at::Tensor& t) {
      ++adapters;
      if (name.ends_with("lora_A.weight")) QVERIFY(t.abs().max().item<double>() <= 1 / std::sqrt(static_cast<double>(t.size(1))));
      else QCOMPARE(t.abs().max().item<double>(), 0.0);
    });
    QCOMPARE(adapters, 2 * 7 * 2);
    QVERIFY(worst(logitsOf(decoder, forwardHidden(decoder, ids)), plain) < 1e-5);
    at::manual_seed(1);
    forEachAdapter(decoder, [](const std::string& name, at::Tensor& t) {
      if (name.ends_with("lora_B.weight")) t = at::randn(t.sizes()) * .1;
    });
    QCOMPARE(decoder.layers[0].o.lora[0].scale, stabilised ? 4.0 : 2.0);
    const at::Tensor adapted = logitsOf(decoder, forwardHidden(decoder, ids));
    QVERIFY(worst(adapted, plain) > 1e-2);
    const fs::path target = folder(stabilised ? "adapter-rs" : "adapter");
    OK(writeAdapterFolder(target, decoder, spec, "base"));
    const auto read = models::readAdapter(target);
    OK(read);
    QCOMPARE(read->pairs.size(), std::size_t{14});
    QCOMPARE(read->scale(), stabilised ? 4.0 : 2.0);
    OK(models::checkAdapterFits(*read, decoder.config, "adapter"));
    Decoder merged = mergedCopy(decoder, at::kFloat);
    QVERIFY(merged.layers[0].qkv.lora.empty() && !decoder.layers[0].qkv.lora.empty());
    const double difference = worst(logitsOf(merged, forwardHidden(merged, ids)), adapted);
    QVERIFY2(difference <= 1e-4, qPrintable(QString::number(difference)));
  }
  void checkpointsAreWholeOrNotUsed() {
    const fs::path root = folder("checkpoints");
    for (const std::int64_t step : {10, 20, 30}) {
      Checkpoint c;
      c.step = step;
      c.masters = {{"w", at::full({3}, static_cast<double>(step))}};
      c.optimiser = {{"m.w", at::ones({3})}, {"steps", at::full({}, static_cast<double>(step))}};
      c.rng = generatorState();
      c.state = {{"tokens", step * 7}};
      OK(saveCheckpoint(root, c));
    }
    QVERIFY((checkpointSteps(root) == std::vector<std::int64_t>{10, 20, 30}));
    {   // one bit of the newest is changed
      std::fstream file(root / "30" / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(-1, std::ios::end);
      const int last = file.get();
      file.seekp(-1, std::ios::end);
      file.put(static_cast<char>(last ^ 1));
    }
    fs::create_directories(root / ".40.part");
    std::vector<std::string> rejected;
    const auto newest = newestCheckpoint(root, rejected);
    QVERIFY(newest.has_value());
    QCOMPARE(newest->step, std::int64_t{20});
    QCOMPARE(rejected.size(), std::size_t{1});
    QCOMPARE(newest->masters[0].tensor[0].item<double>(), 20.0);
    QCOMPARE(newest->state["tokens"].get<int>(), 140);
    pruneCheckpoints(root, 1, 10);
    QVERIFY((checkpointSteps(root) == std::vector<std::int64_t>{10, 30}));
    QVERIFY(!fs::exists(root / ".40.part"));
  }
  void generatorStateComesBack() {
    at::manual_seed(11);
    const at::Tensor state = generatorState();
    QCOMPARE(state.numel(), std::int64_t{5056});
    const at::Tensor a = at::rand({8});
    setGeneratorState(state);
    QVERIFY(at::equal(a, at::rand({8})));
  }
  void cacheRoundTrip_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<qlonglong>("vocabulary");
    QTest::newRow("top-k, small ids") << "top-k" << 320LL;
    QTest::newRow("top-k, large ids") << "top-k" << 151936LL;
    QTest::newRow("rs-kd, small ids") << "rs-kd" << 320LL;
    QTest::newRow("rs-kd, large ids") << "rs-kd" << 151936LL;
  }
  void cacheRoundTrip() {
    QFETCH(QString, method);
    QFETCH(qlonglong, vocabulary);
    at::manual_seed(2);
    const c10::NoGradGuard off;
    const at::Tensor hidden = at::randn({6, 8}), head = at::randn({vocabulary, 8});
    LogitKey key;
    key.teacher = method.toStdString() + std::to_string(vocabulary);
    key.method = method.toStdString();
    key.size = method == "top-k" ? 16 : 50;
    key.vocabulary = vocabulary;
    const CachedPositions p = key.method == "top-k" ? topKOf(hidden, head, 16, 1, vocabulary) : drawnFrom(hidden, head, 50, 1, vocabulary, 4);
    const Sha256Digest hash = hashOfIds({1, 2, 3});
    const fs::path root = folder("logits");
    fs::path place;
    {
      auto cache = LogitCache::open(root, key, true);
      OK(cache);
      place = (*cache)->folder();
      QCOMPARE(LogitCache::open(root, key, true).error().code, std::string("engine.cache.busy"));
      OK((*cache)->append(3, hash, p));
      OK((*cache)->append(0, hashOfIds({9}), p));
      OK((*cache)->flush(false));
    }
    {   // a crash leaves half a record: it is cut, the rest is good
      std::ofstream(place / "rows.bin", std::ios::app | std::ios::binary) << "rubbish";
      std::ofstream(place / "index.bin", std::ios::app | std::ios::binary) << "half a record";
      auto cache = LogitCache::open(root, key, true);
      OK(cache);
      QCOMPARE((*cache)->rowsDone(), std::int64_t{2});
      QVERIFY((*cache)->has(3) && (*cache)->has(0) && !(*cache)->has(1));
      OK((*cache)->append(1, hashOfIds({4}), p));
      OK((*cache)->flush(true));
    }
    const auto cache = LogitCache::open(root, key, false);
    OK(cache);
    QCOMPARE((*cache)->rowsDone(), std::int64_t{3});
    QCOMPARE((*cache)->read(3, hashOfIds({1, 2, 4})).error().code, std::string("engine.cache.mismatch"));
    for (const auto& [row, h] : std::vector<std::pair<std::int64_t, Sha256Digest>>{{3, hash}, {0, hashOfIds({9})}, {1, hashOfIds({4})}}) {
      const auto got = (*cache)->read(row, h);
      OK(got);
      QCOMPARE(got->positions, p.positions);
      QVERIFY(got->ids == p.ids);
      for (std::size_t i = 0; i < p.values.size(); ++i) QVERIFY(std::abs(got->values[i] - p.values[i]) <= 5e-4 * std::max(1.0F, std::abs(p.values[i])));
    }
    const double perPosition = static_cast<double>((*cache)->bytes()) / 18;
    QVERIFY2(key.method != "top-k" || perPosition == 16 * (vocabulary <= 65536 ? 4 : 6), qPrintable(QString::number(perPosition)));
  }
  void drawsDoNotDependOnTheBatchAndAreUnbiased() {
    at::manual_seed(2);
    const c10::NoGradGuard off;
    const at::Tensor hidden = at::randn({3, 8}), head = at::randn({20, 8}) * .5;
    const CachedPositions all = drawnFrom(hidden, head, 20000, 1, 20, 4);
    const at::Tensor p = at::log_softmax(at::mm(hidden, head.t()), -1).exp();
    for (std::int64_t i = 0; i < 3; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < all.width; ++k) {
        const double share = all.values[static_cast<std::size_t>(i * all.width + k)];
        sum += share;
        if (share <= 0) continue;
        const double want = p[i][all.ids[static_cast<std::size_t>(i * all.width + k)]].item<double>();
        QVERIFY(std::abs(share - want) <= 5 * std::sqrt(want * (1 - want) / 20000) + 1e-4);
      }
      QVERIFY(std::abs(sum - 1) < 1e-6);
    }
  }
};

QTEST_GUILESS_MAIN(TestParts)
#include "tst_learning_parts.moc"
