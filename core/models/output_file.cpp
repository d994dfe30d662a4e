// Whole files: temporary name, fsync, rename, fsync of the folder.
#include "models/output_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/files.h"

namespace retort::models {

OutputFile::OutputFile(std::filesystem::path target, std::filesystem::path temporary, int fd)
    : m_target(std::move(target)), m_temporary(std::move(temporary)), m_fd(fd) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : m_target(std::move(other.m_target)), m_temporary(std::move(other.m_temporary)), m_fd(std::exchange(other.m_fd, -1)) {}

Result<OutputFile> OutputFile::create(const std::filesystem::path& target) {
  auto temporary = target.parent_path() / ("." + target.filename().string() + ".tmp");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return systemError("models.file.write", "write", target.string(), errno);
  return OutputFile(target, std::move(temporary), fd);
}

OutputFile::~OutputFile() {
  if (m_fd < 0) return;
  ::close(m_fd);
  std::error_code code;
  std::filesystem::remove(m_temporary, code);
}

Status OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(m_fd, bytes.data(), std::min<std::size_t>(bytes.size(), 64u << 20));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return systemError("models.file.write", "write", m_target.string(), errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

Status OutputFile::commit() {
  if (::fsync(m_fd) != 0) return systemError("models.file.write", "write", m_target.string(), errno);
  if (::rename(m_temporary.c_str(), m_target.c_str()) != 0) return systemError("models.file.write", "write", m_target.string(), errno);
  ::close(std::exchange(m_fd, -1));
  return syncFolder(m_target.parent_path().empty() ? std::filesystem::path(".") : m_target.parent_path());
}

}  // namespace retort::models
