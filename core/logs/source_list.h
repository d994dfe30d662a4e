// Which files an import reads: folders walked in byte order of path, spilled bodies and markers left out; and where spilled bodies are.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::logs {

/// A path that many lists hold at once: a copy is a reference. Kept as text, as std::filesystem::path holds every part of itself besides,
/// which made the lists of 100,000 files weigh 360 MB.
class SharedPath {
 public:
  SharedPath() : SharedPath(std::filesystem::path()) {}
  SharedPath(const std::filesystem::path& path) : m_text(std::make_shared<const std::string>(path.native())) {}
  operator std::filesystem::path() const { return *m_text; }
  [[nodiscard]] const std::string& native() const { return *m_text; }
  [[nodiscard]] const std::string& string() const { return *m_text; }
  [[nodiscard]] const char* c_str() const { return m_text->c_str(); }
  [[nodiscard]] std::filesystem::path filename() const { return m_text->substr(m_text->rfind('/') + 1); }
  [[nodiscard]] std::filesystem::path extension() const { return filename().extension(); }
  [[nodiscard]] std::filesystem::path parent_path() const {
    const auto slash = m_text->rfind('/');
    return slash == std::string::npos ? std::filesystem::path() : std::filesystem::path(m_text->substr(0, std::max<std::size_t>(slash, 1)));
  }

 private:
  std::shared_ptr<const std::string> m_text;
};

struct ListedFile {
  SharedPath path;                            ///< absolute
  SharedPath root;                            ///< the folder named by the user, or the file's own
  std::int64_t size = 0, mtimeNs = 0;
  std::uint64_t inode = 0;
  std::string name{};                         ///< what the store calls it, where that is not its path: "s3://bucket/key"
  [[nodiscard]] const std::string& identity() const { return name.empty() ? path.native() : name; }
};

/// True for the key of an object that is a log: by its name, neither a spilled body nor a marker.
[[nodiscard]] bool isLogObject(std::string_view key);


/// All files of the sources, each once. Error "logs.source.missing" for one that does not exist.
Result<std::vector<ListedFile>> listSources(const std::vector<std::filesystem::path>& sources, std::stop_token stop = {});

/// The body that a log file's "s3://bucket/key" names: in data/ beside the file, beside it, or below `root` by the end of
/// its key. Nothing for a path that would leave `root`, or a file that does not unpack to at most 64 MiB.
std::optional<std::string> readSpill(const std::filesystem::path& logFile, const std::filesystem::path& root, std::string_view s3Path);

}  // namespace retort::logs
