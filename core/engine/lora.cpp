// Low-rank adapters: see reference engine, section 8.
#include "engine/lora.h"

#include <cmath>

#include "base/random.h"
#include "engine/tensor_more.h"

namespace retort::engine {

void attachLora(Decoder& decoder, const job::LoraSpec& spec, std::uint64_t seed) {
  const double scale = spec.rankStabilised ? spec.alpha / std::sqrt(static_cast<double>(spec.rank)) : spec.alpha / spec.rank;
  const at::Device device = decoder.device();
  forEachProjection(decoder, [&](const std::string& module, Linear& linear, std::int64_t rowBegin, std::int64_t rowEnd) {
    const std::int64_t in = linear.in();
    Random random(seed, "lora " + module);
    at::Tensor a = at::empty({spec.rank, in}, at::kFloat);
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    float* values = a.data_ptr<float>();
    for (std::int64_t i = 0; i < a.numel(); ++i) values[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
    LoraPart part;
    part.rowBegin = rowBegin;
    part.rowEnd = rowEnd;
    part.a = a.to(device);
    part.b = at::zeros({rowEnd - rowBegin, spec.rank}, at::TensorOptions().dtype(at::kFloat).device(device));
    part.scale = scale;
    part.dropout = spec.dropout;
    linear.lora.push_back(std::move(part));
  });
}

void forEachAdapter(Decoder& decoder, const std::function<void(const std::string&, at::Tensor&)>& fn) {
  forEachProjection(decoder, [&](const std::string& module, Linear& linear, std::int64_t rowBegin, std::int64_t) {
    for (auto& part : linear.lora) {
      if (part.rowBegin != rowBegin) continue;
      fn(module + ".lora_A.weight", part.a);
      fn(module + ".lora_B.weight", part.b);
    }
  });
}

void mergeLora(Decoder& decoder) {
  const c10::AutoGradMode off(false);
  const at::ScalarType type = decoder.dtype();
  const auto merge = [&](Linear& linear) {
    if (linear.lora.empty() && !linear.quantised.defined()) return;
    at::Tensor weight = linear.quantised.defined() ? dequantised(linear.quantised, at::kFloat) : linear.weight.detach().to(at::kFloat, false, true);
    for (const auto& part : linear.lora)
      weight.narrow(0, part.rowBegin, part.rowEnd - part.rowBegin).add_(at::mm(part.b.to(at::kFloat), part.a.to(at::kFloat)), part.scale);
    linear.weight = weight.to(type);
    linear.quantised = {};
    linear.lora.clear();
  };
  for (auto& layer : decoder.layers)
    for (Linear* linear : {&layer.qkv, &layer.o, &layer.gateUp, &layer.down}) merge(*linear);
}

}  // namespace retort::engine
