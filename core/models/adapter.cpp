// Reading and writing PEFT adapters.
#include "models/adapter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/files.h"
#include "models/codecs.h"
#include "models/safetensors.h"
#include "models/tensor_names.h"

namespace retort::models {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

Error bad(std::string_view reason, const std::filesystem::path& folder, std::string place, std::string why) {
  return Error{"models.adapter." + std::string(reason), folder.string() + " cannot be used as an adapter", std::move(place), std::move(why),
               "Use a plain LoRA adapter as PEFT saves it, or merge it where it was made", "", {}};
}

bool isOn(const Json& json, const char* key) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return false;
  if (it->is_boolean()) return it->get<bool>();
  return !it->empty();   // a list, an object or a text
}

Result<Adapter> configOf(const std::filesystem::path& folder) {
  RETORT_TRY(const Json json, readJsonFile(folder / "adapter_config.json", 1u << 20));
  if (!json.is_object() || json.value("peft_type", Json()) != "LORA") return bad("kind", folder, "adapter_config.json: peft_type", "it is not LORA");
  for (const char* key : {"use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "layer_replication", "trainable_token_indices"})
    if (isOn(json, key)) return bad("unsupported", folder, std::string("adapter_config.json: ") + key, "it is not supported");
  if (const auto bias = json.find("bias"); bias != json.end() && bias->is_string() && *bias != "none")
    return bad("unsupported", folder, "adapter_config.json: bias", "adapted biases are not supported");
  Adapter adapter;
  const auto rank = json.find("r"), alpha = json.find("lora_alpha");
  if (rank == json.end() || !rank->is_number_integer() || rank->get<std::int64_t>() < 1 || rank->get<std::int64_t>() > 65536)
    return bad("config", folder, "adapter_config.json: r", "it must be a whole number from 1 to 65536");
  if (alpha == json.end() || !alpha->is_number()) return bad("config", folder, "adapter_config.json: lora_alpha", "it must be a number");
  adapter.rank = rank->get<int>();
  adapter.alpha = alpha->get<double>();
  if (const auto it = json.find("lora_dropout"); it != json.end() && it->is_number()) adapter.dropout = it->get<double>();
  adapter.rankStabilised = isOn(json, "use_rslora");
  if (const auto it = json.find("base_model_name_or_path"); it != json.end() && it->is_string()) adapter.baseModel = it->get<std::string>();
  if (const auto it = json.find("target_modules"); it != json.end()) {
    if (it->is_string()) adapter.targetModules.push_back(it->get<std::string>());   // a regular expression
    if (it->is_array())
      for (const Json& name : *it)
        if (name.is_string()) adapter.targetModules.push_back(name.get<std::string>());
  }
  return adapter;
}

Status readValues(const InputFile& file, const SafetensorsHeader& header, const SafeTensor& tensor, std::vector<float>& out) {
  std::vector<std::byte> raw(static_cast<std::size_t>(tensor.end - tensor.begin));
  RETORT_CHECK(file.read(header.dataStart + tensor.begin, raw));
  const GgmlType type = tensor.dtype == "F32" ? GgmlType::f32 : tensor.dtype == "F16" ? GgmlType::f16 : GgmlType::bf16;
  out.resize(raw.size() / ggmlTraits(type).bytes);
  return dequantise(type, raw, out);
}

}  // namespace

double Adapter::scale() const { return alpha / (rankStabilised ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank)); }

Result<Adapter> readAdapter(const std::filesystem::path& folder) {
  RETORT_TRY(auto adapter, configOf(folder));
  RETORT_TRY(const auto file, InputFile::open(folder / "adapter_model.safetensors"));
  RETORT_TRY(const auto header, readSafetensorsHeader(*file));
  std::map<std::string, AdapterPair> pairs;
  for (const auto& tensor : header.tensors) {
    const std::string place = "tensor " + shown(tensor.name);
    const bool isA = tensor.name.ends_with(".lora_A.weight"), isB = tensor.name.ends_with(".lora_B.weight");
    if (!tensor.name.starts_with(kPrefix) || (!isA && !isB)) return bad("tensor", folder, place, "it is no LoRA weight of a projection");
    if (tensor.shape.size() != 2 || (tensor.dtype != "F32" && tensor.dtype != "F16" && tensor.dtype != "BF16"))
      return bad("tensor", folder, place, "it must be a matrix of F32, F16 or BF16");
    const std::string module = tensor.name.substr(kPrefix.size(), tensor.name.size() - kPrefix.size() - std::string_view(".lora_A.weight").size());
    AdapterPair& pair = pairs[module];
    pair.module = module;
    const std::int64_t rank = isA ? tensor.shape[0] : tensor.shape[1];
    if (rank != adapter.rank) return bad("rank", folder, place, "its rank is " + std::to_string(rank) + ", not " + std::to_string(adapter.rank));
    pair.rank = rank;
    (isA ? pair.in : pair.out) = isA ? tensor.shape[1] : tensor.shape[0];
    RETORT_CHECK(readValues(*file, header, tensor, isA ? pair.a : pair.b));
  }
  if (pairs.empty()) return bad("tensor", folder, "adapter_model.safetensors", "it holds no LoRA weights");
  for (auto& [module, pair] : pairs) {
    if (pair.a.empty() || pair.b.empty()) return bad("pair", folder, "module " + shown(module), "one of lora_A and lora_B is missing");
    adapter.pairs.push_back(std::move(pair));
  }
  return adapter;
}

Status writeAdapter(const std::filesystem::path& folder, const Adapter& adapter, std::string_view dtype) {
  RETORT_CHECK(makeFolders(folder));
  std::set<std::string> modules(adapter.targetModules.begin(), adapter.targetModules.end());
  std::vector<TensorToWrite> tensors;
  const GgmlType type = dtype == "BF16" ? GgmlType::bf16 : GgmlType::f32;
  for (const auto& pair : adapter.pairs) {
    if (adapter.targetModules.empty()) modules.insert(pair.module.substr(pair.module.rfind('.') + 1));
    const auto add = [&](const char* suffix, std::vector<std::int64_t> shape, const std::vector<float>& values) {
      tensors.push_back({std::string(kPrefix) + pair.module + suffix, type == GgmlType::bf16 ? "BF16" : "F32", std::move(shape),
                         [&values, type](std::span<std::byte> out) { return quantise(type, values, out); }});
    };
    add(".lora_A.weight", {pair.rank, pair.in}, pair.a);
    add(".lora_B.weight", {pair.out, pair.rank}, pair.b);
  }
  RETORT_CHECK(writeSafetensors(folder / "adapter_model.safetensors", std::move(tensors)));
  const Json config = {{"peft_type", "LORA"}, {"task_type", "CAUSAL_LM"}, {"base_model_name_or_path", adapter.baseModel}, {"r", adapter.rank},
                       {"lora_alpha", adapter.alpha}, {"lora_dropout", adapter.dropout}, {"bias", "none"}, {"fan_in_fan_out", false},
                       {"target_modules", std::vector<std::string>(modules.begin(), modules.end())}, {"modules_to_save", nullptr},
                       {"use_rslora", adapter.rankStabilised}, {"use_dora", false}, {"rank_pattern", Json::object()}, {"alpha_pattern", Json::object()},
                       {"layers_to_transform", nullptr}, {"init_lora_weights", true}, {"inference_mode", true}, {"revision", nullptr}};
  return writeJsonFile(folder / "adapter_config.json", config);
}

Status checkAdapterFits(const Adapter& adapter, const DecoderConfig& config, std::string_view where) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (auto& tensor : expectedTensors(config))
    if (tensor.shape.size() == 2) shapes[tensor.name] = tensor.shape;
  for (const auto& pair : adapter.pairs) {
    const auto it = shapes.find(pair.module + ".weight");
    if (it == shapes.end()) return bad("module", std::string(where), "module " + shown(pair.module), "the model has no such projection");
    if (it->second != std::vector<std::int64_t>{pair.out, pair.in})
      return bad("shape", std::string(where), "module " + pair.module, "its matrices do not fit the model's [" + std::to_string(it->second[0]) + ", " + std::to_string(it->second[1]) + "]");
  }
  return {};
}

}  // namespace retort::models
