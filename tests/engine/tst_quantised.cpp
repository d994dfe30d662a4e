// Weights in groups of 32: codes, products on every instruction set, gradients, and a whole decoder in few bits.
#define QT_NO_KEYWORDS
#include <QTest>
#include <cmath>

#include "engine/autograd.h"
#include "engine/engine_fixture.h"
#include "engine/generator.h"
#include "engine/quantised.h"
#include "engine/quantised_kernels.h"
#include "engine/tensor_more.h"
#include "engine/tiny_model.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/CPUGeneratorImpl.h>
#pragma GCC diagnostic pop

using namespace retort;
using namespace retort::engine;

class TestQuantised : public QObject {
  Q_OBJECT
  static at::Tensor random(std::vector<std::int64_t> shape, std::uint64_t seed) {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    return at::randn(shape, generator, at::TensorOptions().dtype(at::kFloat));
  }

 private Q_SLOTS:
  void initTestCase() { (void)test::cpu(); }

  void codesAreTheNearest_data() {
    QTest::addColumn<int>("bits");
    QTest::newRow("4") << 4;
    QTest::newRow("8") << 8;
  }
  void codesAreTheNearest() {
    QFETCH(int, bits);
    const at::Tensor w = random({24, 96}, 1);
    const Quantised q = quantise(w, bits);
    const at::Tensor back = dequantised(q, at::kFloat);
    for (std::int64_t g = 0; g < 24 * 3; ++g) {
      const at::Tensor x = w.view({-1, 32})[g], y = back.view({-1, 32})[g];
      const double range = (x.max() - x.min()).item<double>(), largest = x.abs().max().item<double>();
      const double step = bits == 4 ? range / 15 : largest / 127;
      QVERIFY((x - y).abs().max().item<double>() <= step / 2 + 1e-6);
    }
    QCOMPARE(q.bytes(), static_cast<std::uint64_t>(24 * 96 / 2 * (bits == 4 ? 1 : 2) + 24 * 3 * 4 * (bits == 4 ? 2 : 1)));
    // What is of that form already stays itself; also through bf16's buffer and torch's own operators.
    QVERIFY((dequantised(quantise(back, bits), at::kFloat) - back).abs().max().item<double>() < 1e-6);
    QVERIFY(at::equal(dequantised(q, at::kBFloat16), back.to(at::kBFloat16)));
    QVERIFY((dequantised(q, at::kDouble) - back.to(at::kDouble)).abs().max().item<double>() < 1e-6);
    QVERIFY(at::equal(dequantised(q, at::kFloat, true), back));
    // A constant group, and one of zeros.
    const at::Tensor flat = at::cat({at::full({1, 32}, 3.0, at::kFloat), at::zeros({1, 32}, at::kFloat)}, 0);
    QVERIFY((dequantised(quantise(flat, bits), at::kFloat) - flat).abs().max().item<double>() < 1e-6);
  }

  void productsAreTheDenseOnes_data() {
    QTest::addColumn<QString>("set");
    QTest::addColumn<int>("bits");
    for (const char* set : {"plain", "avx2", "avx512"})
      for (const int bits : {4, 8}) QTest::newRow((std::string(set) + " " + std::to_string(bits)).c_str()) << set << bits;
  }
  void productsAreTheDenseOnes() {
    QFETCH(QString, set);
    QFETCH(int, bits);
    if (!quant::useInstructionSet(set.toUtf8().constData())) QSKIP("this processor has no such instructions");
    QCOMPARE(QString(quant::instructionSet()), set);
    for (const std::int64_t in : {32, 96, 576, 1536}) {
      const Quantised q = quantise(random({37, in}, 2), bits);
      const at::Tensor dense = dequantised(q, at::kDouble);
      for (const std::int64_t rows : {1, 2, 3, 4, 5, 7, 8, 9, 40}) {
        const at::Tensor x = random({rows, in}, 3);
        const at::Tensor expected = at::linear(x.to(at::kDouble), dense);
        const double scale = expected.abs().max().item<double>();
        QVERIFY2((quantisedProduct(x, q).to(at::kDouble) - expected).abs().max().item<double>() < 2e-6 * scale, qPrintable(QString("%1 x %2").arg(rows).arg(in)));
        const at::Tensor b = quantisedProduct(x.to(at::kBFloat16), q);
        QVERIFY(b.scalar_type() == at::kBFloat16);
        QVERIFY((b.to(at::kDouble) - expected).abs().max().item<double>() < 2e-2 * scale);
        QVERIFY(quantisedProduct(x.to(at::kBFloat16), q, true).scalar_type() == at::kFloat);
      }
    }
    quant::useInstructionSet("");
  }

  void gradientsGoThrough() {
    const Quantised q = quantise(random({48, 64}, 4), 4);
    const at::Tensor x = random({5, 64}, 5).requires_grad_(), y = x.detach().clone().requires_grad_();
    const at::Tensor upstream = random({5, 48}, 6), dense = dequantised(q, at::kFloat);
    const at::Tensor a = quantisedLinear(x, q), b = at::linear(y, dense);
    QVERIFY((a - b).abs().max().item<double>() < 1e-5);
    torch::autograd::backward({(a * upstream).sum()}, {});
    torch::autograd::backward({(b * upstream).sum()}, {});
    QVERIFY((x.grad() - y.grad()).abs().max().item<double>() < 1e-5);
  }

  void oddWidthsAreRefused() {
    Decoder decoder = randomDecoder([] { auto c = tests::tinyConfig(); c.ffn = 100; return c; }(), at::kFloat, at::kCPU, 1);
    const auto status = compressForDecoding(decoder, 4);
    QVERIFY(!status.ok());
    QCOMPARE(status.error().code, std::string("engine.bits.width"));
  }

  void aCompressedDecoderAnswersLikeItsDenseSelf() {
    const Decoder original = randomDecoder(tests::tinyConfig(), at::kFloat, at::kCPU, 7, .2);
    for (const int bits : {4, 8}) {
      Decoder compressed = original;
      RETORT_VERIFY(compressForDecoding(compressed, bits));
      Decoder dense = compressed;
      for (auto& layer : dense.layers)
        for (Linear* l : {&layer.qkv, &layer.o, &layer.gateUp, &layer.down}) l->weight = l->dense(at::kFloat), l->quantised = {};
      dense.embedding = compressed.embedding;
      GenerationOptions options;
      options.maxTokens = 20;
      options.logProbs = true;
      std::vector<std::vector<text::TokenId>> prompts{{1, 2, 3}, {5, 6, 7, 8, 9, 10, 11}, {4}};
      const auto a = generate(compressed, nullptr, prompts, options);
      dense.quickHead = compressed.quickHead;
      const auto b = generate(dense, nullptr, prompts, options);
      RETORT_VERIFY(a);
      RETORT_VERIFY(b);
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        QVERIFY((*a)[i].ids == (*b)[i].ids);
        for (std::size_t t = 0; t < (*a)[i].logProbs.size(); ++t) QVERIFY(std::abs((*a)[i].logProbs[t] - (*b)[i].logProbs[t]) < 1e-3);
      }
    }
  }
};

QTEST_GUILESS_MAIN(TestQuantised)
#include "tst_quantised.moc"
