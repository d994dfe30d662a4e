// What engine tests share: one prepared CPU device, and where test data and oracles lie.
#pragma once
#include <QTest>

#include <cstdlib>
#include <filesystem>

#include "base/paths.h"
#include "engine/device.h"

namespace retort::test {

namespace fs = std::filesystem;

/// The CPU, prepared once per test program.
inline const engine::Device& cpu() {
  static const engine::Device device = [] {
    auto made = engine::initialise({"cpu", 2, true});
    if (!made.ok()) qFatal("%s", made.error().text().c_str());
    return *made;
  }();
  return device;
}

inline fs::path sourceFolder() {
  const char* source = std::getenv("RETORT_SOURCE");
  return source ? fs::path(source) : fs::path();
}
inline fs::path dataFolder() {
  if (const char* data = std::getenv("RETORT_TEST_DATA")) return data;
  return sourceFolder() / "../shared/data";
}
inline fs::path oraclePython() { return sourceFolder() / ".deps/python/bin/python"; }
inline fs::path smolLm2() {
  if (const char* model = std::getenv("RETORT_TEST_MODEL")) return model;
  return userDataFolder() / "models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

}  // namespace retort::test

/// Ends the test with the error's sentence when a Result failed.
#define RETORT_VERIFY(result) QVERIFY2((result).ok(), (result).ok() ? "" : (result).error().text().c_str())
