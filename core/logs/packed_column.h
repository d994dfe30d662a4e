// A numeric column in memory: segments of 2^16 ids, each of 1, 2, 4 or 8 byte codes over its own base and step; ranges become bitmaps.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "logs/id_set.h"
#include "logs/log_schema.h"
#include "logs/packed_bytes.h"

namespace retort::logs {

/// value(i) = base + step * code(i); the code `none` says that there is no value. Immutable.
class ColumnSegment {
 public:
  ColumnSegment() = default;
  ColumnSegment(const ColumnSegment&) = delete;
  ColumnSegment& operator=(const ColumnSegment&) = delete;
  /// At most 2^16 values; kNoValue marks the missing ones.
  static std::shared_ptr<const ColumnSegment> pack(std::span<const std::int64_t> values);
  [[nodiscard]] std::int64_t at(std::size_t i) const;
  [[nodiscard]] std::size_t size() const { return m_size; }
  /// All values, as `at` gives them one by one.
  void read(std::int64_t* out) const;
  [[nodiscard]] bool isEmpty() const { return m_min > m_max; }      ///< no value at all
  [[nodiscard]] std::int64_t min() const { return m_min; }
  [[nodiscard]] std::int64_t max() const { return m_max; }
  [[nodiscard]] bool isFull() const { return !m_hasMissing; }
  /// Sets the bits of ids whose value lies in [low, high]; `bits` has 1024 words, all zero. Returns how many.
  std::uint32_t scan(std::int64_t low, std::int64_t high, std::uint64_t* bits) const;
  /// Memory of its own: codes that lie in a mapped file are not counted.
  [[nodiscard]] std::size_t bytes() const { return m_owned.size(); }
  /// All but the codes, for a file; and the codes.
  void writeHead(PackedWriter& out) const;
  [[nodiscard]] std::string_view codes() const { return {reinterpret_cast<const char*>(m_codes), codeBytes()}; }
  /// Reads what writeHead wrote; the codes follow with setCodes. Null where it cannot be.
  static std::shared_ptr<ColumnSegment> fromHead(PackedReader& in);
  [[nodiscard]] std::size_t codeBytes() const { return std::size_t(m_width) * ((m_size + 63) / 64 * 64); }
  /// `codes`: codeBytes() that stay as long as `memory`.
  void setCodes(const char* codes, std::shared_ptr<const void> memory);

 private:
  template <typename Code>
  void readCodes(std::int64_t* out) const;
  const std::uint8_t* m_codes = nullptr;         ///< little-endian codes of m_width bytes, padded to 64 codes
  std::vector<std::uint8_t> m_owned;             ///< where they do not lie in a file
  std::shared_ptr<const void> m_memory;
  std::int64_t m_base = 0, m_step = 1, m_min = 0, m_max = -1;
  std::uint64_t m_none = 0;
  std::uint32_t m_size = 0;
  std::uint8_t m_width = 0;                      ///< 0: every value is m_base, or every one is missing
  bool m_hasMissing = false;
};

/// Segments are shared between copies: a copy with rows appended costs its last segment only.
class PackedColumn {
 public:
  [[nodiscard]] std::size_t size() const { return m_size; }
  /// kNoValue where there is none.
  [[nodiscard]] std::int64_t at(std::uint32_t id) const { return m_segments[id >> kColumnShift]->at(id & ((1u << kColumnShift) - 1)); }
  void append(std::span<const std::int64_t> values);
  /// False where a segment is there that is not full.
  bool appendSegment(std::shared_ptr<const ColumnSegment> segment);
  /// Ids whose value lies in [low, high].
  [[nodiscard]] IdSet range(std::int64_t low, std::int64_t high) const;
  /// Bits of one segment's ids whose value lies in [low, high]; `bits` all zero before. Returns how many; 0 past the end.
  std::uint32_t scanSegment(std::size_t segment, std::int64_t low, std::int64_t high, std::uint64_t* bits) const {
    return segment < m_segments.size() ? m_segments[segment]->scan(low, high, bits) : 0;
  }
  /// The values of the ids of one segment; kNoValue where there is none. `out` has room for 2^16.
  std::size_t readSegment(std::size_t segment, std::int64_t* out) const;
  [[nodiscard]] IdSet present() const { return range(INT64_MIN + 1, INT64_MAX); }
  /// Least and greatest value; {1, 0} when there is none.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> extent() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  std::vector<std::shared_ptr<const ColumnSegment>> m_segments;
  std::size_t m_size = 0;
};

}  // namespace retort::logs
