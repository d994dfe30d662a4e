// Writing parsed chunks: everything of a batch in one transaction, so that a killed import loses at most its last batch.
#include "logs/import_writer.h"

#include <algorithm>
#include <span>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "logs/import_writer_state.h"
#include "logs/index_file.h"

namespace retort::logs {

namespace {

constexpr std::size_t kBatchRows = 20'000;
constexpr std::uint64_t kBatchBytes = 64u << 20;
constexpr double kBatchSeconds = 0.5;
constexpr std::size_t kHead = 4096;
constexpr std::int64_t kMaxRejectRows = 100'000;     ///< stored per file; more are only counted

}  // namespace

ImportWriter::ImportWriter(std::unique_ptr<State> state) : m_state(std::move(state)) {}
ImportWriter::~ImportWriter() = default;
ImportSummary& ImportWriter::summary() { return m_state->summary; }

Status ImportWriter::State::beginBatch() {
  if (transaction) return {};
  RETORT_TRY(auto begun, store::Transaction::begin(db));
  transaction.emplace(std::move(begun));
  batchFirst = nextId;
  batchBytes = 0;
  batchStart = monotonicSeconds();
  return {};
}

Result<std::uint32_t> ImportWriter::State::findDuplicate(std::string_view key) {
  if (hasIndex) {
    findKey.bindBlob(1, key);
    RETORT_TRY(const bool found, findKey.step());
    const auto id = found ? static_cast<std::uint32_t>(findKey.integer(0)) : kNone;
    findKey.reset();
    return id;
  }
  Error error;
  const auto id = keys.find(keyBits(key), [&](std::uint32_t candidate) {
    findRow.bind(1, std::int64_t(candidate));
    auto found = findRow.step();
    const bool same = found.ok() && *found && findRow.blob(0) == key;
    if (!found.ok()) error = found.error();
    findRow.reset();
    return same;
  });
  if (!error.code.empty()) return error;
  return id;
}

Result<ImportWriter::State::KeyEntry*> ImportWriter::State::keyEntry(const std::string& key) {
  auto found = keyIds.find(key);
  if (found == keyIds.end()) {
    const bool isBuiltIn = key[0] != '=';
    RETORT_CHECK(putKey.bindText(1, isBuiltIn ? key : key.substr(1)).bind(2, std::int64_t(isBuiltIn ? kBuiltInKey : kMetadataKey)).bind(3, std::int64_t(isBuiltIn)).run());
    found = keyIds.emplace(key, KeyEntry{db.lastInsertId(), false, {}}).first;
  }
  return &found->second;
}

/// The posting a value belongs to: kv.id, or -key.id for a key of very many values (whose hash row is then written).
Result<std::int64_t> ImportWriter::State::valueId(KeyEntry& key, std::string_view value, std::uint32_t id) {
  if (key.isHigh) {
    RETORT_CHECK(putHigh.bind(1, key.id).bind(2, valueHash(value)).bind(3, std::int64_t(id)).run());
    return -key.id;
  }
  if (const auto known = key.values.find(value); known != key.values.end()) return known->second;
  RETORT_CHECK(putValue.bind(1, key.id).bindText(2, value).run());
  const auto made = db.lastInsertId();
  key.values.emplace(value, made);
  return made;
}

Status ImportWriter::State::writeBlocks(const ParsedChunk& chunk, std::vector<std::int64_t>& ids) {
  for (const auto& block : chunk.blocks) {
    RETORT_CHECK(putBlock.bind(1, blockCodec).bind(2, std::int64_t(block.rawLength)).bind(3, std::int64_t(store::blockChecksum(block.frame))).bindBlob(4, block.frame).run());
    ids.push_back(db.lastInsertId());
  }
  return {};
}

Status ImportWriter::State::writeRow(const ParsedChunk& chunk, const ParsedRow& row, const Document& document, const std::vector<std::int64_t>& blocks, ChunkValues& values) {
  if (nextId >= 0xfffffff0u) return Error{"logs.store.full", "The log store is full", {}, "it holds 4,294,967,280 records", "Use a second workspace.", {}, {}};
  const std::uint32_t id = nextId;
  for (const auto local : std::span(chunk.values).subspan(row.valuesBegin, row.valuesEnd - row.valuesBegin)) {
    auto*& list = values.lists[local];
    if (!list) {   // met in this chunk for the first time; its list stays where it is until the commit
      const auto key = chunk.dictionary[local].key;
      if (!values.keys[key]) {
        RETORT_TRY(values.keys[key], keyEntry(chunk.keys[key]));
      }
      RETORT_TRY(values.ids[local], valueId(*values.keys[key], chunk.valueOf(local), id));
      auto& posting = postings[values.ids[local]];
      posting.push_back(id);
      if (values.ids[local] > 0) list = &posting;   // a high-cardinality key needs a row of its own each time
      continue;
    }
    list->push_back(id);
  }
  putRow.bind(1, std::int64_t(id)).bindOptional(2, row.timeUs).bindBlob(3, row.keyBytes());
  int at = 4;
  for (const auto local : {row.model, row.operation, row.stop}) {
    if (local == kNone) putRow.bindNull(at++);
    else putRow.bind(at++, values.ids[local]);
  }
  putRow.bindOptional(7, row.inputTokens).bindOptional(8, row.outputTokens).bindOptional(9, row.cachedTokens).bindOptional(10, row.latencyMs);
  putRow.bindOptional(11, row.ttftMs).bind(12, std::int64_t(row.status)).bind(13, std::int64_t(row.flags)).bind(14, std::int64_t(row.turns));
  putRow.bind(15, static_cast<std::int64_t>(row.promptHash)).bind(16, static_cast<std::int64_t>(row.contentHash)).bind(17, files[document.file].id);
  putRow.bind(18, blocks[row.block]).bind(19, static_cast<std::int64_t>(row.offset)).bind(20, static_cast<std::int64_t>(row.length)).bindText(21, std::string_view(chunk.previews).substr(row.previewBegin, row.previewEnd - row.previewBegin));
  RETORT_CHECK(putRow.run());
  for (const auto& spill : std::span(chunk.spills).subspan(row.spillsBegin, row.spillsEnd - row.spillsBegin)) {
    putSpill.bind(1, std::int64_t(id)).bind(2, std::int64_t(spill.side)).bindText(3, spill.path).bind(4, std::int64_t(spill.isFound));
    if (spill.isFound) putSpill.bind(5, blocks[spill.block]).bind(6, static_cast<std::int64_t>(spill.offset)).bind(7, static_cast<std::int64_t>(spill.length));
    RETORT_CHECK(putSpill.run());
  }
  columns.values[static_cast<int>(Column::time)].push_back(row.timeUs.value_or(kNoValue));
  columns.values[static_cast<int>(Column::input)].push_back(row.inputTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::output)].push_back(row.outputTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::cached)].push_back(row.cachedTokens.value_or(kNoValue));
  columns.values[static_cast<int>(Column::latency)].push_back(row.latencyMs.value_or(kNoValue));
  columns.values[static_cast<int>(Column::turns)].push_back(row.turns);
  if (!hasIndex) keys.add(keyBits(row.keyBytes()), id);
  ++nextId;
  return {};
}

Status ImportWriter::State::writeReject(const Document& document, const Chunk& chunk, const ParseReject& why) {
  FileRow& file = files[document.file];
  ++file.bad;
  ++summary.rejected;
  if (++file.rejectRows > kMaxRejectRows) return {};
  const auto head = std::string_view(chunk.bytes).substr(document.begin, std::min(document.length, kHead));
  return putReject.bind(1, file.id).bind(2, static_cast<std::int64_t>(document.offset)).bind(3, static_cast<std::int64_t>(document.line))
      .bind(4, static_cast<std::int64_t>(document.fullLength)).bind(5, std::int64_t(why.reason)).bindText(6, why.detail).bindBlob(7, head).run();
}

Status ImportWriter::add(ParsedChunk& parsed) {
  State& s = *m_state;
  if (parsed.error) return std::move(*parsed.error);
  RETORT_CHECK(s.beginBatch());
  s.countFormats(parsed);
  std::vector<std::int64_t> blocks;
  State::ChunkValues values{std::vector<State::KeyEntry*>(parsed.keys.size(), nullptr), std::vector<std::int64_t>(parsed.dictionary.size(), 0),
                            std::vector<std::vector<std::uint32_t>*>(parsed.dictionary.size(), nullptr)};
  bool hasBlocks = false;
  for (std::size_t i = 0; i < parsed.outcomes.size(); ++i) {
    const Document& document = parsed.chunk.documents[i];
    const Outcome& outcome = parsed.outcomes[i];
    FileRow& file = s.files[document.file];
    ++s.summary.lines;
    if (outcome.kind == Outcome::Kind::filtered) {
      ++file.filtered;
      ++s.summary.filtered;
    } else if (outcome.kind == Outcome::Kind::reject) {
      const auto& why = parsed.rejects[outcome.index];
      RETORT_CHECK(s.writeReject(document, parsed.chunk, why));
      // A growing file: its unfinished last line is read again next time.
      if (document.isUnterminated && why.reason == RejectReason::truncated)
        for (auto& progress : parsed.chunk.progress)
          if (progress.file == document.file && progress.mode == FileMode::lines) progress.offset = document.offset, progress.line = document.line - 1;
    } else {
      const ParsedRow& row = parsed.rows[outcome.index];
      // What was purged never comes back.
      if (!s.purged.empty() && s.purged.contains(std::string(row.keyBytes()))) {
        ++file.filtered;
        ++s.summary.filtered;
        continue;
      }
      RETORT_TRY(const auto old, s.findDuplicate(row.keyBytes()));
      if (old != kNone) {
        s.findRow.bind(1, std::int64_t(old));
        RETORT_TRY(const bool found, s.findRow.step());
        const bool isSame = found && s.findRow.integer(1) == static_cast<std::int64_t>(row.contentHash);
        s.findRow.reset();
        if (isSame) {
          ++file.duplicates;
          ++s.summary.duplicates;
        } else {
          RETORT_CHECK(s.writeReject(document, parsed.chunk, {RejectReason::conflict, "request id " + requestKeyText(row.keyBytes(), (row.flags & kUuid) != 0) + " came before with other content"}));
        }
        continue;
      }
      // Blocks are written only when something refers to them: a repeated import must not grow the store.
      if (!hasBlocks) RETORT_CHECK(s.writeBlocks(parsed, blocks));
      hasBlocks = true;
      RETORT_CHECK(s.writeRow(parsed, row, document, blocks, values));
      ++file.ok;
      ++s.summary.accepted;
      if (row.flags & kRepaired) ++s.summary.repaired;
    }
  }
  for (const auto& progress : parsed.chunk.progress) {
    FileRow& file = s.files[progress.file];
    file.isTouched = true;
    file.offset = progress.offset;
    file.line = progress.line;
    file.mode = progress.mode;
    if (progress.error) {
      s.note(progress.error->text());
    } else if (progress.isDone) {
      file.state = progress.end == SourceEnd::whole ? kDoneFile : progress.end == SourceEnd::truncated ? kTruncatedFile : kDamagedFile;
      if (file.state != kDoneFile) {
        ++s.summary.truncatedFiles;
        s.note(shown(s.listed[progress.file].identity()) + (file.state == kTruncatedFile ? " is cut: its last block is missing; the whole lines before are in" : " is damaged; the whole lines before the damage are in"));
      }
    }
  }
  s.batchBytes += parsed.chunk.unpacked;
  s.summary.bytes += static_cast<std::int64_t>(parsed.chunk.unpacked);
  if (s.columns.size() >= kBatchRows || s.batchBytes >= kBatchBytes || monotonicSeconds() - s.batchStart >= kBatchSeconds) return commit();
  return {};
}

Status ImportWriter::commit() {
  State& s = *m_state;
  if (!s.transaction) return {};
  if (s.columns.size() > 0) {
    Delta delta;
    delta.first = s.batchFirst;
    std::vector<std::int64_t> order;
    for (const auto& [kv, ids] : s.postings) order.push_back(kv);
    std::sort(order.begin(), order.end());
    for (const auto kv : order) {
      delta.postings.push_back({kv, IdSet::of(s.postings[kv])});
      delta.postings.back().ids.optimise();
    }
    delta.columns = std::move(s.columns);
    s.columns = ColumnRows();
    s.postings.clear();
    RETORT_TRY(const auto bytes, packDelta(delta));
    RETORT_CHECK(s.putDelta.bind(1, std::int64_t(delta.first)).bindBlob(2, bytes).run());
  }
  for (auto& file : s.files) {
    if (!file.isTouched) continue;
    RETORT_CHECK(s.updateFile.bind(1, static_cast<std::int64_t>(file.offset)).bind(2, static_cast<std::int64_t>(file.line)).bind(3, std::int64_t(file.mode))
                     .bind(4, file.ok).bind(5, file.duplicates).bind(6, file.bad).bind(7, file.filtered).bind(8, std::int64_t(file.state)).bind(9, file.id).run());
    file.ok = file.duplicates = file.bad = file.filtered = 0;
    file.isTouched = false;
  }
  RETORT_CHECK(s.transaction->commit());
  s.transaction.reset();
  return s.switchFullKeys();
}

/// A key with more values than may have a posting each: switched now, or millions of unique ids would all be held until the end.
Status ImportWriter::State::switchFullKeys() {
  const auto isFull = [](const auto& key) { return key.first[0] == '=' && key.second.values.size() > kMaxValues; };
  if (std::none_of(keyIds.begin(), keyIds.end(), isFull)) return {};
  RETORT_CHECK(foldDeltas(db, false));
  for (auto& key : keyIds) {
    if (!isFull(key)) continue;
    key.second.isHigh = true;
    ValueIds().swap(key.second.values);
  }
  return {};
}

Status ImportWriter::finish() {
  State& s = *m_state;
  RETORT_CHECK(commit());
  RETORT_CHECK(foldDeltas(s.db));
  if (!s.hasIndex) RETORT_CHECK(s.db.exec("CREATE UNIQUE INDEX IF NOT EXISTS log_rid ON log(rid)"));
  RETORT_CHECK(s.db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (const auto made = renewIndexFile(s.db); !made.ok()) s.note(made.error().text());
  return {};
}

}  // namespace retort::logs
