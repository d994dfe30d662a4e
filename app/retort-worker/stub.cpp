// The worker's front: knows no torch, finds its libraries, and becomes retort-worker-torch, so that what is missing is a sentence.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/version.h"

namespace {

using retort::fs::path;

bool isThere(const path& file) {
  std::error_code ignored;
  return retort::fs::exists(file, ignored);
}

/// Folders where libtorch may lie, best first.
std::vector<path> candidates(const path& self) {
  std::vector<path> out;
  if (const char* root = std::getenv("RETORT_TORCH_ROOT"); root && *root) return {path(root) / "lib"};
  for (path folder = self.parent_path(); folder.has_relative_path(); folder = folder.parent_path()) out.push_back(folder / ".deps/torch/lib");
  std::vector<path> engines;
  std::error_code ignored;
  for (const auto& entry : retort::fs::directory_iterator(retort::userDataFolder() / "engine", ignored)) {
    engines.push_back(entry.path() / "lib");
    engines.push_back(entry.path() / "torch" / "lib");
  }
  std::sort(engines.rbegin(), engines.rend());
  out.insert(out.end(), engines.begin(), engines.end());
  return out;
}

int explain(const std::string& what, const std::string& next) {
  std::fprintf(stderr, "retort-worker: %s. %s.\n", what.c_str(), next.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const path self = retort::ownProgram();
  const path torchProgram = self.parent_path() / "retort-worker-torch";
  if (argc == 2 && std::strcmp(argv[1], "--find") == 0) {
    for (const auto& folder : candidates(self))
      if (isThere(folder / "libtorch_cpu.so")) return std::printf("%s\n", folder.c_str()) < 0 ? 1 : 0;
    return 1;
  }
  if (!isThere(torchProgram))
    return explain("the program retort-worker-torch is missing from " + self.parent_path().string(), "Build Retort with the engine, or run packaging/setup");
  const auto folders = candidates(self);
  const auto found = std::find_if(folders.begin(), folders.end(), [](const path& folder) { return isThere(folder / "libtorch_cpu.so"); });
  if (found == folders.end()) {
    std::string where;
    for (const auto& folder : folders) where += (where.empty() ? "" : ", ") + folder.string();
    return explain("libtorch_cpu.so, the library that computes, was not found (looked in " + where + ")",
                   "Run packaging/setup, which fetches it, or set RETORT_TORCH_ROOT to the folder of a torch wheel");
  }
  const char* before = std::getenv("LD_LIBRARY_PATH");
  const std::string search = found->string() + (before && *before ? std::string(":") + before : "");
  setenv("LD_LIBRARY_PATH", search.c_str(), 1);
  // OpenMP's threads wait actively for microseconds only, not milliseconds: on a machine with other work, a decoded token would
  // otherwise take twenty times as long (measured).
  setenv("GOMP_SPINCOUNT", "500", 0);
  // The worker's own name for messages and rpc; the program that runs is the one beside us.
  execv(torchProgram.c_str(), argv);
  return explain(torchProgram.string() + " could not be started (" + std::strerror(errno) + ")", "Run packaging/setup");
}
