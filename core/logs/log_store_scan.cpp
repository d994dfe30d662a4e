// Scanning texts: blocks are unpacked and looked through on all cores, most lines without parsing them; hits come in order.
#include <algorithm>
#include <thread>

#include "base/format.h"
#include "base/ordered_work.h"
#include "logs/derived_fields.h"
#include "logs/line_text.h"
#include "logs/log_schema.h"
#include "logs/log_store_state.h"
#include "logs/people_fields.h"
#include "logs/text_index.h"
#include "logs/text_scan.h"
#include "logs/text_test.h"

namespace retort::logs {

namespace {

/// At most `n` bytes of the beginning or the end, whole characters.
std::string_view edge(std::string_view text, std::size_t n, bool isEnd) {
  if (text.size() <= n) return text;
  if (isEnd) {
    text = text.substr(text.size() - n);
    while (!text.empty() && (text[0] & 0xC0) == 0x80) text.remove_prefix(1);
    return text;
  }
  while (n > 0 && (text[n] & 0xC0) == 0x80) --n;
  return text.substr(0, n);
}

/// The chosen records of one block.
struct Block {
  struct Line {
    std::uint32_t id = 0;
    std::size_t offset = 0, length = 0;
    bool isWhole = false;                ///< its texts may not stand in its line as they are, or not in it alone
    bool hasSpills = false;
  };
  std::int64_t id = 0;
  std::uint64_t rawLength = 0;
  std::string frame;
  std::shared_ptr<const store::BlockDictionary> dictionary;
  std::vector<Line> lines;
};
/// A few of them: handing over every single one would cost more than it wins.
using Blocks = std::vector<Block>;
constexpr std::size_t kBlocksAtOnce = 4;

struct Finds {
  std::vector<SearchHit> hits;
  std::uint64_t searched = 0, unreadable = 0;
};

/// What one thread keeps from block to block.
class Looker {
 public:
  using Read = std::function<Result<bool>(std::uint32_t id, LineParser& parser, Call& call)>;
  Looker(TextTest test, const TextScan& scan, Read whole) : m_test(std::move(test)), m_scan(scan), m_filter(m_test.lineFilter(scan.isRaw)), m_readWhole(std::move(whole)) {}

  Result<Finds> look(const Blocks& blocks) {
    Finds finds;
    for (const auto& block : blocks) RETORT_CHECK(look(block, finds));
    return finds;
  }

 private:
  Status look(const Block& block, Finds& finds) {
    std::string_view raw;
    RETORT_CHECK(store::decodeBlockInto(block.frame, block.rawLength, block.dictionary.get(), m_buffer, raw));
    m_lines.clear();
    for (const auto& line : block.lines) {
      if (line.offset > raw.size() || line.length > raw.size() - line.offset)
        return Error{"logs.block.damaged", "A record lies outside its block", "block " + std::to_string(block.id), {}, "Import the sources again.", {}, {}};
      m_lines.push_back(raw.substr(line.offset, line.length));
    }
    m_mayMatch.assign(m_lines.size(), 0);
    m_filter.mark(raw, m_lines, m_mayMatch);
    finds.searched += m_lines.size();
    for (std::size_t i = 0; i < m_lines.size(); ++i) {
      const auto& line = block.lines[i];
      if (m_scan.isRaw) {
        if (m_mayMatch[i]) keep(line.id, m_lines[i], m_test.findInLine(m_lines[i]), finds);
        continue;
      }
      if (!m_mayMatch[i] && !line.isWhole) continue;
      RETORT_TRY(const bool isRead, decode(line, m_lines[i]));
      if (isRead) keep(line.id, m_text.text(), m_test.find(m_text), finds);
      else ++finds.unreadable;
    }
    return {};
  }

  Result<bool> decode(const Block::Line& line, std::string_view text) {
    if (line.hasSpills) {
      RETORT_TRY(const bool isRead, m_readWhole(line.id, m_parser, m_call));
      if (!isRead) return false;
    } else {
      if (!line.isWhole && readLineText(text, m_text)) return true;
      ParseReject why{};
      if (!m_parser.parse(text, true, {}, m_call, why)) return false;
    }
    m_text.read(m_call);
    return true;
  }

  void keep(std::uint32_t id, std::string_view text, const std::optional<std::pair<std::size_t, std::size_t>>& place, Finds& finds) const {
    constexpr std::size_t kContext = 60;
    if (!place) return;
    SearchHit hit{id, {}, {}, {}};
    if (m_scan.withContext) {
      hit.before = edge(text.substr(0, place->first), kContext, true);
      hit.match = text.substr(place->first, place->second);
      hit.after = edge(text.substr(place->first + place->second), kContext, false);
    }
    finds.hits.push_back(std::move(hit));
  }

  TextTest m_test;
  const TextScan& m_scan;
  LineFilter m_filter;
  Read m_readWhole;
  std::string m_buffer;
  std::vector<std::string_view> m_lines;
  std::vector<std::uint8_t> m_mayMatch;
  LineParser m_parser;
  Call m_call;
  DecodedText m_text;
};

/// The chosen records block by block: rows are read a few thousand at a time, so that others get at the database in between.
class BlockTasks {
 public:
  using Dictionary = std::function<Result<std::shared_ptr<const store::BlockDictionary>>(std::int64_t codec)>;
  BlockTasks(std::vector<std::uint32_t> ids, store::Database& db, std::mutex& mutex, Dictionary dictionary)
      : m_ids(std::move(ids)), m_db(db), m_mutex(mutex), m_dictionary(std::move(dictionary)) {}

  Status begin() {
    std::lock_guard lock(m_mutex);
    std::vector<std::uint32_t> spilled;
    RETORT_TRY(auto query, m_db.prepare("SELECT DISTINCT log FROM spill WHERE state=1"));
    while (true) {
      RETORT_TRY(const bool row, query.step());
      if (!row) break;
      spilled.push_back(static_cast<std::uint32_t>(query.integer(0)));
    }
    m_spilled = IdSet::of(spilled);
    // A store that no program of today has written to tells of no record whether its texts stand in its line.
    const auto from = m_db.integer("SELECT value FROM meta WHERE name='joined_from'");
    m_joinedFrom = from.ok() && *from ? **from : INT64_MAX;
    return {};
  }

  Result<std::optional<Blocks>> next() {
    Blocks blocks;
    while (true) {
      if (m_at == m_rows.size()) {
        if (m_nextId == m_ids.size()) break;
        RETORT_CHECK(readRows());
      }
      const Row& row = m_rows[m_at];
      if (blocks.empty() || blocks.back().id != row.block) {
        if (blocks.size() == kBlocksAtOnce) break;
        blocks.emplace_back().id = row.block;
      }
      blocks.back().lines.push_back(row.line);
      ++m_at;
    }
    if (blocks.empty()) return std::optional<Blocks>();
    RETORT_CHECK(readFrames(blocks));
    return std::optional(std::move(blocks));
  }

  /// Buffers are used again: taking them anew from the system costs more than copying into them.
  void giveBack(Blocks&& blocks) {
    std::lock_guard lock(m_mutex);
    for (auto& block : blocks) m_spare.push_back(std::move(block.frame));
  }

 private:
  struct Row {
    std::int64_t block = 0;
    Block::Line line;
  };

  Status readFrames(Blocks& blocks) {
    std::lock_guard lock(m_mutex);
    RETORT_TRY(auto query, m_db.prepare("SELECT raw_len,b,codec FROM blk WHERE id=?"));
    for (auto& block : blocks) {
      std::sort(block.lines.begin(), block.lines.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
      query.bind(1, block.id);
      RETORT_TRY(const bool found, query.step());
      if (!found) return Error{"logs.block.missing", "A block of records is missing", "block " + std::to_string(block.id), {}, "Import the sources again.", {}, {}};
      block.rawLength = static_cast<std::uint64_t>(query.integer(0));
      if (!m_spare.empty()) {
        block.frame.swap(m_spare.back());
        m_spare.pop_back();
      }
      block.frame = query.blob(1);
      RETORT_TRY(block.dictionary, m_dictionary(query.integer(2)));
      query.reset();
    }
    return {};
  }

  Status readRows() {
    constexpr std::size_t kRows = 4096;
    m_rows.clear();
    m_at = 0;
    const std::size_t end = std::min(m_ids.size(), m_nextId + kRows);
    const std::int64_t first = m_ids[m_nextId], last = m_ids[end - 1];
    std::lock_guard lock(m_mutex);
    const auto take = [&](const store::Statement& query) {
      const auto id = static_cast<std::uint32_t>(query.integer(0));
      const bool hasSpills = m_spilled.contains(id);
      m_rows.push_back({query.integer(1), {id, static_cast<std::size_t>(query.integer(2)), static_cast<std::size_t>(query.integer(3)),
                                           hasSpills || (query.integer(4) & (kJoined | kRepaired)) != 0 || id < m_joinedFrom, hasSpills}});
    };
    const auto unknown = [](std::uint32_t id) { return Error{"logs.record.unknown", "There is no record " + std::to_string(id), {}, {}, {}, {}, {}}; };
    if (last - first < static_cast<std::int64_t>(4 * (end - m_nextId))) {       // close together: one walk along the table
      RETORT_TRY(auto query, m_db.prepare("SELECT id,blk,off,len,flags FROM log WHERE id BETWEEN ? AND ? ORDER BY id"));
      query.bind(1, first).bind(2, last);
      while (m_nextId < end) {
        RETORT_TRY(const bool row, query.step());
        if (!row || query.integer(0) > m_ids[m_nextId]) return unknown(m_ids[m_nextId]);
        if (query.integer(0) < m_ids[m_nextId]) continue;
        take(query);
        ++m_nextId;
      }
      return {};
    }
    RETORT_TRY(auto query, m_db.prepare("SELECT id,blk,off,len,flags FROM log WHERE id=?"));
    for (; m_nextId < end; ++m_nextId) {
      query.bind(1, std::int64_t(m_ids[m_nextId]));
      RETORT_TRY(const bool row, query.step());
      if (!row) return unknown(m_ids[m_nextId]);
      take(query);
      query.reset();
    }
    return {};
  }

  std::vector<std::uint32_t> m_ids;
  store::Database& m_db;
  std::mutex& m_mutex;
  Dictionary m_dictionary;
  std::vector<std::string> m_spare;
  IdSet m_spilled;
  std::int64_t m_joinedFrom = 0;
  std::vector<Row> m_rows;
  std::size_t m_at = 0, m_nextId = 0;
};

}  // namespace

Result<SearchSummary> LogStore::State::scanText(const IdSet& ids, const TextScan& scan, const OnHit& hit, std::stop_token stop, const ProgressFn& progress) const {
  const auto total = static_cast<std::int64_t>(ids.size());
  BlockTasks tasks(ids.toVector(), db, dbMutex, [this](std::int64_t codec) { return dictionary(codec); });
  RETORT_CHECK(tasks.begin());
  const std::size_t threads = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 16);
  std::vector<std::unique_ptr<Looker>> lookers;
  for (std::size_t i = 0; i < threads; ++i) {
    RETORT_TRY(auto test, TextTest::create(scan.op, scan.value));
    lookers.push_back(std::make_unique<Looker>(std::move(test), scan, [this](std::uint32_t id, LineParser& parser, Call& call) -> Result<bool> {
      RETORT_TRY(const auto whole, parts(id));
      ParseReject why{};
      return parseCall(whole, parser, call, why);
    }));
  }
  ProgressMeter meter(progress, "Searching", "records", total);
  SearchSummary summary;
  RETORT_CHECK((orderedWork<Blocks, Finds>(
      threads, stop, [&] { return tasks.next(); }, [&](std::size_t thread, Blocks&& some) {
        auto finds = lookers[thread]->look(some);
        tasks.giveBack(std::move(some));
        return finds;
      },
      [&](Finds&& finds) -> Result<bool> {
        summary.searched += finds.searched;
        summary.unreadable += finds.unreadable;
        if (progress) meter.at(static_cast<std::int64_t>(summary.searched));
        for (const auto& one : finds.hits) {
          ++summary.hits;
          if (stop.stop_requested() || !hit(one)) return false;
        }
        return true;
      })));
  if (stop.stop_requested()) return cancelledError("The search");
  if (progress) meter.finish();
  return summary;
}

Result<IdSet> LogStore::State::textMatches(const IdSet& candidates, const FilterNode& test, std::stop_token stop, const ProgressFn& progress) const {
  std::vector<std::uint32_t> found;
  const TextScan scan{test.op, test.values.empty() ? std::string() : test.values[0].text, false, false};
  // Words that the index knows are asked for; records that it does not know yet are scanned as all are without it.
  IdSet known, unknown = candidates;
  if (test.op == FilterOp::match) {
    RETORT_TRY(const auto index, TextIndex::open(db.path().parent_path(), std::max<std::int64_t>(0, now()->generation)));
    if (index) {
      RETORT_TRY(const auto query, WordQuery::parse(scan.value));
      RETORT_TRY(known, index->match(query, stop));
      known &= candidates;
      unknown -= IdSet::range(0, index->upTo());
    }
  }
  RETORT_TRY(const auto summary, scanText(unknown, scan, [&](const SearchHit& hit) { return found.push_back(hit.id), true; }, stop, progress));
  if (summary.unreadable > 0)
    return Error{"logs.record.unreadable", formatCount(static_cast<std::int64_t>(summary.unreadable)) + " records cannot be read", {}, {}, "Import their sources again.", {}, {}};
  known |= IdSet::of(found);
  return known;
}

Result<SearchSummary> LogStore::scanText(const IdSet& ids, const TextScan& scan, const OnHit& hit, std::stop_token stop, const ProgressFn& progress) const {
  return m_state->scanText(ids & m_state->now()->live, scan, hit, stop, progress);
}

}  // namespace retort::logs
