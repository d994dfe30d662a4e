// The model library: one JSON file a model, in the user's models folder and in the workspace; and names for models in general.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace retort::models {

struct LibraryEntry {
  std::string name;
  std::filesystem::path path;            ///< GGUF file or Hugging Face folder
  std::string format;                    ///< "gguf" | "hf"; empty when the file is gone
  std::string family, storedType;        ///< "llama", "Q4_1"
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;               ///< of the weight files
  std::string sha256, licence;
  std::string added;                     ///< ISO time; empty for what was found lying in the folder
  std::string where;                     ///< "user" | "workspace" | "built-in" | "found"
};

class Library {
 public:
  /// `workspace` may be empty (no workspace open): then only the user's models are seen.
  explicit Library(std::filesystem::path workspace = {});

  /// Opens the model, computes its fingerprint and writes models/<name>.json into the workspace (or the user's folder without
  /// one). The model's file stays where it is. Error "models.library.exists" when the name is taken by another model.
  Result<LibraryEntry> add(const std::filesystem::path& path, std::string_view name = {}) const;
  /// Entries of the workspace, then the user's, then GGUF files and folders that lie in the user's models folder, then "tiny".
  [[nodiscard]] std::vector<LibraryEntry> list() const;
  /// Path of a model by, in order: an existing path; a library name; a run (id, unique prefix or name: its student folder);
  /// an export (its model). Error "models.library.unknown" names the nearest name.
  [[nodiscard]] Result<std::filesystem::path> resolve(std::string_view text) const;

 private:
  [[nodiscard]] std::vector<std::filesystem::path> folders() const;
  std::filesystem::path m_workspace;
};

/// The name under which a model file lies in the library: its stem without the type ("SmolLM2-135M-Instruct.Q4_1.gguf" ->
/// "SmolLM2-135M-Instruct").
[[nodiscard]] std::string libraryName(const std::filesystem::path& path);
/// The storage of most weights: "Q4_1", "BF16".
class ModelSource;
[[nodiscard]] std::string mainStoredType(const ModelSource& model);

}  // namespace retort::models
