// A decoder's tensors from a model's files, or from random numbers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "base/format.h"
#include "engine/decoder.h"
#include "engine/device.h"

namespace retort::engine {
namespace {

using models::DecoderConfig;
using models::DType;
using models::ModelSource;
using models::TensorInfo;

/// Radians a position of each dimension pair, with RoPE scaling (reference engine, section 3).
at::Tensor inverseFrequenciesOf(const DecoderConfig& config, const at::Device& device) {
  std::vector<float> frequencies;
  const auto& scaling = config.ropeScaling;
  for (std::int64_t i = 0; i < config.headDim / 2; ++i) {
    double frequency = std::pow(config.ropeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(config.headDim));
    if (scaling.type == "linear") {
      frequency /= scaling.factor;
    } else if (scaling.type == "llama3") {
      const double wave = 2 * std::numbers::pi / frequency;
      const double original = static_cast<double>(scaling.originalContext);
      if (wave > original / scaling.lowFrequency) {
        frequency /= scaling.factor;
      } else if (wave >= original / scaling.highFrequency) {
        const double s = (original / wave - scaling.lowFrequency) / (scaling.highFrequency - scaling.lowFrequency);
        frequency *= (1 - s) / scaling.factor + s;
      }
    }
    frequencies.push_back(static_cast<float>(frequency));
  }
  return at::tensor(frequencies, at::kFloat).to(device);
}

std::optional<at::ScalarType> scalarOf(DType dtype) {
  switch (dtype) {
    case DType::f32: return at::kFloat;
    case DType::f16: return at::kHalf;
    case DType::bf16: return at::kBFloat16;
    default: return std::nullopt;
  }
}

/// Reads named tensors into (row ranges of) torch tensors.
class Reader {
 public:
  Reader(const ModelSource& source, at::ScalarType dtype, at::Device device, const ProgressFn& progress)
      : m_source(source), m_dtype(dtype), m_device(device), m_meter(progress, "Loading model", "MB", 0) {
    for (const auto& tensor : source.tensors()) m_byName[tensor.name] = &tensor;
  }
  [[nodiscard]] bool has(const std::string& name) const { return m_byName.contains(name); }

  /// A tensor of exactly `shape`, from one or several stored ones one below the other.
  Result<at::Tensor> read(const std::vector<std::pair<std::string, std::int64_t>>& parts, const std::vector<std::int64_t>& shape) {
    at::Tensor whole = at::empty(shape, at::TensorOptions().dtype(m_dtype));
    std::int64_t row = 0;
    for (const auto& [name, rows] : parts) {
      auto partShape = shape;
      partShape[0] = rows;
      RETORT_CHECK(readInto(name, partShape, whole.narrow(0, row, rows)));
      row += rows;
    }
    return m_device.is_cpu() ? whole : whole.to(m_device);
  }
  Result<at::Tensor> read(const std::string& name, const std::vector<std::int64_t>& shape) { return read({{name, shape[0]}}, shape); }

 private:
  Status readInto(const std::string& name, const std::vector<std::int64_t>& shape, const at::Tensor& out) {
    const auto found = m_byName.find(name);
    if (found == m_byName.end())
      return Error{"engine.tensor.missing", "The model " + shown(m_source.name()) + " cannot be loaded", name, "the tensor is not in its files",
                   "Get the model again, or choose another one", {}, {}};
    const TensorInfo& info = *found->second;
    if (info.shape != shape)
      return Error{"engine.tensor.shape", "The model " + shown(m_source.name()) + " cannot be loaded", name,
                   "its shape is " + shapeText(info.shape) + ", but the model's configuration asks for " + shapeText(shape),
                   "Check that config.json belongs to these weights", {}, {}};
    const auto stored = scalarOf(info.dtype);
    const std::size_t count = static_cast<std::size_t>(out.numel());
    if (stored && *stored == m_dtype) {
      RETORT_CHECK(m_source.readRaw(info, {static_cast<std::byte*>(out.data_ptr()), info.bytes}));
    } else if (m_dtype == at::kFloat) {
      RETORT_CHECK(m_source.readF32(info, {static_cast<float*>(out.data_ptr()), count}));
    } else {
      m_buffer.resize(count);
      RETORT_CHECK(m_source.readF32(info, m_buffer));
      out.copy_(at::from_blob(m_buffer.data(), shape, at::kFloat));
    }
    m_done += info.bytes;
    m_meter.at(static_cast<std::int64_t>(m_done / 1'000'000));
    return {};
  }

  static std::string shapeText(const std::vector<std::int64_t>& shape) {
    std::vector<std::string> parts;
    for (const std::int64_t n : shape) parts.push_back(std::to_string(n));
    return "[" + join(parts, ", ") + "]";
  }

  const ModelSource& m_source;
  at::ScalarType m_dtype;
  at::Device m_device;
  ProgressMeter m_meter;
  std::map<std::string, const TensorInfo*> m_byName;
  std::vector<float> m_buffer;
  std::uint64_t m_done = 0;
};

Status loadLayer(Reader& reader, const DecoderConfig& c, int stored, Layer& layer) {
  const std::string base = "model.layers." + std::to_string(stored) + ".";
  const std::int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim, h = c.hidden;
  const std::string self = base + "self_attn.";
  const auto triple = [&](const std::string& suffix) {
    return std::vector<std::pair<std::string, std::int64_t>>{{self + "q_proj." + suffix, q}, {self + "k_proj." + suffix, kv}, {self + "v_proj." + suffix, kv}};
  };
  RETORT_TRY(layer.inputNorm, reader.read(base + "input_layernorm.weight", {h}));
  RETORT_TRY(layer.postNorm, reader.read(base + "post_attention_layernorm.weight", {h}));
  RETORT_TRY(layer.qkv.weight, reader.read(triple("weight"), {q + 2 * kv, h}));
  if (c.qkvBias) {
    RETORT_TRY(layer.qkv.bias, reader.read(triple("bias"), {q + 2 * kv}));
  }
  if (c.qkNorm) {
    RETORT_TRY(layer.qNorm, reader.read(self + "q_norm.weight", {c.headDim}));
    RETORT_TRY(layer.kNorm, reader.read(self + "k_norm.weight", {c.headDim}));
  }
  RETORT_TRY(layer.o.weight, reader.read(self + "o_proj.weight", {h, q}));
  RETORT_TRY(layer.gateUp.weight, reader.read({{base + "mlp.gate_proj.weight", c.ffn}, {base + "mlp.up_proj.weight", c.ffn}}, {2 * c.ffn, h}));
  RETORT_TRY(layer.down.weight, reader.read(base + "mlp.down_proj.weight", {h, c.ffn}));
  return {};
}

Status compressLayer(Layer& layer, int bits, const std::string& where) {
  for (Linear* linear : {&layer.qkv, &layer.o, &layer.gateUp, &layer.down}) {
    if (!quantisable(linear->weight))
      return Error{"engine.bits.width", "The model's weights cannot be kept in " + std::to_string(bits) + " bits", where,
                   "a row has " + std::to_string(linear->weight.size(1)) + " numbers, which is no multiple of 32", "Use bf16 weights, or lora instead of qlora", {}, {}};
    linear->compress(bits);
  }
  return {};
}

bool hasRope(const DecoderConfig& config, std::size_t layer) {
  return std::find(config.nopeLayers.begin(), config.nopeLayers.end(), static_cast<int>(layer)) == config.nopeLayers.end();
}

}  // namespace

Status requireSupported(const DecoderConfig& config, std::string_view where) {
  static const std::vector<std::string> known{"llama", "mistral", "qwen2", "qwen3", "smollm3"};
  if (std::find(known.begin(), known.end(), config.family) == known.end())
    return Error{"engine.family.unsupported", "The architecture " + shown(config.family) + " cannot be computed", std::string(where),
                 "the engine knows " + join(known, ", "), "Choose a model of one of these families", {}, {}};
  const auto& type = config.ropeScaling.type;
  if (!type.empty() && type != "linear" && type != "llama3")
    return Error{"engine.rope.unsupported", "The RoPE scaling " + shown(type) + " cannot be computed", std::string(where),
                 "the engine knows none, linear and llama3", "Choose another model", {}, {}};
  if (config.headDim <= 0 || config.headDim % 2 != 0 || config.kvHeads <= 0 || config.heads % config.kvHeads != 0)
    return Error{"engine.config.invalid", "The model's configuration is not usable", std::string(where),
                 "head_dim must be even, and the attention heads a multiple of the key-value heads", "Check config.json", {}, {}};
  return {};
}

Result<Decoder> loadDecoder(const ModelSource& source, at::ScalarType dtype, at::Device device, const std::vector<int>& keptLayers,
                            const ProgressFn& progress, int layerBits) {
  const DecoderConfig& all = source.config();
  RETORT_CHECK(requireSupported(all, source.name()));
  std::vector<int> kept = keptLayers;
  if (kept.empty()) {
    kept.resize(static_cast<std::size_t>(all.layers));
    std::iota(kept.begin(), kept.end(), 0);
  }
  for (const int layer : kept)
    if (layer < 0 || layer >= all.layers)
      return Error{"engine.layers.range", "Layer " + std::to_string(layer) + " cannot be kept", "student.layers",
                   "the model has layers 0 to " + std::to_string(all.layers - 1), "Choose layers of that range", {}, {}};
  Decoder decoder;
  const auto load = [&]() -> Status {
    const c10::NoGradGuard noGrad;
    Reader reader(source, dtype, device, progress);
    decoder.config = keptLayers.empty() ? all : all.withLayers(kept);
    const auto& c = decoder.config;
    decoder.inverseFrequencies = inverseFrequenciesOf(c, device);
    RETORT_TRY(decoder.embedding, reader.read("model.embed_tokens.weight", {c.vocab, c.hidden}));
    for (std::size_t i = 0; i < kept.size(); ++i) {
      Layer layer;
      layer.rope = hasRope(c, i);
      RETORT_CHECK(loadLayer(reader, c, kept[i], layer));
      if (layerBits > 0) RETORT_CHECK(compressLayer(layer, layerBits, source.name()));
      decoder.layers.push_back(std::move(layer));
    }
    RETORT_TRY(decoder.finalNorm, reader.read("model.norm.weight", {c.hidden}));
    if (!c.tiedEmbeddings) {
      RETORT_TRY(decoder.head.weight, reader.read("lm_head.weight", {c.vocab, c.hidden}));
    }
    return {};
  };
  RETORT_CHECK(guarded("Loading the model", load));
  return decoder;
}

Status compressForDecoding(Decoder& decoder, int bits) {
  return guarded("Compressing the model", [&]() -> Status {
    const c10::NoGradGuard noGrad;
    for (auto& layer : decoder.layers) RETORT_CHECK(compressLayer(layer, bits, "this model"));
    if (quantisable(decoder.headWeight())) decoder.quickHead = quantise(decoder.headWeight(), 8);
    return {};
  });
}

Decoder randomDecoder(const DecoderConfig& config, at::ScalarType dtype, at::Device device, std::uint64_t seed, double deviation) {
  const c10::NoGradGuard noGrad;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto random = [&](std::vector<std::int64_t> shape) {
    return (at::randn(shape, generator, at::TensorOptions().dtype(at::kFloat)) * deviation).to(dtype).to(device);
  };
  const auto ones = [&](std::int64_t n) { return at::ones({n}, at::TensorOptions().dtype(dtype).device(device)); };
  Decoder decoder;
  decoder.config = config;
  decoder.inverseFrequencies = inverseFrequenciesOf(config, device);
  const std::int64_t q = config.heads * config.headDim, kv = config.kvHeads * config.headDim;
  decoder.embedding = random({config.vocab, config.hidden});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    Layer layer;
    layer.rope = hasRope(config, static_cast<std::size_t>(i));
    layer.inputNorm = ones(config.hidden);
    layer.postNorm = ones(config.hidden);
    if (config.qkNorm) {
      layer.qNorm = ones(config.headDim);
      layer.kNorm = ones(config.headDim);
    }
    layer.qkv.weight = random({q + 2 * kv, config.hidden});
    if (config.qkvBias) layer.qkv.bias = random({q + 2 * kv});
    layer.o.weight = random({config.hidden, q});
    layer.gateUp.weight = random({2 * config.ffn, config.hidden});
    layer.down.weight = random({config.hidden, config.ffn});
    decoder.layers.push_back(std::move(layer));
  }
  decoder.finalNorm = ones(config.hidden);
  if (!config.tiedEmbeddings) decoder.head.weight = random({config.vocab, config.hidden});
  return decoder;
}

}  // namespace retort::engine
