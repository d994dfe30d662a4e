// Files that are whole or absent: atomic writes, folders that appear complete, locks held for life, free space.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort {

namespace fs = std::filesystem;

/// The bytes of a file of at most `maxBytes`.
Result<std::string> readFile(const fs::path& path, std::uint64_t maxBytes = 1u << 30);
/// Replaces `path` by `bytes`: temporary file in the same folder, write, fsync, rename, fsync of the folder.
Status writeFileAtomically(const fs::path& path, std::string_view bytes);
/// Flushes a folder's entries to disk.
Status syncFolder(const fs::path& folder);
/// Flushes a file to disk.
Status syncFile(const fs::path& file);
/// Free bytes for this user where `path` (or its nearest existing parent) lies.
Result<std::uint64_t> freeSpace(const fs::path& path);
/// Error "base.disk.short" with the numbers unless `needed` bytes are free at `path`; `what` names the thing to be written.
Status requireSpace(const fs::path& path, std::uint64_t needed, std::string_view what);
/// Makes a folder and its parents; success if it is there already.
Status makeFolders(const fs::path& folder);

/// A folder that appears only when complete: fill `path()` (a hidden sibling ".<name>.part"), then commit() renames it.
/// Without commit() the destructor removes it.
class FolderInTheMaking {
 public:
  /// Fails with "base.folder.exists" if `target` exists.
  static Result<FolderInTheMaking> begin(const fs::path& target);
  FolderInTheMaking(FolderInTheMaking&& other) noexcept;
  FolderInTheMaking& operator=(FolderInTheMaking&&) = delete;
  ~FolderInTheMaking();
  [[nodiscard]] const fs::path& path() const { return m_part; }
  Status commit();

 private:
  FolderInTheMaking(fs::path target, fs::path part) : m_target(std::move(target)), m_part(std::move(part)) {}
  fs::path m_target, m_part;
};

/// An OS lock on a file (fcntl open-file-description lock), freed by the kernel when the process dies.
class FileLock {
 public:
  /// nullopt when another process holds it. Writes `text` (host, pid, start; for people) into the file.
  static Result<std::optional<FileLock>> tryLock(const fs::path& path, std::string_view text = {});
  /// True when some process holds the lock of `path`; a missing file is not held.
  static bool isHeld(const fs::path& path);
  FileLock(FileLock&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();
  [[nodiscard]] int fd() const { return m_fd; }

 private:
  explicit FileLock(int fd) : m_fd(fd) {}
  int m_fd = -1;
};

/// Appends whole lines to a file; each append is one write() of a full line, so a reader sees a torn line only after a crash.
class LineAppender {
 public:
  static Result<LineAppender> open(const fs::path& path);
  LineAppender(LineAppender&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)), m_path(std::move(other.m_path)) {}
  LineAppender& operator=(LineAppender&& other) noexcept;
  ~LineAppender();
  Status append(std::string_view line);  ///< a newline is added
  Status sync();

 private:
  LineAppender(int fd, fs::path path) : m_fd(fd), m_path(std::move(path)) {}
  int m_fd = -1;
  fs::path m_path;
};

/// Reads the complete lines that were added to a file since the last call; an incomplete last line waits for its end.
/// A file that became shorter is read anew from its start (`restarted` tells).
class LineTail {
 public:
  explicit LineTail(fs::path path) : m_path(std::move(path)) {}
  /// Calls `line` for each new complete line, at most `maxBytes` a call; returns the number of lines.
  Result<std::size_t> poll(const std::function<void(std::string_view)>& line, std::size_t maxBytes = 16u << 20);
  [[nodiscard]] bool restarted() const { return m_restarted; }
  [[nodiscard]] std::uint64_t offset() const { return m_offset; }

 private:
  fs::path m_path;
  std::uint64_t m_offset = 0;
  bool m_restarted = false;
};

}  // namespace retort
