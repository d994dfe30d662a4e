// What a run will need: bytes by part, disk and time, from configs alone. No tensors here.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "job/run_spec.h"
#include "models/decoder_config.h"

namespace retort::job {

struct EstimateInput {
  RunSpec spec;
  models::DecoderConfig student;             ///< as in its file, before layers are taken
  std::optional<models::DecoderConfig> teacher;
  std::vector<std::int64_t> rowTokens;       ///< tokens of each training row
  double supervisedShare = 0.35;             ///< of the tokens; measured by the label check
  double tokensPerSecond = 0;                ///< measured training speed of this device and model; 0: from `flops`
  double flops = 0;                          ///< usable FLOP/s of the device (from the worker's bench); 0: unknown
  bool isCuda = false;
};

struct MemoryParts {
  std::uint64_t weights = 0, gradients = 0, optimiser = 0, activations = 0, headChunk = 0, teacher = 0, cache = 0, runtime = 0;
  std::uint64_t reused = 0;                  ///< of gradients and activations: bytes of one that the other has given back by then
  [[nodiscard]] std::uint64_t total() const { return weights + gradients + optimiser + activations + headChunk + teacher + cache + runtime - reused; }
};

struct Estimate {
  MemoryParts memory;
  std::uint64_t diskBytes = 0, checkpointBytes = 0, studentBytes = 0, logitBytes = 0;
  std::int64_t parameters = 0, trainable = 0, steps = 0, tokens = 0;   ///< tokens: trained in all, with repeats
  double secondsLow = -1, seconds = -1, secondsHigh = -1;              ///< -1: nothing to go by
  double flopsPerToken = 0;
};

/// The formulas are those of reference distillation section 10 and engine section 12, for packed batches.
[[nodiscard]] Estimate estimateRun(const EstimateInput& input);
[[nodiscard]] Json toJson(const Estimate& estimate);

/// Parameters of adapters of rank `rank`: r * sum(in + out), over the four attention and the three feed-forward projections.
[[nodiscard]] std::int64_t loraParameters(const models::DecoderConfig& config, int rank);
/// Forward 2 N + 2 L S Q; training 3 times that (4 with checkpointing), two thirds of it for LoRA. Per token, S = mean length.
[[nodiscard]] double trainingFlops(const models::DecoderConfig& config, double meanLength, bool lora, bool checkpointing);

}  // namespace retort::job
