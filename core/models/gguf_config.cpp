// What a GGUF header says of a model: its config and its vocabulary.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/format.h"
#include "models/gguf_model.h"

namespace retort::models {
namespace {

Error unsupported(std::string_view where, std::string_view key, std::string why) {
  return Error{"models.config.unsupported", std::string(where) + " is a model that Retort cannot run", std::string(key), std::move(why),
               "Choose a model of the llama, mistral, qwen2, qwen3 or smollm3 family", "", {}};
}

Error wrong(std::string_view where, std::string_view key, std::string why) {
  return Error{"models.config.field", std::string(where) + " cannot be used", std::string(key), std::move(why), "Get the model again", "", {}};
}

/// Positive sizes of one architecture, each in its range.
class Sizes {
 public:
  Sizes(const GgufHeader& header, std::string arch, std::string_view where) : m_header(header), m_arch(std::move(arch)), m_where(where) {}
  std::int64_t get(const std::string& key, std::int64_t otherwise, std::int64_t high) {
    const std::string name = m_arch + "." + key;
    if (m_header.find(name) == nullptr && otherwise >= 0) return otherwise;
    const auto value = m_header.integer(name);
    if (!value || *value < 1 || *value > high) {
      if (!m_error) m_error = wrong(m_where, name, value ? "it is " + std::to_string(*value) + ", not between 1 and " + std::to_string(high) : "it is missing or no whole number");
      return 1;
    }
    return *value;
  }
  [[nodiscard]] const std::optional<Error>& error() const { return m_error; }

 private:
  const GgufHeader& m_header;
  std::string m_arch, m_where;
  std::optional<Error> m_error;
};

Status readScaling(const GgufHeader& header, const std::string& arch, DecoderConfig& config, std::string_view where) {
  const std::string type = header.text(arch + ".rope.scaling.type").value_or("none");
  if (type == "linear") {
    config.ropeScaling.type = "linear";
    config.ropeScaling.factor = header.number(arch + ".rope.scaling.factor").value_or(1);
    if (!(config.ropeScaling.factor > 0)) return wrong(where, arch + ".rope.scaling.factor", "it must be positive");
  } else if (type != "none") {
    return unsupported(where, arch + ".rope.scaling.type", "RoPE scaling " + shown(type) + " is not supported (linear and llama3 are)");
  }
  return {};
}

std::int32_t idOf(const GgufHeader& header, std::string_view key) {
  const auto value = header.integer(key);
  return value && *value >= 0 && *value <= INT32_MAX ? static_cast<std::int32_t>(*value) : -1;
}

}  // namespace

Result<DecoderConfig> configFromGguf(const GgufHeader& header, std::string_view where) {
  const std::string arch = header.text("general.architecture").value_or("");
  static const std::vector<std::string> kKnown = {"llama", "qwen2", "qwen3", "smollm3"};
  if (std::find(kKnown.begin(), kKnown.end(), arch) == kKnown.end())
    return unsupported(where, "general.architecture", arch.empty() ? "it names no architecture" : "the architecture " + shown(arch) + " is not supported");
  if (header.integer(arch + ".expert_count").value_or(0) > 1) return unsupported(where, arch + ".expert_count", "a mixture of experts is not supported");
  Sizes sizes(header, arch, where);
  DecoderConfig config;
  config.family = arch;
  config.layers = sizes.get("block_count", -1, 512);
  config.context = sizes.get("context_length", -1, 1LL << 32);
  config.hidden = sizes.get("embedding_length", -1, 1 << 24);
  config.ffn = sizes.get("feed_forward_length", -1, 1 << 24);
  config.heads = sizes.get("attention.head_count", -1, 65536);
  config.kvHeads = sizes.get("attention.head_count_kv", config.heads, 65536);
  if (!sizes.error()) config.headDim = sizes.get("attention.key_length", std::max<std::int64_t>(1, config.hidden / config.heads), 65536);
  const auto valueLength = sizes.get("attention.value_length", config.headDim, 65536);
  const auto rotated = sizes.get("rope.dimension_count", config.headDim, 65536);
  config.slidingWindow = header.find(arch + ".attention.sliding_window") != nullptr ? header.integer(arch + ".attention.sliding_window").value_or(0) : 0;
  if (sizes.error()) return *sizes.error();
  if (config.heads % config.kvHeads != 0) return wrong(where, arch + ".attention.head_count_kv", "it must divide the number of heads");
  if (config.headDim % 2 != 0) return wrong(where, arch + ".attention.key_length", "it must be even");
  if (valueLength != config.headDim) return unsupported(where, arch + ".attention.value_length", "heads of unlike length for keys and values are not supported");
  if (rotated != config.headDim) return unsupported(where, arch + ".rope.dimension_count", "rotating only a part of a head is not supported");
  config.rmsEpsilon = header.number(arch + ".attention.layer_norm_rms_epsilon").value_or(1e-5);
  config.ropeTheta = header.number(arch + ".rope.freq_base").value_or(10000);
  // Stored as f32; 7 digits give back what was meant (1e-05, not 9.99999974737875e-06) wherever they name the same f32.
  char text[32];
  std::snprintf(text, sizeof text, "%.7g", config.rmsEpsilon);
  if (static_cast<float>(std::atof(text)) == static_cast<float>(config.rmsEpsilon)) config.rmsEpsilon = std::atof(text);
  if (!(config.rmsEpsilon > 0) || !(config.ropeTheta > 0)) return wrong(where, arch, "its RMS epsilon and RoPE base must be positive");
  RETORT_CHECK(readScaling(header, arch, config, where));
  config.qkvBias = arch == "qwen2";
  config.qkNorm = arch == "qwen3";
  if (arch == "smollm3")
    for (std::int64_t i = 3; i < config.layers; i += 4) config.nopeLayers.push_back(static_cast<int>(i));
  config.tiedEmbeddings = header.tensor("output.weight") == nullptr;
  const GgufTensor* embedding = header.tensor("token_embd.weight");
  if (embedding == nullptr || embedding->dims.size() != 2) return wrong(where, "token_embd.weight", "the token embedding is missing");
  config.vocab = embedding->dims[1];
  for (const char* key : {"eos", "eot", "eom"})
    if (const auto id = idOf(header, std::string("tokenizer.ggml.") + key + "_token_id"); id >= 0 && std::find(config.eosIds.begin(), config.eosIds.end(), id) == config.eosIds.end())
      config.eosIds.push_back(id);
  config.bosId = idOf(header, "tokenizer.ggml.bos_token_id");
  config.padId = idOf(header, "tokenizer.ggml.padding_token_id");
  return config;
}

Result<text::GgufVocabulary> vocabularyFromGguf(const GgufHeader& header, std::string_view where) {
  text::GgufVocabulary v;
  v.model = header.text("tokenizer.ggml.model").value_or("");
  if (v.model != "gpt2" && v.model != "llama")
    return unsupported(where, "tokenizer.ggml.model", v.model.empty() ? "it has no tokenizer" : "tokenizer kind " + shown(v.model) + " is not supported (gpt2 and llama are)");
  v.pre = header.text("tokenizer.ggml.pre").value_or("");
  const GgufArray* tokens = header.array("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->element != GgufKind::string || tokens->strings.empty()) return wrong(where, "tokenizer.ggml.tokens", "the list of tokens is missing");
  v.tokens = tokens->strings;
  if (const GgufArray* scores = header.array("tokenizer.ggml.scores"); scores != nullptr && scores->element == GgufKind::f32) {
    if (scores->size() != v.tokens.size()) return wrong(where, "tokenizer.ggml.scores", "it must have one score a token");
    for (std::size_t i = 0; i < scores->size(); ++i) v.scores.push_back(static_cast<float>(scores->number(i)));
  }
  if (const GgufArray* types = header.array("tokenizer.ggml.token_type"); types != nullptr && types->element != GgufKind::string) {
    if (types->size() != v.tokens.size()) return wrong(where, "tokenizer.ggml.token_type", "it must have one type a token");
    for (std::size_t i = 0; i < types->size(); ++i) v.types.push_back(static_cast<std::int32_t>(types->number(i)));
  }
  if (const GgufArray* merges = header.array("tokenizer.ggml.merges"); merges != nullptr && merges->element == GgufKind::string) v.merges = merges->strings;
  if (v.model == "gpt2" && v.merges.empty()) return wrong(where, "tokenizer.ggml.merges", "the list of merges is missing");
  const auto special = [&](const char* key) {
    const auto id = idOf(header, key);
    return static_cast<std::size_t>(id) < v.tokens.size() ? id : -1;
  };
  v.bos = special("tokenizer.ggml.bos_token_id");
  v.eos = special("tokenizer.ggml.eos_token_id");
  v.unknown = special("tokenizer.ggml.unknown_token_id");
  v.padding = special("tokenizer.ggml.padding_token_id");
  v.addSpacePrefix = header.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  return v;
}

}  // namespace retort::models
