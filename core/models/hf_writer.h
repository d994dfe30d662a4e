// Writes a model as a Hugging Face folder that transformers loads: configs, weights, tokenizer files.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/decoder_config.h"
#include "models/model_source.h"
#include "models/safetensors.h"

namespace retort::models {

struct HfFolderContent {
  DecoderConfig config;
  std::string dtype = "bfloat16";            ///< transformers' name of the weights' type
  std::vector<TensorToWrite> tensors;        ///< under Hugging Face names
  TokenizerFiles tokenizer;
};

/// Fills an existing empty folder. The caller makes it appear whole (FolderInTheMaking). Returns the names of the files.
Result<std::vector<std::string>> writeHfFolder(const std::filesystem::path& folder, HfFolderContent content);

}  // namespace retort::models
