// safetensors: the header of a file, read under the limits for hostile files, and a writer of whole files and shards.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/input_file.h"

namespace retort::models {

struct SafeTensor {
  std::string name;
  std::string dtype;                         ///< "F32", "BF16" …
  std::vector<std::int64_t> shape;           ///< outermost first
  std::uint64_t begin = 0, end = 0;          ///< bytes from the data start
};

struct SafetensorsHeader {
  std::uint64_t dataStart = 0;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<SafeTensor> tensors;           ///< by offset
  [[nodiscard]] const SafeTensor* find(std::string_view name) const;
};

/// Bits of one element of a dtype; 0 for an unknown name.
[[nodiscard]] unsigned safetensorsBits(std::string_view dtype);
/// `head` must hold the whole header (8 + N bytes). Errors "models.safetensors.*" name tensor and place.
Result<SafetensorsHeader> parseSafetensors(std::span<const std::byte> head, std::uint64_t fileSize, std::string_view where);
Result<SafetensorsHeader> readSafetensorsHeader(const InputFile& file);

/// A tensor to be written; `fill` gives its bytes.
struct TensorToWrite {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::function<Status(std::span<std::byte>)> fill;
  [[nodiscard]] std::uint64_t bytes() const;
};

/// Writes one file (to a temporary name, fsync, rename): alignment descending, then name; metadata {"format":"pt"}.
Status writeSafetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors);
/// The size of the file that writeSafetensors makes.
[[nodiscard]] std::uint64_t safetensorsFileSize(const std::vector<TensorToWrite>& tensors);
/// model.safetensors, or model-0000k-of-0000n.safetensors of at most `shardBytes` with model.safetensors.index.json. Returns
/// the names of the files made.
Result<std::vector<std::string>> writeSafetensorsShards(const std::filesystem::path& folder, std::vector<TensorToWrite> tensors,
                                                        std::uint64_t shardBytes = 5'000'000'000);

}  // namespace retort::models
