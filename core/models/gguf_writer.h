// Writing GGUF version 3: metadata in the order given, tensors one by one, aligned to 32 bytes; the file appears complete.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/codecs.h"

namespace retort::models {

class GgufWriter {
 public:
  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void f32(std::string_view key, float value);
  void boolean(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void i32s(std::string_view key, const std::vector<std::int32_t>& values);
  void f32s(std::string_view key, const std::vector<float>& values);
  /// `shape` is outermost first, as Hugging Face writes it; `fill` gives the stored bytes (blocks of `type`).
  void tensor(std::string name, const std::vector<std::int64_t>& shape, GgmlType type, std::function<Status(std::span<std::byte>)> fill);

  [[nodiscard]] std::uint64_t fileSize() const;
  /// Temporary name, fsync, rename; `written` is told the bytes so far. Error "models.gguf.row" when a row is no whole number of blocks.
  Status write(const std::filesystem::path& path, const std::function<Status(std::uint64_t)>& written = {}) const;

 private:
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    GgmlType type;
    std::function<Status(std::span<std::byte>)> fill;
    std::uint64_t bytes;
  };
  void key(std::string_view name, std::uint32_t kind);
  [[nodiscard]] std::string header() const;
  std::string m_metadata;
  std::uint64_t m_keys = 0;
  std::vector<Tensor> m_tensors;
};

}  // namespace retort::models
