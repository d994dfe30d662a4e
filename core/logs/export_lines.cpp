// Writing lines under a temporary name.
#include "logs/export_lines.h"

#include <cerrno>
#include <cstdio>

#include "base/files.h"

namespace retort::logs {

Result<ExportedLogs> writeLines(const LogStore& store, std::span<const std::uint32_t> ids, const std::filesystem::path& target, const std::string& head, const LineOf& lineOf, std::stop_token stop,
                                const ProgressFn& progress) {
  ExportedLogs out;
  const std::filesystem::path part = target.string() + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wb");
  if (!file) return systemError("logs.export.write", "write", target.string(), errno);
  const auto abandon = [&](Error error) {
    std::fclose(file);
    std::remove(part.c_str());
    return error;
  };
  const auto put = [&](const std::string& text) { return std::fwrite(text.data(), 1, text.size(), file) == text.size(); };
  if (!put(head)) return abandon(systemError("logs.export.write", "write", target.string(), errno));
  ProgressMeter meter(progress, "Exporting", "records", static_cast<std::int64_t>(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return abandon(cancelledError("The export"));
    auto record = store.record(ids[i]);
    if (!record.ok()) return abandon(std::move(record).error());
    auto line = lineOf(*record, out);
    if (!line.ok()) return abandon(std::move(line).error());
    if (line->empty()) {
      ++out.skipped;
      continue;
    }
    if (!put(*line + "\n")) return abandon(systemError("logs.export.write", "write", target.string(), errno));
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
