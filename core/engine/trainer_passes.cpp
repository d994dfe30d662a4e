// The forward and backward passes of one step, by method; and smaller ones when memory runs out.
#include <algorithm>
#include <cmath>

#include "engine/autograd.h"
#include "engine/tensor_more.h"
#include "engine/trainer_impl.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/sigmoid.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

void backward(const at::Tensor& loss, double scale) { torch::autograd::backward({scale == 1 ? loss : loss * scale}, {}); }

/// Rows of `part` at `step`: the endless order over the part's own rows.
std::vector<std::int64_t> rowsAt(const Part& part, std::uint64_t seed, std::int64_t batchRows, std::int64_t step) {
  auto picked = rowsOfStep(seed, static_cast<std::int64_t>(part.rows.size()), std::min(batchRows, static_cast<std::int64_t>(part.rows.size())), step);
  for (auto& row : picked) row = part.rows[static_cast<std::size_t>(row)];
  return picked;
}

double denominatorOf(const Part& part, const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which) {
  double sum = 0;
  for (const std::int64_t r : which) {
    const EncodedRow& row = rows[static_cast<std::size_t>(r)];
    sum += part.isDpo() ? static_cast<double>(row.weight) : static_cast<double>(row.weight) * static_cast<double>(row.supervised());
  }
  return sum;
}

/// ln q of the answers' tokens when they were sampled, [N]; undefined where that was not kept.
at::Tensor sampledLogProbs(const std::vector<const Rollout*>& rollouts, const std::vector<std::int64_t>& which, const at::Device& device) {
  std::vector<float> old;
  for (const std::int64_t r : which) {
    if (static_cast<std::size_t>(r) >= rollouts.size()) return {};
    const auto& logProbs = rollouts[static_cast<std::size_t>(r)]->logProbs;
    if (logProbs.empty()) return {};
    old.insert(old.end(), logProbs.begin(), logProbs.end());
  }
  return at::tensor(old, at::kFloat).to(device);
}

double ratio99(const at::Tensor& logQ, const at::Tensor& logOld) {
  const at::Tensor sorted = std::get<0>((logQ.to(at::kFloat) - logOld).exp().sort(0));
  return sorted[static_cast<std::int64_t>(0.99 * static_cast<double>(sorted.size(0) - 1))].item<double>();
}

std::vector<std::int64_t> allOf(const std::vector<EncodedRow>& rows) {
  std::vector<std::int64_t> all(rows.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  return all;
}

}  // namespace

at::Tensor Trainer::learntHidden(const MicroBatch& batch) const {
  ForwardOptions options;
  options.documentLengths = batch.lengths;
  options.checkpointing = m_spec.train.activationCheckpointing;
  options.dropout = m_spec.student.lora.dropout > 0 && m_spec.student.tuning != "full";
  const at::Tensor hidden = forwardHidden(m_student, batch.ids, options);
  return hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions);
}

Status Trainer::fillTeachers(const Part& part, const std::vector<EncodedRow>& rows, const MicroBatch& batch, HeadTargets& targets) {
  bool isFirst = true;
  for (const auto& [share, teacher] : part.teachers) {
    HeadTargets more;
    HeadTargets& into = isFirst ? targets : more;
    RETORT_CHECK(teacher->fill(rows, batch, into));
    into.share = share;
    if (!isFirst) targets.others.push_back(std::move(more));
    isFirst = false;
  }
  return {};
}

Status Trainer::passRows(const Part& part, const std::vector<EncodedRow>& rows, const std::vector<std::int64_t>& which, double scale, StepSums& sums) {
  return guarded("A training step", [&]() -> Status {
    const MicroBatch batch = makeMicroBatch(rows, which, m_device.device);
    HeadTargets targets;
    targets.labels = batch.labels;
    targets.weights = batch.weights;
    RETORT_CHECK(fillTeachers(part, rows, batch, targets));
    const at::Tensor learnt = learntHidden(batch);
    HeadLossOptions options = part.loss;
    options.countCorrect = true;
    const HeadLoss loss = fusedHeadLoss(learnt, m_student.headWeight(), targets, options);
    backward(loss.loss, scale);
    m_optimiser->collect();
    const at::Device device = batch.labels.device();
    if (part.isOnPolicy() && !sums.policy) {
      RETORT_CHECK(measurePolicy(learnt, targets, sums));
      if (const at::Tensor old = sampledLogProbs(m_rolloutOf, which, device); sums.policy && old.defined() && &rows == &m_rolloutRows)
        sums.policy->ratio99 = ratio99(labelLogProbs(learnt, m_student.headWeight(), batch.labels), old);
    }
    sums.loss += loss.loss.item<double>();
    sums.ce += loss.ce;
    sums.kd += loss.kd;
    sums.weight += loss.weight;
    sums.rows += loss.rows;
    sums.correct += loss.correct;
    sums.tokens += batch.tokens();
    return {};
  });
}

/// Policy gradient: each sampled token's log-probability times the ratio q / q_old and its advantage -(ln q_old - ln p).
Status Trainer::passSampled(const Part& part, const std::vector<std::int64_t>& which, double scale, StepSums& sums) {
  return guarded("A training step", [&]() -> Status {
    const MicroBatch batch = makeMicroBatch(m_rolloutRows, which, m_device.device);
    HeadTargets teacher;
    RETORT_CHECK(fillTeachers(part, m_rolloutRows, batch, teacher));
    const at::Tensor learnt = learntHidden(batch);
    const at::Tensor logOld = sampledLogProbs(m_rolloutOf, which, batch.labels.device());
    at::Tensor logP = at::zeros_like(logOld);
    const auto add = [&](const HeadTargets& t) { logP.add_(labelLogProbs(t.teacherHidden, t.teacherHead, batch.labels).to(at::kFloat), t.share); };
    add(teacher);
    for (const auto& other : teacher.others) add(other);
    const at::Tensor logQ = labelLogProbs(learnt, m_student.headWeight(), batch.labels).to(at::kFloat);
    const at::Tensor advantage = logP - logOld;
    HeadTargets targets;
    targets.labels = batch.labels;
    targets.weights = (logQ - logOld).exp() * advantage;
    const at::Tensor rowWeights = batch.weights.defined() ? batch.weights : at::ones_like(logOld);
    targets.weights.mul_(rowWeights);
    const HeadLoss loss = fusedHeadLoss(learnt, m_student.headWeight(), targets, {});
    backward(loss.loss, scale);
    m_optimiser->collect();
    if (!sums.policy) {
      RETORT_CHECK(measurePolicy(learnt, teacher, sums));
      if (sums.policy) sums.policy->ratio99 = ratio99(logQ, logOld);
    }
    // What is shown is the estimate of the reverse KL, E_q ln(q / p); the surrogate's own value says nothing.
    const double kl = -(advantage * rowWeights).sum(at::kDouble).item<double>();
    sums.loss += kl;
    sums.kd += kl;
    sums.ce += loss.ce;
    sums.weight += rowWeights.sum(at::kDouble).item<double>();
    sums.tokens += batch.tokens();
    return {};
  });
}

/// -ln sigmoid(beta margin): the gradient by each answer's log-probability is known once the margins are, so that the head's loss is a
/// weighted cross-entropy, and no logits are kept.
Status Trainer::passPairs(const Part& part, const std::vector<std::int64_t>& which, double scale, StepSums& sums) {
  return guarded("A training step", [&]() -> Status {
    const MicroBatch batch = makePairBatch(m_rows, which, m_device.device);
    const auto pairs = static_cast<std::int64_t>(which.size());
    const at::Tensor learnt = learntHidden(batch);
    const at::Tensor logQ = labelLogProbs(learnt, m_student.headWeight(), batch.labels).to(at::kDouble);
    const at::Tensor answers = at::zeros({2 * pairs}, logQ.options()).index_add_(0, batch.document, logQ).view({pairs, 2});
    std::vector<double> reference, weight;
    for (const std::int64_t r : which) {
      const auto& [chosen, rejected] = part.reference[static_cast<std::size_t>(r)];
      reference.push_back(chosen - rejected);
      weight.push_back(static_cast<double>(m_rows[static_cast<std::size_t>(r)].weight));
    }
    const at::Device device = logQ.device();
    const at::Tensor margin = answers.select(1, 0) - answers.select(1, 1) - at::tensor(reference, at::kDouble).to(device);
    const at::Tensor weights = at::tensor(weight, at::kDouble).to(device);
    const double beta = part.spec.dpo.beta;
    const at::Tensor pull = weights * beta * at::sigmoid(-beta * margin);          // of the chosen answer's tokens up, of the rejected down
    HeadTargets targets;
    targets.labels = batch.labels;
    targets.weights = at::stack({pull, -pull}, 1).view({2 * pairs}).index_select(0, batch.document).to(at::kFloat);
    const HeadLoss loss = fusedHeadLoss(learnt, m_student.headWeight(), targets, {});
    backward(loss.loss, scale);
    m_optimiser->collect();
    sums.loss += (weights * dpoRows(margin, beta)).sum().item<double>();
    sums.weight += weights.sum().item<double>();
    sums.pairs += static_cast<double>(pairs);
    sums.preferred += (margin > 0).sum().item<double>();
    sums.margin += margin.sum().item<double>();
    sums.tokens += batch.tokens();
    return {};
  });
}

Status Trainer::passesOf(Stage& stage, std::int64_t step, StepSums& sums) {
  const bool isMixed = stage.parts.size() > 1;
  double shares = 0;
  for (const Part& part : stage.parts) shares += part.spec.share;
  for (const Part& part : stage.parts) {
    if (part.isOnPolicy()) RETORT_CHECK(rollOut(stage, part, step));
    const auto& rows = part.isOnPolicy() ? m_rolloutRows : m_rows;
    const auto which = part.isOnPolicy() ? allOf(rows) : rowsAt(part, m_spec.seed, m_batchRows, step);
    const double share = part.spec.share / shares;
    const double scale = isMixed ? share / std::max(denominatorOf(part, rows, which), 1e-9) : 1;
    StepSums own;
    for (const auto& group : groupByTokens(rows, which, m_microTokens, part.isDpo())) {
      if (told()) return cancelledError("A training step");
      if (part.isDpo()) RETORT_CHECK(passPairs(part, group, scale, own));
      else if (part.isOnPolicy() && part.spec.onPolicy.estimator == "sampled") RETORT_CHECK(passSampled(part, group, scale, own));
      else RETORT_CHECK(passRows(part, rows, group, scale, own));
    }
    const double by = isMixed ? std::max(own.weight, 1e-9) / share : 1;
    sums.loss += own.loss / by;
    sums.ce += own.ce / by;
    sums.kd += own.kd / by;
    sums.weight += isMixed ? share : own.weight;
    sums.tokens += own.tokens;
    sums.rows += own.rows;
    sums.correct += own.correct;
    sums.pairs += own.pairs;
    sums.preferred += own.preferred;
    sums.margin += own.margin;
    if (own.policy) sums.policy = own.policy;
  }
  return {};
}

Result<StepSums> Trainer::passes(Stage& stage, std::int64_t step) {
  while (true) {
    StepSums sums;
    const Status status = passesOf(stage, step, sums);
    if (status.ok()) return sums;
    m_optimiser->discard();
    // The fullest pass of this step decides what half of it is; a row alone cannot be halved.
    std::int64_t longest = 0, fullest = 0;
    for (const Part& part : stage.parts) {
      const auto& rows = part.isOnPolicy() ? m_rolloutRows : m_rows;
      const auto which = part.isOnPolicy() ? allOf(rows) : rowsAt(part, m_spec.seed, m_batchRows, step);
      for (const auto& group : groupByTokens(rows, which, m_microTokens, part.isDpo())) {
        std::int64_t tokens = 0;
        for (const std::int64_t r : group) {
          tokens += tokensOf(rows[static_cast<std::size_t>(r)], part.isDpo());
          longest = std::max(longest, tokensOf(rows[static_cast<std::size_t>(r)], part.isDpo()));
        }
        fullest = std::max(fullest, tokens);
      }
    }
    RETORT_CHECK(smallerPasses(status.error(), "step " + std::to_string(step + 1), fullest, longest));
  }
}

/// Half the tokens a pass after `error`, where that was lack of memory, the user allows it and the pass held more than one row; else
/// the error, saying how much is missing and who has it.
Status Trainer::smallerPasses(Error error, const std::string& where, std::int64_t fullest, std::int64_t longest) {
  if (error.code != "engine.memory.short") return error;
  error.where = where + ", " + m_device.text();
  error.why = "a pass of " + std::to_string(fullest) + " tokens does not fit: " + memorySentence(m_device);
  if (m_spec.train.onMemory == "stop" || fullest <= longest) return error;
  m_microTokens = std::max(longest, fullest / 2);
  return m_reporter.warning({"engine.memory.retry", "A step ran out of memory and is tried again with smaller passes", error.where, error.why,
                             "micro_tokens is now " + std::to_string(m_microTokens) + "; a step still learns from the same rows", error.detail, {}});
}

}  // namespace retort::engine
