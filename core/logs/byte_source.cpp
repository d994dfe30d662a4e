// Plain files, gzip members one after another (isa-l), zstd frames; a cut or damaged end is told, never hidden.
#include "logs/byte_source.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "logs/duck_source.h"

namespace retort::logs {

namespace {

class FileBytes {
 public:
  explicit FileBytes(int fd, std::filesystem::path path) : m_fd(fd), m_path(std::move(path)) {}
  FileBytes(FileBytes&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)), m_path(std::move(other.m_path)), m_at(other.m_at) {}
  FileBytes& operator=(FileBytes&&) = delete;
  ~FileBytes() {
    if (m_fd >= 0) ::close(m_fd);
  }
  Result<std::size_t> read(char* to, std::size_t size) {
    std::size_t got = 0;
    while (got < size) {
      const auto n = ::pread(m_fd, to + got, size - got, static_cast<off_t>(m_at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return systemError("logs.file.read", "read", m_path.string(), errno);
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
      m_at += static_cast<std::uint64_t>(n);
    }
    return got;
  }
  void seek(std::uint64_t at) { m_at = at; }
  [[nodiscard]] std::uint64_t at() const { return m_at; }

 private:
  int m_fd;
  std::filesystem::path m_path;
  std::uint64_t m_at = 0;
};

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(FileBytes file) : m_file(std::move(file)) {}
  Result<std::size_t> read(std::span<char> buffer) override { return m_file.read(buffer.data(), buffer.size()); }
  Status skipTo(std::uint64_t offset) override {
    m_file.seek(offset);
    return {};
  }
  [[nodiscard]] std::uint64_t consumed() const override { return m_file.at(); }

 private:
  FileBytes m_file;
};

constexpr std::size_t kInput = 256 * 1024;

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(FileBytes file) : m_file(std::move(file)), m_input(kInput), m_state(std::make_unique<inflate_state>()) { restart(); }

  Result<std::size_t> read(std::span<char> buffer) override {
    std::size_t got = 0;
    while (got < buffer.size() && !m_isDone) {
      if (m_state->avail_in == 0 && !m_isDry) RETORT_CHECK(fill());
      if (m_betweenMembers && !nextMember()) break;
      m_state->next_out = reinterpret_cast<std::uint8_t*>(buffer.data() + got);
      m_state->avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(buffer.size() - got, 1u << 30));
      const auto before = m_state->avail_out;
      const auto inBefore = m_state->avail_in;
      const int code = isal_inflate(m_state.get());
      got += before - m_state->avail_out;
      if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) {
        m_isDone = true;
        m_end = SourceEnd::damaged;
      } else if (m_state->block_state == ISAL_BLOCK_FINISH) {
        m_betweenMembers = true;
      } else if (m_isDry && m_state->avail_in == 0 && before == m_state->avail_out) {
        m_isDone = true;
        m_end = SourceEnd::truncated;
      } else if (inBefore == m_state->avail_in && before == m_state->avail_out && m_state->avail_in != 0) {
        m_isDone = true;  // neither eats nor yields: no decoder state may spin
        m_end = SourceEnd::damaged;
      }
    }
    return got;
  }
  [[nodiscard]] SourceEnd end() const override { return m_end; }
  [[nodiscard]] bool isPacked() const override { return true; }
  [[nodiscard]] std::uint64_t consumed() const override { return m_file.at() - m_state->avail_in; }

 private:
  void restart() {
    const auto* next = m_state->next_in;
    const auto available = m_state->avail_in;
    isal_inflate_init(m_state.get());
    m_state->crc_flag = ISAL_GZIP;
    m_state->next_in = const_cast<std::uint8_t*>(next);
    m_state->avail_in = available;
  }
  Status fill() {
    auto got = m_file.read(reinterpret_cast<char*>(m_input.data()), m_input.size());
    if (!got.ok()) return std::move(got).error();
    m_state->next_in = m_input.data();
    m_state->avail_in = static_cast<std::uint32_t>(*got);
    m_isDry = *got == 0;
    return {};
  }
  /// After a member: another one, padding of zeros, or the end.
  bool nextMember() {
    while (true) {
      while (m_state->avail_in > 0 && *m_state->next_in == 0) ++m_state->next_in, --m_state->avail_in;
      if (m_state->avail_in > 0) break;
      if (!fill().ok() || m_isDry) {
        m_isDone = true;
        return false;
      }
    }
    if (*m_state->next_in != 0x1f) {
      m_isDone = true;
      m_end = SourceEnd::damaged;
      return false;
    }
    m_betweenMembers = false;
    restart();
    return true;
  }

  FileBytes m_file;
  std::vector<std::uint8_t> m_input;
  std::unique_ptr<inflate_state> m_state;
  bool m_isDry = false, m_isDone = false, m_betweenMembers = false;
  SourceEnd m_end = SourceEnd::whole;
};

class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(FileBytes file) : m_file(std::move(file)), m_input(kInput), m_stream(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(m_stream, ZSTD_d_windowLogMax, 27);
  }
  ZstdSource(ZstdSource&&) = delete;
  ZstdSource& operator=(ZstdSource&&) = delete;
  ~ZstdSource() override { ZSTD_freeDStream(m_stream); }
  Result<std::size_t> read(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos < out.size && !m_isDone) {
      if (m_in.pos == m_in.size) {
        auto got = m_file.read(reinterpret_cast<char*>(m_input.data()), m_input.size());
        if (!got.ok()) return std::move(got).error();
        m_in = {m_input.data(), *got, 0};
        if (*got == 0) {
          m_isDone = true;
          m_end = m_pending != 0 ? SourceEnd::truncated : SourceEnd::whole;
          break;
        }
      }
      m_pending = ZSTD_decompressStream(m_stream, &out, &m_in);
      if (ZSTD_isError(m_pending)) {
        m_isDone = true;
        m_end = SourceEnd::damaged;
      }
    }
    return out.pos;
  }
  [[nodiscard]] SourceEnd end() const override { return m_end; }
  [[nodiscard]] bool isPacked() const override { return true; }
  [[nodiscard]] std::uint64_t consumed() const override { return m_file.at() - (m_in.size - m_in.pos); }

 private:
  FileBytes m_file;
  std::vector<std::uint8_t> m_input;
  ZSTD_DStream* m_stream;
  ZSTD_inBuffer m_in{nullptr, 0, 0};
  std::size_t m_pending = 0;
  bool m_isDone = false;
  SourceEnd m_end = SourceEnd::whole;
};

}  // namespace

Status ByteSource::skipTo(std::uint64_t offset) {
  std::vector<char> scratch(256 * 1024);
  while (offset > 0) {
    auto got = read(std::span(scratch).first(std::min<std::size_t>(scratch.size(), offset)));
    if (!got.ok()) return std::move(got).error();
    if (*got == 0) break;
    offset -= *got;
  }
  return {};
}

Result<std::unique_ptr<ByteSource>> ByteSource::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a named pipe must not hang us
  if (fd < 0) return systemError("logs.file.open", "open", path.string(), errno);
  FileBytes file(fd, path);
  struct stat info{};
  if (::fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))
    return Error{"logs.file.kind", shown(path.string()) + " is no regular file", {}, {}, "Name a log file or a folder of log files.", {}, {}};
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  std::array<char, 4> magic{};
  RETORT_TRY(const auto got, file.read(magic.data(), magic.size()));
  file.seek(0);
  if (got >= 2 && std::memcmp(magic.data(), "\x1f\x8b", 2) == 0) return std::unique_ptr<ByteSource>(new GzipSource(std::move(file)));
  if (got >= 4 && std::memcmp(magic.data(), "\x28\xb5\x2f\xfd", 4) == 0) return std::unique_ptr<ByteSource>(new ZstdSource(std::move(file)));
  if (got >= 4 && std::memcmp(magic.data(), "PAR1", 4) == 0) return openParquet(path);
  return std::unique_ptr<ByteSource>(new PlainSource(std::move(file)));
}

std::optional<std::string> readWholeSource(const std::filesystem::path& path, std::size_t maxBytes) {
  auto source = ByteSource::open(path);
  if (!source.ok()) return std::nullopt;
  std::string bytes;
  std::vector<char> buffer(64 * 1024);
  while (true) {
    auto got = (*source)->read(buffer);
    if (!got.ok()) return std::nullopt;
    if (*got == 0) break;
    if (bytes.size() + *got > maxBytes) return std::nullopt;
    bytes.append(buffer.data(), *got);
  }
  if ((*source)->end() != SourceEnd::whole) return std::nullopt;
  return bytes;
}

}  // namespace retort::logs
