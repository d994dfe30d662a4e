// The rates and sizes that a recipe chooses, by the reference's figures (check 30), and whole recipes on a small workspace.
#define QT_NO_KEYWORDS
#include <QTest>
#include <cmath>

#include "run/recipes.h"

using namespace retort;

namespace {

models::DecoderConfig config(const char* family, std::int64_t hidden) {
  models::DecoderConfig c;
  c.family = family;
  c.vocab = 128256, c.hidden = hidden, c.layers = 16, c.heads = 32, c.kvHeads = 8, c.headDim = 64, c.ffn = 4 * hidden;
  return c;
}

}  // namespace

class TestRecipes : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void check30_loraRates() {
    const auto near = [](double got, double wanted) { QVERIFY2(std::abs(got - wanted) < 1e-9, qPrintable(QString::number(got, 'g', 9))); };
    near(run::loraLearningRate(config("llama", 2048)), 4.908239e-4);
    near(run::loraLearningRate(config("llama", 4096)), 2.856415e-4);
    near(run::loraLearningRate(config("qwen3", 4096)), 4.729791e-4);
    near(run::loraLearningRate(config("mistral", 4096)), 2e-4);
  }
  void fullRatesAndSizes() {
    QVERIFY(std::abs(run::fullLearningRate(config("llama", 4096), false) - 2.856415e-5) < 1e-10);
    auto small = config("llama", 576);
    small.vocab = 49152;
    QCOMPARE(run::fullLearningRate(small, false), 2e-4);
    QCOMPARE(run::fullLearningRate(small, true), 5e-4);
    QCOMPARE(run::batchRows(1999), 16);
    QCOMPARE(run::batchRows(2000), 32);
    QCOMPARE(run::batchRows(10000), 64);
    QCOMPARE(run::defaultEpochs(1000, 16), 5);      // ceil(4.8)
    QCOMPARE(run::defaultEpochs(100, 16), 5);
    QCOMPARE(run::defaultEpochs(1000000, 64), 1);
  }
};

QTEST_APPLESS_MAIN(TestRecipes)
#include "tst_recipes.moc"
