// What an export is made into: a Hugging Face folder, a PEFT adapter, or a GGUF file of one type.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/codecs.h"
#include "models/tensor_names.h"

namespace retort::exports {

enum class Kind { hf, adapter, gguf };

struct Target {
  Kind kind = Kind::hf;
  std::string type;                        ///< of gguf: "f16", "q8_0", "q4_k_m" …; empty otherwise
  [[nodiscard]] std::string format() const;   ///< "hf", "adapter", "gguf:q8_0": as on the command line
  /// general.file_type of GGUF, and the suffix of its file name ("Q4_K_M").
  [[nodiscard]] std::uint32_t fileType() const;
  [[nodiscard]] std::string suffix() const;
  [[nodiscard]] bool isQuantised() const;
};

/// "hf,adapter,gguf:f16,gguf:q8_0"; "gguf:f16,q8_0" is the same. Error "exports.target.unknown" lists what there is.
Result<std::vector<Target>> parseTargets(std::string_view text);
/// The types a GGUF can be made in, for people and pickers.
[[nodiscard]] const std::vector<std::string>& ggufTypeNames();

/// The stored type of one tensor: norms and biases F32; heads and embeddings finer than the rest; where a row is no whole number
/// of blocks the next type that fits (`why` then says so).
[[nodiscard]] models::GgmlType tensorType(const Target& target, const models::ExpectedTensor& tensor, std::int64_t layers, bool tied, std::string* why = nullptr);

}  // namespace retort::exports
