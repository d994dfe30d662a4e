// Writes a model as a Hugging Face folder.
#include "models/hf_writer.h"

#include "base/files.h"

namespace retort::models {
namespace {

/// What transformers' generate() reads: which ids end an answer.
Json generationConfig(const DecoderConfig& config) {
  Json json = Json::object();
  if (config.bosId >= 0) json["bos_token_id"] = config.bosId;
  if (config.eosIds.size() == 1) json["eos_token_id"] = config.eosIds[0];
  else if (!config.eosIds.empty()) json["eos_token_id"] = config.eosIds;
  if (config.padId >= 0) json["pad_token_id"] = config.padId;
  return json;
}

}  // namespace

Result<std::vector<std::string>> writeHfFolder(const std::filesystem::path& folder, HfFolderContent content) {
  std::uint64_t bytes = safetensorsFileSize(content.tensors) + content.tokenizer.tokenizerJson.size() + content.tokenizer.tokenizerConfigJson.size() + (1u << 20);
  RETORT_CHECK(requireSpace(folder, bytes, "the model folder"));
  RETORT_TRY(std::vector<std::string> names, writeSafetensorsShards(folder, std::move(content.tensors)));
  RETORT_CHECK(writeJsonFile(folder / "config.json", configToHuggingFace(content.config, content.dtype)));
  RETORT_CHECK(writeJsonFile(folder / "generation_config.json", generationConfig(content.config)));
  names.insert(names.end(), {"config.json", "generation_config.json"});
  std::vector<std::pair<std::string, std::string>> texts = std::move(content.tokenizer.others);
  texts.emplace_back("tokenizer.json", std::move(content.tokenizer.tokenizerJson));
  texts.emplace_back("tokenizer_config.json", std::move(content.tokenizer.tokenizerConfigJson));
  for (const auto& [name, text] : texts) {
    if (text.empty() || name == "config.json" || name == "generation_config.json") continue;
    RETORT_CHECK(writeFileAtomically(folder / name, text));
    names.push_back(name);
  }
  return names;
}

}  // namespace retort::models
