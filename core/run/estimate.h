// What a run will need before it starts: memory by part, disk, time; and whether it fits this machine.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "job/run_spec.h"

namespace retort::run {

struct Forecast {
  std::vector<std::pair<std::string, std::uint64_t>> memory;   ///< bytes by part: weights, gradients, optimiser …
  std::uint64_t memoryReused = 0;                              ///< bytes of the parts that serve twice: the total is less than their sum
  std::uint64_t memoryTotal = 0, memoryFree = 0;               ///< bytes
  std::uint64_t disk = 0, diskFree = 0;                        ///< bytes
  double secondsLow = 0, secondsHigh = 0;
  std::int64_t parameters = 0, trainable = 0, rows = 0, steps = 0, tokensPerStep = 0;
  std::optional<Error> blocker;                                ///< why it cannot start, with the nearest setting that fits

  [[nodiscard]] std::vector<std::string> lines() const;        ///< for people
};

[[nodiscard]] Json toJson(const Forecast& forecast);

/// Usable FLOP/s of this machine in training: half of the bf16 products' rate that `retort-worker bench` measures, kept in the user's data
/// folder; 0 when there is no worker.
[[nodiscard]] double measuredFlops();

/// Opens the models' headers and counts the dataset's rows (no tensor is read).
Result<Forecast> estimate(const job::RunSpec& spec);

}  // namespace retort::run
