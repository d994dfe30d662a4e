// A Selection: the records that a filter matched, written once, by request key, so that it outlives a re-import.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/workspace.h"

namespace retort::data {

/// selections/<id>.json, retort.selection/1; the 16-byte request keys stand sorted in <id>.rid beside it.
struct Selection {
  std::string id, name, created;    ///< created: ISO 8601 UTC
  std::string filter;               ///< canonical text, with its missing rule
  std::int64_t count = 0;
  std::string sha256;               ///< of the .rid file
};

/// Writes a new Selection of `keys` (16 bytes each, any order; duplicates are dropped).
Result<Selection> saveSelection(const Workspace& workspace, std::string_view name, std::string_view filter, std::vector<std::string> keys);
Result<Selection> loadSelection(const Workspace& workspace, std::string_view id);
/// The sorted keys; "data.selection.changed" when the file is not what the Selection says.
Result<std::vector<std::string>> selectionKeys(const Workspace& workspace, const Selection& selection);
[[nodiscard]] std::vector<Selection> listSelections(const Workspace& workspace);

}  // namespace retort::data
