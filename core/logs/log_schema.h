// The schema of logs.db and the layout of its blobs, shared by the writer and the readers.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/id_set.h"
#include "store/database.h"

namespace retort::logs {

inline constexpr std::uint32_t kLogsApplicationId = 0x52544C47;   ///< "RTLG"
inline constexpr int kPostShift = 20;      ///< postings are cut in segments of 2^20 ids
inline constexpr int kColumnShift = 16;    ///< numeric columns in segments of 2^16 ids
inline constexpr std::uint64_t kMaxValues = 65'536;     ///< a key with more values is of high cardinality
inline constexpr std::uint64_t kFewValues = 4'096;      ///< and, above this, one with more values than rows / 8

/// blk.codec: zstd without a dictionary, or kDictCodec + dict.id.
inline constexpr std::int64_t kPlainCodec = 1, kDictCodec = 16;

/// key.cls
enum KeyClass : int { kBuiltInKey = 0, kMetadataKey = 1, kHighKey = 2 };

enum class Column : std::uint8_t { time, input, output, cached, latency, turns };
inline constexpr int kColumns = 6;
/// Of "@time", "@input_tokens" …; nothing for other fields.
[[nodiscard]] std::optional<Column> columnOf(std::string_view field);
inline constexpr std::int64_t kNoValue = INT64_MIN;     ///< NULL in columns

/// The columns of consecutive ids, as commits write them.
struct ColumnRows {
  std::vector<std::int64_t> values[kColumns];
  [[nodiscard]] std::size_t size() const { return values[0].size(); }
  void clear() {
    for (auto& v : values) v.clear();
  }
};

/// One commit: postings and columns of ids [first, first + rows).
struct Delta {
  std::uint32_t first = 0;
  struct Posting {
    std::int64_t kv = 0;                   ///< kv.id; negative: key.id of a high-cardinality key, whose records these are
    IdSet ids;
  };
  std::vector<Posting> postings;
  ColumnRows columns;
};

[[nodiscard]] const store::OpenOptions& logsOpenOptions(store::OpenOptions::Mode mode);
std::span<const store::Migration> logMigrations();

/// Columns as zstd-packed little-endian numbers.
Result<std::string> packColumn(std::span<const std::int64_t> values);
Result<std::vector<std::int64_t>> unpackColumn(std::string_view bytes, std::size_t atMost);
Result<std::string> packDelta(const Delta& delta);
Result<Delta> unpackDelta(std::string_view bytes);

/// 64-bit hash of a metadata value, for hikv.
[[nodiscard]] std::int64_t valueHash(std::string_view value);

}  // namespace retort::logs
