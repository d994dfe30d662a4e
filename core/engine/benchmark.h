// What this device can do, in figures: products, prompt reading, decoding, on a random model of a real one's shape.
#pragma once
#include "base/json.h"
#include "engine/decoder.h"
#include "engine/device.h"

namespace retort::engine {

struct BenchmarkOptions {
  int layers = 30;                   ///< of a SmolLM2-135M shape
  bool f32 = false;                  ///< also in f32
  double seconds = 1.0;              ///< of each measurement, about
};

/// The shape of SmolLM2-135M with `layers` layers.
[[nodiscard]] models::DecoderConfig benchmarkConfig(int layers);

/// {"device","name","threads","torch","products":{"f32","bf16"} (GFLOP/s),"copy_mb_s","weights_mb",
///  "bf16":{"prefill_512","decode_1","decode_8","decode_1_weights_mb_s"} (tokens/s),…,"peak_bytes"}
Result<Json> benchmark(const Device& device, const BenchmarkOptions& options = {});

}  // namespace retort::engine
