// GGUF version 3: the header of a file (metadata and the table of tensors), read under the limits for hostile files.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "models/codecs.h"
#include "models/input_file.h"

namespace retort::models {

/// Types of metadata values, with the numbers of the format.
enum class GgufKind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

struct GgufArray {
  GgufKind element = GgufKind::u8;
  std::vector<std::string> strings;          ///< of string
  std::vector<std::byte> raw;                ///< of any other kind, as stored
  std::size_t count = 0;
  [[nodiscard]] std::size_t size() const { return count; }
  /// Element i of a numeric array (64-bit integers beyond 2^53 lose precision).
  [[nodiscard]] double number(std::size_t i) const;
};

struct GgufValue {
  GgufKind kind = GgufKind::u8;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, GgufArray> value;
};

struct GgufTensor {
  std::string name;
  std::vector<std::int64_t> dims;            ///< innermost first, as stored
  std::uint32_t type = 0;
  const GgmlTraits* traits = nullptr;        ///< null: a type that no list of ours has
  std::uint64_t offset = 0;                  ///< in the data section
  std::uint64_t bytes = 0;                   ///< 0 when traits is null
  std::uint64_t elements = 0;
};

struct GgufHeader {
  std::uint32_t version = 0;
  std::uint32_t alignment = 32;
  std::uint64_t dataOffset = 0;              ///< of the data section in the file
  std::vector<std::pair<std::string, GgufValue>> metadata;
  std::vector<GgufTensor> tensors;

  [[nodiscard]] const GgufValue* find(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;      ///< any integer kind that fits
  [[nodiscard]] std::optional<double> number(std::string_view key) const;             ///< integers and floats
  [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
  [[nodiscard]] const GgufArray* array(std::string_view key) const;
  [[nodiscard]] const GgufTensor* tensor(std::string_view name) const;
};

/// Parses a header out of the first bytes of a file of `fileSize` bytes. Errors "models.gguf.*" name the place. Error
/// "models.gguf.window" means: the header is longer than `head` but inside the file; read more and call again.
Result<GgufHeader> parseGguf(std::span<const std::byte> head, std::uint64_t fileSize, std::string_view where);
/// The header of a file, reading as much as it needs.
Result<GgufHeader> readGgufHeader(const InputFile& file);

}  // namespace retort::models
