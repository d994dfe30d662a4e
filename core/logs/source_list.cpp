// Walking folders of logs, and finding spilled bodies.
#include "logs/source_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <unordered_set>
#include <system_error>

#include "base/format.h"
#include "logs/byte_source.h"

namespace retort::logs {

namespace fs = std::filesystem;

namespace {

bool endsWithAny(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return name.ends_with(end); });
}

bool isLogName(const std::string& name) {
  const std::string lower = lowerAscii(name);
  if (lower.starts_with(".") || lower.find("permission-check") != std::string::npos) return false;
  return endsWithAny(lower, {".json", ".jsonl", ".ndjson", ".log", ".out", ".csv", ".tsv", ".parquet", ".csv.gz", ".csv.zst", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".log.gz", ".gz", ".json.zst", ".jsonl.zst", ".zst"});
}

/// data/<uuid>_input.json.gz and _output…: bodies, not records.
bool isSpillObject(const fs::path& path) {
  if (path.parent_path().filename() != "data") return false;
  const std::string name = path.filename().string();
  return name.find("_input.") != std::string::npos || name.find("_output.") != std::string::npos || endsWithAny(name, {"_input", "_output"});
}

std::optional<ListedFile> inspect(const fs::path& path, const SharedPath& root) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return ListedFile{path, root, info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino, {}};
}

void walk(const fs::path& folder, const SharedPath& root, std::vector<ListedFile>& out, std::stop_token stop) {
  std::error_code error;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (stop.stop_requested()) return;
    const auto& path = it->path();
    const auto name = path.filename().string();
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      if (name.starts_with(".")) it.disable_recursion_pending();
      continue;
    }
    if (!isLogName(name) || isSpillObject(path)) continue;
    if (auto file = inspect(path, root)) out.push_back(std::move(*file));
  }
}

}  // namespace

bool isLogObject(std::string_view key) {
  const fs::path path(key);
  return isLogName(path.filename().string()) && !isSpillObject(path);
}

Result<std::vector<ListedFile>> listSources(const std::vector<fs::path>& sources, std::stop_token stop) {
  std::vector<ListedFile> files;
  std::unordered_set<std::string_view> seen;   // of texts that `files` keeps
  for (const auto& source : sources) {
    std::error_code error;
    const fs::path path = fs::absolute(source, error).lexically_normal();
    std::vector<ListedFile> found;
    if (fs::is_directory(path, error)) {
      const fs::path root = path.has_filename() ? path : path.parent_path();
      // The root of a bucket holds more than logs: side files are not records.
      walk(fs::is_directory(root / "AWSLogs", error) ? root / "AWSLogs" : root, root, found, stop);
      std::sort(found.begin(), found.end(), [](const ListedFile& a, const ListedFile& b) { return a.path.native() < b.path.native(); });
    } else if (auto file = inspect(path, path.parent_path())) {
      found.push_back(std::move(*file));
    } else {
      return Error{"logs.source.missing", shown(source.string()) + " cannot be imported", {}, "there is no such file or folder", "Check the path.", {}, {}};
    }
    for (auto& file : found)
      if (seen.insert(file.path.native()).second) files.push_back(std::move(file));   // a moved path has the same text
  }
  return files;
}

std::optional<std::string> readSpill(const fs::path& logFile, const fs::path& root, std::string_view s3Path) {
  constexpr std::size_t kMost = 64u << 20;
  std::string_view key = s3Path;
  if (const auto scheme = key.find("://"); scheme != std::string_view::npos) {
    key.remove_prefix(scheme + 3);
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    key.remove_prefix(slash + 1);
  }
  for (const auto part : splitView(key, '/'))
    if (part == ".." || part == "." || part.find('\0') != std::string_view::npos) return std::nullopt;
  const auto name = key.substr(key.rfind('/') + 1);
  if (name.empty()) return std::nullopt;
  std::error_code ignored;
  for (const auto& candidate : {logFile.parent_path() / "data" / name, logFile.parent_path() / name})
    if (candidate != logFile && fs::is_regular_file(candidate, ignored)) return readWholeSource(candidate, kMost);
  for (std::string_view rest = key; !rest.empty();) {
    if (const auto candidate = root / fs::path(rest).relative_path(); fs::is_regular_file(candidate, ignored)) return readWholeSource(candidate, kMost);
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return std::nullopt;
}

}  // namespace retort::logs
