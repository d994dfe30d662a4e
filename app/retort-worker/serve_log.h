// Served calls as invocation-log records, so that a student's traffic comes back as the next round's data.
#pragma once
#include <cstdint>
#include <filesystem>
#include <mutex>

#include "engine/chat_api.h"

namespace retort::worker {

class TrafficLog {
 public:
  /// Records go to FOLDER/YYYY-MM-DD.jsonl.
  explicit TrafficLog(std::filesystem::path folder) : m_folder(std::move(folder)) {}
  /// Appends one call. A failure does not fail the call: it is counted.
  void add(const engine::ApiAnswer& answer, const engine::ApiRequest& request, const engine::Generated& made);
  [[nodiscard]] std::uint64_t written() const;
  [[nodiscard]] std::uint64_t missed() const;

 private:
  std::filesystem::path m_folder;
  mutable std::mutex m_mutex;
  std::uint64_t m_written = 0, m_missed = 0;
};

/// The record: Bedrock's invocation log, Converse, which the importer knows.
[[nodiscard]] Json trafficRecord(const engine::ApiAnswer& answer, const engine::ApiRequest& request, const engine::Generated& made, std::int64_t timeMicros);

}  // namespace retort::worker
