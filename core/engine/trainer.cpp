// The loop of a training run: steps, orders from outside, checkpoints, the end.
#include "engine/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/autograd.h"
#include "engine/tensor_more.h"
#include "engine/trainer_impl.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace retort::engine {
namespace {

/// Batches of ever new sizes leave holes in the heap, which is told to keep what it has: it grew by a third in 45 steps. Giving
/// the holes back now and then costs under 1 % of the time.
constexpr std::int64_t kTrimEvery = 16;

void giveBackHoles(std::int64_t step, const Device& device) {
#if defined(__GLIBC__)
  if (!device.isCuda() && step % kTrimEvery == 0) malloc_trim(0);
#endif
}

}  // namespace

Trainer::Trainer(const job::RunSpec& spec, const Device& device, RunReporter& reporter, const TrainOptions& options, const std::atomic<bool>& terminate)
    : m_spec(spec), m_device(device), m_reporter(reporter), m_options(options), m_terminate(terminate),
      m_type(spec.train.precision == "f32" ? at::kFloat : at::kBFloat16) {}

Stage& Trainer::stageAt(std::int64_t step) {
  for (auto& stage : m_stages)
    if (step < stage.first + stage.steps) return stage;
  return m_stages.back();
}

double Trainer::secondsLeft() const {
  const std::int64_t done = m_step - m_beganStep;
  return done > 0 ? (monotonicSeconds() - m_began) / static_cast<double>(done) * static_cast<double>(m_total - m_step) : -1;
}

Status Trainer::passOne(const Stage& stage, const std::vector<std::int64_t>& rows, StepSums& sums) {
  return guarded("A training step", [&]() -> Status {
    const MicroBatch batch = makeMicroBatch(m_rows, rows, m_device.device);
    HeadTargets targets;
    targets.labels = batch.labels;
    targets.weights = batch.weights;
    if (stage.teacher) RETORT_CHECK(stage.teacher->fill(m_rows, batch, targets));
    ForwardOptions options;
    options.documentLengths = batch.lengths;
    options.checkpointing = m_spec.train.activationCheckpointing;
    options.dropout = m_spec.student.lora.dropout > 0 && m_spec.student.tuning == "lora";
    const at::Tensor hidden = forwardHidden(m_student, batch.ids, options);
    const at::Tensor learnt = hidden.view({-1, hidden.size(-1)}).index_select(0, batch.positions);
    const HeadLoss loss = fusedHeadLoss(learnt, m_student.headWeight(), targets, stage.loss);
    torch::autograd::backward({loss.loss}, {});
    m_optimiser->collect();
    sums.loss += loss.loss.item<double>();
    sums.ce += loss.ce;
    sums.kd += loss.kd;
    sums.weight += loss.weight;
    sums.tokens += batch.tokens();
    return {};
  });
}

Result<Trainer::StepSums> Trainer::passes(const Stage& stage, std::int64_t step) {
  const auto rows = rowsOfStep(m_spec.seed, static_cast<std::int64_t>(m_rows.size()), m_batchRows, step);
  while (true) {
    StepSums sums;
    Status status;
    for (const auto& group : groupByTokens(m_rows, rows, m_microTokens)) {
      if (told()) {
        m_optimiser->discard();
        return cancelledError("A training step");
      }
      status = passOne(stage, group, sums);
      if (!status.ok()) break;
    }
    if (status.ok()) return sums;
    m_optimiser->discard();
    std::int64_t longest = 0;
    for (const std::int64_t r : rows) longest = std::max(longest, static_cast<std::int64_t>(m_rows[static_cast<std::size_t>(r)].ids.size()));
    if (status.error().code != "engine.memory.short" || m_microTokens / 2 < longest) return status.error();
    m_microTokens /= 2;                      // the same tokens a step, in smaller passes
    RETORT_CHECK(m_reporter.warning({"engine.memory.retry", "A step ran out of memory and is tried again with smaller passes", "step " + std::to_string(step),
                                     "micro_tokens is now " + std::to_string(m_microTokens), {}, status.error().detail, {}}));
  }
}

Status Trainer::handleNotFinite(double norm) {
  ++m_notFinite;
  const Error error{"engine.training.nan", "The loss or its gradients are not finite", "step " + std::to_string(m_step + 1),
                    "the gradient norm is " + std::to_string(norm), "lower the learning rate, or train in f32", {}, {}};
  if (m_spec.train.onNan == "stop" || m_notFinite >= 10) return error;
  if (m_spec.train.onNan == "lower-rate") m_rateFactor /= 2;
  return m_reporter.warning(error);
}

Status Trainer::trainOne(std::int64_t step) {
  const double began = monotonicSeconds();
  Stage& stage = stageAt(step);
  if (step == stage.first && step > 0) m_optimiser->reset();   // each method starts with fresh moments
  RETORT_TRY(const StepSums sums, passes(stage, step));
  const double rate = m_rateFactor * stage.spec.learningRate * scheduleShare(step - stage.first, stage.steps, stage.spec.warmup, stage.spec.floor);
  AdamW::StepResult result;
  RETORT_CHECK(guarded("The optimiser's step", [&]() -> Status {
    if (std::isfinite(sums.loss)) result = m_optimiser->step(rate, sums.weight);
    else m_optimiser->discard(), result.gradientNorm = std::nan("");
    return {};
  }));
  if (!result.applied) RETORT_CHECK(handleNotFinite(result.gradientNorm));
  else m_notFinite = 0;
  m_tokens += sums.tokens;
  m_step = step + 1;
  synchronise(m_device);
  giveBackHoles(m_step, m_device);
  const double seconds = monotonicSeconds() - began;
  Json metric = {{"step", m_step},         {"method", stage.spec.kind},         {"loss", sums.loss / sums.weight}, {"ce", sums.ce / sums.weight},
                 {"lr", rate},             {"grad_norm", result.gradientNorm},  {"tokens_per_s", static_cast<double>(sums.tokens) / seconds},
                 {"tokens", m_tokens},     {"supervised", sums.weight},         {"seconds", seconds}, {"peak_bytes", peakBytes(m_device)}};
  if (stage.usesTeacher()) metric["kd"] = sums.kd / sums.weight;
  RETORT_CHECK(m_reporter.event("metric", metric));
  return m_reporter.progress(m_step, m_total, secondsLeft());
}

Status Trainer::checkpoint() {
  if (m_savedStep == m_step) return {};
  RETORT_CHECK(m_reporter.phase(job::Phase::saving, "Saving a checkpoint"));
  Checkpoint c;
  c.step = m_step;
  c.masters = m_optimiser->masters();
  c.optimiser = m_optimiser->state();
  c.rng = generatorState();
  c.state = {{"spec", sha256Hex(dumpJson(job::toJson(m_spec)))}, {"data", m_spec.data.sha256}, {"tokens", m_tokens}, {"best_step", m_bestStep},
             {"best_nll", m_bestNll}, {"since_best", m_sinceBest}, {"measured_step", m_measuredStep}, {"rate_factor", m_rateFactor}, {"micro_tokens", m_microTokens},
             {"seconds", m_secondsBefore + monotonicSeconds() - m_began}, {"torch", m_device.torchVersion}, {"threads", m_device.threads}, {"device", m_device.text()},
             {"made", isoUtc(utcMicros())}};
  const fs::path root = m_reporter.folder() / "checkpoints";
  RETORT_CHECK(saveCheckpoint(root, c));
  m_savedStep = m_step;
  pruneCheckpoints(root, m_spec.train.keepLast, m_spec.eval.keepBest ? m_bestStep : -1);
  RETORT_CHECK(m_reporter.event("checkpoint", {{"step", m_step}, {"path", "checkpoints/" + std::to_string(m_step)}}));
  RETORT_CHECK(m_reporter.change([](job::State& s) { s.resumable = true; }));
  return m_reporter.phase(job::Phase::training, "Training the student");
}

Result<std::optional<Outcome>> Trainer::waitPaused() {
  RETORT_CHECK(checkpoint());
  RETORT_CHECK(m_reporter.phase(job::Phase::paused, "Paused"));
  const double began = monotonicSeconds();
  while (!told()) {
    const auto word = m_reporter.takeControl();
    if (!word) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    if (*word == "stop-save") return std::optional(Outcome::stopped);
    if (*word == "stop-discard") return std::optional(Outcome::discarded);
    if (*word != "resume") continue;
    m_began += monotonicSeconds() - began;   // a pause is not training time
    RETORT_CHECK(m_reporter.phase(job::Phase::training, "Training the student"));
    return std::optional<Outcome>{};
  }
  return std::optional(Outcome::interrupted);
}

Result<std::optional<Outcome>> Trainer::obey() {
  if (told()) return std::optional(Outcome::interrupted);
  while (const auto word = m_reporter.takeControl()) {
    if (*word == "stop-save") return std::optional(Outcome::stopped);
    if (*word == "stop-discard") return std::optional(Outcome::discarded);
    if (*word == "evaluate-now") RETORT_CHECK(evaluate());
    if (*word == "pause") {
      RETORT_TRY(const auto outcome, waitPaused());
      if (outcome) return outcome;
    }
  }
  return std::optional<Outcome>{};
}

Result<TrainResult> Trainer::finish(Outcome outcome) {
  TrainResult result{outcome, Json::object()};
  const double seconds = m_secondsBefore + monotonicSeconds() - m_began;
  std::error_code ignored;
  if (outcome == Outcome::discarded) {
    fs::remove_all(m_reporter.folder() / "checkpoints", ignored);
    RETORT_CHECK(m_reporter.change([](job::State& s) { s.resumable = false; }));
    return result;
  }
  RETORT_CHECK(checkpoint());                // also at the end: a run that extends this one begins there
  if (outcome == Outcome::interrupted) return result;
  if (m_spec.eval.keepBest && m_bestStep >= 0 && m_bestStep != m_step) {
    RETORT_TRY(const Checkpoint best, loadCheckpoint(m_reporter.folder() / "checkpoints" / std::to_string(m_bestStep)));
    RETORT_CHECK(m_optimiser->restoreMasters(best.masters));
  }
  RETORT_CHECK(m_reporter.phase(job::Phase::saving, "Saving the student"));
  RETORT_TRY(result.extra, saveStudent());
  result.extra["steps"] = m_step;
  result.extra["seconds"] = seconds;
  result.extra["tokens"] = m_tokens;
  result.extra["peak_bytes"] = peakBytes(m_device);
  result.extra["best_nll"] = m_bestNll >= 0 ? Json(m_bestNll) : Json(nullptr);
  result.extra["best_step"] = m_bestStep >= 0 ? Json(m_bestStep) : Json(nullptr);
  result.extra["used_step"] = m_spec.eval.keepBest && m_bestStep >= 0 ? m_bestStep : m_step;
  return result;
}

Result<TrainResult> Trainer::run() {
  resetPeak(m_device);
  m_began = monotonicSeconds();
  RETORT_CHECK(prepare());
  if (told()) return TrainResult{Outcome::interrupted, Json::object()};   // nothing is trained yet: the next start begins anew
  RETORT_CHECK(resume());
  if (m_step == 0) RETORT_CHECK(smoke());
  m_began = monotonicSeconds();
  m_beganStep = m_step;
  RETORT_CHECK(m_reporter.phase(job::Phase::training, "Training the student"));
  RETORT_CHECK(m_reporter.progress(m_step, m_total));
  if (m_step == 0 && m_spec.eval.every > 0) RETORT_CHECK(evaluate());     // where the student starts from
  while (m_step < m_total && !m_stopEarly) {
    RETORT_TRY(const auto outcome, obey());
    if (outcome) return finish(*outcome);
    const Status status = trainOne(m_step);
    if (!status.ok() && isCancelled(status.error()) && told()) return finish(Outcome::interrupted);
    if (!status.ok()) {
      // What was good before the failed step is kept, so that the run can go on with other settings.
      if (status.error().code == "engine.memory.short" || status.error().code == "engine.training.nan") {
        if (const Status saved = checkpoint(); !saved.ok()) log(LogLevel::warning, "engine", saved.error().text());
      }
      return status.error();
    }
    const bool isLast = m_step == m_total;
    if (m_spec.eval.every > 0 && (m_step % m_spec.eval.every == 0 || isLast)) RETORT_CHECK(evaluate());
    if (m_spec.train.checkpointEvery > 0 && m_step % m_spec.train.checkpointEvery == 0) RETORT_CHECK(checkpoint());
  }
  return finish(Outcome::done);
}

Result<TrainResult> trainRun(const job::RunSpec& spec, const Device& device, RunReporter& reporter, const TrainOptions& options, const std::atomic<bool>& terminate) {
  Trainer trainer(spec, device, reporter, options, terminate);
  return trainer.run();
}

}  // namespace retort::engine
