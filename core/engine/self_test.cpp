// The self-test's checks.
#include "engine/self_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/attention.h"
#include "engine/autograd.h"
#include "engine/generator.h"
#include "engine/head_loss.h"
#include "engine/kernels.h"
#include "engine/kv_cache.h"
#include "engine/tensor_more.h"

namespace retort::engine {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

at::Tensor randomOf(std::vector<std::int64_t> shape, std::uint64_t seed) {
  // Exact in bf16 too, so that types can be compared: multiples of 1/64 in [-2, 2).
  std::int64_t count = 1;
  for (const auto n : shape) count *= n;
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(std::floor(uniformAt(seed, 1, 2, static_cast<std::uint64_t>(i)) * 256) / 64 - 2);
  return at::tensor(values, at::kDouble).view(shape);
}

class Suite {
 public:
  explicit Suite(const Device& device) : m_device(device) {}
  void check(const std::string& name, double tolerance, const std::function<double()>& work) {
    double error = kInfinite;
    const auto status = guarded(name.c_str(), [&]() -> Status {
      error = work();
      return {};
    });
    m_checks.push_back({status.ok() ? name : name + " (" + status.error().why + ")", std::isnan(error) ? kInfinite : error, tolerance});
  }
  [[nodiscard]] at::Tensor on(const at::Tensor& x, at::ScalarType type) const { return x.to(m_device.device, type); }
  [[nodiscard]] const Device& device() const { return m_device; }
  std::vector<Check> take() { return std::move(m_checks); }

 private:
  const Device& m_device;
  std::vector<Check> m_checks;
};

double toleranceOf(at::ScalarType type) { return type == at::kFloat ? 1e-5 : 4e-2; }
std::string nameOf(at::ScalarType type) { return type == at::kFloat ? "f32" : "bf16"; }

at::Tensor rmsNaive(const at::Tensor& x, const at::Tensor& w) { return x / (x.pow(2).mean({-1}, true) + 1e-5).sqrt() * w; }
at::Tensor swiGluNaive(const at::Tensor& x) {
  const auto n = x.size(-1) / 2;
  const at::Tensor gate = x.narrow(-1, 0, n);
  return gate / (1 + (-gate).exp()) * x.narrow(-1, n, n);
}

/// Values and gradients of an operator in `type` against the same formula in f64.
double operatorError(const Suite& suite, at::ScalarType type, const std::vector<at::Tensor>& inputs,
                     const std::function<at::Tensor(const std::vector<at::Tensor>&)>& ours,
                     const std::function<at::Tensor(const std::vector<at::Tensor>&)>& naive) {
  std::vector<at::Tensor> mine, exact;
  for (const auto& x : inputs) {
    mine.push_back(suite.on(x, type).requires_grad_());
    exact.push_back(x.clone().requires_grad_());
  }
  const at::Tensor y = ours(mine), want = naive(exact);
  double error = deviation(y, want);
  const at::Tensor weight = randomOf(want.sizes().vec(), 77);
  torch::autograd::backward({y}, {suite.on(weight, type)});
  torch::autograd::backward({want}, {weight});
  for (std::size_t i = 0; i < inputs.size(); ++i) error = std::max(error, deviation(mine[i].grad(), exact[i].grad()));
  return error;
}

void operatorChecks(Suite& suite, at::ScalarType type) {
  const double tolerance = toleranceOf(type);
  suite.check("RMS norm and its gradient, " + nameOf(type), tolerance, [&] {
    return operatorError(suite, type, {randomOf({5, 7, 48}, 1), randomOf({48}, 2)}, [](const auto& in) { return rmsNorm(in[0], in[1], 1e-5); },
                         [](const auto& in) { return rmsNaive(in[0], in[1]); });
  });
  suite.check("SwiGLU and its gradient, " + nameOf(type), tolerance, [&] {
    return operatorError(suite, type, {randomOf({5, 7, 96}, 3)}, [](const auto& in) { return swiGlu(in[0]); }, [](const auto& in) { return swiGluNaive(in[0]); });
  });
  suite.check("RoPE and its gradient, " + nameOf(type), tolerance, [&] {
    const at::Tensor angles = at::outer(at::arange(7, at::kDouble), at::tensor({1.0, 0.3, 0.1, 0.03}, at::kDouble));
    const Rotation rotation{suite.on(angles.cos(), at::kFloat), suite.on(angles.sin(), at::kFloat)};
    return operatorError(suite, type, {randomOf({2, 7, 5 * 8}, 4)},
                         [&](const auto& in) {
                           const auto [q, k, v] = splitAndRotate(in[0], rotation, 3, 1, 8);
                           return at::cat({q, k, v}, 2);
                         },
                         [&](const auto& in) {
                           const at::Tensor all = in[0].view({2, 7, 5, 8});
                           const at::Tensor turned = all.narrow(2, 0, 4), a = turned.narrow(3, 0, 4), b = turned.narrow(3, 4, 4);
                           const at::Tensor c = angles.cos().view({1, 7, 1, 4}), s = angles.sin().view({1, 7, 1, 4});
                           return at::cat({at::cat({a * c - b * s, b * c + a * s}, 3), all.narrow(2, 4, 1)}, 2);
                         });
  });
}

void attentionChecks(Suite& suite, at::ScalarType type) {
  const double tolerance = toleranceOf(type);
  const at::Device where = suite.device().device;
  const at::Tensor q = randomOf({2, 9, 6, 8}, 5), k = randomOf({2, 9, 2, 8}, 6), v = randomOf({2, 9, 2, 8}, 7);
  const auto compare = [&](const at::Tensor& queries, const AttentionRule& rule, const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& sees) {
    return deviation(attend(suite.on(queries, type), suite.on(k, type), suite.on(v, type), rule), naiveAttention(queries, k, v, sees));
  };
  suite.check("Causal attention, grouped heads, " + nameOf(type), tolerance,
              [&] { return compare(q, causalRule(9, 0, where), [](auto, auto i, auto j) { return j <= i; }); });
  suite.check("Sliding window, " + nameOf(type), tolerance,
              [&] { return compare(q, causalRule(9, 4, where), [](auto, auto i, auto j) { return j <= i && j > i - 4; }); });
  suite.check("A chunk after cached tokens, " + nameOf(type), tolerance,
              [&] { return compare(q.narrow(1, 6, 3), chunkRule(3, 6, 0, where), [](auto, auto i, auto j) { return j <= i + 6; }); });
  suite.check("One token after cached ones, " + nameOf(type), tolerance,
              [&] { return compare(q.narrow(1, 8, 1), chunkRule(1, 8, 0, where), [](auto, auto, auto) { return true; }); });
  suite.check("One token, rows of different length, " + nameOf(type), tolerance, [&] {
    const c10::NoGradGuard noGrad;
    return compare(q.narrow(1, 8, 1), decodeRule({3, 8}, 0, type, where), [](auto b, auto, auto j) { return j <= (b == 0 ? 3 : 8); });
  });
  suite.check("Packed documents, " + nameOf(type), tolerance, [&] {
    const auto one = [&](const at::Tensor& x) { return x.narrow(0, 0, 1); };
    const at::Tensor mine = attend(suite.on(one(q), type), suite.on(one(k), type), suite.on(one(v), type), packedRule({4, 2, 3}, 0, where));
    const auto document = [](std::int64_t i) { return i < 4 ? 0 : i < 6 ? 1 : 2; };
    return deviation(mine, naiveAttention(one(q), one(k), one(v), [&](auto, auto i, auto j) { return j <= i && document(i) == document(j); }));
  });
}

/// Mean cross-entropy of the next token over a small batch.
at::Tensor lossOf(const Decoder& decoder, const at::Tensor& ids, const ForwardOptions& options) {
  const at::Tensor hidden = forwardHidden(decoder, ids, options).narrow(1, 0, ids.size(1) - 1);
  const at::Tensor logits = at::linear(hidden, decoder.headWeight());
  const at::Tensor labels = ids.narrow(1, 1, ids.size(1) - 1).unsqueeze(2);
  return -at::log_softmax(logits, -1).gather(2, labels).mean();
}

at::Tensor sampleIds() { return (at::arange(22, at::kLong) * 37 + 11).remainder(97).view({2, 11}); }

/// Gradients of every weight after one backward pass.
std::vector<at::Tensor> gradientsOf(Decoder& decoder, const at::Tensor& ids, const ForwardOptions& options) {
  forEachParameter(decoder, [](const std::string&, at::Tensor& tensor) { tensor = tensor.detach().clone().requires_grad_(); });
  torch::autograd::backward({lossOf(decoder, ids, options)}, {});
  std::vector<at::Tensor> out;
  forEachParameter(decoder, [&](const std::string&, at::Tensor& tensor) { out.push_back(tensor.grad()); });
  return out;
}

double gradientError(const Suite& suite, const ForwardOptions& options, at::ScalarType type) {
  Decoder exact = randomDecoder(tinyConfig(), at::kDouble, at::kCPU, 5, 0.2);
  Decoder mine = randomDecoder(tinyConfig(), type, suite.device().device, 5, 0.2);
  const auto want = gradientsOf(exact, sampleIds(), {});
  const auto got = gradientsOf(mine, sampleIds().to(suite.device().device), options);
  double error = 0;
  for (std::size_t i = 0; i < want.size(); ++i) error = std::max(error, got[i].defined() ? deviation(got[i], want[i]) : kInfinite);
  return error;
}

void modelChecks(Suite& suite) {
  suite.check("Gradients of every weight, f32 against f64", 1e-5, [&] { return gradientError(suite, {}, at::kFloat); });
  ForwardOptions checkpointing;
  checkpointing.checkpointing = true;
  suite.check("Gradients with activation checkpointing", 1e-5, [&] { return gradientError(suite, checkpointing, at::kFloat); });
  suite.check("A step down the gradient lowers the loss", 0, [&] {
    Decoder decoder = randomDecoder(tinyConfig(), at::kFloat, suite.device().device, 6, 0.2);
    const at::Tensor ids = sampleIds().to(suite.device().device);
    const auto gradients = gradientsOf(decoder, ids, {});
    const double before = lossOf(decoder, ids, {}).item<double>();
    const c10::NoGradGuard noGrad;
    std::size_t i = 0;
    forEachParameter(decoder, [&](const std::string&, at::Tensor& tensor) { tensor.sub_(gradients[i++] * 0.05); });
    return lossOf(decoder, ids, {}).item<double>() < before ? 0.0 : 1.0;
  });
  suite.check("The cache against a full pass", 1e-4, [&] {
    const c10::NoGradGuard noGrad;
    const Decoder decoder = randomDecoder(tinyConfig(), at::kFloat, suite.device().device, 7, 0.2);
    const at::Tensor ids = sampleIds().to(suite.device().device);
    KvCache cache = KvCache::make(decoder, 2, 4);
    std::vector<at::Tensor> parts{forwardCached(decoder, ids.narrow(1, 0, 5), cache), forwardCached(decoder, ids.narrow(1, 5, 3), cache)};
    for (std::int64_t i = 8; i < 11; ++i) parts.push_back(forwardCached(decoder, ids.narrow(1, i, 1), cache));
    return deviation(at::cat(parts, 1), forwardHidden(decoder, ids));
  });
  suite.check("Greedy answers on the device and on the CPU (rows that differ)", 0, [&] {
    const std::vector<std::vector<text::TokenId>> prompts{{1, 2, 3}, {4, 5, 6, 7, 8, 9}, {10}, {11, 12}};
    GenerationOptions options;
    options.maxTokens = 12;
    const auto here = generate(randomDecoder(tinyConfig(), at::kFloat, suite.device().device, 8, 0.5), nullptr, prompts, options);
    const auto there = generate(randomDecoder(tinyConfig(), at::kFloat, at::kCPU, 8, 0.5), nullptr, prompts, options);
    if (!here.ok() || !there.ok()) return kInfinite;
    double differing = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) differing += (*here)[i].ids != (*there)[i].ids;
    return differing;
  });
}

void lossChecks(Suite& suite) {
  suite.check("Cross-entropy at the head by parts, and its gradients", 1e-5, [&] {
    const at::Tensor hidden = randomOf({70, 16}, 20), head = randomOf({97, 16}, 21);
    const at::Tensor labels = (at::arange(70, at::kLong) * 31).remainder(97);
    at::Tensor h = suite.on(hidden, at::kFloat).requires_grad_(), w = suite.on(head, at::kFloat).requires_grad_();
    HeadTargets targets;
    targets.labels = labels.to(suite.device().device);
    HeadLossOptions options;
    options.chunkRows = 32;
    const HeadLoss mine = fusedHeadLoss(h, w, targets, options);
    torch::autograd::backward({mine.loss}, {});
    const at::Tensor h64 = hidden.clone().requires_grad_(), w64 = head.clone().requires_grad_();
    const at::Tensor want = -at::log_softmax(at::linear(h64, w64), -1).gather(1, labels.unsqueeze(1)).sum();
    torch::autograd::backward({want}, {});
    return std::max({deviation(mine.loss.reshape({1}), want.reshape({1})) / 70, deviation(h.grad(), h64.grad()), deviation(w.grad(), w64.grad())});
  });
}

}  // namespace

models::DecoderConfig tinyConfig(const std::string& family) {
  models::DecoderConfig config;
  config.family = family;
  config.vocab = 97;
  config.hidden = 32;
  config.layers = 3;
  config.heads = 4;
  config.kvHeads = 2;
  config.headDim = 8;
  config.ffn = 48;
  config.context = 256;
  config.qkvBias = family == "qwen2";
  config.qkNorm = family == "qwen3";
  if (family == "smollm3") config.nopeLayers = {1};
  return config;
}

at::Tensor naiveAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& sees) {
  const std::int64_t batch = q.size(0), tq = q.size(1), heads = q.size(2), d = q.size(3), tkv = k.size(1), group = heads / k.size(2);
  const at::Tensor q64 = q.to(at::kCPU, at::kDouble).contiguous(), k64 = k.to(at::kCPU, at::kDouble).contiguous(), v64 = v.to(at::kCPU, at::kDouble).contiguous();
  at::Tensor out = at::zeros({batch, tq, heads * d}, at::kDouble);
  const auto qa = q64.accessor<double, 4>(), ka = k64.accessor<double, 4>(), va = v64.accessor<double, 4>();
  auto oa = out.accessor<double, 3>();
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t i = 0; i < tq; ++i) {
        std::vector<double> weights(static_cast<std::size_t>(tkv), 0.0);
        double sum = 0;
        for (std::int64_t j = 0; j < tkv; ++j) {
          if (!sees(b, i, j)) continue;
          double dot = 0;
          for (std::int64_t c = 0; c < d; ++c) dot += qa[b][i][h][c] * ka[b][j][h / group][c];
          sum += weights[static_cast<std::size_t>(j)] = std::exp(dot / std::sqrt(static_cast<double>(d)));
        }
        for (std::int64_t j = 0; j < tkv; ++j)
          for (std::int64_t c = 0; c < d; ++c) oa[b][i][h * d + c] += weights[static_cast<std::size_t>(j)] / sum * va[b][j][h / group][c];
      }
  return out;
}

double deviation(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes()) {
    // Attention's results are compared flat.
    if (!a.defined() || !b.defined() || a.numel() != b.numel()) return kInfinite;
  }
  const at::Tensor x = a.detach().to(at::kCPU, at::kDouble).flatten(), y = b.detach().to(at::kCPU, at::kDouble).flatten();
  if (x.numel() == 0) return 0;
  const double largest = y.abs().max().item<double>();
  const double error = (x - y).abs().max().item<double>() / std::max(1.0, largest);
  return std::isnan(error) ? kInfinite : error;
}

std::vector<Check> selfTest(const Device& device) {
  Suite suite(device);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    operatorChecks(suite, type);
    attentionChecks(suite, type);
  }
  lossChecks(suite);
  modelChecks(suite);
  return suite.take();
}

}  // namespace retort::engine
