// A workspace: the folder that holds a project's stores and products (design section 5).
#pragma once
#include <filesystem>
#include <string>

#include "base/result.h"

namespace retort {

inline constexpr int kWorkspaceSchema = 1;

class Workspace {
 public:
  /// Makes a new workspace in an empty or absent folder (its parents too); `name` is for people.
  static Result<Workspace> create(const std::filesystem::path& root, std::string_view name = {});
  /// Opens one: reads workspace.json; a newer schema or an unwritable folder opens read-only (and says so in whyReadOnly()).
  static Result<Workspace> open(const std::filesystem::path& root);

  [[nodiscard]] const std::filesystem::path& root() const { return m_root; }
  [[nodiscard]] const std::string& id() const { return m_id; }
  [[nodiscard]] const std::string& name() const { return m_name; }
  [[nodiscard]] bool isReadOnly() const { return !m_whyReadOnly.empty(); }
  [[nodiscard]] const std::string& whyReadOnly() const { return m_whyReadOnly; }
  /// Error "base.workspace.readonly", naming the path and the reason, unless writable.
  [[nodiscard]] Status requireWritable() const;

  [[nodiscard]] std::filesystem::path logsDb() const { return m_root / "logs.db"; }
  [[nodiscard]] std::filesystem::path retortDb() const { return m_root / "retort.db"; }
  [[nodiscard]] std::filesystem::path selections() const { return m_root / "selections"; }
  [[nodiscard]] std::filesystem::path datasets() const { return m_root / "datasets"; }
  [[nodiscard]] std::filesystem::path jobs() const { return m_root / "jobs"; }
  [[nodiscard]] std::filesystem::path runs() const { return m_root / "runs"; }
  [[nodiscard]] std::filesystem::path reports() const { return m_root / "reports"; }
  [[nodiscard]] std::filesystem::path exports() const { return m_root / "exports"; }
  [[nodiscard]] std::filesystem::path models() const { return m_root / "models"; }   ///< model library, one JSON a model
  [[nodiscard]] std::filesystem::path cache() const { return m_root / "cache"; }

 private:
  std::filesystem::path m_root;
  std::string m_id, m_name, m_whyReadOnly;
};

}  // namespace retort
