// llama3's RoPE scaling as GGUF stores it: a divisor for each frequency (rope_freqs.weight) instead of its parameters.
#pragma once
#include <optional>
#include <vector>

#include "models/decoder_config.h"

namespace retort::models {

/// headDim/2 divisors: 1 for short wavelengths, `factor` for long ones, smooth between (reference engine, section 3).
[[nodiscard]] std::vector<float> llama3Divisors(const DecoderConfig& config);
/// The parameters that give these divisors (low 1, high 4, original context 8192 as published); nullopt when none do.
[[nodiscard]] std::optional<RopeScaling> llama3FromDivisors(const DecoderConfig& config, const std::vector<float>& divisors);

}  // namespace retort::models
