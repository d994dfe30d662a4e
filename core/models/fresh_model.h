// A new model with random weights, as a Hugging Face folder: the beginning of the built-in tiny model, and a fixture of tests.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "models/decoder_config.h"

namespace retort::models {

struct FreshModel {
  DecoderConfig config;
  std::string tokenizerJson;        ///< bytes of tokenizer.json
  std::string chatTemplate;         ///< Jinja source
  std::string bosToken, eosToken;   ///< as the vocabulary writes them; may be empty
  std::uint64_t seed = 1;
};

/// Writes `folder` (made by rename): f32 weights drawn from N(0, 0.02), output projections of a layer scaled by 1/sqrt(2 layers)
/// as in GPT-2, norms 1. The same seed gives the same bytes everywhere.
Status writeFreshModel(const FreshModel& model, const std::filesystem::path& folder);

}  // namespace retort::models
