// The decoder's forward path, and the names of its parts.
#include "engine/decoder.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/index_put.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <numeric>

#include "engine/attention.h"
#include "engine/checkpoint_segment.h"
#include "engine/dropout.h"
#include "engine/kernels.h"
#include "engine/kv_cache.h"

namespace retort::engine {
namespace {

/// What all layers of one pass share.
struct Pass {
  Rotation rotation;
  AttentionRule rule;
  std::int64_t heads = 0, kvHeads = 0, headDim = 0;
  double epsilon = 0;
  KvCache* cache = nullptr;
  at::Tensor slotIndex, positionIndex;           ///< [B] i64, where decode writes when lengths differ
  std::int64_t past = 0, seen = 0;               ///< cached positions before, and after this pass (the longest slot's)
};

Pass passOf(const Decoder& decoder) {
  Pass pass;
  pass.heads = decoder.config.heads;
  pass.kvHeads = decoder.config.kvHeads;
  pass.headDim = decoder.config.headDim;
  pass.epsilon = decoder.config.rmsEpsilon;
  return pass;
}

/// positions [R] f32 -> cos and sin [R, D/2].
Rotation rotationOf(const Decoder& decoder, const at::Tensor& positions) {
  const at::Tensor angles = at::outer(positions, decoder.inverseFrequencies);
  return {at::cos(angles), at::sin(angles)};
}

at::Tensor positionsFrom(std::int64_t first, std::int64_t count, const at::Device& device) {
  return at::arange(first, first + count, at::TensorOptions().dtype(at::kFloat).device(device));
}

/// Writes k and v [B, T, kv, D] into the cache and gives the cached ones up to `seen`, [B, kv, S, D].
std::pair<at::Tensor, at::Tensor> throughCache(const Pass& pass, std::size_t layer, const at::Tensor& k, const at::Tensor& v) {
  at::Tensor& keys = pass.cache->keys[layer];
  at::Tensor& values = pass.cache->values[layer];
  if (pass.slotIndex.defined()) {
    // [slots, capacity, kv, D] seen from outside, so that (slot, position) pairs index the first two dimensions.
    keys.transpose(1, 2).index_put_({pass.slotIndex, pass.positionIndex}, k.select(1, 0));
    values.transpose(1, 2).index_put_({pass.slotIndex, pass.positionIndex}, v.select(1, 0));
  } else {
    keys.narrow(2, pass.past, k.size(1)).copy_(k.transpose(1, 2));
    values.narrow(2, pass.past, v.size(1)).copy_(v.transpose(1, 2));
  }
  return {keys.narrow(2, 0, pass.seen), values.narrow(2, 0, pass.seen)};
}

at::Tensor attentionBlock(const Layer& layer, const Pass& pass, std::size_t index, const at::Tensor& x) {
  const at::Tensor qkv = layer.qkv(x);
  const Rotation none;
  const Rotation& rotation = layer.rope ? pass.rotation : none;
  at::Tensor q, k, v;
  if (layer.qNorm.defined()) {
    std::tie(q, k, v) = splitAndRotate(qkv, none, pass.heads, pass.kvHeads, pass.headDim);
    q = rotate(rmsNorm(q, layer.qNorm, pass.epsilon), rotation);
    k = rotate(rmsNorm(k, layer.kNorm, pass.epsilon), rotation);
  } else {
    std::tie(q, k, v) = splitAndRotate(qkv, rotation, pass.heads, pass.kvHeads, pass.headDim);
  }
  if (!pass.cache) return layer.o(attend(q, k, v, pass.rule));
  const auto [keys, values] = throughCache(pass, index, k, v);
  return layer.o(attendHeadsFirst(q, keys, values, pass.rule));
}

at::Tensor layerForward(const Layer& layer, const Pass& pass, std::size_t index, const at::Tensor& x) {
  const at::Tensor middle = x + attentionBlock(layer, pass, index, rmsNorm(x, layer.inputNorm, pass.epsilon));
  return middle + layer.down(swiGlu(layer.gateUp(rmsNorm(middle, layer.postNorm, pass.epsilon))));
}

}  // namespace

at::Tensor forwardHidden(const Decoder& decoder, const at::Tensor& ids, const ForwardOptions& options) {
  at::Tensor x = options.inputEmbeddings ? *options.inputEmbeddings : at::embedding(decoder.embedding, ids);
  const std::int64_t t = x.size(1);
  Pass pass = passOf(decoder);
  if (options.documentLengths.empty()) {
    pass.rotation = rotationOf(decoder, positionsFrom(0, t, x.device()));
    pass.rule = causalRule(t, decoder.config.slidingWindow, x.device());
  } else {
    std::vector<at::Tensor> positions;
    for (const std::int64_t length : options.documentLengths) positions.push_back(positionsFrom(0, length, x.device()));
    pass.rotation = rotationOf(decoder, at::cat(positions));
    pass.rule = packedRule(options.documentLengths, decoder.config.slidingWindow, x.device());
  }
  const DropoutScope dropout(options.dropout);
  const bool checkpointing = options.checkpointing && c10::GradMode::is_enabled();
  // A checkpointed segment trains only when its input requires grad: always so with a frozen embedding.
  if (checkpointing && !x.requires_grad()) x = x.detach().requires_grad_();
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    if (!checkpointing) {
      x = layerForward(decoder.layers[i], pass, i, x);
      continue;
    }
    x = checkpointed(x, [layer = decoder.layers[i], pass, i](const at::Tensor& in) { return layerForward(layer, pass, i, in); }, options.dropout);
  }
  return rmsNorm(x, decoder.finalNorm, decoder.config.rmsEpsilon);
}

at::Tensor forwardCached(const Decoder& decoder, const at::Tensor& ids, KvCache& cache) {
  const c10::NoGradGuard noGrad;
  const std::int64_t t = ids.size(1);
  const at::Device device = decoder.device();
  const auto [shortest, longest] = std::minmax_element(cache.lengths.begin(), cache.lengths.end());
  const bool ragged = *shortest != *longest;
  TORCH_CHECK(t == 1 || !ragged, "rows of different cached lengths take one token at a time");
  Pass pass = passOf(decoder);
  pass.cache = &cache;
  pass.past = *longest;
  pass.seen = pass.past + t;
  if (cache.capacity() < pass.seen) cache.grow(std::max(pass.seen, cache.capacity() + cache.capacity() / 2));
  if (ragged) {
    pass.positionIndex = at::tensor(cache.lengths, at::kLong).to(device);
    pass.slotIndex = at::arange(cache.slots(), at::TensorOptions().dtype(at::kLong).device(device));
    pass.rotation = rotationOf(decoder, pass.positionIndex.to(at::kFloat));
    pass.rule = decodeRule(cache.lengths, decoder.config.slidingWindow, decoder.dtype(), device);
  } else {
    pass.rotation = rotationOf(decoder, positionsFrom(pass.past, t, device));
    pass.rule = t == 1 ? decodeRule(cache.lengths, decoder.config.slidingWindow, decoder.dtype(), device)
                       : chunkRule(t, pass.past, decoder.config.slidingWindow, device);
  }
  at::Tensor x = at::embedding(decoder.embedding, ids);
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) x = layerForward(decoder.layers[i], pass, i, x);
  for (auto& length : cache.lengths) length += t;
  return rmsNorm(x, decoder.finalNorm, decoder.config.rmsEpsilon);
}

std::int64_t KvCache::longest() const { return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end()); }

KvCache KvCache::make(const Decoder& decoder, std::int64_t slots, std::int64_t capacity) {
  KvCache cache;
  const auto& c = decoder.config;
  const auto options = decoder.embedding.options().requires_grad(false);
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    // Zeros: positions not written yet are masked, and a mask does not stop a NaN.
    cache.keys.push_back(at::zeros({slots, c.kvHeads, capacity, c.headDim}, options));
    cache.values.push_back(at::zeros({slots, c.kvHeads, capacity, c.headDim}, options));
  }
  cache.lengths.assign(static_cast<std::size_t>(slots), 0);
  return cache;
}

void KvCache::grow(std::int64_t capacityWanted) {
  const std::int64_t used = std::min(longest(), capacity());
  const auto larger = [&](at::Tensor& x) {
    at::Tensor next = at::zeros({x.size(0), x.size(1), capacityWanted, x.size(3)}, x.options());
    next.narrow(2, 0, used).copy_(x.narrow(2, 0, used));
    x = std::move(next);
  };
  for (auto& x : keys) larger(x);
  for (auto& x : values) larger(x);
}

void KvCache::select(const std::vector<std::int64_t>& chosen) {
  const at::Tensor index = at::tensor(chosen, at::kLong).to(keys.front().device());
  for (auto& x : keys) x = x.index_select(0, index);
  for (auto& x : values) x = x.index_select(0, index);
  std::vector<std::int64_t> next;
  for (const std::int64_t slot : chosen) next.push_back(lengths[static_cast<std::size_t>(slot)]);
  lengths = std::move(next);
}

std::int64_t cacheBytesPerToken(const models::DecoderConfig& config, at::ScalarType dtype) {
  return 2 * config.layers * config.kvHeads * config.headDim * static_cast<std::int64_t>(c10::elementSize(dtype));
}

void forEachParameter(Decoder& decoder, const std::function<void(const std::string&, at::Tensor&)>& fn) {
  const auto visit = [&](const std::string& name, at::Tensor& tensor) {
    if (tensor.defined()) fn(name, tensor);
  };
  visit("model.embed_tokens.weight", decoder.embedding);
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    Layer& layer = decoder.layers[i];
    const std::string base = "model.layers." + std::to_string(i) + ".";
    visit(base + "input_layernorm.weight", layer.inputNorm);
    visit(base + "self_attn.qkv_proj.weight", layer.qkv.weight);
    visit(base + "self_attn.qkv_proj.bias", layer.qkv.bias);
    visit(base + "self_attn.q_norm.weight", layer.qNorm);
    visit(base + "self_attn.k_norm.weight", layer.kNorm);
    visit(base + "self_attn.o_proj.weight", layer.o.weight);
    visit(base + "post_attention_layernorm.weight", layer.postNorm);
    visit(base + "mlp.gate_up_proj.weight", layer.gateUp.weight);
    visit(base + "mlp.down_proj.weight", layer.down.weight);
  }
  visit("model.norm.weight", decoder.finalNorm);
  visit("lm_head.weight", decoder.head.weight);
}

void forEachParameter(const Decoder& decoder, const std::function<void(const std::string&, const at::Tensor&)>& fn) {
  forEachParameter(const_cast<Decoder&>(decoder), [&](const std::string& name, at::Tensor& tensor) { fn(name, tensor); });
}

void forEachProjection(Decoder& decoder, const std::function<void(const std::string&, Linear&, std::int64_t, std::int64_t)>& fn) {
  const auto& c = decoder.config;
  const std::int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim;
  for (std::size_t i = 0; i < decoder.layers.size(); ++i) {
    Layer& layer = decoder.layers[i];
    const std::string base = "model.layers." + std::to_string(i) + ".";
    fn(base + "self_attn.q_proj", layer.qkv, 0, q);
    fn(base + "self_attn.k_proj", layer.qkv, q, q + kv);
    fn(base + "self_attn.v_proj", layer.qkv, q + kv, q + 2 * kv);
    fn(base + "self_attn.o_proj", layer.o, 0, c.hidden);
    fn(base + "mlp.gate_proj", layer.gateUp, 0, c.ffn);
    fn(base + "mlp.up_proj", layer.gateUp, c.ffn, 2 * c.ffn);
    fn(base + "mlp.down_proj", layer.down, 0, c.hidden);
  }
}

std::vector<NamedHostTensor> unfused(const Decoder& decoder, at::ScalarType dtype) {
  const c10::NoGradGuard noGrad;
  const auto& c = decoder.config;
  const std::int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim;
  std::vector<NamedHostTensor> out;
  const auto put = [&](const std::string& name, const at::Tensor& tensor) {
    out.push_back({name, tensor.detach().to(at::kCPU, dtype).contiguous().clone()});
  };
  const auto replaced = [](std::string name, std::string_view from, std::string_view to) {
    return name.replace(name.find(from), from.size(), to);
  };
  forEachParameter(decoder, [&](const std::string& name, const at::Tensor& tensor) {
    if (name.find("qkv_proj") != std::string::npos) {
      put(replaced(name, "qkv_proj", "q_proj"), tensor.narrow(0, 0, q));
      put(replaced(name, "qkv_proj", "k_proj"), tensor.narrow(0, q, kv));
      put(replaced(name, "qkv_proj", "v_proj"), tensor.narrow(0, q + kv, kv));
    } else if (name.find("gate_up_proj") != std::string::npos) {
      put(replaced(name, "gate_up_proj", "gate_proj"), tensor.narrow(0, 0, c.ffn));
      put(replaced(name, "gate_up_proj", "up_proj"), tensor.narrow(0, c.ffn, c.ffn));
    } else {
      put(name, tensor);
    }
  });
  return out;
}

}  // namespace retort::engine
