// Files that are whole or absent.
#include "base/files.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/format.h"

namespace retort {
namespace {

/// A file descriptor that closes itself.
struct Fd {
  int fd = -1;
  explicit Fd(int f) : fd(f) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

Status writeAll(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return systemError("base.file.write", "written", path.string(), n < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string uniqueSuffix() {
  static std::atomic<unsigned> counter{0};
  return std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

}  // namespace

Result<std::string> readFile(const fs::path& path, std::uint64_t maxBytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return systemError("base.file.open", "opened", path.string(), errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return systemError("base.file.read", "read", path.string(), errno);
  if (S_ISDIR(info.st_mode)) return systemError("base.file.read", "read", path.string(), EISDIR);
  if (static_cast<std::uint64_t>(info.st_size) > maxBytes)
    return Error{"base.file.large", path.string() + " cannot be read", {}, "it has " + formatBytes(static_cast<std::uint64_t>(info.st_size)) +
                 ", more than the " + formatBytes(maxBytes) + " such a file may have", {}, {}, {}};
  std::string out(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t have = 0;
  for (;;) {
    if (have == out.size()) {
      if (have >= maxBytes) break;
      out.resize(have + (have == 0 ? 4096 : 1));  // one more byte shows whether the file grew or lied about its size (/proc)
    }
    const ssize_t n = ::read(file.fd, out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return systemError("base.file.read", "read", path.string(), errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return out;
}

Status writeFileAtomically(const fs::path& path, std::string_view bytes) {
  const fs::path part = path.parent_path() / ("." + path.filename().string() + "." + uniqueSuffix() + ".tmp");
  {
    const Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.fd < 0) return systemError("base.file.write", "written", path.string(), errno);
    Status written = writeAll(file.fd, bytes, path);
    if (written.ok() && ::fsync(file.fd) != 0) written = systemError("base.file.write", "written", path.string(), errno);
    if (!written.ok()) {
      ::unlink(part.c_str());
      return written;
    }
  }
  if (::rename(part.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(part.c_str());
    return systemError("base.file.write", "written", path.string(), error);
  }
  return syncFolder(path.has_parent_path() ? path.parent_path() : fs::path("."));
}

Status syncFolder(const fs::path& folder) {
  const Fd dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.fd < 0) return systemError("base.folder.open", "opened", folder.string(), errno);
  if (::fsync(dir.fd) != 0 && errno != EINVAL && errno != EROFS)
    return systemError("base.folder.sync", "flushed", folder.string(), errno);
  return {};
}

Status syncFile(const fs::path& file) {
  const Fd f(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (f.fd < 0) return systemError("base.file.open", "opened", file.string(), errno);
  if (::fsync(f.fd) != 0) return systemError("base.file.sync", "flushed", file.string(), errno);
  return {};
}

Result<std::uint64_t> freeSpace(const fs::path& path) {
  fs::path existing = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(existing, ignored) && existing.has_relative_path()) existing = existing.parent_path();
  struct statvfs info {};
  if (::statvfs(existing.c_str(), &info) != 0) return systemError("base.disk.stat", "examined", existing.string(), errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Status requireSpace(const fs::path& path, std::uint64_t needed, std::string_view what) {
  RETORT_TRY(const std::uint64_t available, freeSpace(path));
  if (available >= needed) return {};
  return Error{"base.disk.short", std::string(what) + " does not fit", path.string(),
               "it needs " + formatBytes(needed) + " and " + formatBytes(available) + " are free",
               "Free " + formatBytes(needed - available) + ", or choose another place.", {}, {}};
}

Status makeFolders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder)) return systemError("base.folder.make", "made", folder.string(), error.value());
  return {};
}

Result<FolderInTheMaking> FolderInTheMaking::begin(const fs::path& target) {
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  RETORT_CHECK(makeFolders(parent));
  std::error_code ignored;
  if (fs::exists(target, ignored))
    return Error{"base.folder.exists", target.string() + " cannot be made", {}, "it exists already", "Choose another name.", {}, {}};
  const fs::path part = parent / ("." + target.filename().string() + ".part");
  if (::mkdir(part.c_str(), 0755) != 0) {
    if (errno != EEXIST) return systemError("base.folder.make", "made", target.string(), errno);
    // A leftover of a killed process, or somebody at work on the same name right now: the lock file tells.
    RETORT_TRY(auto lock, FileLock::tryLock(part / ".lock"));
    if (!lock) return Error{"base.folder.busy", target.string() + " cannot be made", {}, "another process is making it", {}, {}, {}};
    fs::remove_all(part, ignored);
    if (::mkdir(part.c_str(), 0755) != 0) return systemError("base.folder.make", "made", target.string(), errno);
  }
  return FolderInTheMaking(target, part);
}

FolderInTheMaking::FolderInTheMaking(FolderInTheMaking&& other) noexcept
    : m_target(std::move(other.m_target)), m_part(std::exchange(other.m_part, {})) {}

FolderInTheMaking::~FolderInTheMaking() {
  std::error_code ignored;
  if (!m_part.empty()) fs::remove_all(m_part, ignored);
}

Status FolderInTheMaking::commit() {
  std::error_code error;
  fs::remove(m_part / ".lock", error);
  for (const auto& entry : fs::recursive_directory_iterator(m_part, error)) {
    if (entry.is_directory(error)) RETORT_CHECK(syncFolder(entry.path()));
    else if (entry.is_regular_file(error)) RETORT_CHECK(syncFile(entry.path()));
  }
  RETORT_CHECK(syncFolder(m_part));
  if (::rename(m_part.c_str(), m_target.c_str()) != 0) {
    const int reason = errno;
    if (reason == EEXIST || reason == ENOTEMPTY)
      return Error{"base.folder.exists", m_target.string() + " cannot be made", {}, "it exists already", "Choose another name.", {}, {}};
    return systemError("base.folder.make", "made", m_target.string(), reason);
  }
  m_part.clear();
  return syncFolder(m_target.has_parent_path() ? m_target.parent_path() : fs::path("."));
}

Result<std::optional<FileLock>> FileLock::tryLock(const fs::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return systemError("base.lock.open", "opened", path.string(), errno);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &lock) != 0) {
    const int reason = errno;
    ::close(fd);
    if (reason == EAGAIN || reason == EACCES) return std::optional<FileLock>{};
    return systemError("base.lock.take", "locked", path.string(), reason);
  }
  if (!text.empty() && ::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t n = ::pwrite(fd, text.data(), text.size(), 0);
  }
  return std::optional<FileLock>(FileLock(fd));
}

bool FileLock::isHeld(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return false;
  struct flock lock {};
  lock.l_type = F_RDLCK;  // a read lock conflicts with a writer's and needs only read permission
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    if (m_fd >= 0) ::close(m_fd);
    m_fd = std::exchange(other.m_fd, -1);
  }
  return *this;
}

FileLock::~FileLock() {
  if (m_fd >= 0) ::close(m_fd);
}

Result<LineAppender> LineAppender::open(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return systemError("base.file.write", "written", path.string(), errno);
  return LineAppender(fd, path);
}

LineAppender& LineAppender::operator=(LineAppender&& other) noexcept {
  if (this != &other) {
    if (m_fd >= 0) ::close(m_fd);
    m_fd = std::exchange(other.m_fd, -1);
    m_path = std::move(other.m_path);
  }
  return *this;
}

LineAppender::~LineAppender() {
  if (m_fd >= 0) ::close(m_fd);
}

Status LineAppender::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  return writeAll(m_fd, whole, m_path);
}

Status LineAppender::sync() {
  if (::fsync(m_fd) != 0) return systemError("base.file.sync", "flushed", m_path.string(), errno);
  return {};
}

Result<std::size_t> LineTail::poll(const std::function<void(std::string_view)>& line, std::size_t maxBytes) {
  m_restarted = false;
  const Fd file(::open(m_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    if (errno == ENOENT) return std::size_t{0};
    return systemError("base.file.open", "opened", m_path.string(), errno);
  }
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return systemError("base.file.read", "read", m_path.string(), errno);
  if (static_cast<std::uint64_t>(info.st_size) < m_offset) m_offset = 0, m_restarted = true;
  std::size_t lines = 0, taken = 0;
  std::string buffer;
  constexpr std::size_t kPiece = 64u << 10;
  while (taken < maxBytes) {
    const std::size_t had = buffer.size();
    buffer.resize(had + kPiece);
    const ssize_t n = ::pread(file.fd, buffer.data() + had, kPiece, static_cast<off_t>(m_offset + had));
    if (n < 0) return systemError("base.file.read", "read", m_path.string(), errno);
    buffer.resize(had + static_cast<std::size_t>(n));
    if (n == 0) break;
    std::size_t start = 0;
    for (std::size_t end; (end = buffer.find('\n', start)) != std::string::npos; start = end + 1) {
      line(std::string_view(buffer).substr(start, end - start));
      ++lines;
    }
    buffer.erase(0, start);
    m_offset += start;
    taken += static_cast<std::size_t>(n);
  }
  return lines;
}

}  // namespace retort
