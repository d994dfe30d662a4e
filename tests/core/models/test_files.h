// Where the tests of model files find data, oracles and scratch space; and a builder of raw bytes for forged files.
#pragma once
#include <QTemporaryDir>
#include <QtTest>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/paths.h"
#include "base/subprocess.h"

namespace retort::tests {

inline std::filesystem::path sourceFolder() { return qEnvironmentVariable("RETORT_SOURCE", ".").toStdString(); }
inline std::filesystem::path testData() {
  const auto given = qEnvironmentVariable("RETORT_TEST_DATA");
  return given.isEmpty() ? sourceFolder().parent_path() / "shared" / "data" : std::filesystem::path(given.toStdString());
}
inline std::filesystem::path python() { return sourceFolder() / ".deps" / "python" / "bin" / "python"; }
inline std::filesystem::path sampleModel() { return userDataFolder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"; }
inline bool exists(const std::filesystem::path& path) {
  std::error_code code;
  return std::filesystem::exists(path, code);
}

/// Runs tests/core/models/oracle.py; its output, or the error output prefixed by "FAILED".
inline std::string oracle(std::vector<std::string> args) {
  args.insert(args.begin(), (sourceFolder() / "tests/core/models/oracle.py").string());
  Command command;
  command.program = python();
  command.args = std::move(args);
  const auto result = runCommand(command);
  if (!result.ok()) return "FAILED " + result.error().text();
  return result->exitCode == 0 ? result->out : "FAILED " + result->err;
}

struct Bytes {
  std::string data;
  template <typename T>
  Bytes& put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    data.append(raw, sizeof(T));
    return *this;
  }
  Bytes& text(std::string_view value) {
    put<std::uint64_t>(value.size());
    data.append(value);
    return *this;
  }
  Bytes& raw(std::string_view value) {
    data.append(value);
    return *this;
  }
  Bytes& pad(std::size_t alignment = 32) {
    data.append((alignment - data.size() % alignment) % alignment, '\0');
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> span() const { return std::as_bytes(std::span(data)); }
};

}  // namespace retort::tests
