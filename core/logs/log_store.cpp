// Reading the store: filters on the snapshot, rows and records from the database, blocks kept in a small cache.
#include "logs/log_store.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>

#include "base/hash.h"
#include "base/random.h"
#include "logs/call.h"
#include "logs/log_schema.h"
#include "logs/snapshot.h"
#include "store/block_codec.h"

namespace retort::logs {

namespace {

constexpr std::size_t kCachedBlocks = 64;
constexpr std::size_t kSample = 4096;

/// Where a record's bytes lie.
struct Place {
  std::int64_t block = 0;
  std::size_t offset = 0, length = 0;
};

}  // namespace

struct LogStore::State {
  mutable std::mutex dbMutex;                          ///< one connection, one statement at a time
  mutable store::Database db;
  std::int64_t version = -1;
  mutable std::mutex snapshotMutex;
  std::shared_ptr<const Snapshot> snapshot;
  mutable std::mutex cacheMutex;
  mutable std::list<std::pair<std::int64_t, std::shared_ptr<const std::string>>> blocks;   ///< most recent first

  explicit State(store::Database d) : db(std::move(d)) {}

  [[nodiscard]] std::shared_ptr<const Snapshot> now() const {
    std::lock_guard lock(snapshotMutex);
    return snapshot;
  }
  Result<std::shared_ptr<const std::string>> block(std::int64_t id) const;
  Result<std::string> bytes(const Place& place) const;
  struct Parts {
    std::uint32_t id = 0;
    std::string line;
    std::vector<std::pair<int, std::string>> spills;   ///< side, body
    std::vector<std::string> spillPaths;               ///< as logged, in the same order
  };
  Result<Parts> parts(std::uint32_t id) const;
  static Result<Record> parse(Parts parts, LineParser& parser);
  Result<IdSet> highValue(std::int64_t key, std::string_view value) const;
  Result<IdSet> scan(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const;
  Result<IdSet> select(const Snapshot& s, const Filter& filter, std::stop_token stop, const ProgressFn& progress) const;
  Result<Facet> facet(const Snapshot& s, const SnapshotKey& key, const IdSet& among, std::size_t limit) const;
};

LogStore::LogStore(std::unique_ptr<State> state) : m_state(std::move(state)) {}
LogStore::~LogStore() = default;

Result<std::shared_ptr<LogStore>> LogStore::open(const std::filesystem::path& logsDb) {
  auto db = store::Database::open(logsDb, logsOpenOptions(store::OpenOptions::Mode::readOnly));
  if (!db.ok()) {
    Error error = std::move(db).error();
    if (error.code == "store.open.missing")
      return Error{"logs.none", "No logs were imported yet", logsDb.parent_path().string(), {}, "Import some: retort-cli logs import PATH.", {}, {}};
    return error;
  }
  RETORT_TRY(const auto version, db->integer("PRAGMA user_version"));
  if (version.value_or(0) > logMigrations().back().version)
    return Error{"store.newer", "logs.db was made by a newer Retort", logsDb.parent_path().string(),
                 "its schema is " + std::to_string(*version) + ", this program reads " + std::to_string(logMigrations().back().version), "Update Retort.", {}, {}};
  if (version.value_or(0) == 0) return Error{"logs.none", "No logs were imported yet", logsDb.parent_path().string(), {}, "Import some: retort-cli logs import PATH.", {}, {}};
  std::shared_ptr<LogStore> opened(new LogStore(std::make_unique<State>(std::move(*db))));
  RETORT_TRY(const bool changed, opened->refresh());
  (void)changed;
  return opened;
}

Result<bool> LogStore::refresh() {
  State& s = *m_state;
  std::lock_guard lock(s.dbMutex);
  RETORT_TRY(const auto version, s.db.dataVersion());
  if (version == s.version) return false;
  RETORT_TRY(auto fresh, Snapshot::load(s.db));
  s.version = version;
  std::lock_guard swap(s.snapshotMutex);
  s.snapshot = std::move(fresh);
  return true;
}

std::uint64_t LogStore::size() const { return m_state->now()->live.size(); }
IdSet LogStore::universe() const { return m_state->now()->live; }

Result<std::shared_ptr<const std::string>> LogStore::State::block(std::int64_t id) const {
  {
    std::lock_guard lock(cacheMutex);
    for (auto it = blocks.begin(); it != blocks.end(); ++it)
      if (it->first == id) {
        blocks.splice(blocks.begin(), blocks, it);
        return it->second;
      }
  }
  std::string frame;
  std::uint64_t rawLength = 0;
  {
    std::lock_guard lock(dbMutex);
    RETORT_TRY(auto query, db.prepare("SELECT raw_len,b FROM blk WHERE id=?"));
    query.bind(1, id);
    RETORT_TRY(const bool found, query.step());
    if (!found) return Error{"logs.block.missing", "A block of records is missing", "block " + std::to_string(id), {}, "Import the sources again.", {}, {}};
    rawLength = static_cast<std::uint64_t>(query.integer(0));
    frame = query.blob(1);
  }
  RETORT_TRY(auto raw, store::decodeBlock(frame, rawLength));
  auto shared = std::make_shared<const std::string>(std::move(raw));
  std::lock_guard lock(cacheMutex);
  blocks.emplace_front(id, shared);
  if (blocks.size() > kCachedBlocks) blocks.pop_back();
  return shared;
}

Result<std::string> LogStore::State::bytes(const Place& place) const {
  RETORT_TRY(const auto raw, block(place.block));
  if (place.offset > raw->size() || place.length > raw->size() - place.offset)
    return Error{"logs.block.damaged", "A record lies outside its block", "block " + std::to_string(place.block), {}, "Import the sources again.", {}, {}};
  return raw->substr(place.offset, place.length);
}

Result<LogStore::State::Parts> LogStore::State::parts(std::uint32_t id) const {
  Place line;
  std::vector<std::pair<int, Place>> spills;
  Parts parts;
  {
    std::lock_guard lock(dbMutex);
    RETORT_TRY(auto query, db.prepare("SELECT blk,off,len FROM log WHERE id=?"));
    query.bind(1, std::int64_t(id));
    RETORT_TRY(const bool found, query.step());
    if (!found) return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, "List records: retort-cli logs list.", {}, {}};
    line = {query.integer(0), static_cast<std::size_t>(query.integer(1)), static_cast<std::size_t>(query.integer(2))};
    RETORT_TRY(auto more, db.prepare("SELECT side,blk,off,len,path FROM spill WHERE log=? AND state=1 ORDER BY side"));
    more.bind(1, std::int64_t(id));
    while (true) {
      RETORT_TRY(const bool row, more.step());
      if (!row) break;
      spills.emplace_back(static_cast<int>(more.integer(0)), Place{more.integer(1), static_cast<std::size_t>(more.integer(2)), static_cast<std::size_t>(more.integer(3))});
      parts.spillPaths.emplace_back(more.text(4));
    }
  }
  parts.id = id;
  RETORT_TRY(parts.line, bytes(line));
  for (const auto& [side, place] : spills) {
    RETORT_TRY(auto body, bytes(place));
    parts.spills.emplace_back(side, std::move(body));
  }
  return parts;
}

Result<Record> LogStore::State::parse(Parts parts, LineParser& parser) {
  Call call;
  ParseReject why{};
  const SpillLoader loader = [&](std::string_view, Side side) -> std::optional<std::string> {
    for (const auto& [which, body] : parts.spills)
      if (which == static_cast<int>(side)) return body;
    return std::nullopt;
  };
  if (!parser.parse(parts.line, false, loader, call, why))
    return Error{"logs.record.unreadable", "Record " + std::to_string(parts.id) + " cannot be read", {}, why.detail, "Import its source again.", {}, {}};
  Record record = std::move(call).toRecord();
  record.id = parts.id;
  return record;
}

Result<IdSet> LogStore::State::highValue(std::int64_t key, std::string_view value) const {
  std::lock_guard lock(dbMutex);
  RETORT_TRY(auto query, db.prepare("SELECT id FROM hikv WHERE key=? AND h=?"));
  query.bind(1, key).bind(2, valueHash(value));
  IdSet ids;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return ids;
    ids.add(static_cast<std::uint32_t>(query.integer(0)));
  }
}

Result<IdSet> LogStore::State::scan(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const {
  Filter alone;
  alone.root = test;
  RETORT_TRY(const auto matcher, RecordMatcher::create(alone));
  LineParser parser;
  ProgressMeter meter(progress, "Searching", "records", static_cast<std::int64_t>(candidates.size()));
  std::vector<std::uint32_t> found;
  std::int64_t done = 0;
  for (const auto id : candidates.toVector()) {
    if (stop.stop_requested()) return cancelledError("The search");
    RETORT_TRY(auto source, parts(id));
    RETORT_TRY(const auto record, parse(std::move(source), parser));
    if (matcher.matches(record)) found.push_back(id);
    if (progress) meter.at(++done);
  }
  return IdSet::of(found);
}

Result<IdSet> LogStore::State::select(const Snapshot& s, const Filter& filter, std::stop_token stop, const ProgressFn& progress) const {
  const EvalContext context{s, [&](std::int64_t key, std::string_view value) { return highValue(key, value); },
                            [&](const IdSet& candidates, const FilterNode& test) { return scan(candidates & s.live, test, stop, progress); }, stop};
  return evaluate(filter, context);
}

Result<IdSet> LogStore::select(const Filter& filter, std::stop_token stop, const ProgressFn& progress) const {
  const auto snapshot = m_state->now();
  return m_state->select(*snapshot, filter, stop, progress);
}

Result<std::uint64_t> LogStore::count(const Filter& filter, std::stop_token stop) const {
  RETORT_TRY(const auto ids, select(filter, stop));
  return ids.size();
}

Result<std::vector<std::uint32_t>> LogStore::ids(const Filter& filter, std::stop_token stop) const {
  RETORT_TRY(const auto ids, select(filter, stop));
  return ids.toVector();
}

Result<Row> LogStore::row(std::uint32_t id) const {
  RETORT_TRY(auto all, rows(std::span(&id, 1)));
  return std::move(all[0]);
}

Result<std::vector<Row>> LogStore::rows(std::span<const std::uint32_t> ids) const {
  const State& s = *m_state;
  const auto snapshot = s.now();
  static constexpr std::string_view kStatus[] = {"ok", "error", "incomplete"};
  std::lock_guard lock(s.dbMutex);
  RETORT_TRY(auto query, s.db.prepare("SELECT rid,ts_us,model,op,stop,itok,otok,ctok,latency_ms,status,flags,turns,preview FROM log WHERE id=?"));
  const auto text = [&](int column) {
    const auto found = snapshot->valueTexts.find(query.integer(column));
    return query.isNull(column) || found == snapshot->valueTexts.end() ? std::string() : std::string(found->second);
  };
  std::vector<Row> out;
  for (const auto id : ids) {
    query.bind(1, std::int64_t(id));
    RETORT_TRY(const bool found, query.step());
    if (!found) return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, "List records: retort-cli logs list.", {}, {}};
    Row row;
    row.id = id;
    row.flags = static_cast<std::uint32_t>(query.integer(10));
    row.requestId = requestKeyText(query.blob(0), (row.flags & kUuid) != 0);
    row.timeUs = query.optionalInteger(1);
    row.model = text(2);
    row.operation = text(3);
    row.stop = text(4);
    row.inputTokens = query.optionalInteger(5);
    row.outputTokens = query.optionalInteger(6);
    row.cachedTokens = query.optionalInteger(7);
    row.latencyMs = query.optionalInteger(8);
    row.status = kStatus[std::clamp<std::int64_t>(query.integer(9), 0, 2)];
    row.turns = static_cast<int>(query.integer(11));
    row.preview = query.text(12);
    out.push_back(std::move(row));
    query.reset();
  }
  return out;
}

Result<Record> LogStore::record(std::uint32_t id) const {
  RETORT_TRY(auto parts, m_state->parts(id));
  LineParser parser;
  RETORT_TRY(auto record, State::parse(std::move(parts), parser));
  return record;
}

Result<std::string> LogStore::rawLine(std::uint32_t id) const {
  RETORT_TRY(auto parts, m_state->parts(id));
  return std::move(parts.line);
}

Result<std::vector<std::pair<std::string, std::string>>> LogStore::spilledBodies(std::uint32_t id) const {
  RETORT_TRY(auto parts, m_state->parts(id));
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < parts.spills.size(); ++i) out.emplace_back(std::move(parts.spillPaths[i]), std::move(parts.spills[i].second));
  return out;
}

Result<std::vector<std::string>> LogStore::requestKeys(std::span<const std::uint32_t> ids) const {
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(auto query, m_state->db.prepare("SELECT rid FROM log WHERE id=?"));
  std::vector<std::string> keys;
  for (const auto id : ids) {
    query.bind(1, std::int64_t(id));
    RETORT_TRY(const bool found, query.step());
    if (!found) return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, {}, {}, {}};
    keys.emplace_back(query.blob(0));
    query.reset();
  }
  return keys;
}

Result<std::optional<std::uint32_t>> LogStore::findByRequestId(std::string_view requestId) const {
  bool isUuid = false;
  std::vector<std::string> candidates{requestKey(requestId, isUuid)};
  if (requestId.size() == 32)
    if (auto bytes = fromHex(requestId); bytes.ok()) candidates.push_back(std::move(*bytes));
  const auto snapshot = m_state->now();
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(auto query, m_state->db.prepare("SELECT id FROM log WHERE rid=?"));
  for (const auto& key : candidates) {
    query.bindBlob(1, key);
    RETORT_TRY(const bool found, query.step());
    if (found && snapshot->live.contains(static_cast<std::uint32_t>(query.integer(0)))) return std::optional(static_cast<std::uint32_t>(query.integer(0)));
    query.reset();
  }
  return std::optional<std::uint32_t>();
}

std::vector<KeyInfo> LogStore::keys() const {
  const auto snapshot = m_state->now();
  std::vector<KeyInfo> out;
  for (const auto& key : snapshot->keys) out.push_back({key.name, key.isBuiltIn, key.isHigh, key.isHigh ? key.distinct : key.values.size(), IdSet::commonSize(key.all, snapshot->live)});
  std::sort(out.begin(), out.end(), [](const KeyInfo& a, const KeyInfo& b) { return a.isBuiltIn != b.isBuiltIn ? a.isBuiltIn : a.name < b.name; });
  return out;
}

Result<Facet> LogStore::State::facet(const Snapshot& s, const SnapshotKey& key, const IdSet& among, std::size_t limit) const {
  Facet facet;
  facet.key = key.name;
  const auto present = IdSet::commonSize(key.all, among);
  facet.missing = among.size() - present;
  if (key.isHigh) {
    // Counts of a seeded sample, scaled: to count them all would read every record.
    facet.isSampled = true;
    facet.distinct = key.distinct;
    auto ids = (key.all & among).toVector();
    const std::size_t all = ids.size();
    if (ids.size() > kSample) {
      Random random(1, "facet");
      for (std::size_t i = 0; i < kSample; ++i) std::swap(ids[i], ids[i + random.below(ids.size() - i)]);
      ids.resize(kSample);
    }
    std::sort(ids.begin(), ids.end());
    std::unordered_map<std::string, std::uint64_t> counts;
    LineParser parser;
    for (const auto id : ids) {
      RETORT_TRY(auto source, parts(id));
      RETORT_TRY(const auto record, parse(std::move(source), parser));
      if (const auto* value = record.metadataValue(key.name)) ++counts[*value];
    }
    for (const auto& [value, n] : counts) facet.values.push_back({value, ids.empty() ? 0 : n * all / ids.size()});
  } else {
    for (const auto& value : key.values)
      if (const auto n = IdSet::commonSize(value.ids, among); n > 0) facet.values.push_back({value.text, n});
    facet.distinct = facet.values.size();
  }
  (void)s;
  std::sort(facet.values.begin(), facet.values.end(), [](const FacetValue& a, const FacetValue& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
  if (facet.values.size() > limit) facet.values.resize(limit);
  return facet;
}

namespace {

bool mentions(const FilterNode& node, const std::string& name, bool isBuiltIn) {
  if (node.kind == FilterNode::Kind::test) return node.field == name && node.isBuiltIn == isBuiltIn;
  return std::any_of(node.children.begin(), node.children.end(), [&](const FilterNode& child) { return mentions(child, name, isBuiltIn); });
}
/// True for a clause that speaks of this key only.
bool isOwn(const FilterNode& node, const std::string& name, bool isBuiltIn) {
  if (node.kind == FilterNode::Kind::test) return node.field == name && node.isBuiltIn == isBuiltIn;
  return !node.children.empty() && std::all_of(node.children.begin(), node.children.end(), [&](const FilterNode& child) { return isOwn(child, name, isBuiltIn); });
}
/// The filter without the clauses of a key, so that its facet shows what else could be chosen.
Filter without(const Filter& filter, const std::string& name, bool isBuiltIn) {
  Filter out = filter;
  if (isOwn(filter.root, name, isBuiltIn)) {
    out.root = FilterNode{};
  } else if (filter.root.kind == FilterNode::Kind::andNode) {
    std::erase_if(out.root.children, [&](const FilterNode& child) { return isOwn(child, name, isBuiltIn); });
    if (out.root.children.size() == 1) {
      FilterNode only = std::move(out.root.children[0]);
      out.root = std::move(only);
    }
  }
  return out;
}

}  // namespace

Result<std::vector<Facet>> LogStore::facets(const Filter& filter, const std::vector<std::string>& keys, std::size_t limit, std::stop_token stop) const {
  const auto snapshot = m_state->now();
  RETORT_TRY(const auto all, m_state->select(*snapshot, filter, stop, {}));
  std::vector<const SnapshotKey*> wanted;
  if (keys.empty()) {
    for (const auto& key : snapshot->keys) wanted.push_back(&key);
    std::sort(wanted.begin(), wanted.end(), [](const auto* a, const auto* b) { return a->isBuiltIn != b->isBuiltIn ? a->isBuiltIn : a->name < b->name; });
  }
  std::vector<std::string> known;
  for (const auto& key : snapshot->keys) known.push_back(key.name);
  for (const auto& name : keys) {
    const auto* key = snapshot->find(name, name.starts_with("@"));
    if (!key) key = snapshot->find(name, false);
    if (!key) {
      const auto near = nearestName(name, known);
      return Error{"logs.key.unknown", "No record has the key " + shown(name), {}, {}, near.empty() ? "See retort-cli logs facets." : "Did you mean " + near + "?", {}, {}};
    }
    wanted.push_back(key);
  }
  std::vector<Facet> out;
  for (const auto* key : wanted) {
    if (stop.stop_requested()) return cancelledError("Counting values");
    if (mentions(filter.root, key->name, key->isBuiltIn)) {
      RETORT_TRY(const auto others, m_state->select(*snapshot, without(filter, key->name, key->isBuiltIn), stop, {}));
      RETORT_TRY(auto facet, m_state->facet(*snapshot, *key, others, limit));
      out.push_back(std::move(facet));
    } else {
      RETORT_TRY(auto facet, m_state->facet(*snapshot, *key, all, limit));
      out.push_back(std::move(facet));
    }
  }
  return out;
}

std::optional<std::pair<std::int64_t, std::int64_t>> LogStore::timeRange() const {
  const auto snapshot = m_state->now();
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
  for (const auto time : snapshot->columns[static_cast<int>(Column::time)]) {
    if (time == kNoValue) continue;
    if (!range) range = {time, time};
    range->first = std::min(range->first, time);
    range->second = std::max(range->second, time);
  }
  return range;
}

Result<std::vector<Reject>> LogStore::rejects(std::int64_t after, std::size_t limit) const {
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(auto query, m_state->db.prepare("SELECT reject.id,path,reject.line_no,byte_off,len,reason,detail,head FROM reject JOIN source_file ON source_file.id=reject.file "
                                             "WHERE reject.id>? ORDER BY reject.id LIMIT ?"));
  query.bind(1, after).bind(2, static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)));
  std::vector<Reject> out;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return out;
    const auto reason = std::clamp<std::int64_t>(query.integer(5), 0, static_cast<std::int64_t>(kRejectWords.size()) - 1);
    out.push_back({query.integer(0), std::string(query.text(1)), query.integer(2), query.integer(3), query.integer(4), static_cast<RejectReason>(reason),
                   std::string(query.text(6)), std::string(query.blob(7))});
  }
}

Result<std::uint64_t> LogStore::rejectCount() const {
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(const auto n, m_state->db.integer("SELECT sum(n_bad) FROM source_file"));
  return static_cast<std::uint64_t>(n.value_or(0));
}

Result<std::vector<SourceFile>> LogStore::files() const {
  static constexpr std::string_view kStates[] = {"partial", "done", "truncated", "damaged"};
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(auto query, m_state->db.prepare("SELECT path,state,size,n_ok,n_dup,n_bad,n_filtered FROM source_file ORDER BY path"));
  std::vector<SourceFile> out;
  while (true) {
    RETORT_TRY(const bool row, query.step());
    if (!row) return out;
    out.push_back({std::string(query.text(0)), std::string(kStates[std::clamp<std::int64_t>(query.integer(1), 0, 3)]), query.integer(2), query.integer(3), query.integer(4),
                   query.integer(5), query.integer(6)});
  }
}

}  // namespace retort::logs
