// Ids of products: YYYYMMDD-HHMMSS-<4 hex>, unique by the creation of their folder.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace retort {

[[nodiscard]] bool isId(std::string_view text);
/// A fresh id (UTC now and random digits); not yet reserved.
[[nodiscard]] std::string newId();
/// Begins the folder `parent/<fresh id>`, hidden until commit; `id` receives the id.
Result<FolderInTheMaking> beginProduct(const fs::path& parent, std::string& id);
/// The ids of complete product folders in `parent`, oldest first.
[[nodiscard]] std::vector<std::string> listProducts(const fs::path& parent);
/// Resolves an id, a unique prefix of one, or a name to a product of `parent`. `nameOf` gives a product's name (may be empty);
/// of several with one name the newest wins. Error "base.id.unknown" / "base.id.ambiguous", naming `noun`.
Result<std::string> resolveProduct(const fs::path& parent, std::string_view text, std::string_view noun,
                                   const std::function<std::string(const std::string& id)>& nameOf);

}  // namespace retort
