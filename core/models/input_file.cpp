// Reading a file by position with pread, its size checked again at every short read.
#include "models/input_file.h"

#include <cerrno>
#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace retort::models {

Result<std::shared_ptr<const InputFile>> InputFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return systemError("models.file.open", "read", path.string(), errno);
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return Error{"models.file.kind", path.string() + " cannot be read as a model file", "", "it is not a regular file", "Choose a file", "", {}};
  }
  return std::shared_ptr<const InputFile>(new InputFile(fd, static_cast<std::uint64_t>(info.st_size), path));
}

InputFile::~InputFile() { ::close(m_fd); }

Status InputFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t want = std::min<std::size_t>(out.size() - done, 64u << 20);
    const ssize_t got = ::pread(m_fd, out.data() + done, want, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return systemError("models.file.read", "read", m_path.string(), errno);
    if (got == 0)
      return Error{"models.file.short", m_path.string() + " cannot be read", "byte " + std::to_string(offset + done),
                   "the file ends before byte " + std::to_string(offset + out.size()) + "; it became shorter or was cut",
                   "Download it again", "", {}};
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<std::vector<std::byte>> InputFile::head(std::uint64_t count) const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min(count, m_size)));
  RETORT_CHECK(read(0, bytes));
  return bytes;
}

}  // namespace retort::models
