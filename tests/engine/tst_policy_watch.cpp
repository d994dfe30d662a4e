// The rules of the live panel, each by the figures that call for it and by those that do not.
#define QT_NO_KEYWORDS
#include <QTest>
#include <cmath>
#include <tuple>

#include "engine/policy_watch.h"

using namespace retort;
using namespace retort::engine;

class TestPolicyWatch : public QObject {
  Q_OBJECT
  static PolicyFigures healthy(int step) {
    PolicyFigures f;
    f.overlap = .72 + .002 * step;
    f.entropyGap = .5 - .002 * step;
    f.studentEntropy = 2;
    f.reverseKl = 1 / (1 + .02 * step);
    f.length = 40;
    f.endRate = .9;
    f.clipped = .1;
    return f;
  }
  template <typename Change>
  static std::pair<int, PolicyVerdict> first(Change change, int steps = 120) {
    PolicyWatch watch;
    for (int i = 0; i < steps; ++i) {
      PolicyFigures f = healthy(i);
      change(i, f);
      const auto verdict = watch.add(f);
      if (verdict.act != PolicyAct::none) return {i, verdict};
    }
    return {-1, {}};
  }

 private Q_SLOTS:
  void aHealthyRunIsLeftAlone() { QCOMPARE(first([](int, PolicyFigures&) {}).first, -1); }
  void flatOverlapWithoutAShrinkingGap() {
    const auto [step, verdict] = first([](int, PolicyFigures& f) { f.overlap = .5, f.entropyGap = .5; });
    QCOMPARE(step, 49);                        // 50 steps are looked at
    QVERIFY(verdict.act == PolicyAct::stop);
    QCOMPARE(verdict.code, std::string("engine.policy.flat"));
    QCOMPARE(first([](int, PolicyFigures& f) { f.overlap = .5; }).first, -1);                        // the gap shrinks
    QCOMPARE(first([](int, PolicyFigures& f) { f.overlap = .95, f.entropyGap = .5; }).first, -1);     // there already
  }
  void reverseKl() {
    const auto [step, verdict] = first([](int i, PolicyFigures& f) { if (i >= 30) f.reverseKl = 9; });
    QVERIFY(step >= 30 && step < 36);
    QCOMPARE(verdict.code, std::string("engine.policy.kl"));
    QCOMPARE(first([](int i, PolicyFigures& f) { if (i == 7) f.reverseKl = std::nan(""); }).first, 7);
    QCOMPARE(first([](int i, PolicyFigures& f) { f.reverseKl = i < 60 ? 1e-4 : 1e-3; }).first, -1);   // near nothing, thrice is nothing
  }
  void clippedAndLong() {
    auto [step, verdict] = first([](int i, PolicyFigures& f) { if (i >= 10) f.clipped = .5; });
    QVERIFY(verdict.act == PolicyAct::pause && step >= 12 && step <= 14);
    QCOMPARE(verdict.code, std::string("engine.policy.clipped"));
    std::tie(step, verdict) = first([](int i, PolicyFigures& f) { f.length = 40 * std::pow(1.04, i); });
    QCOMPARE(verdict.code, std::string("engine.policy.length"));
    QCOMPARE(step, 20);
  }
  void ratioAndEntropy() {
    auto [step, verdict] = first([](int i, PolicyFigures& f) { f.ratio99 = i == 5 ? 2.5 : 1; });
    QVERIFY(step == 5 && verdict.act == PolicyAct::regenerate);
    std::tie(step, verdict) = first([](int i, PolicyFigures& f) { if (i > 20) f.studentEntropy = .5; });
    QVERIFY(step == 21 && verdict.act == PolicyAct::warn);
  }
  void stateGoesOn() {
    PolicyWatch whole, half, other;
    for (int i = 0; i < 30; ++i) QVERIFY(whole.add(healthy(i)).act == half.add(healthy(i)).act);
    other.restore(parseJson(dumpJson(half.state()), "state").value());
    for (int i = 30; i < 90; ++i) {
      PolicyFigures f = healthy(i);
      f.overlap = .5, f.entropyGap = .6;
      const auto a = whole.add(f), b = other.add(f);
      QVERIFY(a.act == b.act);
      QCOMPARE(a.why, b.why);
    }
    QCOMPARE(dumpJson(whole.state()), dumpJson(other.state()));
  }
};

QTEST_APPLESS_MAIN(TestPolicyWatch)
#include "tst_policy_watch.moc"
