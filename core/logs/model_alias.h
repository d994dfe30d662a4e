// Names of models: what stands in logs, and what people call it. The shipped table and the workspace's own.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/database.h"

namespace retort::logs {

/// `retort.aliases/1`: {"schema", "aliases": {NAME: MODEL}}. NAME is an id as logged (an opaque ARN) or as normaliseModel() gives it; a final `*`
/// stands for any rest. Exact names go before patterns, longer patterns before shorter, the workspace's before the shipped.
class ModelAliases {
 public:
  /// Reads both files; one that does not exist holds none.
  static Result<ModelAliases> load(const std::filesystem::path& workspaceFile, const std::filesystem::path& shippedFile);
  Status add(const Json& json, std::string_view where);
  /// The model of an id as logged.
  [[nodiscard]] std::string modelOf(std::string_view raw) const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& exact() const { return m_exact; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& patterns() const { return m_patterns; }   ///< without the *, longest first
  [[nodiscard]] bool isEmpty() const { return m_exact.empty() && m_patterns.empty(); }

 private:
  std::map<std::string, std::string, std::less<>> m_exact;
  std::vector<std::pair<std::string, std::string>> m_patterns;   ///< without the *, longest first
};

[[nodiscard]] inline std::filesystem::path aliasFileOf(const std::filesystem::path& workspace) { return workspace / "model-aliases.json"; }

/// Puts one name into the workspace's table (an empty model takes it out).
Status setAlias(const std::filesystem::path& workspaceFile, const std::string& name, const std::string& model);

/// Brings the `@model` of all stored records in line with a table that was edited: the number of ids whose model changed. Run by the one writer.
Result<std::int64_t> remapModels(store::Database& db, const ModelAliases& aliases);

}  // namespace retort::logs
