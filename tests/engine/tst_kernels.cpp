// Operators, attention rules, losses and gradients on the CPU against naive f64 loops: the checks of `retort-worker selftest`.
#include "engine/attention.h"
#include "engine/kernels.h"
#include "engine/self_test.h"
#include "tests/engine/engine_fixture.h"

using namespace retort;
using namespace retort::engine;

class TestKernels : public QObject {
  Q_OBJECT
 private slots:
  void everyCheckPasses();
  void theTestCanFail();
  void f64IsExact();
  void fewRowsAgreeWithTheProduct();
  void f64Attention();
};

void TestKernels::everyCheckPasses() {
  const auto checks = selfTest(test::cpu());
  QVERIFY(checks.size() >= 20);
  for (const auto& check : checks)
    QVERIFY2(check.passed(), (check.name + ": " + std::to_string(check.error) + " > " + std::to_string(check.tolerance)).c_str());
}

void TestKernels::theTestCanFail() {
  // torch aligns is_causal top-left: three queries after seven cached keys must not be computed that way.
  const at::Tensor q = at::ones({1, 3, 2, 4}) * at::arange(3).view({1, 3, 1, 1}), k = at::arange(80, at::kFloat).view({1, 10, 2, 4}).sin(), v = k.cos();
  const auto right = [](auto, std::int64_t i, std::int64_t j) { return j <= i + 7; };
  AttentionRule wrong;
  QVERIFY(deviation(attend(q, k, v, wrong), naiveAttention(q, k, v, right)) > 1e-2);
  QVERIFY(deviation(attend(q, k, v, chunkRule(3, 7, 0, at::kCPU)), naiveAttention(q, k, v, right)) < 1e-5);
  QVERIFY(deviation(at::ones({3}), at::ones({4})) > 1e300);
  QVERIFY(deviation(at::ones({3}) / 0, at::ones({3})) > 1e300);
}

void TestKernels::f64IsExact() {
  const at::Tensor x = at::arange(60, at::kDouble).view({3, 20}).sin();
  const at::Tensor w = at::arange(20, at::kDouble).cos();
  const at::Tensor want = x / (x.pow(2).mean({-1}, true) + 1e-6).sqrt() * w;
  QVERIFY(deviation(rmsNorm(x, w, 1e-6), want) < 1e-10);
}

void TestKernels::fewRowsAgreeWithTheProduct() {
  test::cpu();
  const c10::NoGradGuard noGrad;
  for (const std::int64_t out : {1, 7, 64, 129}) {
    const std::int64_t count = out % 9 + 1;
    const at::Tensor x = at::arange(count * 72, at::kFloat).view({count, 72}).sin().to(at::kBFloat16);
    const at::Tensor w = at::arange(out * 72, at::kFloat).view({out, 72}).cos().to(at::kBFloat16);
    QCOMPARE(fewRowsUsable(x, w), count <= 2);
    const at::Tensor want = at::matmul(x.to(at::kDouble), w.to(at::kDouble).t());
    QVERIFY(deviation(fewRowsProduct(x, w, true), want) < 1e-5);
    QVERIFY(deviation(fewRowsProduct(x, w, false), want) < 1e-2);
  }
}

void TestKernels::f64Attention() {
  const at::Tensor q = at::arange(2 * 5 * 4 * 6, at::kDouble).view({2, 5, 4, 6}).sin(), k = at::arange(2 * 5 * 2 * 6, at::kDouble).view({2, 5, 2, 6}).cos();
  const at::Tensor v = (k * 3).sin();
  QVERIFY(deviation(attend(q, k, v, causalRule(5, 0, at::kCPU)), naiveAttention(q, k, v, [](auto, auto i, auto j) { return j <= i; })) < 1e-10);
}

QTEST_APPLESS_MAIN(TestKernels)
#include "tst_kernels.moc"
