// Writing source lines and spilled bodies.
#include "logs/export_bedrock.h"

#include <libdeflate.h>

#include <cerrno>
#include <cstdio>

#include "base/files.h"

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
  ExportedLogs out;
  const std::filesystem::path part = target.string() + ".part";
  const auto folder = std::filesystem::absolute(target).parent_path() / "data";
  std::FILE* file = std::fopen(part.c_str(), "wb");
  if (!file) return systemError("logs.export.write", "write", target.string(), errno);
  const auto abandon = [&](Error error) {
    std::fclose(file);
    std::remove(part.c_str());
    return error;
  };
  ProgressMeter meter(progress, "Exporting", "records", static_cast<std::int64_t>(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return abandon(cancelledError("The export"));
    auto record = store.record(ids[i]);
    if (!record.ok()) return abandon(std::move(record).error());
    if (record->source != "bedrock") {
      ++out.skipped;
      continue;
    }
    auto line = store.rawLine(ids[i]);
    if (!line.ok()) return abandon(std::move(line).error());
    // A record that was spread over lines becomes one line: blanks outside strings mean nothing.
    for (char& c : *line)
      if (c == '\n' || c == '\r') c = ' ';
    *line += '\n';
    if (std::fwrite(line->data(), 1, line->size(), file) != line->size()) return abandon(systemError("logs.export.write", "write", target.string(), errno));
    auto spills = store.spilledBodies(ids[i]);
    if (!spills.ok()) return abandon(std::move(spills).error());
    for (const auto& [path, body] : *spills) {
      if (auto written = writeSpill(folder, path, body); !written.ok()) return abandon(std::move(written).error());
      ++out.spilledBodies;
    }
    ++out.records;
    if (progress) meter.at(static_cast<std::int64_t>(i));
  }
  if (std::fclose(file) != 0) {
    std::remove(part.c_str());
    return systemError("logs.export.write", "write", target.string(), errno);
  }
  RETORT_CHECK(syncFile(part));
  std::error_code error;
  std::filesystem::rename(part, target, error);
  if (error) return systemError("logs.export.write", "write", target.string(), error.value());
  return out;
}

}  // namespace retort::logs
