// Layout: a head of 64 bytes; sets and codes, each at its alignment; a directory of keys, values and columns that names their places.
// The head's hash covers all but itself, and every set is checked once more as it is opened: the file may come from anywhere.
#include "logs/index_file.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <unistd.h>

#include <cstring>
#include <fstream>

#include "base/files.h"
#include "base/format.h"
#include "base/mapped_file.h"
#include "logs/packed_bytes.h"
#include "logs/snapshot.h"

namespace retort::logs {

namespace {

constexpr std::size_t kCodeAlignment = 64;

struct Head {
  char mark[8] = {'R', 'T', 'L', 'G', 'I', 'X', '0', '1'};
  std::uint64_t hash = 0;
  std::uint64_t size = 0, directory = 0;         ///< bytes of the file; where the directory begins
  std::int64_t store = 0, generation = 0;
  std::uint64_t end = 0;                         ///< ids are below it
  std::uint64_t lastRow = 0;                     ///< hash of the request key of record end - 1
};
static_assert(sizeof(Head) == 64);
constexpr std::size_t kHashed = offsetof(Head, size);

Error damaged(const std::filesystem::path& path, const char* what) {
  return Error{"logs.index.file", "The index file of the log store is damaged", path.string(), what, "It is made anew from logs.db; nothing is lost.", {}, {}};
}

/// What must agree between the store and a file made of it.
struct Identity {
  std::int64_t store = 0, generation = 0;
  std::uint64_t folded = 0;                      ///< records in postings and columns, not in deltas
};

/// Nothing for a store of an earlier schema.
Result<std::optional<Identity>> identityOf(const store::Database& db) {
  RETORT_TRY(const auto version, db.integer("PRAGMA user_version"));
  if (version.value_or(0) < 4) return std::optional<Identity>();
  RETORT_TRY(const auto store, db.integer("SELECT value FROM meta WHERE name='store'"));
  RETORT_TRY(const auto generation, db.integer("SELECT value FROM meta WHERE name='generation'"));
  RETORT_TRY(const auto folded, db.integer("SELECT sum(n) FROM col WHERE which=0"));
  if (!store) return std::optional<Identity>();
  return std::optional(Identity{*store, generation.value_or(0), static_cast<std::uint64_t>(std::max<std::int64_t>(0, folded.value_or(0)))});
}

Result<std::uint64_t> rowHash(const store::Database& db, std::uint64_t end) {
  if (end == 0) return std::uint64_t(0);
  RETORT_TRY(auto query, db.prepare("SELECT rid FROM log WHERE id=?"));
  RETORT_TRY(const bool found, query.bind(1, static_cast<std::int64_t>(end - 1)).step());
  return found ? XXH3_64bits(query.blob(0).data(), query.blob(0).size()) : std::uint64_t(0);
}

/// The head, if the file is of this store as it is now, or as it was before appends.
std::optional<Head> usableHead(std::string_view bytes, const Identity& identity) {
  Head head;
  const Head mine;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (std::memcmp(head.mark, mine.mark, sizeof mine.mark) != 0 || head.store != identity.store || head.generation != identity.generation || head.end > identity.folded) return std::nullopt;
  return head;
}

class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path) : m_out(path, std::ios::binary | std::ios::trunc) {
    XXH3_64bits_reset(&m_hash);
    const Head none;
    m_out.write(reinterpret_cast<const char*>(&none), sizeof none);
    m_at = sizeof none;
  }
  /// Returns where the bytes begin.
  std::uint64_t put(std::string_view bytes, std::size_t alignment) {
    static constexpr char kZeros[kCodeAlignment] = {};
    raw({kZeros, (alignment - m_at % alignment) % alignment});
    const auto at = m_at;
    raw(bytes);
    return at;
  }
  Status finish(Head head, std::string_view directory, const std::filesystem::path& path) {
    head.directory = put(directory, 1);
    head.size = m_at;
    XXH3_64bits_update(&m_hash, reinterpret_cast<const char*>(&head) + kHashed, sizeof head - kHashed);
    head.hash = XXH3_64bits_digest(&m_hash);
    m_out.seekp(0);
    m_out.write(reinterpret_cast<const char*>(&head), sizeof head);
    m_out.close();
    if (!m_out) return Error{"logs.index.write", "The index file of the log store could not be written", path.string(), std::strerror(errno), "Free some space; without it logs open more slowly.", {}, {}};
    return {};
  }

 private:
  void raw(std::string_view bytes) {
    m_out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    XXH3_64bits_update(&m_hash, bytes.data(), bytes.size());
    m_at += bytes.size();
  }
  std::ofstream m_out;
  XXH3_state_t m_hash;
  std::uint64_t m_at = 0;
};

struct Making {
  store::Database& db;
  FileWriter& file;
  PackedWriter directory{};

  void put(const IdSet& ids) {
    PackedWriter parts;
    std::uint32_t n = 0;
    ids.toMapped([&](const MappedPart& part) {
      parts.put(part.segment).put(file.put(part.bytes, kMappedAlignment)).put(static_cast<std::uint32_t>(part.bytes.size()));
      ++n;
    });
    directory.put(n).put(std::string_view(parts.take()));
  }

  Status key(std::int64_t id, bool isHigh) {
    RETORT_TRY(auto query, isHigh ? db.prepare("SELECT kv,'',b FROM post WHERE kv=-?1 ORDER BY seg")
                                  : db.prepare("SELECT kv.id,kv.value,post.b FROM kv LEFT JOIN post ON post.kv=kv.id WHERE kv.key=?1 ORDER BY kv.id,post.seg"));
    query.bind(1, id);
    struct Value {
      std::int64_t kv = 0;
      std::string text;
      IdSet ids;
    };
    std::vector<Value> values;
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      if (values.empty() || values.back().kv != query.integer(0)) values.push_back({query.integer(0), std::string(query.text(1)), {}});
      if (query.isNull(2)) continue;
      const auto ids = IdSet::fromBytes(query.blob(2));
      if (!ids) return Error{"logs.index.damaged", "The index of the log store is damaged: a posting", {}, {}, "Move logs.db away and import the sources again.", {}, {}};
      values.back().ids |= *ids;
    }
    std::vector<const IdSet*> sets;
    std::uint64_t sum = 0;
    for (const auto& value : values) {
      sets.push_back(&value.ids);
      sum += value.ids.size();
    }
    const IdSet all = IdSet::unionOf(sets);
    directory.put(static_cast<std::uint8_t>(sum <= all.size()));
    put(all);
    directory.put(static_cast<std::uint32_t>(isHigh ? 0 : values.size()));
    for (const auto& value : values) {
      if (isHigh) break;
      directory.put(value.kv).put(std::string_view(value.text));
      put(value.ids);
    }
    return {};
  }

  Status keys() {
    RETORT_TRY(const auto lastValue, db.integer("SELECT max(id) FROM kv"));
    RETORT_TRY(const auto n, db.integer("SELECT count(*) FROM key"));
    directory.put(lastValue.value_or(0)).put(static_cast<std::uint32_t>(n.value_or(0)));
    RETORT_TRY(auto query, db.prepare("SELECT id,name,cls,n_values,builtin FROM key ORDER BY id"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) return {};
      const bool isHigh = query.integer(2) == kHighKey;
      directory.put(query.integer(0)).put(query.text(1)).put(static_cast<std::uint8_t>(isHigh)).put(query.integer(3)).put(static_cast<std::uint8_t>(query.integer(4) != 0));
      RETORT_CHECK(key(query.integer(0), isHigh));
    }
  }

  Status columns() {
    RETORT_TRY(auto query, db.prepare("SELECT n,b FROM col WHERE which=? ORDER BY seg"));
    for (std::int64_t which = 0; which < kColumns; ++which) {
      query.bind(1, which);
      PackedWriter heads;
      std::uint32_t n = 0;
      for (;; ++n) {
        RETORT_TRY(const bool row, query.step());
        if (!row) break;
        RETORT_TRY(const auto values, unpackColumn(query.blob(1), static_cast<std::size_t>(std::clamp<std::int64_t>(query.integer(0), 0, 1 << kColumnShift))));
        const auto segment = ColumnSegment::pack(values);
        segment->writeHead(heads);
        heads.put(file.put(segment->codes(), kCodeAlignment));
      }
      query.reset();
      directory.put(n).put(std::string_view(heads.take()));
    }
    return {};
  }
};

Status makeFile(store::Database& db, const std::filesystem::path& path) {
  RETORT_TRY(const auto identity, identityOf(db));
  if (!identity || identity->folded > UINT32_MAX) return {};
  Head head;
  head.store = identity->store;
  head.generation = identity->generation;
  head.end = identity->folded;
  RETORT_TRY(head.lastRow, rowHash(db, head.end));
  FileWriter file(path);
  Making making{db, file};
  RETORT_CHECK(making.keys());
  RETORT_CHECK(making.columns());
  return file.finish(head, making.directory.take(), path);
}

/// Reads the directory; false where it does not fit together.
struct Taking {
  std::shared_ptr<const MappedFile> file;
  PackedReader in;
  Snapshot& s;

  [[nodiscard]] std::optional<std::string_view> piece(std::uint64_t at, std::uint64_t length) const {
    const auto bytes = file->bytes();
    if (at > bytes.size() || length > bytes.size() - at) return std::nullopt;
    return bytes.substr(at, length);
  }

  std::optional<IdSet> set() {
    std::uint32_t n = 0;
    std::string_view packed;
    if (!in.get(n) || !in.get(packed)) return std::nullopt;
    PackedReader from(packed);
    std::vector<MappedPart> parts;
    for (std::uint32_t i = 0; i < n; ++i) {
      std::uint32_t segment = 0, length = 0;
      std::uint64_t at = 0;
      if (!from.get(segment) || !from.get(at) || !from.get(length)) return std::nullopt;
      const auto bytes = piece(at, length);
      if (!bytes) return std::nullopt;
      parts.push_back({segment, *bytes});
    }
    auto ids = IdSet::mapped(parts, file);
    if (ids && ids->last().value_or(0) >= s.end && !ids->isEmpty()) return std::nullopt;
    return ids;
  }

  bool keys() {
    std::uint32_t n = 0;
    if (!in.get(s.lastValue) || !in.get(n)) return false;
    for (std::uint32_t i = 0; i < n; ++i) {
      auto key = std::make_shared<SnapshotKey>();
      std::string_view name;
      std::uint8_t isHigh = 0, isBuiltIn = 0, isSingle = 0;
      std::uint32_t values = 0;
      if (!in.get(key->id) || !in.get(name) || !in.get(isHigh) || !in.get(key->distinct) || !in.get(isBuiltIn) || !in.get(isSingle)) return false;
      auto all = set();
      if (!all || !in.get(values)) return false;
      key->name = name;
      key->isHigh = isHigh != 0;
      key->isBuiltIn = isBuiltIn != 0;
      key->isSingle = isSingle != 0;
      key->all = std::move(*all);
      for (std::uint32_t v = 0; v < values; ++v) {
        std::int64_t kv = 0;
        std::string_view text;
        if (!in.get(kv) || !in.get(text)) return false;
        auto ids = set();
        if (!ids) return false;
        key->values.push_back({std::make_shared<const std::string>(text), kv, std::make_shared<const IdSet>(std::move(*ids))});
      }
      key->indexTexts();
      s.keys.push_back(std::move(key));
    }
    return true;
  }

  bool columns() {
    for (auto& column : s.columns) {
      std::uint32_t n = 0;
      std::string_view packed;
      if (!in.get(n) || !in.get(packed)) return false;
      PackedReader from(packed);
      for (std::uint32_t i = 0; i < n; ++i) {
        auto segment = ColumnSegment::fromHead(from);
        std::uint64_t at = 0;
        if (!segment || !from.get(at)) return false;
        const auto codes = piece(at, segment->codeBytes());
        if (!codes || at % kCodeAlignment != 0) return false;
        segment->setCodes(codes->data(), file);
        if (!column.appendSegment(std::move(segment))) return false;
      }
      if (column.size() != s.end) return false;
    }
    return in.isEmpty();
  }
};

}  // namespace

std::filesystem::path indexFilePath(const std::filesystem::path& logsDb) { return logsDb.parent_path() / "logs.index"; }

Result<std::shared_ptr<Snapshot>> readIndexFile(const store::Database& db) {
  const std::shared_ptr<Snapshot> none;
  RETORT_TRY(const auto identity, identityOf(db));
  if (!identity) return none;
  const auto path = indexFilePath(db.path());
  auto file = MappedFile::open(path);
  if (!file.ok()) {
    if (file.error().code == "base.file.missing") return none;
    return std::move(file).error();
  }
  const auto bytes = (*file)->bytes();
  if (bytes.size() < sizeof(Head)) return damaged(path, "it is cut");
  // The hash comes first: a head that changed by accident must not pass for that of an older store.
  Head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (std::memcmp(head.mark, Head().mark, sizeof head.mark) != 0) return damaged(path, "it does not begin as one");
  if (head.size != bytes.size() || head.directory < sizeof head || head.directory > head.size) return damaged(path, "its length is not what it was");
  XXH3_state_t hash;
  XXH3_64bits_reset(&hash);
  XXH3_64bits_update(&hash, bytes.data() + sizeof head, bytes.size() - sizeof head);
  XXH3_64bits_update(&hash, bytes.data() + kHashed, sizeof head - kHashed);
  if (XXH3_64bits_digest(&hash) != head.hash) return damaged(path, "some of its bytes have changed");
  if (!usableHead(bytes, *identity)) return none;
  RETORT_TRY(const auto lastRow, rowHash(db, head.end));
  if (lastRow != head.lastRow) return none;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->end = static_cast<std::uint32_t>(head.end);
  snapshot->generation = head.generation;
  Taking taking{*file, PackedReader(bytes.substr(head.directory)), *snapshot};
  if (!taking.keys() || !taking.columns()) return damaged(path, "its parts do not fit together");
  return snapshot;
}

Status writeIndexFile(store::Database& db) {
  const auto path = indexFilePath(db.path());
  const std::filesystem::path part = path.string() + "." + std::to_string(getpid()) + ".part";
  // One read transaction: a fold between two keys must not show half of itself.
  RETORT_CHECK(db.exec("BEGIN"));
  Status status = makeFile(db, part);
  (void)db.exec("COMMIT");
  if (status.ok() && std::filesystem::exists(part)) {
    status = syncFile(part);
    std::error_code error;
    if (status.ok()) std::filesystem::rename(part, path, error);
    if (error) status = Error{"logs.index.write", "The index file of the log store could not be written", path.string(), error.message(), {}, {}, {}};
  }
  std::error_code ignored;
  if (!status.ok()) std::filesystem::remove(part, ignored);
  return status;
}

namespace {

Result<bool> isDue(const store::Database& db, std::uint64_t tail) {
  RETORT_TRY(const auto identity, identityOf(db));
  if (!identity || identity->folded < tail) return false;
  char bytes[sizeof(Head)] = {};
  std::ifstream in(indexFilePath(db.path()), std::ios::binary);
  in.read(bytes, sizeof bytes);
  const auto head = usableHead({bytes, static_cast<std::size_t>(in.gcount())}, *identity);
  return !head || identity->folded - head->end >= tail;
}

}  // namespace

Status renewIndexFile(store::Database& db, std::uint64_t tail) {
  RETORT_TRY(const bool due, isDue(db, tail));
  return due ? writeIndexFile(db) : Status();
}

std::shared_ptr<Snapshot> openIndexFile(store::Database& db, std::optional<Error>& note) {
  auto read = readIndexFile(db);
  if (!read.ok()) note = read.error();
  const auto due = isDue(db, kIndexTail);
  if (!note && (!due.ok() || !*due)) return read.ok() ? *read : nullptr;
  if (!writeIndexFile(db).ok()) return read.ok() ? *read : nullptr;    // a folder that may not be written to: as before, only slower
  read = readIndexFile(db);
  return read.ok() ? *read : nullptr;
}

}  // namespace retort::logs
