// Answers that were paid for, by the hash of their question: whole lines in the workspace's cache/, never asked for twice.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"
#include "providers/generation.h"

namespace retort::providers {

/// cache/responses/<teacher>.jsonl with lines {"hash","at","answer"}. Holds only complete answers. Several processes may append; each sees
/// the others' lines when it looks again.
class ResponseCache {
 public:
  /// The file for one (dialect, origin, model).
  static Result<ResponseCache> open(const std::filesystem::path& cacheFolder, const std::string& dialect, const std::string& origin, const std::string& model);
  ResponseCache(ResponseCache&& other) noexcept;
  ResponseCache& operator=(ResponseCache&&) = delete;
  ~ResponseCache();
  [[nodiscard]] Result<std::optional<Answer>> find(const std::string& hash);
  [[nodiscard]] bool has(const std::string& hash) const { return m_places.contains(hash); }
  /// Appended, not yet on disk: see sync().
  Status add(const std::string& hash, const Answer& answer);
  Status sync() { return m_file.sync(); }
  [[nodiscard]] std::size_t size() const { return m_places.size(); }
  /// Reads what others appended since.
  Status refresh();

 private:
  struct Place {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
  };
  ResponseCache(LineAppender file, std::filesystem::path path, int fd) : m_file(std::move(file)), m_tail(path), m_path(std::move(path)), m_fd(fd) {}
  LineAppender m_file;
  LineTail m_tail;
  std::filesystem::path m_path;
  int m_fd = -1;
  std::uint64_t m_read = 0;              ///< bytes indexed
  std::unordered_map<std::string, Place> m_places;
};

}  // namespace retort::providers
