// The figures of the demo, from resources/presets/demo.json: sizes, rates and steps of its two forms, real and fast.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/run_spec.h"

namespace retort::line {

struct TrainPreset {
  std::int64_t steps = 0;
  int batchRows = 32, microTokens = 2048;
  double learningRate = 2e-4, kdWeight = 0.9, temperature = 1;
  bool freezeEmbeddings = true;
};

struct DemoPreset {
  std::string model;                 ///< library name of the model that becomes the teacher
  std::int64_t records = 0, golden = 0;
  std::uint64_t seed = 1;
  std::string systemPrompt;          ///< short prompt of teacher and student (the logged one is long)
  std::string split = "80/5/15";
  std::int64_t prompts = 0;          ///< training prompts that the teacher answers, at most
  std::int64_t testRows = 0;         ///< held-out rows, at most
  std::string layers;                ///< of the student, as in `model prune`
  TrainPreset teacher, student, compare;
  int topK = 64;
  int latencyPrompts = 64;
  double seconds = 0;                ///< measured length on the reference machine (tests/bench/RESULTS.md)
  double referenceGflops = 0;        ///< bf16 products of that machine, to scale by
};

/// `form` is "real" or "fast".
Result<DemoPreset> readDemoPreset(std::string_view form);

/// Fields of a run that a preset decides.
void applyPreset(const TrainPreset& preset, job::RunSpec& spec);

}  // namespace retort::line
