// A model ready to be asked: weights on the device, tokenizer, chat template, ids that end a turn.
#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "base/progress.h"
#include "engine/decoder.h"
#include "engine/device.h"
#include "models/text_parts.h"

namespace retort::engine {

struct ModelHost {
  std::shared_ptr<const models::ModelSource> source;
  models::TextParts text;
  Decoder decoder;
  Device device;
  std::vector<text::TokenId> stopIds;            ///< of the text parts and the configuration
  std::string dtype;                             ///< "bf16" | "f32" | "f16", or "int8" | "int4": bf16 with the matrices in so many bits
};

/// Opens and loads a model. `dtype`: bf16 | f32 | int8 | int4 (matrices in groups of 32, the head in 8 bits) | as-is (the stored type; bf16 for quantised files). `adapter`: a PEFT folder
/// laid over the weights and merged in f32, or empty.
Result<ModelHost> loadHost(const std::filesystem::path& path, const std::string& dtype, const Device& device,
                           const std::filesystem::path& adapter = {}, const ProgressFn& progress = {});

/// Attaches a PEFT adapter's pairs to the decoder's projections.
Status attachAdapter(Decoder& decoder, const std::filesystem::path& folder);

}  // namespace retort::engine
