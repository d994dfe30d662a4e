// Attention over packed short documents against torch's own, document by document: outputs and gradients.
#define QT_NO_KEYWORDS
#include <QTest>

#include "engine/attention.h"
#include "engine/autograd.h"
#include "engine/short_attention.h"
#include "engine/tensor_more.h"

using namespace retort::engine;

namespace {

double worst(const at::Tensor& a, const at::Tensor& b) { return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>(); }

struct Result {
  at::Tensor out, q, k, v;
};

template <typename F>
Result differentiate(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& gradient, F attention) {
  const at::Tensor a = q.clone().requires_grad_(), b = k.clone().requires_grad_(), c = v.clone().requires_grad_();
  const at::Tensor out = attention(a, b, c);
  torch::autograd::backward({out}, {gradient});
  return {out, a.grad(), b.grad(), c.grad()};
}

}  // namespace

class TestShortAttention : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void agreesWithTorch_data() {
    QTest::addColumn<QList<int>>("lengths");
    QTest::addColumn<bool>("half");
    QTest::newRow("one") << QList<int>{7} << false;
    QTest::newRow("ragged") << QList<int>{40, 39, 33, 21} << false;
    QTest::newRow("one token") << QList<int>{1, 1} << false;
    QTest::newRow("weights made again") << QList<int>{90, 70} << false;
    QTest::newRow("several groups, rising again") << QList<int>{300, 100, 40, 12, 30, 9, 9, 1} << false;
    QTest::newRow("bf16") << QList<int>{40, 39, 33, 21, 5} << true;
  }
  void agreesWithTorch() {
    QFETCH(QList<int>, lengths);
    QFETCH(bool, half);
    at::manual_seed(5);
    std::int64_t t = 0;
    std::vector<std::int64_t> documents;
    for (const int n : lengths) documents.push_back(n), t += n;
    const auto type = half ? at::kBFloat16 : at::kFloat;
    const at::Tensor q = at::randn({t, 6, 16}).to(type), k = at::randn({t, 2, 16}).to(type), v = at::randn({t, 2, 16}).to(type), g = at::randn({1, t, 96}).to(type);
    const Result ours = differentiate(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), g, [&](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
      return attend(a, b, c, packedRule(documents, 0, at::kCPU));
    });
    const Result plain = differentiate(q.to(at::kDouble), k.to(at::kDouble), v.to(at::kDouble), g.to(at::kDouble).view({t, 96}), [&](const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
      std::vector<at::Tensor> parts;
      std::int64_t start = 0;
      for (const std::int64_t n : documents) {
        const auto part = [&](const at::Tensor& x) { return x.narrow(0, start, n).transpose(0, 1).unsqueeze(0); };
        parts.push_back(at::scaled_dot_product_attention(part(a), part(b), part(c), std::nullopt, 0.0, true, std::nullopt, true).squeeze(0).transpose(0, 1).reshape({n, 96}));
        start += n;
      }
      return at::cat(parts, 0);
    });
    const double tolerance = half ? 4e-2 : 2e-5;
    QVERIFY(worst(ours.out.squeeze(0), plain.out) < tolerance);
    QVERIFY(worst(ours.q.squeeze(0), plain.q) < tolerance);
    QVERIFY(worst(ours.k.squeeze(0), plain.k) < tolerance * 2);
    QVERIFY(worst(ours.v.squeeze(0), plain.v) < tolerance * 2);
  }
};

QTEST_APPLESS_MAIN(TestShortAttention)
#include "tst_short_attention.moc"
