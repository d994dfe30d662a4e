// A teacher's distributions at the learnt positions of rows, on disk (retort.logits/1): card.json, index.bin, rows.bin.
#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/result.h"

namespace retort::engine {

using Sha256Digest = Sha256::Digest;

/// What decides the content of a cache. Its hash names the folder.
struct LogitKey {
  std::string teacher, tokenizer, chatTemplate, rows;   ///< SHA-256 of weights, tokenizer, template, and of all rows' rendered ids
  std::string method = "top-k";              ///< top-k | rs-kd
  int size = 64;                             ///< k, or draws
  double temperature = 1;
  std::string computed;                      ///< type of the teacher's arithmetic: "bf16", "f32"
  std::uint64_t seed = 1;                    ///< of rs-kd's draws
  std::int64_t vocabulary = 0;
  [[nodiscard]] Json toJson() const;
  [[nodiscard]] std::string sha256() const;
};

/// A position's events: ids and, for top-k, natural log-probabilities; for rs-kd, shares c / N.
struct CachedPositions {
  std::int64_t positions = 0, width = 0;     ///< width: events a position, padded (rs-kd: id 0, share 0)
  std::vector<std::int64_t> ids;             ///< [positions * width]
  std::vector<float> values;
};

/// Layout, little-endian. index.bin: "RTLOGIT1", then one record of 56 bytes a row: u32 row, u32 positions, u64 offset, u64 bytes
/// (of rows.bin), 32 bytes SHA-256 of the row's ids as int32. rows.bin, a position: top-k: k ids, then k log-probabilities as f16;
/// rs-kd: u16 n, n ids, n counts (u8, or u16 when N > 255). An id takes 2 bytes when the vocabulary has at most 65,536, else 4.
class LogitCache {
 public:
  /// Opens or begins the cache of `key` below `root` (…/cache/logits). A broken tail is cut. With `forWriting` its lock is taken
  /// ("engine.cache.busy" when another run is filling it).
  static Result<std::unique_ptr<LogitCache>> open(const std::filesystem::path& root, const LogitKey& key, bool forWriting);

  [[nodiscard]] bool has(std::int64_t row) const;
  [[nodiscard]] std::int64_t rowsDone() const { return m_done; }
  [[nodiscard]] std::uint64_t bytes() const { return m_end; }
  /// Appends a row. `hash` is that of the row's rendered ids.
  Status append(std::int64_t row, const Sha256Digest& hash, const CachedPositions& positions);
  /// Flushes to disk and, when `complete`, says so in card.json.
  Status flush(bool complete);
  /// A row's positions. Error "engine.cache.mismatch" when `hash` is not that of the stored row.
  Result<CachedPositions> read(std::int64_t row, const Sha256Digest& hash) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return m_folder; }
  ~LogitCache();

 private:
  struct Record {
    std::uint32_t positions = 0;
    std::uint64_t offset = 0, bytes = 0;
    Sha256Digest hash{};
    bool present = false;
  };
  LogitCache() = default;
  Status load();
  [[nodiscard]] std::size_t idBytes() const { return m_key.vocabulary <= 65536 ? 2 : 4; }
  std::filesystem::path m_folder;
  LogitKey m_key;
  std::vector<Record> m_records;
  std::int64_t m_done = 0;
  std::uint64_t m_end = 0;
  int m_rows = -1, m_index = -1;
  std::optional<FileLock> m_lock;
};

/// The hash a cache stores with a row.
[[nodiscard]] Sha256Digest hashOfIds(const std::vector<std::int32_t>& ids);

}  // namespace retort::engine
