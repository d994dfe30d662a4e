// A GGUF file as a ModelSource; also its config and vocabulary, for the tokenizer.
#pragma once
#include "models/gguf.h"
#include "models/model_source.h"
#include "models/tensor_names.h"
#include "text/tokenizer.h"

namespace retort::models {

/// The decoder config of a GGUF header. An unsupported architecture is refused by name.
Result<DecoderConfig> configFromGguf(const GgufHeader& header, std::string_view where);
/// The vocabulary (tokenizer.ggml.*) of a GGUF header; works for vocabulary-only files too.
Result<text::GgufVocabulary> vocabularyFromGguf(const GgufHeader& header, std::string_view where);

class GgufModel final : public ModelSource {
 public:
  static Result<std::shared_ptr<const GgufModel>> open(const std::filesystem::path& path);

  [[nodiscard]] const GgufHeader& header() const { return m_header; }
  [[nodiscard]] const text::GgufVocabulary& vocabulary() const { return m_vocabulary; }

  [[nodiscard]] const DecoderConfig& config() const override { return m_config; }
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] std::string format() const override { return "gguf"; }
  [[nodiscard]] std::string licence() const override { return m_header.text("general.license").value_or(""); }
  [[nodiscard]] std::string chatTemplate() const override { return m_header.text("tokenizer.chat_template").value_or(""); }
  [[nodiscard]] Result<TokenizerFiles> tokenizerFiles() const override;
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
  [[nodiscard]] std::uint64_t weightBytes() const override { return m_file->size(); }
  [[nodiscard]] std::vector<std::filesystem::path> weightFiles() const override { return {m_file->path()}; }
  Status readF32(const TensorInfo& tensor, std::span<float> out) const override;
  Status readRaw(const TensorInfo& tensor, std::span<std::byte> out) const override;

 private:
  GgufModel() = default;
  Status mapTensors();
  [[nodiscard]] Result<std::pair<const ExpectedTensor*, const GgufTensor*>> locate(const TensorInfo& tensor) const;

  std::shared_ptr<const InputFile> m_file;
  GgufHeader m_header;
  DecoderConfig m_config;
  text::GgufVocabulary m_vocabulary;
  std::vector<TensorInfo> m_tensors;
  std::vector<ExpectedTensor> m_expected;         ///< same order as m_tensors
  std::vector<const GgufTensor*> m_stored;        ///< same order as m_tensors
};

}  // namespace retort::models
