// The losses against published and recomputed figures (reference distillation, section 11), in double precision.
#define QT_NO_KEYWORDS
#include <QTest>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "engine/autograd.h"
#include "engine/losses.h"
#include "engine/tensor_more.h"

using namespace retort::engine;
using retort::Random;

namespace {

at::Tensor rows(const std::vector<double>& values, std::int64_t width) {
  return at::tensor(values, at::kDouble).view({-1, width}).clone();
}
at::Tensor logOf(const std::vector<double>& probabilities) { return rows(probabilities, static_cast<std::int64_t>(probabilities.size())).log(); }
double one(const at::Tensor& t) { return t.item<double>(); }

const std::vector<double> kAp{.9, .1}, kAq{.1, .9};
const std::vector<double> kBp{.5, .4, .1}, kBq{.6, .3, .1};
const std::vector<double> kCp{.7, .2, .1}, kCq{.5, .25, .25};
const std::vector<double> kKp{.5, .25, .15, .1}, kKq{.4, .3, .2, .1};

const std::vector<double> kStudent{1.1250, -.4102, -.0879, -2.5000, .2676,  .3535,  .8711, -1.4688, -.1084, 1.6641, .0084,
                                   .1196,  .5000,  -.6406, -.2236,  -1.5938, -1.5312, -1.9219, 0, -.5039, -1.5391, 1.5312,
                                   .5820,  .2695,  -.3887, 1.2188,  0,       .6055,   .5000,  1.3828, .1309, -1.0312};
const std::vector<double> kTeacher{-.0381, -1.2578, -1.2031, .0947, -.7852, .4492, 1.5547, .0972,  .8203, .0012, .7656,
                                   .3477,  -1.5781, .4297,  .5977,  .3926,  1.5156, .1641, 2.0781, -.7734, -.5898, .4453,
                                   -.7969, .6328,   .6289,  -.8359, .9258,  .2109,  .0006, .5195,  3.2344, -1.5781};
const std::vector<std::int64_t> kLabels{0, 3, 3, 1, 1, 1, 1, 1};

DivergenceSpec gjs(double b) { return {Divergence::jsd, b}; }
DivergenceSpec skl(double a) { return {Divergence::skewKl, a}; }
DivergenceSpec srkl(double a) { return {Divergence::skewReverseKl, a}; }
const DivergenceSpec kForward{Divergence::forwardKl, 0}, kReverse{Divergence::reverseKl, 0}, kTv{Divergence::totalVariation, 0};

double div(const std::vector<double>& p, const std::vector<double>& q, DivergenceSpec spec) { return one(divergenceRows(logOf(p), logOf(q), spec)); }

/// The gradient by the student's logits that autograd finds for a loss of logits.
template <typename F>
at::Tensor gradientOf(const at::Tensor& logits, F loss) {
  const at::Tensor z = logits.detach().clone().requires_grad_();
  torch::autograd::backward({loss(z).sum()}, {});
  return z.grad();
}

#define NEAR(actual, expected) \
  QVERIFY2(std::abs((actual) - (expected)) <= 1e-6, qPrintable(QString("%1 is %2, not %3").arg(#actual).arg(actual, 0, 'g', 9).arg(expected, 0, 'g', 9)))
#define CLOSE(actual, ...)                                                                                   \
  do {                                                                                                       \
    const std::vector<double> expectedValues{__VA_ARGS__};                                                   \
    const at::Tensor got = (actual).flatten();                                                               \
    for (std::size_t i = 0; i < expectedValues.size(); ++i) NEAR(got[static_cast<std::int64_t>(i)].item<double>(), expectedValues[i]); \
  } while (false)

}  // namespace

class TestLosses : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void check01_klOfTwoEvents() {
    NEAR(div(kAp, kAq, kForward), 1.757780);
    NEAR(div(kAp, kAq, kReverse), 1.757780);
    NEAR(div(kAp, kAq, gjs(0)), .8 * std::log(9));
    NEAR(div(kAp, kAq, gjs(1)), .8 * std::log(9));
  }
  void check02_gjsOfA() {
    NEAR(div(kAp, kAq, gjs(.5)), .368064);
    NEAR(div(kAp, kAq, gjs(.1)), .146311);
    NEAR(div(kAp, kAq, gjs(.9)), .146311);
  }
  void check03_B() {
    NEAR(div(kBp, kBq, gjs(.5)), .005860);
    NEAR(div(kBp, kBq, kForward), .023912);
    NEAR(div(kBp, kBq, kReverse), .023088);
    NEAR(div(kBp, kBq, kTv), .1);
  }
  void check04_C() {
    NEAR(one(entropyRows(logOf(kCp))), .801819);
    NEAR(one(softCrossEntropyRows(logOf(kCp), logOf(kCq))), .901091);
    NEAR(div(kCp, kCq, kForward), .099273);
    NEAR(div(kCp, kCq, kReverse), .116622);
    NEAR(one(softCrossEntropyRows(logOf(kCp), logOf(kCq)) - entropyRows(logOf(kCp))), div(kCp, kCq, kForward));
  }
  void check05_gjsOfC() {
    NEAR(div(kCp, kCq, gjs(.1)), .009023);
    NEAR(div(kCp, kCq, gjs(.5)), .026368);
    NEAR(div(kCp, kCq, gjs(.9)), .010239);
  }
  void check06_skewOfC() {
    NEAR(div(kCp, kCq, skl(.1)), .082046);
    NEAR(div(kCp, kCq, srkl(.1)), .090003);
    NEAR(div(kCp, kCq, skl(1e-9)), .099273);
    NEAR(div(kCp, kCq, skl(1)), 0.0);
  }
  void check07_to10_torchtuneFixture() {
    const at::Tensor logP = at::log_softmax(rows(kTeacher, 4), -1), logQ = at::log_softmax(rows(kStudent, 4), -1);
    const auto mean = [](const at::Tensor& t) { return one(t.mean()); };
    NEAR(mean(softCrossEntropyRows(logP, logQ)), 1.720881);
    QVERIFY(std::abs(mean(softCrossEntropyRows(logP, logQ)) - 1.7209) < 1e-2);
    NEAR(mean(divergenceRows(logP, logQ, kReverse)), .677491);
    NEAR(.5 * mean(softCrossEntropyRows(logP, logQ)) + .5 * mean(divergenceRows(logP, logQ, kReverse)), 1.199186);
    NEAR(mean(divergenceRows(logP, logQ, kForward)), .629286);
    NEAR(mean(entropyRows(logP)), 1.091595);
    const double nll = mean(crossEntropyRows(rows(kStudent, 4), at::tensor(kLabels, at::kLong)));
    NEAR(nll, 1.475598);
    QVERIFY(std::abs(std::exp(nll) - 4.373650) < 5e-6);
    NEAR(mean(divergenceRows(logP, logQ, gjs(.5))), .141548);
    NEAR(mean(divergenceRows(logP, logQ, gjs(.1))), .053423);
    NEAR(mean(divergenceRows(logP, logQ, gjs(.9))), .056712);
    NEAR(mean(divergenceRows(logP, logQ, skl(.1))), .462070);
    NEAR(mean(divergenceRows(logP, logQ, srkl(.1))), .481781);
    QCOMPARE((logP.argmax(-1) == logQ.argmax(-1)).sum().item<std::int64_t>(), std::int64_t{2});
  }
  void check11_ignoredPositions() {
    std::vector<std::int64_t> labels = kLabels;
    labels[0] = labels[5] = kIgnored;
    const at::Tensor y = at::tensor(labels, at::kLong);
    const at::Tensor logP = at::log_softmax(rows(kTeacher, 4), -1), logQ = at::log_softmax(rows(kStudent, 4), -1);
    NEAR(one(meanOverSupervised(softCrossEntropyRows(logP, logQ), y)), 1.662372);
    NEAR(one(meanOverSupervised(divergenceRows(logP, logQ, kForward), y)), .613950);
    NEAR(one(meanOverSupervised(divergenceRows(logP, logQ, kReverse), y)), .779906);
  }
  void check12_13_temperature() {
    NEAR(one(distillationRows(rows(kStudent, 4), rows(kTeacher, 4), kForward, 2).mean()), .779202);
    const at::Tensor t = rows({2, 0, -2}, 3), s = rows({1, 1, -1}, 3);
    NEAR(one(distillationRows(s, t, kForward, 1)), .349319);
    NEAR(one(distillationRows(s, t, kForward, 2)), .478519);
    NEAR(one(distillationRows(s, t, kForward, 2)) / 4, .119630);
    NEAR(one(distillationRows(s, t, kForward, 4)), .495850);
    NEAR(one(distillationRows(s, t, kForward, 4)) / 16, .030991);
    NEAR(one(distillationRows(s, t, kForward, 1000)), .444790);
  }
  void check14_to16_gradientsOfC() {
    const at::Tensor logP = logOf(kCp), logQ = logOf(kCq);
    CLOSE(divergenceGradient(logP, logQ, kForward), -.2, .05, .15);
    NEAR(one(divergenceGradient(logP, logQ, kForward).sum()), 0.0);
    CLOSE(divergenceGradient(logP, logQ, kReverse), -.226547, .026630, .199917);
    CLOSE(divergenceGradient(logP, logQ, gjs(.5)), -.051667, .010127, .041541);
  }
  void gradientsAgreeWithAutogradAndFiniteDifferences() {
    const at::Tensor teacher = rows(kTeacher, 4), student = rows(kStudent, 4);
    const at::Tensor logP = at::log_softmax(teacher, -1);
    for (const DivergenceSpec& spec : {kForward, kReverse, gjs(.5), gjs(.1), gjs(.9), skl(.1), srkl(.1), srkl(.7), kTv}) {
      const at::Tensor formula = divergenceGradient(logP, at::log_softmax(student, -1), spec);
      const at::Tensor automatic = gradientOf(student, [&](const at::Tensor& z) { return divergenceRows(logP, at::log_softmax(z, -1), spec); });
      QVERIFY((formula - automatic).abs().max().item<double>() < 1e-9);
      if (spec.kind == Divergence::totalVariation) continue;   // has a kink
      const double h = 1e-5;
      for (std::int64_t i = 0; i < 4; ++i) {
        at::Tensor up = student.clone(), down = student.clone();
        up.select(1, i).add_(h);
        down.select(1, i).sub_(h);
        const at::Tensor slope = (divergenceRows(logP, at::log_softmax(up, -1), spec) - divergenceRows(logP, at::log_softmax(down, -1), spec)) / (2 * h);
        QVERIFY((slope - formula.select(1, i)).abs().max().item<double>() < 1e-6);
      }
    }
  }
  void check17_invariances() {
    const at::Tensor teacher = rows(kTeacher, 4), student = rows(kStudent, 4);
    const at::Tensor logP = at::log_softmax(teacher, -1), logQ = at::log_softmax(student, -1);
    for (const DivergenceSpec& spec : {kForward, kReverse, gjs(.5), gjs(.1), skl(.1), srkl(.1), kTv}) {
      const at::Tensor shifted = divergenceRows(logP, at::log_softmax(student + 37.5, -1), spec);
      QVERIFY((shifted - divergenceRows(logP, logQ, spec)).abs().max().item<double>() < 1e-12);
      QVERIFY(divergenceRows(logP, logP, spec).abs().max().item<double>() < 1e-12);
      QVERIFY(divergenceGradient(logP, logP, spec).abs().max().item<double>() < 1e-12);
    }
    QVERIFY((divergenceRows(logP, logQ, gjs(.5)) - divergenceRows(logQ, logP, gjs(.5))).abs().max().item<double>() < 1e-12);
    QVERIFY((divergenceRows(logP, logQ, gjs(.1)) - divergenceRows(logQ, logP, gjs(.1))).abs().max().item<double>() > 1e-3);
    // The bounds: nearly disjoint distributions come close to them from below.
    const std::vector<double> left{1 - 1e-12, 1e-12}, right{1e-12, 1 - 1e-12};
    QVERIFY(div(left, right, gjs(.5)) <= std::log(2.0) && div(left, right, gjs(.5)) > .693);
    QVERIFY(div(left, right, gjs(.1)) <= .325083 && div(left, right, gjs(.1)) > .3250);
    // One-hot teacher: forward KL is cross-entropy.
    const at::Tensor hot = rows({0, 1, 0, 0}, 4).log(), z = student.narrow(0, 0, 1);
    NEAR(one(divergenceRows(hot, at::log_softmax(z, -1), kForward)), one(crossEntropyRows(z, at::tensor(std::vector<std::int64_t>{1}, at::kLong))));
    for (const auto& [v, expected] : std::vector<std::pair<std::int64_t, double>>{{32000, 10.373491}, {128256, 11.761784}, {151936, 11.931215}})
      NEAR(one(crossEntropyRows(at::zeros({1, v}, at::kDouble), at::tensor(std::vector<std::int64_t>{5}, at::kLong))), expected);
  }
  void check18_nothingSupervised() {
    const at::Tensor z = rows(kStudent, 4).requires_grad_();
    const at::Tensor labels = at::full({8}, kIgnored, at::kLong);
    const at::Tensor loss = meanOverSupervised(crossEntropyRows(z, labels), labels);
    torch::autograd::backward({loss}, {});
    QCOMPARE(one(loss), 0.0);
    QCOMPARE(z.grad().abs().max().item<double>(), 0.0);
  }
  void check19_oneDenominator() {
    const at::Tensor r = at::cat({at::full({10}, 2.0, at::kDouble), at::full({2}, 5.0, at::kDouble)});
    NEAR(one(meanOverSupervised(r, at::zeros({12}, at::kLong))), 2.5);
  }
  void check23_topKVariants() {
    const at::Tensor z = logOf(kKq), logP = logOf(kKp);
    const at::Tensor ids = at::tensor(std::vector<std::int64_t>{0, 1}, at::kLong).view({1, 2});
    NEAR(div(kKp, kKq, kForward), .022839);
    CLOSE(divergenceGradient(logP, z, kForward), -.1, .05, .05, 0);
    const at::Tensor kept = logP.gather(1, ids);
    NEAR(one(residualMassRows(z, ids, kept)), .020411);
    const at::Tensor gradient = gradientOf(z, [&](const at::Tensor& x) { return residualMassRows(x, ids, kept); });
    CLOSE(gradient, -.1, .05, .033333333, .016666667);
    QVERIFY(one(residualMassRows(z, ids, kept)) <= div(kKp, kKq, kForward));
    // What other tools do instead: renormalised, and truncated without normalising (why they are not offered: the tail dies).
    const at::Tensor p = logP.exp();
    const at::Tensor renormalised = p.gather(1, ids) / p.gather(1, ids).sum();
    const auto against = [&](const at::Tensor& target) { return [&, target](const at::Tensor& x) {
      return (target * (target.log() - at::log_softmax(x, -1).gather(1, ids))).sum(-1); }; };
    NEAR(one(against(renormalised)(z)), .375671);
    NEAR(one(against(p.gather(1, ids))(z)), .065991);
    CLOSE(gradientOf(z, against(renormalised)), -.266667, -.033333, .2, .1);
    CLOSE(gradientOf(z, against(p.gather(1, ids))), -.2, -.025, .15, .075);
  }
  void check24_randomSamplingIsUnbiased() {
    Random random(20240601);
    const int draws = 50, replicates = 20000;
    std::vector<double> mean(4, 0.0);
    at::Tensor meanGradient = at::zeros({1, 4}, at::kDouble);
    const at::Tensor ids = at::arange(4, at::kLong).view({1, 4});
    for (int r = 0; r < replicates; ++r) {
      std::vector<double> share(4, 0.0);
      for (int d = 0; d < draws; ++d) {
        double u = random.uniform();
        std::size_t i = 0;
        while (i < 3 && u >= kKp[i]) u -= kKp[i++];
        share[i] += 1.0 / draws;
      }
      double sum = 0;
      for (std::size_t i = 0; i < 4; ++i) sum += share[i], mean[i] += share[i] / replicates;
      QVERIFY(std::abs(sum - 1) < 1e-12);
      if (r < 400) meanGradient += gradientOf(logOf(kKq), [&](const at::Tensor& z) { return sampledRows(z, ids, rows(share, 4)); }) / 400;
    }
    for (std::size_t i = 0; i < 4; ++i)
      QVERIFY(std::abs(mean[i] - kKp[i]) <= 4 * std::sqrt(kKp[i] * (1 - kKp[i]) / (draws * static_cast<double>(replicates))));
    QVERIFY((meanGradient - (logOf(kKq).exp() - logOf(kKp).exp())).abs().max().item<double>() < 4 * std::sqrt(.25 / (50 * 400)));
  }
  void check25_uld() {
    const at::Tensor p = rows({.2, .6, .1, .1}, 4), q = rows({.5, .3, .2}, 3);
    NEAR(one(uldRows(p, q)), .4);
    NEAR(one(uldRows(rows({.1, .1, .6, .2}, 4), rows({.2, .5, .3}, 3))), .4);
    NEAR(one(uldRows(p, p)), 0.0);
  }
  void check26_groupsOfTokens() {
    const at::Tensor group = rows({.6, .3, .1, .2, .5, .3}, 3), ids = at::tensor(std::vector<std::int64_t>{0, 1}, at::kLong);
    CLOSE(groupedObserved(group, ids), .30, .15, .05);
    CLOSE(groupedBayesian(group, ids), .12, .30, .18);
    const at::Tensor certain = rows({.6, .3, .1, .05, .9, .05}, 3);
    CLOSE(groupedObserved(certain, ids), .54, .27, .09);
    NEAR(one(groupedObserved(certain, ids).sum()), .90);
  }
  void check27_estimatorsOfC() {
    const at::Tensor p = logOf(kCp), q = logOf(kCq);
    CLOSE(klEstimate(p, q, 1), -.336472, .223144, .916291);
    CLOSE(klEstimate(p, q, 3), .063528, .023144, .316291);
    NEAR(one((q.exp() * klEstimate(p, q, 1)).sum()), .116622);
    NEAR(one((q.exp() * klEstimate(p, q, 3)).sum()), .116622);
    NEAR(one((q.exp() * klEstimate(p, q, 2)).sum()), .139476);
    QVERIFY(klEstimate(p, q, 3).min().item<double>() >= 0);
    CLOSE(-klEstimate(p, q, 1), .336472, -.223144, -.916291);   // the advantage of on-policy distillation
  }
  void check28_returns() {
    const auto near = [](const std::vector<double>& got, const std::vector<double>& wanted) {
      for (std::size_t i = 0; i < wanted.size(); ++i) NEAR(got[i], wanted[i]);
    };
    near(discountedReturns({1, 2, 4}, .5, false), {3, 4, 4});
    near(discountedReturns({1, 2, 4}, .5, true), {1.714286, 2.666667, 4});
  }
  void dpo() {
    NEAR(one(dpoRows(at::zeros({1}, at::kDouble), .1)), .693147);
    NEAR(one(dpoRows(at::ones({1}, at::kDouble), .1)), .644397);
    CLOSE(gradientOf(at::ones({1}, at::kDouble), [](const at::Tensor& m) { return dpoRows(m, .1); }), -.047502);
  }
};

QTEST_APPLESS_MAIN(TestLosses)
#include "tst_losses.moc"
