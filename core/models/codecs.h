// Tensor types of GGUF: their names and block sizes, and the codecs between blocks and float.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace retort::models {

/// Numbers as GGUF stores them.
enum class GgmlType : std::uint32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8,
  q2_k = 10, q3_k = 11, q4_k = 12, q5_k = 13, q6_k = 14, bf16 = 30
};

struct GgmlTraits {
  std::uint32_t id;
  std::string_view name;        ///< "Q4_1"
  std::uint32_t elements;       ///< values of one block
  std::uint32_t bytes;          ///< bytes of one block
  bool decodes, encodes;        ///< which codecs Retort has
};

/// What is known about a type; null for an id that no list of ours has.
[[nodiscard]] const GgmlTraits* ggmlTraits(std::uint32_t id);
[[nodiscard]] inline const GgmlTraits& ggmlTraits(GgmlType type) { return *ggmlTraits(static_cast<std::uint32_t>(type)); }
/// By name, any case: "q4_1".
[[nodiscard]] std::optional<GgmlType> ggmlTypeFromName(std::string_view name);

/// Values of whole blocks; `blocks.size()` = out.size() / elements * bytes (else error "models.codec.size").
Status dequantise(GgmlType type, std::span<const std::byte> blocks, std::span<float> out);
/// Blocks of values, with the reference rounding of the format (arithmetic in f32; the scale is stored as f16).
/// `importance`: one weight a column of the matrix (mean square of its input); errors where it is large then count more. Its size is
/// the row's, a multiple of the block (else "models.codec.importance"); f32, f16, bf16 and q8_0 do not use it.
Status quantise(GgmlType type, std::span<const float> values, std::span<std::byte> out, std::span<const float> importance = {});

}  // namespace retort::models
