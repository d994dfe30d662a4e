// The tensors of a decoder by its config: Hugging Face names and shapes, GGUF names, and the order of q and k rows.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/decoder_config.h"

namespace retort::models {

enum class RowOrder { same, rotated };   ///< rotated: llama's GGUF stores q and k rows for interleaved pairs

struct ExpectedTensor {
  std::string name;                      ///< Hugging Face
  std::string ggufName;
  std::vector<std::int64_t> shape;       ///< outermost first
  RowOrder order = RowOrder::same;       ///< of its GGUF form
  std::int64_t heads = 0;                ///< heads of the rows, when rotated
};

/// Every tensor of the model, in the order of a forward pass.
[[nodiscard]] std::vector<ExpectedTensor> expectedTensors(const DecoderConfig& config);
/// The architecture name that GGUF uses for a family ("mistral" is written as llama).
[[nodiscard]] std::string ggufArchitecture(std::string_view family);
/// llama and smollm3 rotate interleaved pairs in GGUF; qwen2 and qwen3 rotate halves.
[[nodiscard]] bool ggufRotatesPairs(std::string_view family);

/// Row of a GGUF q or k weight (or bias) that holds row `row` of the Hugging Face weight: per head [2, hd/2] is stored swapped.
[[nodiscard]] inline std::int64_t ggufRowOf(std::int64_t row, std::int64_t headDim) {
  const std::int64_t head = row / headDim, within = row % headDim, half = headDim / 2;
  return head * headDim + (within % half) * 2 + within / half;
}
/// Reorders whole rows from GGUF order to Hugging Face's (`toGguf` false) or back. `bytes.size()` = rows * rowBytes.
void reorderRows(std::span<std::byte> bytes, std::int64_t rows, std::int64_t headDim, bool toGguf);

}  // namespace retort::models
