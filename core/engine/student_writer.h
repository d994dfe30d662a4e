// The student as its saved file: weights rounded once to bf16 in a Hugging Face folder, and the adapter beside it.
#pragma once
#include <filesystem>
#include <string>

#include "engine/decoder.h"
#include "job/run_spec.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::engine {

/// Writes `target` (replacing it) from the decoder's weights, given by `tensors` under Hugging Face names; tokenizer and template
/// are the source's. `stopIds` end an answer.
Status writeStudent(const std::filesystem::path& target, const models::DecoderConfig& config, std::vector<NamedHostTensor> tensors,
                    const models::ModelSource& source, const std::vector<text::TokenId>& stopIds);
/// Writes the adapters as a PEFT folder (replacing it).
Status writeAdapterFolder(const std::filesystem::path& target, Decoder& decoder, const job::LoraSpec& spec, const std::string& baseModel);
/// The decoder with adapters merged in f32 and every weight in `dtype`; weights that have that type already are shared.
Decoder mergedCopy(const Decoder& decoder, at::ScalarType dtype);

}  // namespace retort::engine
