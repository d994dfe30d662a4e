// A decoder-only transformer described by data: all that the engine, the estimator and the writers need to know of a family.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::models {

struct RopeScaling {
  std::string type;                        ///< "" (none), "linear", "llama3"
  double factor = 1, lowFrequency = 1, highFrequency = 4;
  std::int64_t originalContext = 8192;
};

struct DecoderConfig {
  std::string family;                      ///< llama | mistral | qwen2 | qwen3 | smollm3
  std::int64_t vocab = 0, hidden = 0, layers = 0, heads = 0, kvHeads = 0, headDim = 0, ffn = 0, context = 0;
  double rmsEpsilon = 1e-5, ropeTheta = 10000;
  RopeScaling ropeScaling;
  bool tiedEmbeddings = true;
  bool qkvBias = false;                    ///< qwen2
  bool qkNorm = false;                     ///< qwen3: RMS norm per head before RoPE
  std::vector<int> nopeLayers;             ///< smollm3: layers without RoPE (indices)
  std::int64_t slidingWindow = 0;          ///< 0: none
  std::vector<std::int32_t> eosIds;        ///< every id that ends a turn
  std::int32_t bosId = -1, padId = -1;

  /// Number of parameters (tied head counted once). Formula: reference distillation section 10.
  [[nodiscard]] std::int64_t parameters() const;
  /// The same model with only `kept` layers.
  [[nodiscard]] DecoderConfig withLayers(const std::vector<int>& kept) const;
};

/// From a Hugging Face config.json (both spellings of rope and dtype keys). An unsupported architecture is refused by name.
Result<DecoderConfig> configFromHuggingFace(const Json& config, std::string_view where);
/// A config.json that transformers loads.
[[nodiscard]] Json configToHuggingFace(const DecoderConfig& config, std::string_view dtype);

}  // namespace retort::models
