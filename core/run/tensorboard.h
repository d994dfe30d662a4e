// A run's numbers as a TensorBoard event file: TFRecords of Event messages, written by hand (no protobuf, no Python).
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "job/job_folder.h"

namespace retort::run {

/// CRC-32C (Castagnoli) of bytes, and as TFRecords store it: rotated by 15 and moved by a constant.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);
[[nodiscard]] std::uint32_t maskedCrc32c(std::string_view bytes);
/// One record: length (u64), its masked checksum, the data, its masked checksum; little-endian.
[[nodiscard]] std::string tfRecord(std::string_view data);

/// An event file in a folder of its own, readable while it grows.
class TensorboardWriter {
 public:
  /// folder/events.out.tfevents.<seconds>.retort, begun anew; the first record names the file's version.
  static Result<TensorboardWriter> begin(const std::filesystem::path& folder, double wallTime);
  /// A scalar at a step; wall time in seconds since 1970.
  Status scalar(const std::string& tag, std::int64_t step, double wallTime, double value);
  /// A text (shown as Markdown) at step 0.
  Status text(const std::string& tag, double wallTime, const std::string& value);
  /// Every number of a metric or eval event; others are passed over.
  Status add(const job::Event& event);
  Status flush();
  [[nodiscard]] const std::filesystem::path& file() const { return m_file; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  TensorboardWriter(std::filesystem::path file, std::FILE* out) : m_file(std::move(file)), m_out(out) {}
  Status write(const std::string& event);
  std::filesystem::path m_file;
  std::unique_ptr<std::FILE, Close> m_out;
};

}  // namespace retort::run
