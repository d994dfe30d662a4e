// Tensors to and from safetensors files.
#pragma once
#include <filesystem>
#include <vector>

#include "engine/decoder.h"
#include "models/safetensors.h"

namespace retort::engine {

/// Tensors (CPU, contiguous) as the writer of safetensors takes them; they are kept alive by the result.
std::vector<models::TensorToWrite> tensorsToWrite(std::vector<NamedHostTensor> tensors);
/// Every tensor of a file. Errors of the reader; "engine.tensor.dtype" for a type that torch lacks.
Result<std::vector<NamedHostTensor>> readTensorFile(const std::filesystem::path& path);
/// safetensors' name of a torch type ("F32"), empty when it has none.
[[nodiscard]] std::string safetensorsName(at::ScalarType type);

}  // namespace retort::engine
