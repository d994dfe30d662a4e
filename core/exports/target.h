// What an export is made into: a Hugging Face folder, an adapter, a GGUF file of one type, a folder for Ollama or Bedrock.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/codecs.h"
#include "models/tensor_names.h"

namespace retort::exports {

enum class Kind { hf, adapter, ggufAdapter, gguf, ollama, bedrockImport };

struct Target {
  Kind kind = Kind::hf;
  std::string type;                        ///< of gguf and ollama: "f16", "q8_0", "q4_k_m" …; of hf: "bf16", "f16", "f32"; empty otherwise
  [[nodiscard]] std::string format() const;   ///< "hf", "hf:f32", "adapter", "gguf:q8_0": as on the command line
  /// A GGUF file, alone or beside a Modelfile.
  [[nodiscard]] bool hasGguf() const { return kind == Kind::gguf || kind == Kind::ollama; }
  /// A change to a base model; no model by itself.
  [[nodiscard]] bool isAdapter() const { return kind == Kind::adapter || kind == Kind::ggufAdapter; }
  /// general.file_type of GGUF, and the suffix of its file name ("Q4_K_M").
  [[nodiscard]] std::uint32_t fileType() const;
  [[nodiscard]] std::string suffix() const;
  [[nodiscard]] bool isQuantised() const;
};

/// "hf,adapter,gguf:f16,gguf:q8_0,ollama:q8_0,bedrock-import"; "gguf:f16,q8_0" is the same as "gguf:f16,gguf:q8_0". Error "exports.target.unknown" lists what there is.
Result<std::vector<Target>> parseTargets(std::string_view text);
/// A target of a format() text; for reading cards. Error as parseTargets.
Result<Target> parseTarget(std::string_view format);
/// The types a GGUF can be made in, for people and pickers.
[[nodiscard]] const std::vector<std::string>& ggufTypeNames();

/// The stored type of one tensor: norms and biases F32; heads and embeddings finer than the rest; where a row is no whole number
/// of blocks the next type that fits (`why` then says so).
[[nodiscard]] models::GgmlType tensorType(const Target& target, const models::ExpectedTensor& tensor, std::int64_t layers, bool tied, std::string* why = nullptr);

}  // namespace retort::exports
