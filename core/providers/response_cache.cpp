// An index of line offsets in memory, the answers on disk.
#include "providers/response_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "providers/json_peek.h"

namespace retort::providers {

Result<ResponseCache> ResponseCache::open(const std::filesystem::path& cacheFolder, const std::string& dialect, const std::string& origin, const std::string& model) {
  const auto folder = cacheFolder / "responses";
  RETORT_CHECK(makeFolders(folder));
  const auto path = folder / (sha256Hex(dialect + "\n" + origin + "\n" + model).substr(0, 24) + ".jsonl");
  RETORT_TRY(auto file, LineAppender::open(path));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return systemError("providers.cache.open", "open", path.string(), errno);
  ResponseCache cache(std::move(file), path, fd);
  RETORT_CHECK(cache.refresh());
  std::error_code error;
  if (fs::file_size(path, error) > cache.m_tail.offset()) RETORT_CHECK(cache.m_file.append(""));   // ends a line torn by a crash
  return cache;
}

ResponseCache::ResponseCache(ResponseCache&& other) noexcept
    : m_file(std::move(other.m_file)), m_tail(std::move(other.m_tail)), m_path(std::move(other.m_path)), m_fd(std::exchange(other.m_fd, -1)), m_read(other.m_read), m_places(std::move(other.m_places)) {}

ResponseCache::~ResponseCache() {
  if (m_fd >= 0) ::close(m_fd);
}

Status ResponseCache::refresh() {
  constexpr std::string_view kHead = R"({"hash":")";
  for (;;) {
    std::uint64_t at = m_read;
    RETORT_TRY(const auto n, m_tail.poll([&](std::string_view line) {
      if (line.starts_with(kHead) && line.size() > kHead.size() + 64 && line.ends_with('}')) m_places[std::string(line.substr(kHead.size(), 64))] = {at, static_cast<std::uint32_t>(line.size())};
      at += line.size() + 1;
    }));
    if (m_tail.restarted()) m_places.clear();
    m_read = m_tail.offset();
    if (n == 0) return {};
  }
}

Result<std::optional<Answer>> ResponseCache::find(const std::string& hash) {
  auto it = m_places.find(hash);
  if (it == m_places.end()) return std::optional<Answer>();
  std::string line(it->second.length, '\0');
  for (std::size_t got = 0; got < line.size();) {
    const auto n = ::pread(m_fd, line.data() + got, line.size() - got, static_cast<off_t>(it->second.offset + got));
    if (n <= 0) return std::optional<Answer>();     // cut by hand: the answer is lost, not the run
    got += static_cast<std::size_t>(n);
  }
  const auto json = parseJson(line, "cache");
  if (!json.ok() || peekText(*json, "hash") != hash) return std::optional<Answer>();
  return std::optional(answerFromJson(peek(*json, "answer")));
}

Status ResponseCache::add(const std::string& hash, const Answer& answer) {
  RETORT_CHECK(m_file.append(dumpJson({{"hash", hash}, {"at", isoUtc(utcMicros())}, {"answer", toJson(answer)}})));
  return refresh();
}

}  // namespace retort::providers
