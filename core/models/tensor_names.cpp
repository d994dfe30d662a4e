// The map between a config and the tensors of its files.
#include "models/tensor_names.h"

#include <algorithm>
#include <cstring>

namespace retort::models {

std::string ggufArchitecture(std::string_view family) { return family == "mistral" ? "llama" : std::string(family); }

bool ggufRotatesPairs(std::string_view family) { return family == "llama" || family == "mistral" || family == "smollm3"; }

std::vector<ExpectedTensor> expectedTensors(const DecoderConfig& c) {
  const std::int64_t q = c.heads * c.headDim, k = c.kvHeads * c.headDim;
  const RowOrder order = ggufRotatesPairs(c.family) ? RowOrder::rotated : RowOrder::same;
  std::vector<ExpectedTensor> out;
  out.push_back({"model.embed_tokens.weight", "token_embd.weight", {c.vocab, c.hidden}, RowOrder::same, 0});
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const std::string hf = "model.layers." + std::to_string(i) + ".", gguf = "blk." + std::to_string(i) + ".";
    const auto add = [&](const char* name, const char* ggufName, std::vector<std::int64_t> shape, RowOrder rows = RowOrder::same, std::int64_t heads = 0) {
      out.push_back({hf + name, gguf + ggufName, std::move(shape), rows, heads});
    };
    add("input_layernorm.weight", "attn_norm.weight", {c.hidden});
    add("self_attn.q_proj.weight", "attn_q.weight", {q, c.hidden}, order, c.heads);
    add("self_attn.k_proj.weight", "attn_k.weight", {k, c.hidden}, order, c.kvHeads);
    add("self_attn.v_proj.weight", "attn_v.weight", {k, c.hidden});
    if (c.qkvBias) {
      add("self_attn.q_proj.bias", "attn_q.bias", {q}, order, c.heads);
      add("self_attn.k_proj.bias", "attn_k.bias", {k}, order, c.kvHeads);
      add("self_attn.v_proj.bias", "attn_v.bias", {k});
    }
    if (c.qkNorm) {
      add("self_attn.q_norm.weight", "attn_q_norm.weight", {c.headDim});
      add("self_attn.k_norm.weight", "attn_k_norm.weight", {c.headDim});
    }
    add("self_attn.o_proj.weight", "attn_output.weight", {c.hidden, q});
    add("post_attention_layernorm.weight", "ffn_norm.weight", {c.hidden});
    add("mlp.gate_proj.weight", "ffn_gate.weight", {c.ffn, c.hidden});
    add("mlp.up_proj.weight", "ffn_up.weight", {c.ffn, c.hidden});
    add("mlp.down_proj.weight", "ffn_down.weight", {c.hidden, c.ffn});
  }
  out.push_back({"model.norm.weight", "output_norm.weight", {c.hidden}, RowOrder::same, 0});
  if (!c.tiedEmbeddings) out.push_back({"lm_head.weight", "output.weight", {c.vocab, c.hidden}, RowOrder::same, 0});
  return out;
}

void reorderRows(std::span<std::byte> bytes, std::int64_t rows, std::int64_t headDim, bool toGguf) {
  if (rows == 0) return;
  const std::size_t rowBytes = bytes.size() / static_cast<std::size_t>(rows), headBytes = rowBytes * static_cast<std::size_t>(headDim);
  std::vector<std::byte> head(headBytes);
  for (std::int64_t first = 0; first + headDim <= rows; first += headDim) {
    std::byte* block = bytes.data() + static_cast<std::size_t>(first) * rowBytes;
    for (std::int64_t r = 0; r < headDim; ++r) {
      const auto hf = static_cast<std::size_t>(r), gguf = static_cast<std::size_t>(ggufRowOf(r, headDim));
      std::memcpy(head.data() + (toGguf ? gguf : hf) * rowBytes, block + (toGguf ? hf : gguf) * rowBytes, rowBytes);
    }
    std::memcpy(block, head.data(), headBytes);
  }
}

}  // namespace retort::models
