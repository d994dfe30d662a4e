// The min-max pyramid draws any zoom exactly; smoothing is unbiased and passes by what is not finite.
#include <QtTest>
#include <cmath>
#include <limits>
#include <random>

#include "ui/charts/series.h"

using namespace retort::ui;

class SeriesTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void rangesEqualBruteForce() {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    Series series;
    for (int i = 0; i < 70'001; ++i) series.append(i, i % 997 == 5 ? std::nan("") : normal(random));
    for (int trial = 0; trial < 2000; ++trial) {
      std::size_t a = random() % series.size(), b = random() % (series.size() + 1);
      if (a > b) std::swap(a, b);
      double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0;
      int n = 0;
      for (std::size_t i = a; i < b; ++i)
        if (std::isfinite(series.y(i))) low = std::min(low, series.y(i)), high = std::max(high, series.y(i)), sum += series.y(i), ++n;
      double gotLow = 0, gotHigh = 0;
      QCOMPARE(series.range(a, b, gotLow, gotHigh), n > 0);
      if (n == 0) continue;
      QCOMPARE(gotLow, low);
      QCOMPARE(gotHigh, high);
      QVERIFY(std::abs(series.mean(a, b) - sum / n) < 1e-9);
    }
  }
  void aLoneSpikeIsSeenAtEveryZoom() {
    Series series;
    for (int i = 0; i < 300'000; ++i) series.append(i, i == 123'456 ? 50 : 1);
    for (int pixels : {50, 333, 1600})
      for (double width : {300'000.0, 50'000.0, 4'000.0, 100.0}) {
        const double from = std::max(0.0, 123'456 - width / 3);
        const auto points = series.query(from, from + width, pixels);
        QVERIFY(points.size() <= 2 * static_cast<std::size_t>(pixels) + 2 || static_cast<double>(points.size()) <= width + 3);
        QVERIFY(std::any_of(points.begin(), points.end(), [](const Point& p) { return p.y == 50 && p.x == 123'456; }));
        QVERIFY(std::is_sorted(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; }));
      }
  }
  void everyColumnKeepsItsExtremes() {
    std::mt19937_64 random(11);
    std::uniform_real_distribution<double> uniform(-1, 1);
    Series series;
    for (int i = 0; i < 50'000; ++i) series.append(i * 0.5, uniform(random));
    const int pixels = 400;
    const double x0 = 1000, x1 = 21'000;
    const auto points = series.query(x0, x1, pixels);
    QVERIFY(points.size() <= 2u * pixels + 2);
    for (int column = 0; column < pixels; ++column) {
      const double a = x0 + (x1 - x0) * column / pixels, b = x0 + (x1 - x0) * (column + 1) / pixels;
      double low = 2, high = -2, drawnLow = 2, drawnHigh = -2;
      for (std::size_t i = series.lowerBound(a); i < series.lowerBound(b); ++i) low = std::min(low, series.y(i)), high = std::max(high, series.y(i));
      for (const Point& p : points)
        if (p.x >= a && p.x < b) drawnLow = std::min(drawnLow, p.y), drawnHigh = std::max(drawnHigh, p.y);
      QCOMPARE(drawnLow, low);
      QCOMPARE(drawnHigh, high);
    }
  }
  void truncationForgetsWhatIsRepeated() {
    Series series;
    for (int i = 1; i <= 1000; ++i) series.append(i, i);
    series.truncateAfter(400);
    QCOMPARE(series.size(), std::size_t(400));
    QCOMPARE(series.maxY(), 400.0);
    series.append(401, -5);
    QCOMPARE(series.minY(), -5.0);
    double low, high;
    QVERIFY(series.range(0, series.size(), low, high));
    QCOMPARE(high, 400.0);
  }
  void smoothingIsUnbiasedAndPassesByNan() {
    Smoother smoother(0.95);
    for (int i = 0; i < 50; ++i) QVERIFY(std::abs(smoother.add(3.25) - 3.25) < 1e-12);   // a constant stays flat from the first point
    QVERIFY(std::isnan(smoother.add(std::nan(""))));
    QVERIFY(std::isnan(smoother.add(std::numeric_limits<double>::infinity())));
    QVERIFY(std::abs(smoother.add(3.25) - 3.25) < 1e-12);
    Smoother none(0);
    QCOMPARE(none.add(1), 1.0);
    QCOMPARE(none.add(7), 7.0);
  }
  void ticksAreRound() {
    const auto ticks = niceTicks(0, 1, 5);
    QCOMPARE(ticks.size(), std::size_t(6));
    QVERIFY(std::abs(ticks[1] - 0.2) < 1e-12);
    QVERIFY(niceTicks(1, 1, 5).empty());
    QVERIFY(niceTicks(0, std::numeric_limits<double>::infinity(), 5).empty());
  }
};

QTEST_APPLESS_MAIN(SeriesTest)
#include "tst_series.moc"
