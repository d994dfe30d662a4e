// The loss at the head, chunk by chunk. One buffer of logits a chunk is turned into its own gradient in place.
#include "engine/head_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/autograd.h"
#include "engine/tensor_more.h"

namespace retort::engine {
namespace {

struct Sums {
  double ce = 0, kd = 0;
  std::int64_t correct = 0;
};

/// Gradient factor and loss of one block of rows, written over `logits`. All f32 (or f64).
class Block {
 public:
  Block(const HeadTargets& targets, const HeadLossOptions& options, bool gradients)
      : m_targets(targets), m_options(options), m_gradients(gradients), m_kd(targets.hasTeacher() ? options.kdWeight : 0) {}

  /// logits [n, V] in compute type, of rows [begin, begin + n); teacherLogits [n, Vt] (or undefined) of each teacher. Writes the
  /// gradient over logits.
  void run(at::Tensor logits, const std::vector<at::Tensor>& teacherLogits, std::int64_t begin, Sums& sums) const {
    const std::int64_t n = logits.size(0);
    const at::ScalarType type = logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor z = logits.to(type);
    const at::Tensor labels = m_targets.labels.narrow(0, begin, n).unsqueeze(1);
    const at::Tensor weights = m_targets.weights.defined() ? m_targets.weights.narrow(0, begin, n).to(type) : at::Tensor();
    at::Tensor logQ = at::log_softmax(z, -1);
    const at::Tensor ce = -logQ.gather(1, labels).squeeze(1);
    sums.ce += total(ce, weights);
    if (m_options.countCorrect) sums.correct += (logQ.argmax(-1, true) == labels).sum().item<std::int64_t>();
    std::vector<std::pair<at::Tensor, double>> kdGradients;      // by z/T on the common vocabulary, and their factors
    if (m_targets.hasTeacher()) {
      const auto learnFrom = [&](const HeadTargets& teacher, const at::Tensor& itsLogits) {
        auto [kd, gradient] = distil(teacher, z, logQ, itsLogits, begin);
        sums.kd += teacher.share * total(kd, weights);
        kdGradients.emplace_back(std::move(gradient), m_kd * m_options.temperature * teacher.share);   // T^2 / T
      };
      learnFrom(m_targets, teacherLogits[0]);
      for (std::size_t i = 0; i < m_targets.others.size(); ++i) learnFrom(m_targets.others[i], teacherLogits[i + 1]);
    }
    if (!m_gradients) return;
    at::Tensor gradient;
    if (m_kd < 1) {
      gradient = logQ.exp_();                                    // q; logQ is not needed any more
      gradient.scatter_add_(1, labels, at::full({n, 1}, -1.0, gradient.options()));
      if (m_kd > 0) gradient.mul_(1 - m_kd);
    } else {
      gradient = at::zeros_like(z);
    }
    if (m_kd > 0)
      for (const auto& [kd, factor] : kdGradients) gradient.narrow(1, 0, kd.size(1)).add_(kd, factor);
    if (weights.defined()) gradient.mul_(weights.unsqueeze(1));
    logits.copy_(gradient);
  }

 private:
  static double total(const at::Tensor& rows, const at::Tensor& weights) {
    return (weights.defined() ? rows * weights : rows).sum(at::kDouble).item<double>();
  }

  /// KD without T^2 [n], and its gradient by z/T on the common vocabulary [n, common].
  std::pair<at::Tensor, at::Tensor> distil(const HeadTargets& from, const at::Tensor& z, const at::Tensor& logQ1, const at::Tensor& teacherLogits,
                                                          std::int64_t begin) const {
    const double t = m_options.temperature;
    const std::int64_t n = z.size(0), v = z.size(1);
    const std::int64_t common = teacherLogits.defined() ? std::min(v, teacherLogits.size(1)) : v;
    const at::Tensor logQ = (t == 1 && common == v) ? logQ1 : at::log_softmax(z.narrow(1, 0, common) / t, -1);
    if (teacherLogits.defined()) {
      const at::Tensor p = teacherLogits.narrow(1, 0, common).to(z.scalar_type());
      const at::Tensor logP = at::log_softmax(t == 1 ? p : p / t, -1);
      return {divergenceRows(logP, logQ, m_options.divergence),
              m_gradients ? divergenceGradient(logP, logQ, m_options.divergence) : at::Tensor()};
    }
    if (from.drawnIds.defined()) {
      const at::Tensor ids = from.drawnIds.narrow(0, begin, n);
      const at::Tensor shares = from.drawnShares.narrow(0, begin, n).to(z.scalar_type());
      const at::Tensor term = shares * (shares.clamp_min(1e-12).log() - logQ.gather(1, ids));
      at::Tensor gradient;
      if (m_gradients) gradient = logQ.exp().scatter_add_(1, ids, -shares);
      return {at::where(shares > 0, term, at::zeros_like(term)).sum(-1), gradient};
    }
    const at::Tensor ids = from.topIds.narrow(0, begin, n);
    // What f32 rounding leaves of 1 - sum is not mass: the floor is that of the type.
    const double floor = z.scalar_type() == at::kDouble ? 1e-12 : 1e-6;
    const at::Tensor logP = withResidual(from.topLogProbs.narrow(0, begin, n).to(z.scalar_type()), floor);
    const at::Tensor events = withResidual(logQ.gather(1, ids), floor);
    const at::Tensor kd = divergenceRows(logP, events, m_options.divergence);
    if (!m_gradients) return {kd, {}};
    const at::Tensor byEvent = divergenceGradient(logP, events, m_options.divergence);
    const std::int64_t k = ids.size(1);
    const at::Tensor restFactor = byEvent.narrow(1, k, 1) / events.narrow(1, k, 1).exp();   // the rest moves as one event
    at::Tensor gradient = logQ.exp().mul_(restFactor);
    gradient.scatter_(1, ids, byEvent.narrow(1, 0, k));
    return {kd, gradient};
  }

  const HeadTargets& m_targets;
  const HeadLossOptions& m_options;
  bool m_gradients;
  double m_kd;
};

struct Gradients {
  at::Tensor hidden, head;           ///< undefined where not asked for
};

/// A teacher's logits of some rows, undefined for one that is cached.
at::Tensor teacherLogitsOf(const HeadTargets& targets, std::int64_t begin, std::int64_t n) {
  if (targets.teacherHidden.defined()) return at::mm(targets.teacherHidden.narrow(0, begin, n), targets.teacherHead.t());
  return targets.teacherLogits.defined() ? targets.teacherLogits.narrow(0, begin, n) : at::Tensor();
}

/// All chunks: sums, and the gradients of the summed loss.
Sums runChunks(const at::Tensor& hidden, const at::Tensor& head, const HeadTargets& targets, const HeadLossOptions& options,
               bool wantHidden, bool wantHead, Gradients& gradients) {
  const c10::AutoGradMode off(false);
  const std::int64_t rows = hidden.size(0), v = head.size(0);
  const bool cuda = hidden.is_cuda();
  const std::int64_t chunk = options.chunkRows > 0 ? options.chunkRows : headChunkRows(v, hidden.element_size(), cuda);
  const std::int64_t block = cuda ? chunk : std::max<std::int64_t>(1, (1 << 20) / v);   // f32 blocks of 4 MiB stay in the cache
  const at::ScalarType sumType = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  if (wantHidden) gradients.hidden = at::empty_like(hidden);
  const Block worker(targets, options, wantHidden || wantHead);
  Sums sums;
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    const std::int64_t n = std::min(chunk, rows - begin);
    const at::Tensor h = hidden.narrow(0, begin, n);
    const at::Tensor logits = at::mm(h, head.t());
    std::vector<at::Tensor> teachers{teacherLogitsOf(targets, begin, n)};
    for (const auto& other : targets.others) teachers.push_back(teacherLogitsOf(other, begin, n));
    for (std::int64_t at = 0; at < n; at += block) {
      const std::int64_t m = std::min(block, n - at);
      std::vector<at::Tensor> parts;
      for (const auto& t : teachers) parts.push_back(t.defined() ? t.narrow(0, at, m) : at::Tensor());
      worker.run(logits.narrow(0, at, m), parts, begin + at, sums);
    }
    if (wantHidden) {
      at::Tensor into = gradients.hidden.narrow(0, begin, n);
      at::mm_out(into, logits, head);
    }
    if (wantHead) {
      const at::Tensor part = at::mm(logits.t(), h);
      if (!gradients.head.defined()) gradients.head = rows > chunk ? part.to(sumType) : part;
      else gradients.head.add_(part);
    }
  }
  if (wantHead && !gradients.head.defined()) gradients.head = at::zeros_like(head);
  return sums;
}

struct Request {
  const HeadTargets* targets;
  const HeadLossOptions* options;
  bool wantHidden, wantHead;
  Sums sums;
};

class HeadLossFunction : public torch::autograd::Function<HeadLossFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& hidden, const at::Tensor& head, std::int64_t request) {
    auto& r = *reinterpret_cast<Request*>(request);   // lives through the call; an int is what IValue lets pass
    Gradients gradients;
    r.sums = runChunks(hidden, head, *r.targets, *r.options, r.wantHidden, r.wantHead, gradients);
    context->save_for_backward({gradients.hidden, gradients.head.defined() ? gradients.head.to(head.scalar_type()) : at::Tensor()});
    const double kd = r.targets->hasTeacher() ? r.options->kdWeight : 0;
    const double t2 = r.options->temperature * r.options->temperature;
    const at::ScalarType type = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    return at::full({}, kd * t2 * r.sums.kd + (1 - kd) * r.sums.ce, hidden.options().dtype(type));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list outputs) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& scale = outputs[0];
    const bool isOne = scale.is_cpu() && scale.item<double>() == 1;
    const auto scaled = [&](const at::Tensor& g) { return !g.defined() || isOne ? g : g * scale.to(g.scalar_type()); };
    return {scaled(saved[0]), scaled(saved[1]), {}};
  }
};

}  // namespace

std::int64_t headChunkRows(std::int64_t vocabulary, std::int64_t bytesPerLogit, bool cuda) {
  const std::int64_t fit = cuda ? (std::int64_t{1} << 30) / (24 * vocabulary) : (std::int64_t{128} << 20) / (bytesPerLogit * vocabulary);
  return std::max<std::int64_t>(64, fit / 64 * 64);
}

at::Tensor labelLogProbs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& labels) {
  const c10::AutoGradMode off(false);
  const std::int64_t rows = hidden.size(0), v = head.size(0), chunk = headChunkRows(v, hidden.element_size(), hidden.is_cuda());
  const std::int64_t block = hidden.is_cuda() ? chunk : std::max<std::int64_t>(1, (1 << 20) / v);
  const at::ScalarType type = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor out = at::empty({rows}, hidden.options().dtype(type));
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    const std::int64_t n = std::min(chunk, rows - begin);
    const at::Tensor logits = at::mm(hidden.narrow(0, begin, n), head.t());
    for (std::int64_t at = 0; at < n; at += block) {
      const std::int64_t m = std::min(block, n - at);
      const at::Tensor z = logits.narrow(0, at, m).to(type);
      const at::Tensor chosen = z.gather(1, labels.narrow(0, begin + at, m).unsqueeze(1)).squeeze(1);
      out.narrow(0, begin + at, m).copy_(chosen - at::logsumexp(z, {-1}));
    }
  }
  return out;
}

HeadLoss fusedHeadLoss(const at::Tensor& hidden, const at::Tensor& head, const HeadTargets& targets, const HeadLossOptions& options) {
  const bool recording = c10::GradMode::is_enabled();
  Request request{&targets, &options, recording && hidden.requires_grad(), recording && head.requires_grad(), {}};
  HeadLoss result;
  result.rows = hidden.size(0);
  result.loss = HeadLossFunction::apply(hidden, head, reinterpret_cast<std::int64_t>(&request));
  result.ce = request.sums.ce;
  result.kd = request.sums.kd;
  result.correct = request.sums.correct;
  result.weight = targets.weights.defined() ? targets.weights.sum(at::kDouble).item<double>() : static_cast<double>(result.rows);
  return result;
}

}  // namespace retort::engine
