// The loss at the head without ever holding all logits: gradients are made chunk by chunk in the forward pass.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/losses.h"
#include "engine/tensor.h"

namespace retort::engine {

/// What the N supervised rows should be like. At most one kind of teacher target is set.
struct HeadTargets {
  at::Tensor labels;                         ///< [N] i64, none ignored (the rows were gathered before)
  at::Tensor weights;                        ///< [N] f32: factor of each row's loss; undefined: 1
  at::Tensor teacherHidden, teacherHead;     ///< live teacher: [N, Ht], [Vt, Ht]; logits are made chunk by chunk
  at::Tensor teacherLogits;                  ///< or its logits: [N, Vt]
  at::Tensor topIds, topLogProbs;            ///< or top-k: [N, k] i64 and f32 at the loss's temperature; the rest is residual mass
  at::Tensor drawnIds, drawnShares;          ///< or RS-KD: [N, k] i64 and f32 c / N (0 = padding); forward KL only
  double share = 1;                          ///< of this teacher, where there are several (they sum to one)
  std::vector<HeadTargets> others;           ///< the further teachers: their targets and shares; labels and weights are not read
  [[nodiscard]] bool hasTeacher() const {
    return teacherHidden.defined() || teacherLogits.defined() || topIds.defined() || drawnIds.defined();
  }
};

struct HeadLossOptions {
  double kdWeight = 0;                       ///< loss = kdWeight T^2 KD + (1 - kdWeight) CE; without a teacher: CE
  DivergenceSpec divergence;
  double temperature = 1;
  std::int64_t chunkRows = 0;                ///< rows of logits alive at a time; 0: by memory
  bool countCorrect = false;                 ///< count rows whose most probable token is the label
};

/// Sums over rows, each times its weight. The caller divides by the weights of the whole optimiser step.
struct HeadLoss {
  at::Tensor loss;                           ///< scalar f32 (f64 for f64 hidden), differentiable in hidden and head
  double ce = 0, kd = 0;                     ///< kd without T^2; both without their shares
  double weight = 0;                         ///< sum of weights (rows, when there are none)
  std::int64_t rows = 0, correct = 0;
};

/// hidden [N, H] (after the final norm), head [V, H]. No gradient is made for a head that does not require one.
/// A teacher with another vocabulary size is compared on the common prefix (the caller has checked the token strings).
HeadLoss fusedHeadLoss(const at::Tensor& hidden, const at::Tensor& head, const HeadTargets& targets, const HeadLossOptions& options = {});

/// ln q(label) of each row, f32 (f64 for f64 hidden), no gradients, chunk by chunk. hidden [N, H], head [V, H], labels [N] -> [N]
at::Tensor labelLogProbs(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& labels);

/// Rows of logits that fit the budget: 1 GiB / (24 V) on CUDA, 128 MiB of logits on CPU; at least 64, a multiple of 64.
[[nodiscard]] std::int64_t headChunkRows(std::int64_t vocabulary, std::int64_t bytesPerLogit, bool cuda);

}  // namespace retort::engine
