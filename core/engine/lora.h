// Low-rank adapters on a decoder's projections: attached, merged, and named as PEFT names them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/decoder.h"
#include "job/run_spec.h"

namespace retort::engine {

/// Adds an adapter to q, k, v, o, gate, up and down of every layer: A uniform in +-1/sqrt(in) (as PEFT starts it), drawn from
/// (seed, module); B zero, so that the model computes what it did. Both f32.
void attachLora(Decoder& decoder, const job::LoraSpec& spec, std::uint64_t seed);
/// Visits A and B of every adapter: fn("model.layers.0.self_attn.q_proj.lora_A.weight", tensor).
void forEachAdapter(Decoder& decoder, const std::function<void(const std::string& name, at::Tensor& tensor)>& fn);
/// W + scale B A, computed in f32 and rounded once to the weights' type; the adapters are gone afterwards, and so are
/// codes of fewer bits: the weights are dense again.
void mergeLora(Decoder& decoder);

}  // namespace retort::engine
