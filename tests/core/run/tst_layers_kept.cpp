// A student of every second layer keeps the first and the last, in order, and about half.
#include <QTest>

#include "run/recipes.h"

using namespace retort;

class TestLayersKept : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void everySecond() {
    QCOMPARE(run::everySecondLayer(30).size(), std::size_t{15});
    QCOMPARE(run::everySecondLayer(4), (std::vector<int>{0, 3}));
    QCOMPARE(run::everySecondLayer(1), (std::vector<int>{0}));
    for (int n = 2; n < 80; ++n) {
      const auto kept = run::everySecondLayer(n);
      QCOMPARE(static_cast<int>(kept.size()), (n + 1) / 2);
      QCOMPARE(kept.front(), 0);
      if (kept.size() > 1) QCOMPARE(kept.back(), n - 1);
      for (std::size_t i = 1; i < kept.size(); ++i) QVERIFY(kept[i] > kept[i - 1]);
    }
  }
};

QTEST_APPLESS_MAIN(TestLayersKept)
#include "tst_layers_kept.moc"
