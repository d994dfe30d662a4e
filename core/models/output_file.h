// A file that is written front to back under a temporary name and appears by rename when it is whole and on disk.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace retort::models {

class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& target);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();   ///< removes the temporary file unless committed
  Status write(std::span<const std::byte> bytes);
  Status commit();

 private:
  OutputFile(std::filesystem::path target, std::filesystem::path temporary, int fd);
  std::filesystem::path m_target, m_temporary;
  int m_fd;
};

}  // namespace retort::models
