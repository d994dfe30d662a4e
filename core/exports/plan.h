// What an export will write, before anything is written: files, sizes, and every place where a type falls back to another.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "exports/student.h"
#include "exports/target.h"

namespace retort::exports {

struct PlannedTarget {
  Target target;
  std::string path;                        ///< in the export's folder: "hf", "adapter", "NAME-Q8_0.gguf", "ollama-Q8_0"
  std::uint64_t bytes = 0;
  std::vector<std::string> notes;          ///< "140 tensors: Q5_0 instead of Q4_K: …"
};

/// Where the model itself lies in a target's path: the path, or the GGUF file beside a Modelfile.
[[nodiscard]] std::filesystem::path modelFileOf(const Target& target, const std::filesystem::path& path);

struct Plan {
  std::vector<PlannedTarget> targets;
  std::uint64_t bytes = 0;
  [[nodiscard]] Json toJson() const;
};

/// Refuses what cannot be made, naming it: an adapter of a run that has none, a tokenizer that GGUF cannot hold, a template that no
/// Modelfile can say, a family that Bedrock does not import.
Result<Plan> planExport(const Student& student, const std::vector<Target>& targets);

}  // namespace retort::exports
