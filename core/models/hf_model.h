// A Hugging Face folder (config.json and safetensors) as a ModelSource.
#pragma once
#include <map>

#include "models/model_source.h"
#include "models/safetensors.h"

namespace retort::models {

/// The chat template of a folder: chat_template.jinja, else tokenizer_config.json's (a text, or the "default" of a list); may be empty.
Result<std::string> templateOfFolder(const std::filesystem::path& folder, const Json& tokenizerConfig);

class HfModel final : public ModelSource {
 public:
  static Result<std::shared_ptr<const HfModel>> open(const std::filesystem::path& folder);

  [[nodiscard]] const Json& configJson() const { return m_configJson; }
  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
  /// tokenizer_config.json, or null.
  [[nodiscard]] const Json& tokenizerConfig() const { return m_tokenizerConfig; }

  [[nodiscard]] const DecoderConfig& config() const override { return m_config; }
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::string format() const override { return "hf"; }
  [[nodiscard]] std::string licence() const override { return m_licence; }
  [[nodiscard]] std::string chatTemplate() const override { return m_template; }
  [[nodiscard]] Result<TokenizerFiles> tokenizerFiles() const override;
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
  [[nodiscard]] std::uint64_t weightBytes() const override;
  [[nodiscard]] std::vector<std::filesystem::path> weightFiles() const override;
  Status readF32(const TensorInfo& tensor, std::span<float> out) const override;
  Status readRaw(const TensorInfo& tensor, std::span<std::byte> out) const override;

 private:
  struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0, bytes = 0;
  };
  HfModel() = default;
  Status readConfigs();
  Status openWeights();
  Status addFile(const std::string& name, std::map<std::string, std::pair<SafeTensor, Place>>& found);
  Status mapTensors(const std::map<std::string, std::pair<SafeTensor, Place>>& found);

  std::filesystem::path m_folder;
  Json m_configJson, m_tokenizerConfig;
  DecoderConfig m_config;
  std::string m_template, m_licence;
  std::vector<std::shared_ptr<const InputFile>> m_files;
  std::vector<TensorInfo> m_tensors;
  std::map<std::string, Place> m_places;
};

}  // namespace retort::models
