// Random weights by name, so that adding a tensor changes no other.
#include "models/fresh_model.h"

#include <cmath>
#include <cstring>

#include "base/files.h"
#include "base/random.h"
#include "models/safetensors.h"

namespace retort::models {
namespace {

TensorToWrite randomTensor(const std::string& name, std::vector<std::int64_t> shape, double scale, std::uint64_t seed) {
  return {name, "F32", std::move(shape), [=](std::span<std::byte> out) -> Status {
            Random random(seed, name);
            for (std::size_t i = 0; i + 4 <= out.size(); i += 4) {
              const float value = scale == 0 ? 1.0f : static_cast<float>(random.normal() * scale);  // scale 0: a norm's weight
              std::memcpy(out.data() + i, &value, 4);
            }
            return {};
          }};
}

std::vector<TensorToWrite> tensorsOf(const DecoderConfig& c, std::uint64_t seed) {
  std::vector<TensorToWrite> all;
  const double in = 0.02, out = 0.02 / std::sqrt(2.0 * static_cast<double>(c.layers));
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double scale) { all.push_back(randomTensor(name, std::move(shape), scale, seed)); };
  const std::int64_t q = c.heads * c.headDim, kv = c.kvHeads * c.headDim;
  add("model.embed_tokens.weight", {c.vocab, c.hidden}, in);
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    add(at + "input_layernorm.weight", {c.hidden}, 0);
    add(at + "post_attention_layernorm.weight", {c.hidden}, 0);
    add(at + "self_attn.q_proj.weight", {q, c.hidden}, in);
    add(at + "self_attn.k_proj.weight", {kv, c.hidden}, in);
    add(at + "self_attn.v_proj.weight", {kv, c.hidden}, in);
    add(at + "self_attn.o_proj.weight", {c.hidden, q}, out);
    add(at + "mlp.gate_proj.weight", {c.ffn, c.hidden}, in);
    add(at + "mlp.up_proj.weight", {c.ffn, c.hidden}, in);
    add(at + "mlp.down_proj.weight", {c.hidden, c.ffn}, out);
    if (c.qkvBias)
      for (const auto& [part, rows] : {std::pair<const char*, std::int64_t>{"q", q}, {"k", kv}, {"v", kv}}) add(at + "self_attn." + part + "_proj.bias", {rows}, in);
    if (c.qkNorm)
      for (const char* part : {"q", "k"}) add(at + "self_attn." + part + "_norm.weight", {c.headDim}, 0);
  }
  add("model.norm.weight", {c.hidden}, 0);
  if (!c.tiedEmbeddings) add("lm_head.weight", {c.vocab, c.hidden}, in);
  return all;
}

}  // namespace

Status writeFreshModel(const FreshModel& m, const std::filesystem::path& folder) {
  RETORT_TRY(auto making, FolderInTheMaking::begin(folder));
  const auto& at = making.path();
  RETORT_CHECK(writeJsonFile(at / "config.json", configToHuggingFace(m.config, "float32")));
  RETORT_CHECK(writeJsonFile(at / "generation_config.json", {{"eos_token_id", m.config.eosIds}, {"bos_token_id", m.config.bosId}, {"pad_token_id", m.config.padId}}));
  RETORT_CHECK(writeFileAtomically(at / "tokenizer.json", m.tokenizerJson));
  RETORT_CHECK(writeFileAtomically(at / "chat_template.jinja", m.chatTemplate));
  Json tokenizer = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"model_max_length", m.config.context}, {"clean_up_tokenization_spaces", false}, {"chat_template", m.chatTemplate}};
  if (!m.bosToken.empty()) tokenizer["bos_token"] = m.bosToken;
  if (!m.eosToken.empty()) tokenizer["eos_token"] = m.eosToken;
  RETORT_CHECK(writeJsonFile(at / "tokenizer_config.json", tokenizer));
  RETORT_CHECK(writeSafetensors(at / "model.safetensors", tensorsOf(m.config, m.seed)));
  return making.commit();
}

}  // namespace retort::models
