// Reading and writing a Hugging Face config.json, and what follows from a config: parameters, kept layers.
#include "models/decoder_config.h"

#include <algorithm>
#include <cmath>

#include "base/format.h"

namespace retort::models {
namespace {

constexpr std::int64_t kMaxLayers = 512, kMaxSize = 1 << 24;

/// Reads members with the defaults of transformers; remembers the first error.
class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string_view where) : m_json(json), m_where(where) {}
  const Json* find(const char* key) const {
    const auto it = m_json.find(key);
    return it == m_json.end() || it->is_null() ? nullptr : &*it;
  }
  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
    const Json* value = find(key);
    if (value == nullptr && otherwise >= 0) return otherwise;
    if (value == nullptr) return fail(key, "it is missing"), 0;
    if (!value->is_number_integer()) return fail(key, "it must be a whole number"), 0;
    const auto number = value->get<std::int64_t>();
    if (number < low || number > high)
      return fail(key, "it is " + std::to_string(number) + ", not between " + std::to_string(low) + " and " + std::to_string(high)), 0;
    return number;
  }
  double number(const Json& object, const char* key, double otherwise) {
    const auto it = object.find(key);
    if (it == object.end() || it->is_null()) return otherwise;
    if (!it->is_number() || !std::isfinite(it->get<double>())) return fail(key, "it must be a number"), otherwise;
    return it->get<double>();
  }
  bool boolean(const char* key, bool otherwise) {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return fail(key, "it must be true or false"), otherwise;
    return value->get<bool>();
  }
  std::string text(const char* key) const {
    const Json* value = find(key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }
  std::vector<std::int32_t> ids(const char* key) {
    std::vector<std::int32_t> out;
    const Json* value = find(key);
    if (value == nullptr) return out;
    const auto add = [&](const Json& id) {
      if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > INT32_MAX) return fail(key, "it must be a token id or a list of them");
      out.push_back(id.get<std::int32_t>());
    };
    if (value->is_array()) std::for_each(value->begin(), value->end(), add);
    else add(*value);
    return out;
  }
  void fail(std::string_view key, std::string why) {
    if (!m_failed) m_error = Error{"models.config.field", m_where + " cannot be used", std::string(key), std::move(why), "Correct the file or get the model again", "", {}};
    m_failed = true;
  }
  void unsupported(std::string_view key, std::string why) {
    if (!m_failed) m_error = Error{"models.config.unsupported", m_where + " is a model that Retort cannot run", std::string(key), std::move(why),
                                   "Choose a model of the llama, mistral, qwen2, qwen3 or smollm3 family", "", {}};
    m_failed = true;
  }
  [[nodiscard]] bool failed() const { return m_failed; }
  [[nodiscard]] const Error& error() const { return m_error; }
  [[nodiscard]] const Json& json() const { return m_json; }

 private:
  const Json& m_json;
  std::string m_where;
  bool m_failed = false;
  Error m_error;
};

/// rope_theta and rope_scaling, or both in rope_parameters (newer spelling).
void readRope(ConfigReader& r, DecoderConfig& config) {
  const Json* parameters = r.find("rope_parameters");
  const Json* scaling = parameters != nullptr ? parameters : r.find("rope_scaling");
  config.ropeTheta = r.number(r.json(), "rope_theta", 10000);
  if (scaling == nullptr) return;
  if (!scaling->is_object()) return r.fail("rope_scaling", "it must be an object");
  config.ropeTheta = r.number(*scaling, "rope_theta", config.ropeTheta);
  std::string type;
  for (const char* key : {"rope_type", "type"})
    if (type.empty() && scaling->contains(key) && (*scaling)[key].is_string()) type = (*scaling)[key].get<std::string>();
  if (r.number(*scaling, "partial_rotary_factor", 1) != 1) r.unsupported("partial_rotary_factor", "rotating only a part of a head is not supported");
  if (type.empty() || type == "default") return;
  if (type != "linear" && type != "llama3") return r.unsupported("rope_scaling", "RoPE scaling " + shown(type) + " is not supported (linear and llama3 are)");
  config.ropeScaling.type = type;
  config.ropeScaling.factor = r.number(*scaling, "factor", 1);
  config.ropeScaling.lowFrequency = r.number(*scaling, "low_freq_factor", 1);
  config.ropeScaling.highFrequency = r.number(*scaling, "high_freq_factor", 4);
  config.ropeScaling.originalContext = static_cast<std::int64_t>(r.number(*scaling, "original_max_position_embeddings", 8192));
  if (config.ropeScaling.factor <= 0 || config.ropeScaling.originalContext <= 0 || config.ropeScaling.highFrequency <= config.ropeScaling.lowFrequency)
    r.fail("rope_scaling", "its factors are out of range");
}

void readFamilyTraits(ConfigReader& r, DecoderConfig& config) {
  if (config.family == "qwen2") config.qkvBias = true;
  if (config.family == "qwen3") config.qkNorm = true;
  if (r.boolean("attention_bias", false)) r.unsupported("attention_bias", "biases in attention are supported for qwen2 only");
  if (r.boolean("mlp_bias", false)) r.unsupported("mlp_bias", "biases in the feed-forward part are not supported");
  if (const std::string act = r.text("hidden_act"); !act.empty() && act != "silu" && act != "swish")
    r.unsupported("hidden_act", "activation " + shown(act) + " is not supported (silu is)");
  const bool qwen = config.family == "qwen2" || config.family == "qwen3";
  if (config.family == "mistral" || (qwen && r.boolean("use_sliding_window", false)))
    // Absent (not null) means 4096 for Mistral.
    config.slidingWindow = r.integer("sliding_window", config.family == "mistral" && !r.json().contains("sliding_window") ? 4096 : 0, 0, kMaxSize);
  if (qwen && config.slidingWindow > 0 && r.integer("max_window_layers", 0, 0, kMaxLayers) > 0)
    r.unsupported("max_window_layers", "a sliding window in some layers only is not supported");
  if (config.family == "smollm3") {
    if (const Json* list = r.find("no_rope_layers"); list != nullptr && list->is_array()) {
      for (std::size_t i = 0; i < list->size() && static_cast<std::int64_t>(i) < config.layers; ++i)
        if ((*list)[i].is_number_integer() && (*list)[i].get<int>() == 0) config.nopeLayers.push_back(static_cast<int>(i));
    } else {
      const auto step = r.integer("no_rope_layer_interval", 4, 1, kMaxLayers);
      for (std::int64_t i = step - 1; i < config.layers; i += step) config.nopeLayers.push_back(static_cast<int>(i));
    }
    if (r.boolean("use_sliding_window", false)) r.unsupported("use_sliding_window", "a sliding window is not supported for smollm3");
  }
}

}  // namespace

std::int64_t DecoderConfig::parameters() const {
  const std::int64_t q = heads * headDim, k = kvHeads * headDim;
  std::int64_t layer = 2 * hidden * q + 2 * hidden * k + 3 * hidden * ffn + 2 * hidden;
  if (qkvBias) layer += q + 2 * k;
  if (qkNorm) layer += 2 * headDim;
  return layers * layer + hidden + vocab * hidden * (tiedEmbeddings ? 1 : 2);
}

DecoderConfig DecoderConfig::withLayers(const std::vector<int>& kept) const {
  DecoderConfig out = *this;
  out.layers = static_cast<std::int64_t>(kept.size());
  out.nopeLayers.clear();
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (std::find(nopeLayers.begin(), nopeLayers.end(), kept[i]) != nopeLayers.end()) out.nopeLayers.push_back(static_cast<int>(i));
  return out;
}

Result<DecoderConfig> configFromHuggingFace(const Json& json, std::string_view where) {
  if (!json.is_object()) return Error{"models.config.field", std::string(where) + " cannot be used", "", "it is not a JSON object", "Get the model again", "", {}};
  ConfigReader r(json, where);
  DecoderConfig config;
  config.family = r.text("model_type");
  static const std::vector<std::string> kFamilies = {"llama", "mistral", "qwen2", "qwen3", "smollm3"};
  if (std::find(kFamilies.begin(), kFamilies.end(), config.family) == kFamilies.end())
    r.unsupported("model_type", config.family.empty() ? "it names no model_type" : "the architecture " + shown(config.family) + " is not supported");
  if (const Json* names = r.find("architectures"); names != nullptr && names->is_array() && !names->empty() && (*names)[0].is_string())
    if (const auto name = (*names)[0].get<std::string>(); !name.ends_with("ForCausalLM"))
      r.unsupported("architectures", shown(name) + " is not a causal language model");
  if (r.find("quantization_config") != nullptr) r.unsupported("quantization_config", "weights quantised for another program cannot be read; get the model in bf16 or as GGUF");
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts"})
    if (const Json* count = r.find(key); count != nullptr && count->is_number() && count->get<double>() > 1) r.unsupported(key, "a mixture of experts is not supported");
  if (r.failed()) return r.error();
  config.vocab = r.integer("vocab_size", -1, 1, kMaxSize);
  config.hidden = r.integer("hidden_size", -1, 1, kMaxSize);
  config.layers = r.integer("num_hidden_layers", -1, 1, kMaxLayers);
  config.heads = r.integer("num_attention_heads", -1, 1, 65536);
  config.kvHeads = r.integer("num_key_value_heads", config.heads, 1, 65536);
  config.ffn = r.integer("intermediate_size", -1, 1, kMaxSize);
  config.context = r.integer("max_position_embeddings", 2048, 1, 1LL << 32);
  if (r.failed()) return r.error();
  config.headDim = r.integer("head_dim", config.family == "qwen3" ? 128 : std::max<std::int64_t>(1, config.hidden / config.heads), 1, 65536);
  config.rmsEpsilon = r.number(json, "rms_norm_eps", 1e-6);
  config.tiedEmbeddings = r.boolean("tie_word_embeddings", config.family == "smollm3");
  if (config.heads % std::max<std::int64_t>(1, config.kvHeads) != 0) r.fail("num_key_value_heads", "it must divide num_attention_heads");
  if (config.headDim % 2 != 0) r.fail("head_dim", "it must be even");
  readRope(r, config);
  readFamilyTraits(r, config);
  config.eosIds = r.ids("eos_token_id");
  if (const auto bos = r.ids("bos_token_id"); !bos.empty()) config.bosId = bos[0];
  if (const auto pad = r.ids("pad_token_id"); !pad.empty()) config.padId = pad[0];
  if (r.failed()) return r.error();
  return config;
}

Json configToHuggingFace(const DecoderConfig& c, std::string_view dtype) {
  const std::string architecture = c.family == "llama" ? "Llama" : c.family == "mistral" ? "Mistral" : c.family == "qwen2" ? "Qwen2" : c.family == "qwen3" ? "Qwen3" : "SmolLM3";
  Json json = {{"architectures", {architecture + "ForCausalLM"}}, {"model_type", c.family}, {"vocab_size", c.vocab}, {"hidden_size", c.hidden},
               {"intermediate_size", c.ffn}, {"num_hidden_layers", c.layers}, {"num_attention_heads", c.heads}, {"num_key_value_heads", c.kvHeads},
               {"head_dim", c.headDim}, {"hidden_act", "silu"}, {"max_position_embeddings", c.context}, {"rms_norm_eps", c.rmsEpsilon},
               {"rope_theta", c.ropeTheta}, {"attention_dropout", 0.0}, {"initializer_range", 0.02}, {"tie_word_embeddings", c.tiedEmbeddings},
               {"use_cache", true}, {"torch_dtype", dtype}};
  if (c.family == "llama") json["attention_bias"] = false, json["mlp_bias"] = false;
  if (c.family == "qwen3") json["attention_bias"] = false;
  if (c.ropeScaling.type == "linear") json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", c.ropeScaling.factor}};
  if (c.ropeScaling.type == "llama3")
    json["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", c.ropeScaling.factor}, {"low_freq_factor", c.ropeScaling.lowFrequency},
                            {"high_freq_factor", c.ropeScaling.highFrequency}, {"original_max_position_embeddings", c.ropeScaling.originalContext}};
  if (c.family == "mistral") json["sliding_window"] = c.slidingWindow > 0 ? Json(c.slidingWindow) : Json(nullptr);
  if (c.family == "qwen2" || c.family == "qwen3") {
    json["use_sliding_window"] = c.slidingWindow > 0;
    json["sliding_window"] = c.slidingWindow > 0 ? Json(c.slidingWindow) : Json(nullptr);
    json["max_window_layers"] = 0;
  }
  if (c.family == "smollm3") {
    std::vector<int> rotates(static_cast<std::size_t>(c.layers), 1);
    for (const int layer : c.nopeLayers) rotates[static_cast<std::size_t>(layer)] = 0;
    json["no_rope_layers"] = rotates;
    json["use_sliding_window"] = false;
  }
  if (c.bosId >= 0) json["bos_token_id"] = c.bosId;
  if (c.eosIds.size() == 1) json["eos_token_id"] = c.eosIds[0];
  else if (!c.eosIds.empty()) json["eos_token_id"] = c.eosIds;
  json["pad_token_id"] = c.padId >= 0 ? Json(c.padId) : Json(nullptr);
  return json;
}

}  // namespace retort::models
