// One training run: data, student, teachers, methods, measurements, checkpoints, and the saved student at the end.
#pragma once
#include <atomic>
#include <filesystem>

#include "base/json.h"
#include "base/result.h"
#include "engine/device.h"
#include "engine/run_reporter.h"
#include "job/run_spec.h"

namespace retort::engine {

enum class Outcome {
  done,              ///< the student is saved
  stopped,           ///< stop-save: the student as it was is saved
  discarded,         ///< stop-discard: nothing is kept
  interrupted,       ///< told to end: a checkpoint is saved, the run can go on later
};

struct TrainResult {
  Outcome outcome = Outcome::done;
  Json extra;        ///< {"student","sha256","steps","seconds","best_nll",…}
};

struct TrainOptions {
  std::filesystem::path cacheRoot;   ///< where logit caches live (…/cache/logits)
};

/// What this engine cannot train is refused by name before anything is read: "engine.method.unsupported",
/// "engine.tuning.unsupported", "engine.teachers.several", "engine.loss.unsupported".
Status requireSupportedSpec(const job::RunSpec& spec);

/// Runs (or resumes) the run of `reporter`'s folder. `terminate` is watched between forward passes.
/// All of torch's calls are made on the calling thread.
Result<TrainResult> trainRun(const job::RunSpec& spec, const Device& device, RunReporter& reporter, const TrainOptions& options,
                             const std::atomic<bool>& terminate);

}  // namespace retort::engine
