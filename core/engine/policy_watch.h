// The live panel of on-policy training and its rules: when to say something, to sample anew, to pause, to give up.
#pragma once
#include <deque>
#include <string>

#include "base/json.h"

namespace retort::engine {

/// What one step shows of the student on its own answers.
struct PolicyFigures {
  double overlap = 0;                ///< share of the 16 best ids that student and teacher have in common
  double entropyGap = 0;             ///< H(p) - H(q), nats
  double studentEntropy = 0;
  double reverseKl = 0;              ///< mean, nats a position
  double length = 0;                 ///< tokens of an answer
  double endRate = 0;                ///< share of answers that ended by themselves
  double clipped = 0;                ///< share that max_tokens ended
  double ratio99 = 1;                ///< 99th percentile of q / q when sampled
  [[nodiscard]] Json toJson() const;
};

enum class PolicyAct { none, warn, regenerate, pause, stop };

struct PolicyVerdict {
  PolicyAct act = PolicyAct::none;
  std::string code, why;             ///< "engine.policy.flat" …, with the figures
};

/// Rules of reference distillation, section 7: overlap flat (under 1 point in 50 steps) while the entropy gap does not shrink, or
/// reverse KL not finite or three times its best average: stop; over 30 % clipped, or length doubled in 20 steps: pause;
/// importance ratio above 2: sample anew; student entropy under a third of its start: warn.
class PolicyWatch {
 public:
  PolicyVerdict add(const PolicyFigures& figures);
  /// Everything it remembers, for checkpoints.
  [[nodiscard]] Json state() const;
  void restore(const Json& state);

 private:
  std::deque<double> m_overlap, m_gap, m_length, m_clipped;   ///< of the last steps, newest last
  double m_average = -1, m_bestAverage = -1, m_firstEntropy = -1;
  bool m_warnedEntropy = false;
};

}  // namespace retort::engine
