// Where programs, resources, models and the workspace are.
#include "base/paths.h"

#include <cstdlib>
#include <unistd.h>

namespace retort {
namespace {

std::string environmentText(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

fs::path ownProgram() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

fs::path userDataFolder() {
  if (const auto own = environmentText("RETORT_DATA_HOME"); !own.empty()) return own;
  if (const auto xdg = environmentText("XDG_DATA_HOME"); !xdg.empty()) return fs::path(xdg) / "retort";
  const auto home = environmentText("HOME");
  return fs::path(home.empty() ? "/" : home) / ".local/share/retort";
}

Result<fs::path> findProgram(std::string_view name) {
  std::error_code error;
  if (name == "retort-worker")
    if (const auto own = environmentText("RETORT_WORKER"); !own.empty()) return fs::path(own);
  const fs::path beside = ownProgram().parent_path() / name;
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  if (const auto bin = environmentText("RETORT_BIN"); !bin.empty())
    if (const fs::path there = fs::path(bin) / name; ::access(there.c_str(), X_OK) == 0) return there;
  const std::string path = environmentText("PATH");
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    const fs::path there = fs::path(path.substr(start, end - start)) / name;
    if (end > start && ::access(there.c_str(), X_OK) == 0) return there;
    start = end + 1;
  }
  return Error{"base.program.missing", "The program " + std::string(name) + " was not found", beside.string(),
               "it is neither beside this program nor in PATH", "Run packaging/setup, or set RETORT_WORKER to its path.", {}, {}};
}

Result<fs::path> resourcesFolder() {
  std::error_code error;
  if (const auto own = environmentText("RETORT_RESOURCES"); !own.empty()) return fs::path(own);
  const fs::path bin = ownProgram().parent_path();
  if (const fs::path installed = bin.parent_path() / "share/retort"; fs::is_directory(installed, error)) return installed;
  for (fs::path at = bin; at.has_relative_path(); at = at.parent_path())  // a build tree inside the checkout
    if (fs::is_directory(at / "resources/presets", error)) return at / "resources";
  if (const auto source = environmentText("RETORT_SOURCE"); !source.empty()) return fs::path(source) / "resources";
  return Error{"base.resources.missing", "Retort's resources were not found", bin.string(), "neither share/retort nor a checkout's resources/ is there",
               "Install again, or set RETORT_RESOURCES.", {}, {}};
}

Result<fs::path> findWorkspace(std::string_view given) {
  std::error_code error;
  fs::path chosen = given.empty() ? fs::path(environmentText("RETORT_WORKSPACE")) : fs::path(given);
  if (!chosen.empty()) {
    if (fs::exists(chosen / "workspace.json", error)) return fs::absolute(chosen);
    return Error{"base.workspace.none", chosen.string() + " is not a workspace", {}, "it has no workspace.json",
                 "Make one with: retort-cli init " + chosen.string(), {}, {}};
  }
  for (fs::path at = fs::current_path(error); !at.empty(); at = at.parent_path()) {
    if (fs::exists(at / "workspace.json", error)) return at;
    if (at == at.root_path()) break;
  }
  return Error{"base.workspace.none", "No workspace was found", fs::current_path(error).string(), "neither this folder nor one above it has a workspace.json",
               "Make one with: retort-cli init DIR, or name one with -w DIR.", {}, {}};
}

std::string hostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace retort
