// Where things live: our own program, its siblings, the user's data, resources, the workspace.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort {

namespace fs = std::filesystem;

[[nodiscard]] fs::path ownProgram();                 ///< absolute path of the running executable
/// $RETORT_DATA_HOME, else $XDG_DATA_HOME/retort, else ~/.local/share/retort. Models are in models/, engines in engine/.
[[nodiscard]] fs::path userDataFolder();
/// Finds `retort-worker`, `retort-cli` …: $RETORT_WORKER (worker only), then our own folder, then PATH.
Result<fs::path> findProgram(std::string_view name);
/// The folder of shipped resources: $RETORT_RESOURCES, <prefix>/share/retort, or the source tree's resources/.
Result<fs::path> resourcesFolder();
/// -w given, else $RETORT_WORKSPACE, else the nearest parent of the working folder with workspace.json; else an error naming `init`.
Result<fs::path> findWorkspace(std::string_view given);
[[nodiscard]] std::string hostName();

}  // namespace retort
