// The unpacked bytes of a log file: plain, gzip of any number of members, or zstd; told apart by their first bytes.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace retort::logs {

/// How the bytes of a file ended.
enum class SourceEnd : std::uint8_t {
  whole,
  truncated,   ///< a packed file without its last block or checksum
  damaged,     ///< bytes that do not unpack, or a wrong checksum
};

class ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(const std::filesystem::path& path);
  virtual ~ByteSource() = default;
  /// Fills as much of `buffer` as there is; fewer bytes only at the end. 0: end reached, see end().
  virtual Result<std::size_t> read(std::span<char> buffer) = 0;
  /// Goes on at an unpacked offset: seeks in plain files, unpacks and discards in packed ones.
  virtual Status skipTo(std::uint64_t offset);
  [[nodiscard]] virtual SourceEnd end() const { return SourceEnd::whole; }
  [[nodiscard]] virtual bool isPacked() const { return false; }
  /// Bytes of the file itself that were consumed, for progress.
  [[nodiscard]] virtual std::uint64_t consumed() const = 0;
};

/// Reads all of a (possibly packed) file; nothing when it is missing, broken or unpacks to more than `maxBytes`.
std::optional<std::string> readWholeSource(const std::filesystem::path& path, std::size_t maxBytes);

}  // namespace retort::logs
