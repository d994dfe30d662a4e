// The logit cache's files. Every append goes to rows.bin first and then to index.bin, so that an index record means whole data.
#include "engine/logit_cache.h"

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "engine/tensor.h"

namespace retort::engine {
namespace {

constexpr std::size_t kMagic = 8, kRecord = 56;
static_assert(std::endian::native == std::endian::little, "the files are little-endian");

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <typename T>
T take(const char*& from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
  return value;
}

Status writeAll(int fd, std::string_view bytes, std::uint64_t offset, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return systemError("base.file.write", "written", path.string(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<std::string> readAll(int fd, std::uint64_t offset, std::size_t size, const fs::path& path) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return systemError("base.file.read", "read", path.string(), errno);
    if (n == 0) return Error{"engine.cache.short", "The logit cache is damaged", path.string(), "the file ends too early", "delete this cache folder; it will be computed again", {}, {}};
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

Error damaged(const fs::path& folder, const char* why) {
  return Error{"engine.cache.damaged", "The logit cache is damaged", folder.string(), why, "delete this cache folder; it will be computed again", {}, {}};
}

}  // namespace

Json LogitKey::toJson() const {
  return {{"teacher", teacher}, {"tokenizer", tokenizer}, {"template", chatTemplate}, {"rows", rows}, {"method", method}, {"size", size},
          {"temperature", temperature}, {"computed", computed}, {"seed", method == "rs-kd" ? seed : 0}, {"vocabulary", vocabulary}};
}

std::string LogitKey::sha256() const { return sha256Hex(dumpJson(toJson())); }

Sha256Digest hashOfIds(const std::vector<std::int32_t>& ids) {
  return Sha256().update(std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(std::int32_t))).digest();
}

LogitCache::~LogitCache() {
  if (m_rows >= 0) ::close(m_rows);
  if (m_index >= 0) ::close(m_index);
}

Result<std::unique_ptr<LogitCache>> LogitCache::open(const fs::path& root, const LogitKey& key, bool forWriting) {
  std::unique_ptr<LogitCache> cache(new LogitCache);
  cache->m_key = key;
  cache->m_folder = root / key.sha256();
  RETORT_CHECK(makeFolders(cache->m_folder));
  if (forWriting) {
    RETORT_TRY(cache->m_lock, FileLock::tryLock(cache->m_folder / "lock", hostName() + " " + std::to_string(::getpid()) + "\n"));
    if (!cache->m_lock)
      return Error{"engine.cache.busy", "The teacher's logits are being computed by another run", cache->m_folder.string(), "it holds their lock", "wait for that run", {}, {}};
    if (!fs::exists(cache->m_folder / "card.json"))
      RETORT_CHECK(writeJsonFile(cache->m_folder / "card.json", {{"schema", "retort.logits/1"}, {"key", key.toJson()}, {"complete", false}}));
  }
  const int mode = forWriting ? O_RDWR | O_CREAT : O_RDONLY;
  cache->m_rows = ::open((cache->m_folder / "rows.bin").c_str(), mode | O_CLOEXEC, 0644);
  if (cache->m_rows < 0) return systemError("base.file.read", "opened", (cache->m_folder / "rows.bin").string(), errno);
  cache->m_index = ::open((cache->m_folder / "index.bin").c_str(), mode | O_CLOEXEC, 0644);
  if (cache->m_index < 0) return systemError("base.file.read", "opened", (cache->m_folder / "index.bin").string(), errno);
  RETORT_CHECK(cache->load());
  return cache;
}

Status LogitCache::load() {
  struct stat rows {}, index {};
  ::fstat(m_rows, &rows);
  ::fstat(m_index, &index);
  if (index.st_size == 0 && m_lock) return writeAll(m_index, "RTLOGIT1", 0, m_folder / "index.bin");
  RETORT_TRY(const std::string bytes, readAll(m_index, 0, static_cast<std::size_t>(index.st_size), m_folder / "index.bin"));
  if (bytes.size() < kMagic || !bytes.starts_with("RTLOGIT1")) return damaged(m_folder, "index.bin does not begin as it should");
  const std::size_t count = (bytes.size() - kMagic) / kRecord;
  for (std::size_t i = 0; i < count; ++i) {
    const char* at = bytes.data() + kMagic + i * kRecord;
    Record r;
    const auto row = take<std::uint32_t>(at);
    r.positions = take<std::uint32_t>(at);
    r.offset = take<std::uint64_t>(at);
    r.bytes = take<std::uint64_t>(at);
    std::memcpy(r.hash.data(), at, r.hash.size());
    r.present = true;
    if (r.offset != m_end || r.bytes > static_cast<std::uint64_t>(rows.st_size) - std::min(m_end, static_cast<std::uint64_t>(rows.st_size)) || row > 1u << 30) break;
    m_end += r.bytes;
    if (m_records.size() <= row) m_records.resize(row + 1);
    if (!m_records[row].present) ++m_done;
    m_records[row] = r;
  }
  if (!m_lock) return {};
  const auto good = static_cast<off_t>(kMagic + static_cast<std::size_t>(m_done) * kRecord);
  if (::ftruncate(m_index, good) != 0 || ::ftruncate(m_rows, static_cast<off_t>(m_end)) != 0)
    return systemError("base.file.write", "cut", m_folder.string(), errno);
  return {};
}

bool LogitCache::has(std::int64_t row) const { return row >= 0 && static_cast<std::size_t>(row) < m_records.size() && m_records[static_cast<std::size_t>(row)].present; }

Status LogitCache::append(std::int64_t row, const Sha256Digest& hash, const CachedPositions& p) {
  std::string data;
  const auto id = [&](std::int64_t value) { idBytes() == 2 ? put(data, static_cast<std::uint16_t>(value)) : put(data, static_cast<std::uint32_t>(value)); };
  for (std::int64_t i = 0; i < p.positions; ++i) {
    const std::int64_t* ids = p.ids.data() + i * p.width;
    const float* values = p.values.data() + i * p.width;
    if (m_key.method == "top-k") {
      for (std::int64_t k = 0; k < p.width; ++k) id(ids[k]);
      for (std::int64_t k = 0; k < p.width; ++k) put(data, c10::Half(std::max(values[k], -60000.0F)).x);
      continue;
    }
    std::uint16_t n = 0;
    for (std::int64_t k = 0; k < p.width; ++k) n = static_cast<std::uint16_t>(n + (values[k] > 0));
    put(data, n);
    for (std::int64_t k = 0; k < p.width; ++k)
      if (values[k] > 0) id(ids[k]);
    for (std::int64_t k = 0; k < p.width; ++k) {
      if (values[k] <= 0) continue;
      const auto c = std::llround(static_cast<double>(values[k]) * m_key.size);
      m_key.size > 255 ? put(data, static_cast<std::uint16_t>(c)) : put(data, static_cast<std::uint8_t>(c));
    }
  }
  std::string record;
  put(record, static_cast<std::uint32_t>(row));
  put(record, static_cast<std::uint32_t>(p.positions));
  put(record, m_end);
  put(record, static_cast<std::uint64_t>(data.size()));
  record.append(reinterpret_cast<const char*>(hash.data()), hash.size());
  RETORT_CHECK(writeAll(m_rows, data, m_end, m_folder / "rows.bin"));
  RETORT_CHECK(writeAll(m_index, record, kMagic + static_cast<std::uint64_t>(m_done) * kRecord, m_folder / "index.bin"));
  if (m_records.size() <= static_cast<std::size_t>(row)) m_records.resize(static_cast<std::size_t>(row) + 1);
  m_records[static_cast<std::size_t>(row)] = {static_cast<std::uint32_t>(p.positions), m_end, data.size(), hash, true};
  m_end += data.size();
  ++m_done;
  return {};
}

Status LogitCache::flush(bool complete) {
  if (::fsync(m_rows) != 0 || ::fsync(m_index) != 0) return systemError("base.file.write", "written", m_folder.string(), errno);
  if (!complete) return {};
  return writeJsonFile(m_folder / "card.json", {{"schema", "retort.logits/1"}, {"key", m_key.toJson()}, {"complete", true}, {"rows", m_done},
                                                {"bytes", m_end}, {"made", isoUtc(utcMicros())}});
}

Result<CachedPositions> LogitCache::read(std::int64_t row, const Sha256Digest& hash) const {
  if (!has(row)) return damaged(m_folder, "a row is missing");
  const Record& r = m_records[static_cast<std::size_t>(row)];
  if (r.hash != hash)
    return Error{"engine.cache.mismatch", "The cached logits are of another text", m_folder.string() + ", row " + std::to_string(row),
                 "the row's tokens have changed since", "delete this cache folder; it will be computed again", {}, {}};
  RETORT_TRY(const std::string bytes, readAll(m_rows, r.offset, static_cast<std::size_t>(r.bytes), m_folder / "rows.bin"));
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const auto id = [&]() -> std::int64_t { return idBytes() == 2 ? take<std::uint16_t>(at) : static_cast<std::int64_t>(take<std::uint32_t>(at)); };
  CachedPositions p;
  p.positions = r.positions;
  if (m_key.method == "top-k") {
    p.width = m_key.size;
    if (static_cast<std::uint64_t>(p.positions * p.width) * (idBytes() + 2) != r.bytes) return damaged(m_folder, "a row has a wrong size");
    for (std::int64_t i = 0; i < p.positions; ++i) {
      for (std::int64_t k = 0; k < p.width; ++k) p.ids.push_back(id());
      for (std::int64_t k = 0; k < p.width; ++k) p.values.push_back(c10::Half(take<std::uint16_t>(at), c10::Half::from_bits()));
    }
  } else {
    const std::size_t countBytes = m_key.size > 255 ? 2 : 1;
    std::vector<std::vector<std::pair<std::int64_t, float>>> all;
    for (std::int64_t i = 0; i < p.positions; ++i) {
      if (end - at < 2) return damaged(m_folder, "a row has a wrong size");
      const std::size_t n = take<std::uint16_t>(at);
      if (static_cast<std::size_t>(end - at) < n * (idBytes() + countBytes)) return damaged(m_folder, "a row has a wrong size");
      auto& events = all.emplace_back(n);
      for (auto& e : events) e.first = id();
      for (auto& e : events) e.second = static_cast<float>(countBytes == 2 ? take<std::uint16_t>(at) : take<std::uint8_t>(at)) / static_cast<float>(m_key.size);
      p.width = std::max(p.width, static_cast<std::int64_t>(n));
    }
    for (auto& events : all) {
      events.resize(static_cast<std::size_t>(p.width));
      for (const auto& [token, share] : events) p.ids.push_back(token), p.values.push_back(share);
    }
  }
  for (const std::int64_t token : p.ids)
    if (token >= m_key.vocabulary) return damaged(m_folder, "a token id is beyond the vocabulary");
  return p;
}

}  // namespace retort::engine
