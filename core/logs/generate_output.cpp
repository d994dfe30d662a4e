// Writes generated lines: gzip with fixed headers, so that equal input gives equal files.
#include "logs/generate_output.h"

#include <zlib.h>

#include <cerrno>

#include "base/clock.h"
#include "base/files.h"

namespace retort::logs {
namespace {

constexpr std::string_view kAccount = "111122223333", kRegion = "eu-central-1", kBucket = "s3://city-desk-logs/";
constexpr std::size_t kFlushAt = 1u << 20;

std::string hexOf(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string treeRoot() { return "AWSLogs/" + std::string(kAccount) + "/BedrockModelInvocationLogs/"; }

}  // namespace

/// A zlib gzip stream; `finish` false leaves it open at a byte boundary with everything decodable so far.
struct GenerateOutput::Deflater {
  z_stream stream{};
  Deflater() { deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY); }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  std::string run(std::string_view bytes, int mode) {
    std::string out;
    char chunk[65536];
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
    stream.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(chunk);
      stream.avail_out = sizeof chunk;
      deflate(&stream, mode);
      out.append(chunk, sizeof chunk - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }
};

Result<std::unique_ptr<GenerateOutput>> GenerateOutput::open(const std::filesystem::path& path, bool isTree) {
  std::unique_ptr<GenerateOutput> out(new GenerateOutput);
  out->m_path = path;
  out->m_isTree = isTree;
  if (path == "-") {
    if (isTree) return Error{"logs.generate.stdout", "A tree cannot be written to standard output", {}, "it is many files", "Name a folder, or leave --tree out.", {}, {}};
    out->m_stream = stdout;
    return out;
  }
  std::error_code ignored;
  if (fs::exists(path, ignored))
    return Error{"logs.generate.exists", path.string() + " exists already", {}, "generated logs never replace anything", "Name another place, or remove it first.", {}, {}};
  if (path.has_parent_path()) RETORT_CHECK(makeFolders(path.parent_path()));
  out->m_part = path.parent_path() / ("." + path.filename().string() + ".part");
  fs::remove_all(out->m_part, ignored);
  if (isTree) {
    RETORT_CHECK(makeFolders(out->m_part / treeRoot()));
    RETORT_CHECK(writeFileAtomically(out->m_part / treeRoot() / "amazon-bedrock-logs-permission-check", ""));
    return out;
  }
  out->m_file = path.filename().string();
  out->m_isGzip = path.extension() == ".gz";
  if (out->m_isGzip) out->m_deflater = std::make_unique<Deflater>();
  out->m_stream = std::fopen(out->m_part.c_str(), "wb");
  if (out->m_stream == nullptr) return systemError("logs.generate.open", "written", out->m_part.string(), errno);
  return out;
}

GenerateOutput::~GenerateOutput() {
  if (m_stream != nullptr && m_stream != stdout) std::fclose(m_stream);
  std::error_code ignored;
  if (!m_part.empty()) fs::remove_all(m_part, ignored);
}

Result<bool> GenerateOutput::atTime(std::int64_t timeMs, std::uint64_t fileNumber) {
  if (m_failed) return m_error;
  if (!m_isTree) {
    if (m_buffer.size() >= kFlushAt) RETORT_CHECK(flush(false));
    return false;
  }
  const std::int64_t hour = timeMs / 3'600'000;
  if (hour == m_hour) return false;
  RETORT_CHECK(endFile());
  m_hour = hour;
  const std::string iso = isoUtc(timeMs * 1000, true);  // 2026-03-02T06:00:00.123Z
  m_hourFolder = treeRoot() + std::string(kRegion) + "/" + iso.substr(0, 4) + "/" + iso.substr(5, 2) + "/" + iso.substr(8, 2) + "/" + iso.substr(11, 2) + "/";
  const std::string stamp = iso.substr(0, 4) + iso.substr(5, 2) + iso.substr(8, 2) + "T" + iso.substr(11, 2) + iso.substr(14, 2) + iso.substr(17, 2) + iso.substr(20, 3) + "Z";
  m_file = m_hourFolder + stamp + "_" + hexOf(fileNumber) + ".json.gz";
  m_line = m_offset = 0;
  m_twoMembers = m_isCut = false;
  RETORT_CHECK(makeFolders(m_part / m_hourFolder));
  return true;
}

void GenerateOutput::take(std::string_view bytes) {
  m_buffer += bytes;
  m_offset += static_cast<std::int64_t>(bytes.size());
}

LinePlace GenerateOutput::add(std::string_view line) {
  LinePlace place{m_file, ++m_line, m_offset};
  take(line);
  take("\n");
  return place;
}

void GenerateOutput::addByteOrderMark() { take("\xEF\xBB\xBF"); }

void GenerateOutput::addBlankLine() {
  ++m_line;
  take("\n");
}

LinePlace GenerateOutput::addCutEnd(std::string_view part) {
  LinePlace place{m_file, ++m_line, m_offset};
  take(part);
  m_isCut = true;
  return place;
}

std::string GenerateOutput::spillPath(std::string_view name) const { return std::string(kBucket) + m_hourFolder + "data/" + std::string(name); }

Result<std::string> GenerateOutput::addSpill(std::string_view name, std::string_view body) {
  RETORT_CHECK(makeFolders(m_part / m_hourFolder / "data"));
  Deflater deflater;
  RETORT_CHECK(writeFileAtomically(m_part / m_hourFolder / "data" / std::string(name), deflater.run(body, Z_FINISH)));
  return spillPath(name);
}

Status GenerateOutput::flush(bool isEnd) {
  m_hash.update(m_buffer);
  m_bytes += static_cast<std::int64_t>(m_buffer.size());
  const std::string packed = m_isGzip ? m_deflater->run(m_buffer, isEnd ? Z_FINISH : Z_NO_FLUSH) : std::string();
  const std::string_view bytes = m_isGzip ? packed : m_buffer;
  if (std::fwrite(bytes.data(), 1, bytes.size(), m_stream) != bytes.size() || (isEnd && std::fflush(m_stream) != 0)) {
    m_error = systemError("logs.generate.write", "written", m_path.string(), errno);
    m_failed = true;
    return m_error;
  }
  m_buffer.clear();
  return {};
}

Status GenerateOutput::endFile() {
  if (m_hour < 0) return {};
  m_hash.update(m_buffer);
  m_bytes += static_cast<std::int64_t>(m_buffer.size());
  ++m_files;
  std::string packed;
  const std::string_view text = m_buffer;
  if (m_isCut) {
    Deflater deflater;
    packed = deflater.run(text, Z_FULL_FLUSH);  // everything decodable, yet no final block and no checksum
  } else {
    const std::size_t half = m_twoMembers ? text.size() / 2 : text.size();
    Deflater first;
    packed = first.run(text.substr(0, half), Z_FINISH);
    if (half < text.size()) {
      Deflater second;
      packed += second.run(text.substr(half), Z_FINISH);
    }
  }
  std::FILE* file = std::fopen((m_part / m_file).c_str(), "wb");
  if (file == nullptr) return systemError("logs.generate.open", "written", (m_part / m_file).string(), errno);
  const bool ok = std::fwrite(packed.data(), 1, packed.size(), file) == packed.size();
  if (std::fclose(file) != 0 || !ok) return systemError("logs.generate.write", "written", (m_part / m_file).string(), errno);
  m_buffer.clear();
  m_hour = -1;
  return {};
}

Status GenerateOutput::finish() {
  if (m_isTree) {
    RETORT_CHECK(endFile());
  } else {
    RETORT_CHECK(flush(true));
    m_files = 1;
    if (m_stream == stdout) return {};
    const int closed = std::fclose(m_stream);
    m_stream = nullptr;
    if (closed != 0) return systemError("logs.generate.write", "written", m_path.string(), errno);
  }
  std::error_code failed;
  fs::rename(m_part, m_path, failed);
  if (failed) return systemError("logs.generate.rename", "made", m_path.string(), failed.value());
  return {};
}

}  // namespace retort::logs
