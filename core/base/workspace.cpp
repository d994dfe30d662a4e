// Making and opening a workspace folder.
#include "base/workspace.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/version.h"

namespace retort {

Result<Workspace> Workspace::create(const std::filesystem::path& root, std::string_view name) {
  std::error_code error;
  if (fs::exists(root / "workspace.json", error))
    return Error{"base.workspace.exists", root.string() + " is a workspace already", {}, {}, "Open it, or choose another folder.", {}, {}};
  if (fs::exists(root, error) && !fs::is_directory(root, error))
    return Error{"base.workspace.file", root.string() + " cannot become a workspace", {}, "it is a file", "Choose a folder.", {}, {}};
  RETORT_CHECK(makeFolders(root));
  for (const char* folder : {"selections", "datasets", "jobs", "runs", "reports", "exports", "models", "cache"}) RETORT_CHECK(makeFolders(root / folder));
  const fs::path absolute = fs::weakly_canonical(root, error);
  Json json = {{"schema", "retort.workspace/" + std::to_string(kWorkspaceSchema)}, {"id", newId()},
               {"name", name.empty() ? absolute.filename().string() : std::string(name)},
               {"created", isoUtc(utcMicros())}, {"created_by", "Retort " RETORT_VERSION}};
  RETORT_CHECK(writeJsonFile(root / "workspace.json", json));
  return open(root);
}

Result<Workspace> Workspace::open(const std::filesystem::path& root) {
  RETORT_TRY(const Json json, readJsonFile(root / "workspace.json", 1u << 20));
  std::string schema;
  Workspace w;
  std::error_code error;
  w.m_root = fs::weakly_canonical(root, error);
  ObjectReader reader(json, (root / "workspace.json").string());
  reader.required("schema", schema).required("id", w.m_id).optional("name", w.m_name);
  RETORT_CHECK(reader.finish(true));
  constexpr std::string_view prefix = "retort.workspace/";
  const int version = schema.starts_with(prefix) ? std::atoi(schema.c_str() + prefix.size()) : 0;
  if (version < 1)
    return Error{"base.workspace.schema", root.string() + " is not a workspace of Retort", "workspace.json: schema", "\"" + shown(schema) + "\" is unknown", {}, {}, {}};
  if (version > kWorkspaceSchema)
    w.m_whyReadOnly = "it was made by a newer Retort (schema " + std::to_string(version) + ", this one reads " + std::to_string(kWorkspaceSchema) + ")";
  else if (::access(w.m_root.c_str(), W_OK) != 0)
    w.m_whyReadOnly = "this user may not write there";
  return w;
}

Status Workspace::requireWritable() const {
  if (m_whyReadOnly.empty()) return {};
  const bool isNewer = m_whyReadOnly.find("newer Retort") != std::string::npos;
  return Error{"base.workspace.readonly", "The workspace " + m_root.string() + " is open read-only", {}, m_whyReadOnly,
               isNewer ? "Update Retort, or make a new workspace with: retort-cli init DIR." : "Copy it to a place you may write to, and open the copy.", {}, {}};
}

}  // namespace retort
