// Published and recomputed figures of intervals, tests, verdicts and sample sizes.
#include <QtTest>

#include <cmath>
#include <vector>

#include "metrics/comparison.h"
#include "metrics/statistics.h"

using namespace retort::metrics;

#define NEAR(actual, expected, within) QVERIFY2(std::abs((actual) - (expected)) <= (within), qPrintable(QString::number((actual), 'g', 12)))

class TestStatistics : public QObject {
  Q_OBJECT

 private slots:
  void quantiles() {
    NEAR(normalQuantile(0.975), 1.959963984540054, 1e-12);
    NEAR(normalQuantile(0.8), 0.8416212335729143, 1e-12);
    NEAR(normalQuantile(1e-10), -6.361340902404056, 1e-9);
    NEAR(normalCdf(1.6448536269514722), 0.95, 1e-14);
  }

  void wilsonIntervals() {
    const auto check = [](std::int64_t k, std::int64_t n, double low, double high, double within) {
      const Interval i = wilson(k, n);
      NEAR(i.low, low, within);
      NEAR(i.high, high, within);
    };
    check(60, 100, .5020, .6906, 5e-5);
    check(0, 20, 0, .1611, 5e-5);
    check(100, 100, .9630, 1, 5e-5);
    check(45, 50, .786398, .956524, 5e-7);
    check(98, 100, .9300, .9945, 5e-5);
    QCOMPARE(wilson(0, 0).high, 1.0);
    NEAR(ruleOfThree(150), 0.02, 1e-12);
  }

  void mcNemarTests() {
    NEAR(mcNemarExact(12, 3), .03515625, 1e-9);
    NEAR(mcNemarExact(5, 5), 1, 1e-12);
    NEAR(mcNemarExact(7, 3), .34375, 1e-9);
    NEAR(mcNemarExact(12, 4), .076813, 5e-7);
    NEAR(mcNemarExact(40, 20), .013489, 5e-7);
    NEAR(mcNemarChiSquare(12, 3).statistic, 4.2667, 5e-5);
    NEAR(mcNemarChiSquare(12, 4, false).statistic, 4.0, 1e-12);
    NEAR(mcNemarChiSquare(12, 4).statistic, 3.0625, 1e-12);
    NEAR(mcNemar(12, 3), .03515625, 1e-9);
    NEAR(mcNemar(40, 20), mcNemarChiSquare(40, 20).p, 1e-12);
    QCOMPARE(mcNemar(0, 0), 1.0);
  }

  void tangoIntervals() {
    const Interval a = tango(40, 20, 160), b = tango(12, 4, 200), c = tango(30, 34, 1500, 0.9), w = waldPaired(40, 20, 160);
    NEAR(a.low, .030865, 5e-7);
    NEAR(a.high, .218064, 5e-7);
    NEAR(b.low, .000901, 5e-7);
    NEAR(b.high, .084914, 5e-7);
    NEAR(c.low, -.011652, 5e-7);
    NEAR(c.high, .006225, 5e-7);
    NEAR(w.low, .032111, 5e-7);
    NEAR(w.high, .217889, 5e-7);
    const Interval none = tango(0, 0, 100);
    QVERIFY(none.low < 0 && none.low > -0.05 && none.high > 0 && none.high < 0.05);
  }

  void holmRejects() {
    const std::vector<double> p = {0.01, 0.04, 0.03, 0.005};
    QCOMPARE(holm(p), (std::vector<bool>{true, false, false, true}));
    const auto adjusted = holmAdjusted(p);
    NEAR(adjusted[3], 0.02, 1e-12);
    NEAR(adjusted[0], 0.03, 1e-12);
    NEAR(adjusted[2], 0.06, 1e-12);
    NEAR(adjusted[1], 0.06, 1e-12);
  }

  void percentiles() {
    const std::vector<double> v = {4, 1, 3, 2};
    NEAR(percentile(v, 0.5), 2.5, 1e-12);
    NEAR(percentile(v, 0.95), 3.85, 1e-12);
    NEAR(percentile(v, 0), 1, 0);
    NEAR(percentile(v, 1), 4, 0);
    QVERIFY(std::isnan(percentile({}, 0.5)));
  }

  void sampleSizes_data() {
    QTest::addColumn<double>("psi");
    QTest::addColumn<QList<int>>("rows");
    QTest::newRow(".05") << .05 << QList<int>{773, 982, 1071, 3086, 979};
    QTest::newRow(".10") << .10 << QList<int>{1546, 1963, 2141, 6177, 1960};
    QTest::newRow(".20") << .20 << QList<int>{3092, 3925, 4282, 12359, 3923};
    QTest::newRow(".30") << .30 << QList<int>{4637, 5887, 6423, 18542, 5885};
  }
  void sampleSizes() {
    QFETCH(double, psi);
    QFETCH(QList<int>, rows);
    QCOMPARE(sampleSize(psi, .02), std::int64_t(rows[0]));
    QCOMPARE(sampleSize(psi, .02, 0, .025), std::int64_t(rows[1]));
    QCOMPARE(sampleSize(psi, .02, 0, .05, .9), std::int64_t(rows[2]));
    QCOMPARE(sampleSize(psi, .02, -.01), std::int64_t(rows[3]));
    QCOMPARE(sampleSizeMcNemar(psi, .02), std::int64_t(rows[4]));
  }
  void relativeSampleSizes() {
    QCOMPARE(sampleSizeRelative(.04, .02, .9), std::int64_t(749));
    QCOMPARE(sampleSizeRelative(.08, .02, .9), std::int64_t(1497));
    QCOMPARE(sampleSizeRelative(.10, .02, .9), std::int64_t(1871));
    QCOMPARE(sampleSizeRelative(.04, .02, .8), std::int64_t(949));
    QCOMPARE(sampleSizeRelative(.08, .02, .8), std::int64_t(1895));
    QCOMPARE(sampleSizeRelative(.10, .02, .8), std::int64_t(2369));
    QCOMPARE(sampleSizeUnpaired(.9, .88), std::int64_t(3839));
    NEAR(eloGap(0.75), 190.85, 5e-3);
    NEAR(detectableEffect(0.01), 0.028016, 5e-6);
  }

  void standardErrors() {
    const std::vector<double> d = {1, 0, 0, 1, -1, 0};
    const MeanError plain = meanError(d);
    NEAR(plain.mean, 1.0 / 6, 1e-12);
    NEAR(plain.error, std::sqrt((3 - 6.0 / 36) / 30), 1e-12);
    const std::vector<int> alone = {0, 1, 2, 3, 4, 5}, twins = {0, 0, 1, 1, 2, 2};
    NEAR(meanError(d, alone).error, plain.error, 1e-12);
    // Doubling every row must not make it surer when the copies are one cluster.
    std::vector<double> twice;
    std::vector<int> cluster;
    for (std::size_t i = 0; i < d.size(); ++i) {
      twice.insert(twice.end(), {d[i], d[i]});
      cluster.insert(cluster.end(), {static_cast<int>(i), static_cast<int>(i)});
    }
    NEAR(meanError(twice, cluster).error, plain.error, 1e-12);
    QVERIFY(meanError(twice).error < plain.error);
    QCOMPARE(meanError(d, twins).clusters, std::int64_t(3));
  }

  void bootstrap() {
    std::vector<double> d;
    for (int i = 0; i < 400; ++i) d.push_back(i % 5 == 0 ? 1 : i % 7 == 0 ? -1 : 0);
    const Interval normal = normalInterval(meanError(d));
    for (const Bootstrap kind : {Bootstrap::percentile, Bootstrap::bca}) {
      const Interval i = bootstrapMean(d, {}, {kind, 0.95, 10'000, 12'345});
      NEAR(i.low, normal.low, 0.005);
      NEAR(i.high, normal.high, 0.005);
      QCOMPARE(bootstrapMean(d, {}, {kind, 0.95, 10'000, 12'345}), i);   // the seed decides
    }
    // A skewed sample: BCa leans to the side of the tail.
    std::vector<double> skewed(60, 0.0);
    for (std::size_t i = 0; i < 4; ++i) skewed[i] = 10;
    const Interval plain = bootstrapMean(skewed, {}, {Bootstrap::percentile, 0.95, 10'000, 1}), corrected = bootstrapMean(skewed, {}, {Bootstrap::bca, 0.95, 10'000, 1});
    QVERIFY(corrected.low > plain.low - 1e-9 && corrected.high > plain.high);
    const Interval same = bootstrapMean(std::vector<double>(20, 0.5), {}, {});
    QCOMPARE(same, (Interval{0.5, 0.5}));
  }

  void verdicts() {
    const auto scores = [](std::initializer_list<std::pair<int, double>> parts) {
      std::vector<double> out;
      for (const auto& [n, v] : parts) out.insert(out.end(), static_cast<std::size_t>(n), v);
      return out;
    };
    const auto teacher = scores({{900, 1}, {100, 0}});
    const Verdict good = nonInferiority(teacher, teacher, {}, {});
    QCOMPARE(good.decision, Decision::asGood);
    QCOMPARE(good.sentence, std::string("As good as the teacher (within 2 %)."));
    const Verdict bad = nonInferiority(scores({{800, 1}, {200, 0}}), teacher, {}, {});
    QCOMPARE(bad.decision, Decision::worse);
    QCOMPARE(bad.sentence, std::string("Worse than the teacher."));
    // 450 of 500 right each, 50 discordant pairs: too few rows; 1,871 in all would do.
    const auto student = scores({{425, 1}, {25, 0}, {25, 1}, {25, 0}});
    const Verdict open = nonInferiority(student, scores({{450, 1}, {50, 0}}), {}, {});
    QCOMPARE(open.decision, Decision::undecided);
    QVERIFY(open.moreRows > 1360 && open.moreRows < 1385);
    QVERIFY(open.sentence.starts_with("Not decided: about "));
    // Absolute margin on right and wrong is Tango: check 29.
    auto s = scores({{1436, 1}, {30, 1}, {34, 0}}), t = scores({{1436, 1}, {30, 0}, {34, 1}});
    const Verdict absolute = nonInferiority(s, t, {}, {.margin = .02, .relative = false, .alpha = .05, .seed = 1});
    QCOMPARE(absolute.method, std::string("tango"));
    NEAR(absolute.bounds.low, .02 - .011652, 5e-7);
    QCOMPARE(absolute.decision, Decision::asGood);
    QCOMPARE(nonInferiority({}, {}, {}, {}).decision, Decision::undecided);
    QCOMPARE(sentenceAgreement(0.912), std::string("Agrees with the teacher on 91.2 %; no reference says more."));
  }

  void raters() {
    const std::vector<int> a = {1, 1, 0, 0, 1, 0, 1, 1, 0, 1}, b = {1, 0, 0, 0, 1, 0, 1, 1, 1, 1};
    NEAR(cohenKappa(a, b), (0.8 - 0.52) / 0.48, 1e-12);
    NEAR(correctedRate(0.7, 0.9, 0.8), 0.5 / 0.7, 1e-12);
    QVERIFY(std::isnan(correctedRate(0.5, 0.5, 0.5)));
  }
};

QTEST_APPLESS_MAIN(TestStatistics)
#include "tst_statistics.moc"
