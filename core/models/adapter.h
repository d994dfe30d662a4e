// PEFT adapters (adapter_config.json and adapter_model.safetensors): LoRA pairs read, checked and written.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "models/decoder_config.h"

namespace retort::models {

/// One adapted weight: W + scale * B A.
struct AdapterPair {
  std::string module;                        ///< "model.layers.0.self_attn.q_proj"
  std::int64_t rank = 0, in = 0, out = 0;
  std::vector<float> a, b;                   ///< [rank, in] and [out, rank], row-major
};

struct Adapter {
  std::string baseModel;                     ///< base_model_name_or_path
  int rank = 0;
  double alpha = 0, dropout = 0;
  bool rankStabilised = false;               ///< use_rslora
  std::vector<std::string> targetModules;    ///< "q_proj" …; for people and PEFT, the pairs decide
  std::vector<AdapterPair> pairs;            ///< by module
  /// alpha / r, or alpha / sqrt(r) when rank-stabilised.
  [[nodiscard]] double scale() const;
};

/// Reads a folder. DoRA, biases, modules_to_save, embeddings and patterns are refused by name.
Result<Adapter> readAdapter(const std::filesystem::path& folder);
/// Writes a folder that PEFT loads; `dtype` of the tensors: "F32" | "BF16".
Status writeAdapter(const std::filesystem::path& folder, const Adapter& adapter, std::string_view dtype = "F32");
/// Every pair must be a projection of this model, in its shape.
Status checkAdapterFits(const Adapter& adapter, const DecoderConfig& config, std::string_view where);

}  // namespace retort::models
