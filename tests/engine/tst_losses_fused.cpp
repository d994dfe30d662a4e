// The fused head loss against the plain formulas: loss, gradients, chunks, weights, every kind of teacher target.
#define QT_NO_KEYWORDS
#include <QTest>
#include <cmath>

#include "engine/autograd.h"
#include "engine/head_loss.h"
#include "engine/tensor_more.h"

using namespace retort::engine;

namespace {

struct Problem {
  at::Tensor hidden, head, labels, teacherHidden, teacherHead;
};

Problem problem(std::int64_t n, std::int64_t v, std::int64_t h, at::ScalarType type, std::int64_t teacherV = 0) {
  at::manual_seed(7);
  Problem p;
  p.hidden = at::randn({n, h}, type);
  p.head = at::randn({v, h}, type) * 0.3;
  p.labels = (at::rand({n}, at::kDouble) * static_cast<double>(v)).to(at::kLong);
  p.teacherHidden = at::randn({n, h + 3}, type);
  p.teacherHead = at::randn({teacherV ? teacherV : v, h + 3}, type) * 0.3;
  return p;
}

struct Got {
  double loss;
  at::Tensor hidden, head;
};

template <typename F>
Got differentiate(const Problem& p, F loss) {
  const at::Tensor hidden = p.hidden.detach().clone().requires_grad_(), head = p.head.detach().clone().requires_grad_();
  const at::Tensor l = loss(hidden, head);
  torch::autograd::backward({l}, {});
  return {l.item<double>(), hidden.grad(), head.grad()};
}

double worst(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(); }

/// Compares fused and plain; `plain` maps (student logits) to row losses.
template <typename F>
void compare(const Problem& p, const HeadTargets& targets, const HeadLossOptions& options, F plainRows, double tolerance) {
  const Got a = differentiate(p, [&](const at::Tensor& h, const at::Tensor& w) { return fusedHeadLoss(h, w, targets, options).loss; });
  const Got b = differentiate(p, [&](const at::Tensor& h, const at::Tensor& w) {
    const at::Tensor rows = plainRows(at::mm(h, w.t()));
    return (targets.weights.defined() ? rows * targets.weights : rows).sum();
  });
  QVERIFY2(std::abs(a.loss - b.loss) <= tolerance * std::max(1.0, std::abs(b.loss)), qPrintable(QString("%1 %2").arg(a.loss).arg(b.loss)));
  QVERIFY2(worst(a.hidden, b.hidden) <= tolerance * 10, qPrintable(QString::number(worst(a.hidden, b.hidden))));
  QVERIFY2(worst(a.head, b.head) <= tolerance * 10, qPrintable(QString::number(worst(a.head, b.head))));
}

}  // namespace

class TestFused : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() { at::globalContext().setUserEnabledMkldnn(true); }

  void crossEntropy_data() {
    QTest::addColumn<int>("chunk");
    QTest::addColumn<bool>("isDouble");
    QTest::addColumn<double>("tolerance");
    QTest::newRow("one chunk f64") << 0 << true << 1e-10;
    QTest::newRow("eight ragged chunks f64") << 7 << true << 1e-10;     // check 21: 50 rows
    QTest::newRow("one chunk f32") << 0 << false << 2e-6;
    QTest::newRow("eight ragged chunks f32") << 7 << false << 2e-6;
  }
  void crossEntropy() {
    QFETCH(int, chunk);
    QFETCH(bool, isDouble);
    QFETCH(double, tolerance);
    const Problem p = problem(50, 301, 24, isDouble ? at::kDouble : at::kFloat);
    HeadTargets t;
    t.labels = p.labels;
    HeadLossOptions o;
    o.chunkRows = chunk;
    compare(p, t, o, [&](const at::Tensor& z) { return crossEntropyRows(z, p.labels); }, tolerance);
    t.weights = at::rand({50}, p.hidden.options());
    compare(p, t, o, [&](const at::Tensor& z) { return crossEntropyRows(z, p.labels); }, tolerance);
  }
  void bf16IsNear() {
    const Problem p = problem(50, 301, 24, at::kFloat);
    Problem half = p;
    half.hidden = p.hidden.to(at::kBFloat16);
    half.head = p.head.to(at::kBFloat16);
    HeadTargets t;
    t.labels = p.labels;
    HeadLossOptions whole, chunked;
    chunked.chunkRows = 7;
    const auto run = [&](const Problem& x, const HeadLossOptions& o) {
      return differentiate(x, [&](const at::Tensor& h, const at::Tensor& w) { return fusedHeadLoss(h, w, t, o).loss; });
    };
    const Got f32 = run(p, whole), a = run(half, whole), b = run(half, chunked);
    QVERIFY(std::abs(a.loss - f32.loss) <= 1e-2 * f32.loss);
    QVERIFY(worst(a.hidden, b.hidden) <= 1e-2);
    QVERIFY(worst(a.head, b.head) <= 2e-2);
    QVERIFY(worst(a.head, f32.head) <= 4e-2);
  }
  void liveTeacher_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<double>("parameter");
    QTest::addColumn<double>("temperature");
    QTest::addColumn<int>("teacherVocabulary");
    for (const double t : {1.0, 2.0})
      for (const int v : {0, 310, 290}) {
        QTest::addRow("forward T%g V%d", t, v) << int(Divergence::forwardKl) << 0.0 << t << v;
        QTest::addRow("reverse T%g V%d", t, v) << int(Divergence::reverseKl) << 0.0 << t << v;
        QTest::addRow("jsd .3 T%g V%d", t, v) << int(Divergence::jsd) << 0.3 << t << v;
        QTest::addRow("skew .1 T%g V%d", t, v) << int(Divergence::skewKl) << 0.1 << t << v;
      }
  }
  void liveTeacher() {
    QFETCH(int, kind);
    QFETCH(double, parameter);
    QFETCH(double, temperature);
    QFETCH(int, teacherVocabulary);
    const Problem p = problem(20, 301, 24, at::kDouble, teacherVocabulary);
    HeadTargets t;
    t.labels = p.labels;
    t.teacherHidden = p.teacherHidden;
    t.teacherHead = p.teacherHead;
    HeadLossOptions o;
    o.kdWeight = .75;
    o.divergence = {static_cast<Divergence>(kind), parameter};
    o.temperature = temperature;
    o.chunkRows = 6;
    const at::Tensor teacher = at::mm(p.teacherHidden, p.teacherHead.t());
    const std::int64_t common = std::min<std::int64_t>(301, teacher.size(1));
    const auto rows = [&](const at::Tensor& z) {
      return .25 * crossEntropyRows(z, p.labels) + .75 * distillationRows(z.narrow(1, 0, common), teacher.narrow(1, 0, common), o.divergence, temperature);
    };
    compare(p, t, o, rows, 1e-10);
    HeadTargets whole;
    whole.labels = p.labels;
    whole.teacherLogits = teacher;
    compare(p, whole, o, rows, 1e-10);
    o.kdWeight = 1;
    compare(p, t, o, [&](const at::Tensor& z) { return distillationRows(z.narrow(1, 0, common), teacher.narrow(1, 0, common), o.divergence, temperature); }, 1e-10);
  }
  void cachedTeacher() {
    const Problem p = problem(20, 301, 24, at::kDouble);
    const at::Tensor logP = at::log_softmax(at::mm(p.teacherHidden, p.teacherHead.t()), -1);
    const auto [top, ids] = logP.topk(8, -1);
    HeadTargets t;
    t.labels = p.labels;
    t.topIds = ids;
    t.topLogProbs = top;
    HeadLossOptions o;
    o.kdWeight = .6;
    o.chunkRows = 6;
    for (const DivergenceSpec& d : {DivergenceSpec{Divergence::forwardKl, 0}, DivergenceSpec{Divergence::reverseKl, 0},
                                    DivergenceSpec{Divergence::jsd, .5}, DivergenceSpec{Divergence::skewKl, .1}}) {
      o.divergence = d;
      compare(p, t, o, [&](const at::Tensor& z) { return .4 * crossEntropyRows(z, p.labels) + .6 * residualMassRows(z, ids, top, d); }, 1e-9);
    }
    o.divergence = {};
    const at::Tensor all = std::get<1>(logP.topk(301, -1));   // with every token kept, it is the full divergence
    HeadTargets whole;
    whole.labels = p.labels;
    whole.topIds = all;
    whole.topLogProbs = logP.gather(1, all);
    o.kdWeight = 1;
    compare(p, whole, o, [&](const at::Tensor& z) { return divergenceRows(logP, at::log_softmax(z, -1), o.divergence); }, 1e-7);
    HeadTargets drawn;
    drawn.labels = p.labels;
    drawn.drawnIds = ids;
    at::Tensor shares = at::rand({20, 8}, at::kDouble);
    shares.select(1, 7).zero_();
    drawn.drawnShares = shares / shares.sum(1, true);
    o.kdWeight = .5;
    compare(p, drawn, o, [&](const at::Tensor& z) { return .5 * crossEntropyRows(z, p.labels) + .5 * sampledRows(z, ids, drawn.drawnShares); }, 1e-9);
  }
  void teacherIsStudent() {
    const Problem p = problem(20, 301, 24, at::kFloat);
    HeadTargets t;
    t.labels = p.labels;
    t.teacherHidden = p.hidden;
    t.teacherHead = p.head;
    HeadLossOptions o;
    o.kdWeight = 1;
    const at::Tensor hidden = p.hidden.clone().requires_grad_(), head = p.head.clone().requires_grad_();
    const HeadLoss loss = fusedHeadLoss(hidden, head, t, o);
    torch::autograd::backward({loss.loss}, {});
    QVERIFY(std::abs(loss.kd) < 1e-5);
    QVERIFY(hidden.grad().abs().max().item<double>() < 1e-6);
    QVERIFY(head.grad().abs().max().item<double>() < 1e-5);
  }
  void frozenHeadGetsNoGradient() {
    const Problem p = problem(20, 301, 24, at::kFloat);
    HeadTargets t;
    t.labels = p.labels;
    const at::Tensor hidden = p.hidden.clone().requires_grad_();
    const HeadLoss loss = fusedHeadLoss(hidden, p.head, t);
    torch::autograd::backward({loss.loss * 0.5}, {});
    QVERIFY(hidden.grad().defined() && !p.head.grad().defined());
    const at::Tensor again = p.hidden.clone().requires_grad_();
    torch::autograd::backward({crossEntropyRows(at::mm(again, p.head.t()), p.labels).sum() * 0.5}, {});
    QVERIFY(worst(again.grad(), hidden.grad()) < 1e-5);
  }
  void countsCorrectRows() {
    const Problem p = problem(50, 31, 24, at::kFloat);
    HeadTargets t;
    t.labels = p.labels;
    HeadLossOptions o;
    o.countCorrect = true;
    o.chunkRows = 7;
    const c10::AutoGradMode off(false);
    const HeadLoss loss = fusedHeadLoss(p.hidden, p.head, t, o);
    QCOMPARE(loss.correct, (at::mm(p.hidden, p.head.t()).argmax(-1) == p.labels).sum().item<std::int64_t>());
    QCOMPARE(loss.rows, std::int64_t{50});
    QCOMPARE(loss.weight, 50.0);
  }
  void chunkSizes() {   // the rule of the reference: 1 GiB / (24 V), down to a multiple of 64
    QCOMPARE(headChunkRows(151936, 2, true), std::int64_t{256});
    QCOMPARE(headChunkRows(128256, 2, true), std::int64_t{320});
  }
};

QTEST_APPLESS_MAIN(TestFused)
#include "tst_losses_fused.moc"
