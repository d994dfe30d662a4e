// A decoder-only transformer as plain tensors, and its one forward path, for training and inference.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "engine/linear.h"
#include "models/decoder_config.h"
#include "models/model_source.h"

namespace retort::engine {

struct Layer {
  at::Tensor inputNorm, postNorm;    ///< [H]
  at::Tensor qNorm, kNorm;           ///< [headDim], qwen3 only
  Linear qkv;                        ///< [(heads + 2 kvHeads) headDim, H]: q, k, v by rows
  Linear o;                          ///< [H, heads headDim]
  Linear gateUp;                     ///< [2 ffn, H]: gate, up by rows
  Linear down;                       ///< [H, ffn]
  bool rope = true;                  ///< false: no position encoding in this layer (smollm3)
};

struct Decoder {
  models::DecoderConfig config;      ///< of the kept layers
  at::Tensor embedding;              ///< [vocab, H]
  at::Tensor finalNorm;              ///< [H]
  Linear head;                       ///< [vocab, H]; weight undefined when tied
  Quantised quickHead;               ///< the head in fewer bits, for logits of few rows; may be undefined
  std::vector<Layer> layers;
  at::Tensor inverseFrequencies;     ///< [headDim / 2] f32: radians a position, RoPE scaling applied

  [[nodiscard]] at::Device device() const { return embedding.device(); }
  [[nodiscard]] at::ScalarType dtype() const { return embedding.scalar_type(); }
  /// The matrix that makes logits: the head, or the embedding when tied. [vocab, H]
  [[nodiscard]] const at::Tensor& headWeight() const { return head.weight.defined() ? head.weight : embedding; }
};

/// The families this decoder computes. Error "engine.family.unsupported", naming it, for any other.
Status requireSupported(const models::DecoderConfig& config, std::string_view where);

/// Reads a model's weights (`keptLayers`: the layers kept, in order; empty: all), de-quantised, fused, in `dtype` on `device`.
/// `layerBits` 4 or 8: the layers' matrices are kept in so many bits, each as soon as it is read (embedding and head are not).
/// Errors: missing or misshapen tensors by name, "engine.layers.range", "engine.bits.width", cancelled never.
Result<Decoder> loadDecoder(const models::ModelSource& source, at::ScalarType dtype, at::Device device,
                            const std::vector<int>& keptLayers = {}, const ProgressFn& progress = {}, int layerBits = 0);

/// A decoder of random weights (normal, deviation `deviation`; norms 1), for self-tests.
Decoder randomDecoder(const models::DecoderConfig& config, at::ScalarType dtype, at::Device device, std::uint64_t seed,
                      double deviation = 0.02);

struct ForwardOptions {
  const at::Tensor* inputEmbeddings = nullptr;   ///< [B, T, H] in place of the ids' embeddings (ids may then be undefined)
  /// Lengths of documents packed into a batch of one [1, sum]: attention stays inside a document, positions restart.
  std::vector<std::int64_t> documentLengths;
  bool checkpointing = false;        ///< keep only each layer's input for backward, compute the rest again
  bool dropout = false;              ///< training: adapters with a dropout use it
};

/// ids [B, T] (i64, right-padded; padding needs no mask because attention is causal) -> hidden states after the final norm
/// [B, T, H]. Differentiable in every parameter and in inputEmbeddings.
at::Tensor forwardHidden(const Decoder& decoder, const at::Tensor& ids, const ForwardOptions& options = {});

/// Keeps every matrix of the layers in `bits`, and the head in 8: for decoding, which then reads less memory.
Status compressForDecoding(Decoder& decoder, int bits);

/// hiddenRows [..., H] -> logits [..., vocab] in f32.
at::Tensor logitsOf(const Decoder& decoder, const at::Tensor& hiddenRows);

/// Visits every weight (not the adapters) by name, Hugging Face's except the fused ones:
/// "model.layers.N.self_attn.qkv_proj.weight" (".bias") and "model.layers.N.mlp.gate_up_proj.weight".
void forEachParameter(Decoder& decoder, const std::function<void(const std::string& name, at::Tensor& tensor)>& fn);
void forEachParameter(const Decoder& decoder, const std::function<void(const std::string& name, const at::Tensor& tensor)>& fn);
/// Visits every linear map of the layers by Hugging Face's module names of its parts, to attach adapters:
/// fn("model.layers.0.self_attn.q_proj", linear, rowBegin, rowEnd).
void forEachProjection(Decoder& decoder, const std::function<void(const std::string& module, Linear& linear, std::int64_t rowBegin,
                                                                  std::int64_t rowEnd)>& fn);

struct NamedHostTensor {
  std::string name;
  at::Tensor tensor;                 ///< on the CPU, contiguous
};
/// Every weight under its Hugging Face name, in `dtype`, un-fused bit for bit (adapters not merged), in the order transformers
/// writes. A tied head is left out.
std::vector<NamedHostTensor> unfused(const Decoder& decoder, at::ScalarType dtype);

}  // namespace retort::engine
