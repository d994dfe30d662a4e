// Making an export: plan, space, write, verify, and the folder that appears when all is done.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "exports/plan.h"
#include "exports/verify.h"

namespace retort::exports {

struct ExportOptions {
  std::vector<Target> targets;
  std::filesystem::path workspace;         ///< exports/<id>/ is made there unless `out` is given
  std::filesystem::path out;               ///< a new folder anywhere
  VerifyOptions verify;
};

struct Exported {
  std::string id;                          ///< empty with `out`
  std::filesystem::path folder;
  std::vector<Verdict> verdicts;
  [[nodiscard]] bool verified() const { return allVerified(verdicts); }
  /// [{"format","path","sha256","verified"}…]: what `demo` and `distil` print. sha256 is the model's fingerprint.
  [[nodiscard]] Json summary() const;
};

/// Checks free space first. The folder appears also when a check is red: verify.json then says so, and nothing hides it.
Result<Exported> exportStudent(const Student& student, const ExportOptions& options);

struct ExportEntry {
  std::string id, name, run, created;
  std::filesystem::path folder;
  std::vector<std::string> formats;
  std::uint64_t bytes = 0;
  bool verified = false;
};
/// The exports of a workspace, newest first.
[[nodiscard]] std::vector<ExportEntry> listExports(const std::filesystem::path& workspace);

}  // namespace retort::exports
