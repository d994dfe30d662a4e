// Tables of logs.db, and its packed blobs.
#include "logs/log_schema.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstring>

#include "logs/packed_bytes.h"
#include "store/block_codec.h"

namespace retort::logs {

namespace {

constexpr const char* kSchema1 = R"sql(
CREATE TABLE source_file(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, kind INT NOT NULL, size INT NOT NULL, mtime_ns INT NOT NULL, inode INT NOT NULL,
  head_len INT NOT NULL, head_hash BLOB, raw_off INT NOT NULL DEFAULT 0, line_no INT NOT NULL DEFAULT 0, mode INT NOT NULL DEFAULT 0,
  n_ok INT NOT NULL DEFAULT 0, n_dup INT NOT NULL DEFAULT 0, n_bad INT NOT NULL DEFAULT 0, n_filtered INT NOT NULL DEFAULT 0,
  rules TEXT NOT NULL, state INT NOT NULL) STRICT;
CREATE TABLE blk(id INTEGER PRIMARY KEY, codec INT NOT NULL, raw_len INT NOT NULL, crc INT NOT NULL, b BLOB NOT NULL) STRICT;
CREATE TABLE log(id INTEGER PRIMARY KEY, ts_us INT, rid BLOB NOT NULL, model INT, op INT, stop INT, itok INT, otok INT, ctok INT, latency_ms INT,
  ttft_ms INT, status INT NOT NULL, flags INT NOT NULL, turns INT NOT NULL, prompt_hash INT NOT NULL, content_hash INT NOT NULL, file INT NOT NULL,
  blk INT NOT NULL, off INT NOT NULL, len INT NOT NULL, preview TEXT) STRICT;
CREATE TABLE spill(log INT NOT NULL, side INT NOT NULL, path TEXT NOT NULL, state INT NOT NULL, blk INT, off INT, len INT, PRIMARY KEY(log,side)) STRICT, WITHOUT ROWID;
CREATE TABLE key(id INTEGER PRIMARY KEY, name TEXT NOT NULL, cls INT NOT NULL, n_values INT NOT NULL, n_rows INT NOT NULL, builtin INT NOT NULL, UNIQUE(name, builtin)) STRICT;
CREATE TABLE kv(id INTEGER PRIMARY KEY, key INT NOT NULL, value TEXT NOT NULL, n INT NOT NULL, UNIQUE(key,value)) STRICT;
CREATE TABLE post(kv INT NOT NULL, seg INT NOT NULL, n INT NOT NULL, b BLOB NOT NULL, PRIMARY KEY(kv,seg)) STRICT, WITHOUT ROWID;
CREATE TABLE post_delta(first_id INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT;
CREATE TABLE col(seg INT NOT NULL, which INT NOT NULL, n INT NOT NULL, b BLOB NOT NULL, PRIMARY KEY(seg,which)) STRICT, WITHOUT ROWID;
CREATE TABLE hikv(key INT NOT NULL, h INT NOT NULL, id INT NOT NULL, PRIMARY KEY(key,h,id)) STRICT, WITHOUT ROWID;
CREATE TABLE reject(id INTEGER PRIMARY KEY, file INT NOT NULL, byte_off INT NOT NULL, line_no INT NOT NULL, len INT NOT NULL, reason INT NOT NULL,
  detail TEXT NOT NULL, head BLOB NOT NULL) STRICT;
CREATE INDEX reject_file ON reject(file, byte_off);
CREATE TABLE tomb(seg INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT;
)sql";

// Readers take in an append by its segments; blocks may have a dictionary; `meta.generation` changes when ids or bytes moved.
constexpr const char* kSchema2 = R"sql(
CREATE INDEX post_seg ON post(seg);
CREATE TABLE dict(id INTEGER PRIMARY KEY, b BLOB NOT NULL) STRICT;
CREATE TABLE meta(name TEXT PRIMARY KEY, value INT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('generation', 0);
)sql";

// Records below it were stored before log.flags told whether their texts stand in the line as they are (kJoined).
constexpr const char* kSchema3 = R"sql(
INSERT INTO meta VALUES('joined_from', (SELECT coalesce(max(id) + 1, 0) FROM log));
)sql";

// Tells this store from any other, so that an index file made from another is not taken for its own.
constexpr const char* kSchema4 = R"sql(
INSERT INTO meta VALUES('store', random());
)sql";

constexpr std::array<store::Migration, 4> kMigrations = {{{1, kSchema1, false}, {2, kSchema2, false}, {3, kSchema3, false}, {4, kSchema4, false}}};

Error damaged(const char* what) {
  return Error{"logs.index.damaged", std::string("The index of the log store is damaged: ") + what, {}, {}, "Move logs.db away and import the sources again.", {}, {}};
}

}  // namespace

const store::OpenOptions& logsOpenOptions(store::OpenOptions::Mode mode) {
  static const std::array<store::OpenOptions, 3> all = [] {
    std::array<store::OpenOptions, 3> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i].mode = static_cast<store::OpenOptions::Mode>(i);
      made[i].applicationId = kLogsApplicationId;
      made[i].pageSize = 16384;
      made[i].cacheKiB = i == 0 ? 16 * 1024 : 64 * 1024;
    }
    return made;
  }();
  return all[static_cast<std::size_t>(mode)];
}

std::optional<Column> columnOf(std::string_view field) {
  if (field == "@time") return Column::time;
  if (field == "@input_tokens") return Column::input;
  if (field == "@output_tokens") return Column::output;
  if (field == "@cached_tokens") return Column::cached;
  if (field == "@latency") return Column::latency;
  if (field == "@turns") return Column::turns;
  return std::nullopt;
}

std::span<const store::Migration> logMigrations() { return kMigrations; }

std::int64_t valueHash(std::string_view value) { return static_cast<std::int64_t>(XXH3_64bits(value.data(), value.size())); }

Result<std::string> packColumn(std::span<const std::int64_t> values) {
  static thread_local store::BlockEncoder encoder(1);
  return encoder.encode({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t)});
}

Result<std::vector<std::int64_t>> unpackColumn(std::string_view bytes, std::size_t count) {
  RETORT_TRY(const auto raw, store::decodeBlock(bytes, count * sizeof(std::int64_t)));
  std::vector<std::int64_t> values(count);
  std::memcpy(values.data(), raw.data(), raw.size());
  return values;
}

Result<std::string> packDelta(const Delta& delta) {
  PackedWriter out;
  out.put(delta.first).put(static_cast<std::uint32_t>(delta.columns.size())).put(static_cast<std::uint32_t>(delta.postings.size()));
  for (const auto& posting : delta.postings) out.put(posting.kv).put(std::string_view(posting.ids.toBytes()));
  for (const auto& column : delta.columns.values) {
    RETORT_TRY(const auto packed, packColumn(column));
    out.put(std::string_view(packed));
  }
  return out.take();
}

Result<Delta> unpackDelta(std::string_view bytes) {
  PackedReader in(bytes);
  Delta delta;
  std::uint32_t rows = 0, postings = 0;
  if (!in.get(delta.first) || !in.get(rows) || !in.get(postings) || rows > (1u << 24)) return damaged("a commit's head");
  for (std::uint32_t i = 0; i < postings; ++i) {
    std::int64_t kv = 0;
    std::string_view set;
    if (!in.get(kv) || !in.get(set)) return damaged("a commit's postings end early");
    auto ids = IdSet::fromBytes(set);
    if (!ids) return damaged("a commit's postings");
    delta.postings.push_back({kv, std::move(*ids)});
  }
  for (auto& column : delta.columns.values) {
    std::string_view packed;
    if (!in.get(packed)) return damaged("a commit's columns end early");
    RETORT_TRY(column, unpackColumn(packed, rows));
  }
  return delta;
}

}  // namespace retort::logs
