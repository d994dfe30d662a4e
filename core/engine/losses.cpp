// Losses of single positions as plain formulas. Formulas and gradients: reference distillation, section 3.
#include "engine/losses.h"

#include <cmath>
#include <limits>

#include "engine/tensor_more.h"

namespace retort::engine {
namespace {

at::Tensor logMixture(const at::Tensor& logA, double shareA, const at::Tensor& logB, double shareB) {
  if (shareA <= 0) return logB;
  if (shareB <= 0) return logA;
  return at::logaddexp(logA + std::log(shareA), logB + std::log(shareB));
}

/// sum a (ln a - ln b) with 0 ln 0 = 0.
at::Tensor kl(const at::Tensor& logA, const at::Tensor& logB) {
  const at::Tensor a = logA.exp();
  const at::Tensor term = a * (logA - logB);
  return at::where(a > 0, term, at::zeros_like(term)).sum(-1);
}

/// q (g - sum q g): the gradient by logits from the gradient by probabilities.
at::Tensor throughSoftmax(const at::Tensor& q, const at::Tensor& g) { return q * (g - (q * g).sum(-1, true)); }

DivergenceSpec normalised(DivergenceSpec spec) {
  if (spec.kind == Divergence::jsd && spec.parameter <= 0) return {Divergence::forwardKl, 0};
  if (spec.kind == Divergence::jsd && spec.parameter >= 1) return {Divergence::reverseKl, 0};
  if (spec.kind == Divergence::skewKl && spec.parameter <= 0) return {Divergence::forwardKl, 0};
  return spec;
}

}  // namespace

std::optional<Divergence> divergenceFromName(std::string_view name) {
  if (name == "forward-kl") return Divergence::forwardKl;
  if (name == "reverse-kl") return Divergence::reverseKl;
  if (name == "jsd") return Divergence::jsd;
  if (name == "skew-kl") return Divergence::skewKl;
  return std::nullopt;
}

at::Tensor divergenceRows(const at::Tensor& logP, const at::Tensor& logQ, DivergenceSpec given) {
  const DivergenceSpec spec = normalised(given);
  const double b = spec.parameter;
  switch (spec.kind) {
    case Divergence::forwardKl: return kl(logP, logQ);
    case Divergence::reverseKl: return kl(logQ, logP);
    case Divergence::jsd: {
      const at::Tensor logM = logMixture(logP, b, logQ, 1 - b);
      return b * kl(logP, logM) + (1 - b) * kl(logQ, logM);
    }
    case Divergence::skewKl: return kl(logP, logMixture(logP, b, logQ, 1 - b));
    case Divergence::skewReverseKl: return kl(logQ, logMixture(logP, 1 - b, logQ, b));
    case Divergence::totalVariation: return 0.5 * (logP.exp() - logQ.exp()).abs().sum(-1);
  }
  return {};
}

at::Tensor divergenceGradient(const at::Tensor& logP, const at::Tensor& logQ, DivergenceSpec given) {
  const DivergenceSpec spec = normalised(given);
  const double b = spec.parameter;
  const at::Tensor q = logQ.exp();
  switch (spec.kind) {
    case Divergence::forwardKl: return q - logP.exp();
    case Divergence::reverseKl: return throughSoftmax(q, logQ - logP);
    case Divergence::jsd: return throughSoftmax(q, (1 - b) * (logQ - logMixture(logP, b, logQ, 1 - b)));
    case Divergence::skewKl: return throughSoftmax(q, -(1 - b) * (logP - logMixture(logP, b, logQ, 1 - b)).exp());
    case Divergence::skewReverseKl: {
      const at::Tensor logRatio = logQ - logMixture(logP, 1 - b, logQ, b);
      return throughSoftmax(q, logRatio - b * logRatio.exp());
    }
    case Divergence::totalVariation: return throughSoftmax(q, 0.5 * (q - logP.exp()).sign());
  }
  return {};
}

at::Tensor softCrossEntropyRows(const at::Tensor& logP, const at::Tensor& logQ) {
  const at::Tensor p = logP.exp();
  const at::Tensor term = p * logQ;
  return -at::where(p > 0, term, at::zeros_like(term)).sum(-1);
}

at::Tensor entropyRows(const at::Tensor& logP) { return softCrossEntropyRows(logP, logP); }

at::Tensor crossEntropyRows(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor counted = labels != kIgnored;
  const at::Tensor target = labels.clamp_min(0).unsqueeze(1);
  const at::Tensor rows = -at::log_softmax(logits, -1).gather(1, target).squeeze(1);
  return at::where(counted, rows, at::zeros_like(rows));
}

at::Tensor distillationRows(const at::Tensor& studentLogits, const at::Tensor& teacherLogits, DivergenceSpec spec, double temperature) {
  const at::Tensor logP = at::log_softmax(teacherLogits / temperature, -1);
  const at::Tensor logQ = at::log_softmax(studentLogits / temperature, -1);
  return temperature * temperature * divergenceRows(logP, logQ, spec);
}

at::Tensor meanOverSupervised(const at::Tensor& rows, const at::Tensor& labels) {
  const at::Tensor counted = labels != kIgnored;
  const at::Tensor kept = at::where(counted, rows, at::zeros_like(rows));
  return kept.sum() / counted.sum().clamp_min(1).to(rows.scalar_type());
}

at::Tensor withResidual(const at::Tensor& keptLogProbs, double floor) {
  const at::Tensor rest = (1 - keptLogProbs.exp().sum(-1, true)).clamp_min(floor).log();
  return at::cat({keptLogProbs, rest}, -1);
}

at::Tensor bucketed(const at::Tensor& logProbs, const at::Tensor& ids) {
  // The rest is summed over the vocabulary, not taken as 1 - kept, which would lose all digits of a small tail.
  const at::Tensor kept = logProbs.gather(-1, ids);
  const at::Tensor others = logProbs.scatter(-1, ids, -std::numeric_limits<double>::infinity());
  return at::cat({kept, at::logsumexp(others, {-1}, true)}, -1);
}

at::Tensor residualMassRows(const at::Tensor& studentLogits, const at::Tensor& ids, const at::Tensor& teacherLogProbs, DivergenceSpec spec) {
  const at::Tensor logQ = bucketed(at::log_softmax(studentLogits, -1), ids);
  return divergenceRows(withResidual(teacherLogProbs), logQ, spec);
}

at::Tensor sampledRows(const at::Tensor& studentLogits, const at::Tensor& ids, const at::Tensor& shares) {
  const at::Tensor logQ = at::log_softmax(studentLogits, -1).gather(-1, ids);
  const at::Tensor term = shares * (shares.clamp_min(1e-12).log() - logQ);
  return at::where(shares > 0, term, at::zeros_like(term)).sum(-1);
}

at::Tensor uldRows(const at::Tensor& p, const at::Tensor& q) {
  const std::int64_t width = std::max(p.size(-1), q.size(-1));
  const auto sorted = [width](const at::Tensor& x) {
    const at::Tensor s = std::get<0>(x.sort(-1, true));
    return at::constant_pad_nd(s, {0, width - s.size(-1)}, 0);
  };
  return (sorted(p) - sorted(q)).abs().sum(-1);
}

at::Tensor dpoRows(const at::Tensor& margin, double beta) { return -at::log_sigmoid(beta * margin); }

at::Tensor groupedObserved(const at::Tensor& rows, const at::Tensor& ids) {
  at::Tensor mass = at::ones({}, rows.options());
  for (std::int64_t i = 1; i < rows.size(0); ++i) mass = mass * rows[i].index_select(0, ids[i].view({1})).squeeze(0);
  return rows[0] * mass;
}

at::Tensor groupedBayesian(const at::Tensor& rows, const at::Tensor& ids) {
  at::Tensor mass = at::ones({}, rows.options());
  const std::int64_t last = rows.size(0) - 1;
  for (std::int64_t i = 0; i < last; ++i) mass = mass * rows[i].index_select(0, ids[i].view({1})).squeeze(0);
  return rows[last] * mass;
}

at::Tensor klEstimate(const at::Tensor& logP, const at::Tensor& logQ, int which) {
  const at::Tensor d = logQ - logP;
  if (which == 1) return d;
  if (which == 2) return 0.5 * d * d;
  return (-d).exp() - 1 + d;
}

std::vector<double> discountedReturns(const std::vector<double>& rewards, double gamma, bool normalised) {
  std::vector<double> out(rewards.size());
  double sum = 0, weights = 0;
  for (std::size_t i = rewards.size(); i-- > 0;) {
    sum = rewards[i] + gamma * sum;
    weights = 1 + gamma * weights;
    out[i] = normalised ? sum / weights : sum;
  }
  return out;
}

}  // namespace retort::engine
