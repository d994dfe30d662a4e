// The loop of a training run: steps, orders from outside, checkpoints, the end.
#include "engine/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/autograd.h"
#include "engine/tensor_more.h"
#include "engine/trainer_impl.h"
#include "job/estimator.h"

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

Status Trainer::handleNotFinite(double norm) {
  ++m_notFinite;
  const Error error{"engine.training.nan", "The loss or its gradients are not finite", "step " + std::to_string(m_step + 1),
                    "the gradient norm is " + std::to_string(norm), "lower the learning rate, or train in f32", {}, {}};
  if (m_spec.train.onNan == "stop" || m_notFinite >= 10) return error;
  if (m_spec.train.onNan == "lower-rate") m_rateFactor /= 2;
  return m_reporter.warning(error);
}

/// The loss's moving average in its stage. Three times its least, and two nats more, is not noise: the run has left its course.
Status Trainer::watchCourse(double loss, bool& skip) {
  skip = false;
  if (!std::isfinite(loss)) return {};       // the gradients' norm will say so
  const double next = m_course < 0 ? loss : 0.8 * m_course + 0.2 * loss;
  ++m_courseSteps;
  if (m_courseSteps <= 5 || next <= 3 * m_bestCourse || next <= m_bestCourse + 2) {
    m_course = next;
    m_bestCourse = m_bestCourse < 0 ? next : std::min(m_bestCourse, next);
    m_offCourse = 0;
    return {};
  }
  const Error error{"engine.training.diverged", "The loss has left its course", "step " + std::to_string(m_step + 1),
                    "it averages " + formatNumber(next, 3) + ", and was " + formatNumber(m_bestCourse, 3) + " at its best", "lower the learning rate", {}, {}};
  if (m_spec.train.onNan == "stop" || ++m_offCourse >= 20) return error;
  if (m_spec.train.onNan == "lower-rate") m_rateFactor /= 2, m_course = m_bestCourse;   // it has its next steps to come back
  else skip = true;
  return m_reporter.warning(error);
}

double Trainer::meanTokens() const {
  double sum = 0;
  for (const auto& row : m_rows) sum += static_cast<double>(row.ids.size());
  return m_rows.empty() ? 0 : sum / static_cast<double>(m_rows.size());
}

Json Trainer::metricOf(const Stage& stage, const StepSums& sums, double rate, double norm, double seconds) const {
  const double perSecond = static_cast<double>(sums.tokens) / seconds;
  Json metric = {{"step", m_step},         {"method", stage.name()},            {"loss", sums.loss / sums.weight}, {"ce", sums.ce / sums.weight},
                 {"lr", rate},             {"grad_norm", norm},                 {"tokens_per_s", perSecond},
                 {"tokens", m_tokens},     {"supervised", sums.weight},         {"seconds", seconds}, {"peak_bytes", peakBytes(m_device)}, {"memory_bytes", usedBytes(m_device)}};
  const bool usesTeacher = std::any_of(stage.parts.begin(), stage.parts.end(), [](const Part& p) { return p.usesTeacher(); });
  if (usesTeacher) metric["kd"] = sums.kd / sums.weight;
  if (sums.rows > 0) metric["token_accuracy"] = static_cast<double>(sums.correct) / static_cast<double>(sums.rows);
  if (sums.pairs > 0) metric["margin"] = sums.margin / sums.pairs, metric["preferred"] = sums.preferred / sums.pairs, metric["pairs"] = sums.pairs;
  if (sums.policy) metric.update(sums.policy->toJson());
  if (m_peakFlops > 0)
    metric["mfu"] = job::trainingFlops(m_student.config, m_meanTokens, m_spec.student.tuning != "full", m_spec.train.activationCheckpointing) * perSecond / m_peakFlops;
  return metric;
}

Status Trainer::trainOne(std::int64_t step) {
  const double began = monotonicSeconds();
  Stage& stage = stageAt(step);
  if (step == stage.first && step > 0) {     // each method starts with fresh moments
    m_optimiser->reset();
    m_course = m_bestCourse = -1;
    m_courseSteps = 0;
    m_watch = {};
    RETORT_CHECK(beginStage(static_cast<std::size_t>(&stage - m_stages.data())));
  }
  RETORT_TRY(const StepSums sums, passes(stage, step));
  bool skip = false;
  RETORT_CHECK(watchCourse(sums.loss / sums.weight, skip));
  const double rate = m_rateFactor * stage.spec().learningRate * scheduleShare(step - stage.first, stage.steps, stage.spec().warmup, stage.spec().floor, stage.spec().schedule == "cosine");
  AdamW::StepResult result;
  RETORT_CHECK(guarded("The optimiser's step", [&]() -> Status {
    if (skip) m_optimiser->discard();
    else if (std::isfinite(sums.loss)) result = m_optimiser->step(rate, sums.weight);
    else m_optimiser->discard(), result.gradientNorm = std::nan("");
    return {};
  }));
  if (!result.applied && !skip) RETORT_CHECK(handleNotFinite(result.gradientNorm));
  else m_notFinite = 0;
  m_tokens += sums.tokens;
  m_step = step + 1;
  synchronise(m_device);
  giveBackHoles(m_step, m_device);
  RETORT_CHECK(m_reporter.event("metric", metricOf(stage, sums, rate, result.gradientNorm, monotonicSeconds() - began)));
  for (const Part& part : stage.parts)
    if (part.isOnPolicy()) RETORT_CHECK(watchPolicy(part, sums));
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
             {"best_nll", m_bestNll}, {"best_score", m_bestScore ? jsonNumber(*m_bestScore) : Json(nullptr)}, {"since_best", m_sinceBest},
             {"course", {m_course, m_bestCourse, static_cast<double>(m_courseSteps), static_cast<double>(m_offCourse)}}, {"policy", m_watch.state()}, {"rollouts_from", m_rolloutsFrom}, {"measured_step", m_measuredStep}, {"rate_factor", m_rateFactor}, {"micro_tokens", m_microTokens},
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
  result.extra["metric"] = m_spec.eval.metric;
  result.extra["best_score"] = m_bestScore ? jsonNumber(*m_bestScore) : Json(nullptr);
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
  const auto stage = static_cast<std::size_t>(&stageAt(m_step) - m_stages.data());
  RETORT_CHECK(beginStage(stage));
  if (m_step == 0) RETORT_CHECK(smoke());
  m_peakFlops = productFlops(m_device, m_type == at::kBFloat16);
  m_meanTokens = meanTokens();
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
      static const std::set<std::string_view> kept{"engine.memory.short", "engine.training.nan", "engine.training.diverged", "engine.policy.kl", "engine.policy.flat"};
      if (kept.contains(status.error().code)) {
        if (const Status saved = checkpoint(); !saved.ok()) log(LogLevel::warning, "engine", saved.error().text());
      }
      return status.error();
    }
    const bool isLast = m_step == m_total;
    if (std::exchange(m_pauseAsked, false) && !isLast) {
      m_watch = {};                          // whoever lets it go on has seen it
      RETORT_TRY(const auto afterPause, waitPaused());
      if (afterPause) return finish(*afterPause);
    }
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
