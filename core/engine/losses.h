// Losses of single positions as plain formulas on log-probabilities, and their gradients by the student's logits.
#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace retort::engine {

/// p is the teacher's, q the student's distribution; m the named mixture.
enum class Divergence {
  forwardKl,         ///< KL(p, q)
  reverseKl,         ///< KL(q, p)
  jsd,               ///< b KL(p, m) + (1 - b) KL(q, m), m = b p + (1 - b) q; b = 0 and 1 mean the two above, as other tools have it
  skewKl,            ///< KL(p, m), m = a p + (1 - a) q
  skewReverseKl,     ///< KL(q, m), m = (1 - a) p + a q
  totalVariation,    ///< half the sum of |p - q|
};

struct DivergenceSpec {
  Divergence kind = Divergence::forwardKl;
  double parameter = 0.5;            ///< b of jsd, a of the skewed ones
};

/// "forward-kl", "reverse-kl", "jsd", "skew-kl" of a run's spec.
[[nodiscard]] std::optional<Divergence> divergenceFromName(std::string_view name);

inline constexpr std::int64_t kIgnored = -100;   ///< a label that is not learnt

/// logP, logQ [N, E]: log-probabilities of the same E events -> nats [N]. Differentiable in both.
at::Tensor divergenceRows(const at::Tensor& logP, const at::Tensor& logQ, DivergenceSpec spec);
/// The gradient of divergenceRows by the logits z of logQ = log_softmax(z), from the formulas. [N, E]
at::Tensor divergenceGradient(const at::Tensor& logP, const at::Tensor& logQ, DivergenceSpec spec);
/// H(p, q) = -sum p ln q and H(p). [N, E] -> [N]
at::Tensor softCrossEntropyRows(const at::Tensor& logP, const at::Tensor& logQ);
at::Tensor entropyRows(const at::Tensor& logP);

/// -ln q(label) of each row, 0 where the label is ignored. logits [N, V], labels [N] i64 -> [N]
at::Tensor crossEntropyRows(const at::Tensor& logits, const at::Tensor& labels);
/// T^2 times the divergence of the distributions at temperature T. Logits [N, V] -> [N]
at::Tensor distillationRows(const at::Tensor& studentLogits, const at::Tensor& teacherLogits, DivergenceSpec spec, double temperature = 1);
/// Sum of `rows` over labels that count, divided by their number; exactly 0 when none counts. The one denominator of a step.
at::Tensor meanOverSupervised(const at::Tensor& rows, const at::Tensor& labels);

/// Log-probabilities of the events {each id of ids [N, k]} and {all the rest}: logProbs [N, V] -> [N, k + 1].
at::Tensor bucketed(const at::Tensor& logProbs, const at::Tensor& ids);
/// The same from the kept log-probabilities [N, k] alone: the rest is 1 - their sum (at least `floor`).
at::Tensor withResidual(const at::Tensor& keptLogProbs, double floor = 1e-12);
/// Divergence on top-k events and the residual mass: studentLogits [N, V], ids [N, k], teacher's log-probabilities [N, k] -> [N].
at::Tensor residualMassRows(const at::Tensor& studentLogits, const at::Tensor& ids, const at::Tensor& teacherLogProbs, DivergenceSpec spec = {});
/// KL(c / N, q) for drawn ids [N, k] and their shares c / N [N, k] (0 = padding), the estimate of RS-KD. -> [N]
at::Tensor sampledRows(const at::Tensor& studentLogits, const at::Tensor& ids, const at::Tensor& shares);
/// Sum |sort(p) - sort(q)| of probabilities of different vocabularies, the shorter padded by zeros. [N, V1], [N, V2] -> [N]
at::Tensor uldRows(const at::Tensor& p, const at::Tensor& q);
/// -ln sigmoid(beta margin), margin = (ln q_w - ln ref_w) - (ln q_l - ln ref_l) of whole answers. [N] -> [N]
at::Tensor dpoRows(const at::Tensor& margin, double beta);

/// One distribution for a group of tokens that another tokenizer writes as one (GOLD): rows [k, V] of the group's positions, the
/// ids [k - 1 or more] that follow. Observed: the first row times the product of P(actual later tokens); bayesian: the last row
/// times the product of P(earlier tokens). -> [V]
at::Tensor groupedObserved(const at::Tensor& rows, const at::Tensor& ids);
at::Tensor groupedBayesian(const at::Tensor& rows, const at::Tensor& ids);
/// Estimates of KL(q, p) at tokens drawn from q, by d = ln(q / p): k1 = d, k2 = d^2 / 2 (biased), k3 = exp(-d) - 1 + d (>= 0).
at::Tensor klEstimate(const at::Tensor& logP, const at::Tensor& logQ, int which);
/// Discounted sums of what follows: R_t = sum over t' >= t of gamma^(t' - t) r_t', each divided by the sum of its weights when `normalised`.
[[nodiscard]] std::vector<double> discountedReturns(const std::vector<double>& rewards, double gamma, bool normalised);

}  // namespace retort::engine
