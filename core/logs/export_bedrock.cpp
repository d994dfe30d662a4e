// Writing source lines and spilled bodies.
#include "logs/export_bedrock.h"

#include <libdeflate.h>

#include "base/files.h"
#include "logs/export_lines.h"

namespace retort::logs {

namespace {

Result<std::string> gzipped(std::string_view bytes) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  if (!compressor) return Error{"logs.export.memory", "A body could not be compressed", {}, "out of memory", {}, {}, {}};
  std::string out(libdeflate_gzip_compress_bound(compressor, bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor, bytes.data(), bytes.size(), out.data(), out.size()));
  libdeflate_free_compressor(compressor);
  return out;
}

Status writeSpill(const std::filesystem::path& folder, const std::string& path, const std::string& body) {
  const auto name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == "..") return {};
  RETORT_CHECK(makeFolders(folder));
  if (!name.ends_with(".gz")) return writeFileAtomically(folder / name, body);
  RETORT_TRY(const auto packed, gzipped(body));
  return writeFileAtomically(folder / name, packed);
}

}  // namespace

Result<ExportedLogs> exportBedrock(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, std::stop_token stop,
                                   const ProgressFn& progress) {
  const auto folder = std::filesystem::absolute(target).parent_path() / "data";
  return writeLines(store, ids, target, {}, [&](const Record& record, ExportedLogs& out) -> Result<std::string> {
    if (record.source != "bedrock") return std::string();
    RETORT_TRY(auto line, store.rawLine(record.id));
    // A record that was spread over lines becomes one line: blanks outside strings mean nothing.
    for (char& c : line)
      if (c == '\n' || c == '\r') c = ' ';
    RETORT_TRY(const auto spills, store.spilledBodies(record.id));
    for (const auto& [path, body] : spills) {
      RETORT_CHECK(writeSpill(folder, path, body));
      ++out.spilledBodies;
    }
    return line;
  }, stop, progress);
}

}  // namespace retort::logs
