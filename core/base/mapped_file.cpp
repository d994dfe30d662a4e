// mmap, read-only.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"

namespace retort {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  const auto failed = [&](const char* code) {
    return Error{code, shown(path.filename().string()) + " cannot be read", path.parent_path().string(), std::strerror(errno), {}, {}, {}};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(errno == ENOENT ? "base.file.missing" : "base.file.read");
  struct stat info {};
  void* data = nullptr;
  const bool known = fstat(fd, &info) == 0;
  const auto size = known ? static_cast<std::size_t>(info.st_size) : 0;
  if (known && size > 0) data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!known || data == MAP_FAILED) return failed("base.file.read");
  return std::shared_ptr<const MappedFile>(new MappedFile(static_cast<const char*>(data), size));
}

MappedFile::~MappedFile() {
  if (m_data) munmap(const_cast<char*>(m_data), m_size);
}

}  // namespace retort
