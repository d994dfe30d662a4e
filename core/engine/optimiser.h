// AdamW on fp32 master weights, the gradients' sum over micro-batches, the global norm, and the schedule of the rate.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/decoder.h"
#include "engine/tensor.h"

namespace retort::engine {

/// A weight that learns. `compute` is what the decoder uses (a leaf that requires grad); `master` is f32, the same tensor when
/// `compute` is f32.
struct Trainable {
  std::string name;
  at::Tensor compute, master;
  at::Tensor m, v;                   ///< f32 moments
  at::Tensor gradient;               ///< sum of this step's micro-batches, f32 or (of a single one) compute type
  bool decays = false;               ///< matrices do, norms and biases do not
};

/// Makes `tensor` a leaf that requires grad, with its f32 master.
Trainable makeTrainable(std::string name, at::Tensor& tensor);

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.01, clip = 1.0;   ///< clip 0: none
};

class AdamW {
 public:
  AdamW(std::vector<Trainable> parameters, AdamWOptions options);

  /// Takes the gradients that a backward pass left at the compute weights into this step's sum, and clears them.
  void collect();
  struct StepResult {
    double gradientNorm = 0;         ///< of the divided gradients, before clipping; not finite: nothing was changed
    bool applied = false;
  };
  /// One update at `rate` with gradients divided by `denominator` and clipped to the global norm; then forgets them. A norm that
  /// is not finite changes nothing.
  StepResult step(double rate, double denominator);
  /// Forgets this step's gradients.
  void discard();

  [[nodiscard]] std::vector<Trainable>& parameters() { return m_parameters; }
  [[nodiscard]] const std::vector<Trainable>& parameters() const { return m_parameters; }
  [[nodiscard]] std::int64_t steps() const;
  /// Names of weights that got no gradient in this step (there must be none).
  [[nodiscard]] std::vector<std::string> withoutGradient() const;

  /// Moments and step count, under "m.<name>", "v.<name>", "steps"; and the f32 masters under their names.
  [[nodiscard]] std::vector<NamedHostTensor> state() const;
  [[nodiscard]] std::vector<NamedHostTensor> masters() const;
  /// Puts them back, bit for bit. Error "engine.checkpoint.tensors" when names or shapes differ.
  Status restore(const std::vector<NamedHostTensor>& masters, const std::vector<NamedHostTensor>& state);
  Status restoreMasters(const std::vector<NamedHostTensor>& masters);
  /// Moments to zero, count to zero: for the next method of a run.
  void reset();

 private:
  std::vector<Trainable> m_parameters;
  AdamWOptions m_options;
  at::Tensor m_steps;                ///< f32 scalar, shared by all
};

/// Share of the rate at step `step` (from 0) of `steps`: linear warm-up over warmup * steps, then linear (or
/// half a cosine's) decay towards `floor`.
[[nodiscard]] double scheduleShare(std::int64_t step, std::int64_t steps, double warmup, double floor, bool cosine = false);

}  // namespace retort::engine
