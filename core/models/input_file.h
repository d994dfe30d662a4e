// A file open for reading by position. Not mapped: a file that shrinks under us is an error here, not a signal.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

namespace retort::models {

class InputFile {
 public:
  /// A regular file; links to one are followed (model hubs store files as links).
  static Result<std::shared_ptr<const InputFile>> open(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] std::uint64_t size() const { return m_size; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Exactly out.size() bytes from `offset`; "models.file.short" when the file ends before. Safe from several threads.
  Status read(std::uint64_t offset, std::span<std::byte> out) const;
  /// The first min(count, size) bytes.
  [[nodiscard]] Result<std::vector<std::byte>> head(std::uint64_t count) const;

 private:
  InputFile(int fd, std::uint64_t size, std::filesystem::path path) : m_fd(fd), m_size(size), m_path(std::move(path)) {}
  int m_fd;
  std::uint64_t m_size;
  std::filesystem::path m_path;
};

}  // namespace retort::models
