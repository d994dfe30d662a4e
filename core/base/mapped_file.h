// A file's bytes as memory, read when they are touched and given back when memory is short; the pages do not count as the program's own.
#pragma once
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace retort {

/// For files that are replaced as a whole, never changed in place: what shrinks under a map ends the program that reads it.
class MappedFile {
 public:
  /// Error "base.file.missing" or "base.file.read".
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();
  /// Begins at a page.
  [[nodiscard]] std::string_view bytes() const { return {m_data, m_size}; }

 private:
  MappedFile(const char* data, std::size_t size) : m_data(data), m_size(size) {}
  const char* m_data;
  std::size_t m_size;
};

}  // namespace retort
