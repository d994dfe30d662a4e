// A model on disk, opened for reading whatever its format: config, tokenizer, template and tensors under Hugging Face names.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "models/decoder_config.h"

namespace retort::models {

enum class DType { f32, f16, bf16, i64, i32, u8, quantised };
[[nodiscard]] std::size_t dtypeBytes(DType dtype);      ///< 0 for quantised
[[nodiscard]] std::string_view dtypeName(DType dtype);  ///< safetensors' names: "F32", "BF16" …

/// One tensor as stored. Shapes are Hugging Face's, outermost first ([out, in] for a weight). Names are Hugging Face's:
/// model.embed_tokens.weight, model.layers.N.self_attn.{q,k,v,o}_proj.weight, model.layers.N.mlp.{gate,up,down}_proj.weight,
/// model.layers.N.{input,post_attention}_layernorm.weight, model.norm.weight, lm_head.weight (absent when tied).
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::string storedType;                  ///< "Q4_1", "BF16" …
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;                 ///< as stored
};

/// Files needed beside the weights to write the model again; bytes kept as they were where they existed.
struct TokenizerFiles {
  std::string tokenizerJson;               ///< bytes of tokenizer.json; synthesised from a GGUF vocabulary where there is none
  std::string tokenizerConfigJson;         ///< bytes of tokenizer_config.json, or synthesised
  std::vector<std::pair<std::string, std::string>> others;   ///< special_tokens_map.json, vocab.json, merges.txt … (name, bytes)
};

class ModelSource {
 public:
  virtual ~ModelSource() = default;
  [[nodiscard]] virtual const DecoderConfig& config() const = 0;
  [[nodiscard]] virtual std::string name() const = 0;              ///< for people: general.name, or the folder's name
  [[nodiscard]] virtual std::string format() const = 0;            ///< "gguf" | "hf"
  [[nodiscard]] virtual std::string licence() const = 0;           ///< may be empty
  [[nodiscard]] virtual std::string chatTemplate() const = 0;      ///< Jinja source; may be empty
  [[nodiscard]] virtual Result<TokenizerFiles> tokenizerFiles() const = 0;
  [[nodiscard]] virtual const std::vector<TensorInfo>& tensors() const = 0;
  [[nodiscard]] virtual std::uint64_t weightBytes() const = 0;     ///< size of the weight files
  [[nodiscard]] virtual std::vector<std::filesystem::path> weightFiles() const = 0;
  /// De-quantised (exactly, in f32) values of a tensor, q/k rows in Hugging Face order; out.size() = element count.
  virtual Status readF32(const TensorInfo& tensor, std::span<float> out) const = 0;
  /// The stored bytes of a tensor that is f32, f16 or bf16, q/k rows in Hugging Face order; out.size() = tensor.bytes.
  virtual Status readRaw(const TensorInfo& tensor, std::span<std::byte> out) const = 0;
};

/// Opens a .gguf file or a Hugging Face folder (config.json + *.safetensors). What is not supported is named before a weight is read.
Result<std::shared_ptr<const ModelSource>> openModel(const std::filesystem::path& path);

/// The fingerprint of a model: SHA-256 of its weight file; for several files, SHA-256 over "name SP hash LF" lines sorted by
/// name. Cached by (path, size, mtime) in the user's data folder.
Result<std::string> modelSha256(const std::filesystem::path& path, std::stop_token stop = {});

}  // namespace retort::models
