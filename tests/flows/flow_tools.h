// What flow tests share: the programs under test, a temporary place, small helpers around the command line.
#pragma once
#include <QTemporaryDir>
#include <QTest>

#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/subprocess.h"

namespace retort::flow {

inline fs::path bin(const char* name) { return fs::path(std::getenv("RETORT_BIN")) / name; }

/// Runs retort-cli; a call takes at most the test's own time.
inline Finished cli(const std::vector<std::string>& args, const std::vector<std::pair<std::string, std::string>>& env = {}) {
  auto finished = runCommand({bin("retort-cli"), args, env, {}, {}});
  if (!finished.ok()) return {127, {}, finished.error().text()};
  return std::move(*finished);
}

/// Runs with --json and parses what it prints; null when it is no JSON.
inline Json cliJson(std::vector<std::string> args, int* exitCode = nullptr, const std::vector<std::pair<std::string, std::string>>& env = {}) {
  args.insert(args.begin(), {"--json", "--quiet"});
  const auto finished = cli(args, env);
  if (exitCode) *exitCode = finished.exitCode;
  auto json = parseJson(finished.out, "retort-cli");
  if (!json.ok()) qWarning("%s\n%s", finished.out.substr(0, 2000).c_str(), finished.err.substr(0, 2000).c_str());
  return json.ok() ? *json : Json();
}

inline fs::path testData() {
  if (const char* given = std::getenv("RETORT_TEST_DATA")) return given;
  return fs::path(std::getenv("RETORT_SOURCE")) / ".." / "shared" / "data";
}

inline fs::path oraclePython() { return fs::path(std::getenv("RETORT_SOURCE")) / ".deps/python/bin/python"; }

}  // namespace retort::flow
