// A smaller model by leaving out whole layers (depth pruning), written as a Hugging Face folder.
#pragma once
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::models {

/// Writes the layers `kept` (rising, each below the model's number) of `source` to the folder `target` (made by rename): weights in
/// bf16, each rounded once from its exact value; tokenizer and template as they are.
Status pruneModel(const std::filesystem::path& source, const std::vector<int>& kept, const std::filesystem::path& target);

/// "0,2,4" or "0-5,9" or "every:2" (of `layers`) as a rising list; errors name the part.
Result<std::vector<int>> parseLayers(std::string_view text, int layers);

}  // namespace retort::models
