// Reading the store: filters on the snapshot, rows and records from the database, blocks kept in a small cache.
#include "logs/log_store.h"

#include <algorithm>
#include <unordered_map>

#include "base/hash.h"
#include "logs/derived_fields.h"
#include "logs/log_schema.h"
#include "logs/log_store_state.h"
#include "logs/people_fields.h"

namespace retort::logs {

namespace {

constexpr std::size_t kCachedBlocks = 64;

}  // namespace

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
  const auto folder = s.db.path().parent_path();
  const auto before = s.now();
  std::shared_ptr<Snapshot> fresh;
  if (version != s.version || !before) {
    RETORT_TRY(fresh, Snapshot::load(s.db, before));
    s.version = version;
    if (before && fresh && fresh->generation != before->generation) {   // a purge moves records within blocks, and packs these anew
      std::lock_guard cache(s.cacheMutex);
      s.blocks.clear();
      s.dictionaries.clear();
    }
  }
  // What lies beside logs.db: derived fields, and what people said of the records.
  const auto& base = fresh ? *fresh : *before;
  RETORT_TRY(auto derived, DerivedFields::refreshed(s.derived, folder, base));
  RETORT_TRY(auto people, PeopleFields::refreshed(s.people, folder, base, s.db));
  if (!fresh && derived == s.derived && people == s.people) return false;
  if (!fresh) fresh = std::make_shared<Snapshot>(*before);
  s.derived = std::move(derived);
  s.people = std::move(people);
  fresh->extras.clear();
  if (s.people) fresh->extras.push_back(s.people);
  if (s.derived) fresh->extras.push_back(s.derived);
  std::lock_guard swap(s.snapshotMutex);
  s.snapshot = std::move(fresh);
  return true;
}

std::optional<Error> LogStore::note() const { return m_state->now()->note; }

DerivedProgress LogStore::derivedProgress() const {
  std::lock_guard lock(m_state->dbMutex);
  return {m_state->derived ? m_state->derived->upTo() : 0, m_state->now()->end};
}

std::shared_ptr<const Snapshot> LogStore::snapshot() const { return m_state->now(); }
std::shared_ptr<const DerivedFields> LogStore::derived() const {
  std::lock_guard lock(m_state->dbMutex);
  return m_state->derived;
}

std::int64_t LogStore::generation() const { return std::max<std::int64_t>(0, m_state->now()->generation); }

std::uint64_t LogStore::size() const { return m_state->now()->live.size(); }
IdSet LogStore::universe() const { return m_state->now()->live; }

Result<std::shared_ptr<const store::BlockDictionary>> LogStore::State::dictionary(std::int64_t codec) const {
  if (codec < kDictCodec) return std::shared_ptr<const store::BlockDictionary>();
  auto& known = dictionaries[codec - kDictCodec];
  if (!known) {
    RETORT_TRY(auto read, db.prepare("SELECT b FROM dict WHERE id=?"));
    read.bind(1, codec - kDictCodec);
    RETORT_TRY(const bool there, read.step());
    if (!there) return Error{"logs.block.dictionary", "The dictionary of a block is missing", "dictionary " + std::to_string(codec - kDictCodec), {}, "Import the sources again.", {}, {}};
    RETORT_TRY(known, store::BlockDictionary::create(std::string(read.blob(0))));
  }
  return known;
}

Result<LogStore::State::Frame> LogStore::State::frame(std::int64_t block) const {
  Frame out;
  std::lock_guard lock(dbMutex);
  RETORT_TRY(auto query, db.prepare("SELECT raw_len,b,codec FROM blk WHERE id=?"));
  query.bind(1, block);
  RETORT_TRY(const bool found, query.step());
  if (!found) return Error{"logs.block.missing", "A block of records is missing", "block " + std::to_string(block), {}, "Import the sources again.", {}, {}};
  out.rawLength = static_cast<std::uint64_t>(query.integer(0));
  out.bytes = query.blob(1);
  RETORT_TRY(out.dictionary, dictionary(query.integer(2)));
  return out;
}

Result<LogStore::State::Block> LogStore::State::block(std::int64_t id) const {
  {
    std::lock_guard lock(cacheMutex);
    for (auto it = blocks.begin(); it != blocks.end(); ++it)
      if (it->first == id) {
        blocks.splice(blocks.begin(), blocks, it);
        return it->second;
      }
  }
  RETORT_TRY(const auto packed, frame(id));
  RETORT_TRY(auto raw, store::decodeBlock(packed.bytes, packed.rawLength, packed.dictionary.get()));
  auto shared = std::make_shared<const std::string>(std::move(raw));
  std::lock_guard lock(cacheMutex);
  blocks.emplace_front(id, shared);
  if (blocks.size() > kCachedBlocks) blocks.pop_back();
  return shared;
}

Result<std::string_view> LogStore::State::within(std::string_view block, const Place& place) {
  if (place.offset > block.size() || place.length > block.size() - place.offset)
    return Error{"logs.block.damaged", "A record lies outside its block", "block " + std::to_string(place.block), {}, "Import the sources again.", {}, {}};
  return block.substr(place.offset, place.length);
}

Result<std::string> LogStore::State::bytes(const Place& place) const {
  RETORT_TRY(const auto raw, block(place.block));
  RETORT_TRY(const auto found, within(*raw, place));
  return std::string(found);
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

bool LogStore::State::parseCall(const Parts& parts, LineParser& parser, Call& call, ParseReject& why) {
  const SpillLoader loader = [&](std::string_view, Side side) -> std::optional<std::string> {
    for (const auto& [which, body] : parts.spills)
      if (which == static_cast<int>(side)) return body;
    return std::nullopt;
  };
  // A line that alone would not give its record again lies beside its reading.
  const std::string* text = &parts.line;
  for (const auto& [which, body] : parts.spills)
    if (which == static_cast<int>(Side::reading)) text = &body;
  return parser.parse(*text, text->capacity() - text->size() >= store::kBlockPadding, loader, call, why);
}

Result<Record> LogStore::State::parse(const Parts& parts, LineParser& parser) {
  Call call;
  ParseReject why{};
  if (!parseCall(parts, parser, call, why))
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

Status LogStore::State::forEach(const IdSet& candidates, std::stop_token stop, const std::function<Result<bool>(std::uint32_t, const Parts&)>& visit) const {
  constexpr std::size_t kBatch = 512;
  struct Item {
    std::uint32_t id;
    Place place;
    bool hasSpills;
  };
  const auto ids = candidates.toVector();
  std::string buffer;
  std::string_view raw;
  std::int64_t rawId = -1;
  std::vector<Item> batch;
  Parts alone;                                         // of a record that lies in its line alone; its memory is kept
  for (std::size_t at = 0; at < ids.size(); at += kBatch) {
    const std::span some = std::span(ids).subspan(at, std::min(kBatch, ids.size() - at));
    batch.clear();
    {
      std::lock_guard lock(dbMutex);
      // Close together: one walk along the table. A statement for each takes the file's lock for each.
      const bool isDense = some.back() - some.front() < 4 * some.size();
      RETORT_TRY(auto query, db.prepare("SELECT id,blk,off,len,EXISTS(SELECT 1 FROM spill WHERE spill.log=log.id) FROM log WHERE id BETWEEN ? AND ? ORDER BY id"));
      if (isDense) query.bind(1, std::int64_t(some.front())).bind(2, std::int64_t(some.back()));
      for (const auto id : some) {
        if (!isDense) query.reset(), query.bind(1, std::int64_t(id)).bind(2, std::int64_t(id));
        bool found = false;
        do {
          RETORT_TRY(found, query.step());
        } while (found && query.integer(0) < id);
        if (!found || query.integer(0) > id) return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, {}, {}, {}};
        batch.push_back({id, {query.integer(1), static_cast<std::size_t>(query.integer(2)), static_cast<std::size_t>(query.integer(3))}, query.integer(4) != 0});
      }
    }
    for (const auto& item : batch) {
      if (stop.stop_requested()) return cancelledError("The search");
      if (item.hasSpills) {
        RETORT_TRY(const auto whole, parts(item.id));
        RETORT_TRY(const bool goesOn, visit(item.id, whole));
        if (!goesOn) return {};
        continue;
      }
      if (rawId != item.place.block) {
        RETORT_TRY(const auto packed, frame(item.place.block));
        RETORT_CHECK(store::decodeBlockInto(packed.bytes, packed.rawLength, packed.dictionary.get(), buffer, raw));
        rawId = item.place.block;
      }
      RETORT_TRY(const auto line, within(raw, item.place));
      alone.id = item.id;
      alone.line.reserve(line.size() + store::kBlockPadding);
      alone.line = line;
      RETORT_TRY(const bool goesOn, visit(item.id, alone));
      if (!goesOn) return {};
    }
  }
  return {};
}

Result<IdSet> LogStore::State::scan(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const {
  if (test.isBuiltIn && test.field == "@text") return textMatches(candidates, test, stop, progress);
  Filter alone;
  alone.root = test;
  RETORT_TRY(const auto matcher, RecordMatcher::create(alone));
  LineParser parser;
  ProgressMeter meter(progress, "Searching", "records", static_cast<std::int64_t>(candidates.size()));
  std::vector<std::uint32_t> found;
  std::int64_t done = 0;
  RETORT_CHECK(forEach(candidates, stop, [&](std::uint32_t id, const Parts& source) -> Result<bool> {
    RETORT_TRY(const auto record, parse(source, parser));
    if (matcher.matches(record)) found.push_back(id);
    if (progress) meter.at(++done);
    return true;
  }));
  return IdSet::of(found);
}

EvalContext LogStore::State::context(const Snapshot& s, std::stop_token stop, const ProgressFn& progress) const {
  return EvalContext{s, [this](std::int64_t key, std::string_view value) { return highValue(key, value); },
                     [this, &s, stop, progress](const IdSet& candidates, const FilterNode& test) { return scan(candidates & s.live, test, stop, progress); }, stop};
}

Result<IdSet> LogStore::State::select(const Snapshot& s, const Filter& filter, std::stop_token stop, const ProgressFn& progress) const {
  return evaluate(filter, context(s, stop, progress));
}

Result<IdSet> LogStore::select(const Filter& filter, std::stop_token stop, const ProgressFn& progress) const {
  const auto snapshot = m_state->now();
  return m_state->select(*snapshot, filter, stop, progress);
}

Result<std::uint64_t> LogStore::count(const Filter& filter, std::stop_token stop) const {
  const auto snapshot = m_state->now();
  return evaluateCount(filter, m_state->context(*snapshot, stop, {}));
}

Result<std::vector<std::uint32_t>> LogStore::ids(const Filter& filter, std::stop_token stop) const {
  const auto snapshot = m_state->now();
  return evaluateList(filter, m_state->context(*snapshot, stop, {}));
}

Result<MissingCounts> LogStore::missingCounts(const Filter& filter, std::stop_token stop) const {
  Filter other = filter;
  MissingCounts out;
  other.missing = Missing::differs;
  RETORT_TRY(out.differs, count(other, stop));
  other.missing = Missing::absent;
  RETORT_TRY(out.absent, count(other, stop));
  return out;
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
    const auto found = snapshot->rowTexts.find(query.integer(column));
    return query.isNull(column) || found == snapshot->rowTexts.end() ? std::string() : *found->second;
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
  RETORT_TRY(auto record, State::parse(parts, parser));
  // The alias table of the import decides its model, not the line alone.
  const auto snapshot = m_state->now();
  std::lock_guard lock(m_state->dbMutex);
  RETORT_TRY(auto query, m_state->db.prepare("SELECT model FROM log WHERE id=?"));
  query.bind(1, std::int64_t(id));
  RETORT_TRY(const bool found, query.step());
  if (found && !query.isNull(0))
    if (const auto text = snapshot->rowTexts.find(query.integer(0)); text != snapshot->rowTexts.end()) record.model = *text->second;
  return record;
}

Status LogStore::forEachCall(const IdSet& ids, std::stop_token stop, const std::function<Result<bool>(std::uint32_t, Call&, std::string_view)>& visit,
                             std::uint64_t* unreadable) const {
  LineParser parser;
  Call call;
  const auto snapshot = m_state->now();
  return m_state->forEach(ids & snapshot->live, stop, [&](std::uint32_t id, const State::Parts& parts) -> Result<bool> {
    ParseReject why{};
    if (!State::parseCall(parts, parser, call, why)) {
      if (unreadable) ++*unreadable;
      return true;
    }
    call.record.id = id;
    return visit(id, call, parts.line);
  });
}

Result<std::string> LogStore::rawLine(std::uint32_t id) const {
  RETORT_TRY(auto parts, m_state->parts(id));
  return std::move(parts.line);
}

Result<std::vector<std::pair<std::string, std::string>>> LogStore::spilledBodies(std::uint32_t id) const {
  RETORT_TRY(auto parts, m_state->parts(id));
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < parts.spills.size(); ++i)
    if (parts.spills[i].first != static_cast<int>(Side::reading)) out.emplace_back(std::move(parts.spillPaths[i]), std::move(parts.spills[i].second));
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
