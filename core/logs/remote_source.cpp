// What all engines share: recognising the records, counting, looking, pulling.
#include "logs/remote_source.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "logs/call.h"
#include "logs/field_map.h"
#include "logs/json_dom.h"
#include "logs/remote_dialects.h"

namespace retort::logs {

namespace {

constexpr std::size_t kLook = 50;                      ///< rows that are looked at to know the records

Error wrongAnswer(const std::string& name, std::string why) {
  return Error{"logs.remote.answer", shown(name) + " gave an answer that cannot be read", {}, std::move(why), "Run the query of filter explain --sql there.", {}, {}};
}

/// The text of a row's only column.
Result<std::string> lineOf(const std::string& name, std::string_view row) {
  thread_local simdjson::dom::parser parser;
  std::string_view line;
  if (parser.parse(row.data(), row.size())["line"].get_string().get(line)) return wrongAnswer(name, "a row has no column line");
  return std::string(line);
}

/// A count, which engines write as a number or as digits in a text.
std::int64_t countOf(const Json& row, const char* column) {
  const auto value = row.find(column);
  if (value == row.end()) return 0;
  if (value->is_number()) return static_cast<std::int64_t>(value->get<double>());
  if (value->is_string()) return static_cast<std::int64_t>(decimalOf(value->get_ref<const std::string&>()).value_or(0));
  return 0;
}

/// The map's columns are there, or the nearest one is named.
Status checkMap(const FieldMap& map, const std::vector<RemoteColumn>& columns, const std::string& source) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.name);
  for (const auto field : kMapFields) {
    const auto paths = map.pathsOf(field);
    std::string missing;
    bool isThere = paths.empty();
    for (const auto& path : paths) {
      const auto members = path.members();
      isThere = isThere || !members || members->empty() || std::find(names.begin(), names.end(), members->front()) != names.end() ||
                std::find(names.begin(), names.end(), join(*members, ".")) != names.end();
      if (members && !members->empty() && missing.empty()) missing = members->front();
    }
    if (isThere) continue;
    const auto near = nearestName(missing, names);
    return Error{"logs.remote.column", "The map " + map.name() + " does not fit " + shown(source), "field " + std::string(field), "there is no column " + shown(missing),
                 near.empty() ? "There are " + shown(join(names, ", ")) + "." : "Did you mean " + shown(near) + "?", {}, {}};
  }
  return {};
}

}  // namespace

RemoteCost& RemoteCost::operator+=(const RemoteCost& other) {
  scannedBytes += other.scannedBytes;
  usd += other.usd;
  queryIds.insert(queryIds.end(), other.queryIds.begin(), other.queryIds.end());
  return *this;
}

RecordSource::RecordSource(std::string name, SqlEngine engine, RemoteOptions options) : m_name(std::move(name)), m_engine(engine), m_options(std::move(options)) {}
RecordSource::~RecordSource() = default;

Result<std::unique_ptr<RecordSource>> RecordSource::open(std::string_view spec, RemoteOptions options, std::stop_token stop) {
  const auto colon = spec.find(':');
  RETORT_TRY(const auto engine, parseEngine(spec.substr(0, colon)));
  const auto place = colon == std::string_view::npos ? std::string_view() : spec.substr(colon + 1);
  if (place.empty())
    return Error{"logs.remote.place", shown(spec) + " names no place", {}, {}, "Write duckdb:GLOB, athena:DATABASE.TABLE or clickhouse:URL/TABLE.", {}, {}};
  if (engine == SqlEngine::duckdb) return openDuckSource(place, std::move(options), std::move(stop));
  if (engine == SqlEngine::athena) return openAthenaSource(place, std::move(options), std::move(stop));
  return openClickHouseSource(place, std::move(options), std::move(stop));
}

Status RecordSource::look(std::vector<RemoteColumn> columns, std::string from, std::string where, std::stop_token stop) {
  const auto& d = dialectOf(m_engine);
  m_layout.columns = std::move(columns);
  m_layout.aliases = m_options.read.aliases;
  const FieldMap* forced = m_options.read.maps ? m_options.read.maps->forced() : nullptr;
  if (forced) m_layout.map = std::shared_ptr<const FieldMap>(m_options.read.maps, forced);
  if (forced && m_layout.textColumn.empty()) RETORT_CHECK(checkMap(*forced, m_layout.columns, m_name));

  // A row is a record, or one of its columns holds the record's text.
  LineParser parser(m_options.read);
  std::map<std::string, int> votes;                    // "column format"
  std::set<std::string> keys;
  const auto vote = [&](const std::string& column, const std::string& text) {
    Call call;
    ParseReject reject;
    if (!parser.parse(text, false, {}, call, reject) || call.isGuess) return;
    ++votes[column + "\n" + call.record.source];
    for (const auto& [key, value] : call.record.metadata) keys.insert(key);
  };
  std::string names;
  for (const auto& column : m_layout.columns) names += (names.empty() ? "" : ", ") + (column.name == m_layout.textColumn ? d.castText(d.name(column.name)) + " AS line" : d.exported(column.name, column.type));
  const auto sql = "SELECT " + names + "\nFROM " + from + (where.empty() ? "" : "\nWHERE " + where) + "\nLIMIT " + std::to_string(kLook);
  RETORT_CHECK(run(sql, [&](std::string_view row) -> Result<bool> {
    RETORT_TRY(const auto json, parseJson(row, m_name, 1024));
    if (!m_layout.textColumn.empty()) {
      if (const auto line = json.find("line"); line != json.end() && line->is_string()) vote(m_layout.textColumn, line->get<std::string>());
      return true;
    }
    vote({}, std::string(row));
    if (!forced)
      for (const auto& [column, value] : json.items())
        if (value.is_string() && value.get_ref<const std::string&>().starts_with('{')) vote(column, value.get<std::string>());
    return true;
  }, stop));
  const auto best = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (best != votes.end()) {
    const auto split = best->first.find('\n');
    m_layout.textColumn = best->first.substr(0, split);
    m_layout.format = best->first.substr(split + 1);
  }
  m_keys.assign(keys.begin(), keys.end());
  m_sql = std::make_unique<RemoteSql>(m_layout, d, std::move(from), std::move(where));
  return {};
}

Filter RecordSource::within(const Filter& filter) const {
  if (!m_options.sinceUs && !m_options.untilUs) return filter;
  Filter out = filter;
  FilterNode all;
  all.kind = FilterNode::Kind::andNode;
  if (!filter.matchesAll()) all.children.push_back(filter.root);
  const auto add = [&](FilterOp op, const std::optional<std::int64_t>& time) {
    if (!time) return;
    FilterNode test;
    test.kind = FilterNode::Kind::test;
    test.field = "@time";
    test.isBuiltIn = true;
    test.op = op;
    test.values = {{sqlTime(*time), false}};
    all.children.push_back(std::move(test));
  };
  add(FilterOp::greaterEqual, m_options.sinceUs);
  add(FilterOp::less, m_options.untilUs);
  out.root = std::move(all);
  return out;
}

std::string RecordSource::explain(const Filter& filter) const { return dialectOf(m_engine).prelude() + m_sql->pull(within(filter)); }

Result<RemoteCount> RecordSource::count(const Filter& filter, std::stop_token stop) {
  const auto whole = within(filter);
  RemoteCount count;
  count.leftOver = m_sql->leftOver(whole);
  bool isAnswered = false;
  RETORT_TRY(count.cost, run(m_sql->count(whole), [&](std::string_view row) -> Result<bool> {
    RETORT_TRY(const auto json, parseJson(row, m_name));
    count.rows = countOf(json, "of_rows");
    count.matching = countOf(json, "matching");
    count.undecided = countOf(json, "undecided");
    count.unreadable = countOf(json, "unreadable");
    isAnswered = true;
    return true;
  }, stop));
  if (!isAnswered) return wrongAnswer(m_name, "a count came back empty");
  return count;
}

Result<RemotePreview> RecordSource::preview(const Filter& filter, std::size_t limit, std::stop_token stop) {
  const auto whole = within(filter);
  RETORT_TRY(const auto matcher, RecordMatcher::create(whole));
  LineParser parser(m_options.read);
  RemotePreview out;
  RETORT_TRY(out.cost, run(m_sql->pull(whole, limit), [&](std::string_view text) -> Result<bool> {
    std::string line(text);
    if (!m_layout.textColumn.empty()) {
      RETORT_TRY(line, lineOf(m_name, text));
    }
    Call call;
    ParseReject reject;
    if (!parser.parse(line, false, {}, call, reject) || call.isNoCall) return true;
    const auto preview = call.preview();
    const Record record = std::move(call).toRecord();
    if (!matcher.matches(record)) return true;
    out.rows.push_back({0, record.requestId, record.timeUs, record.model, record.operation, record.status, record.stop, record.inputTokens, record.outputTokens, record.cachedTokens, record.latencyMs,
                        record.flags, record.turns, preview});
    return out.rows.size() < limit;
  }, stop));
  return out;
}

Result<RemoteFacets> RecordSource::facets(const Filter& filter, std::vector<std::string> keys, std::size_t limit, std::stop_token stop) {
  const auto whole = within(filter);
  if (keys.empty()) {
    keys = {"@model", "@op", "@region", "@status", "@stop", "@error"};
    keys.insert(keys.end(), m_keys.begin(), m_keys.end());
  }
  for (const auto& key : keys)
    if (key.starts_with('@') && !findBuiltIn(key)) {
      std::vector<std::string> names;
      for (const auto& field : builtIns()) names.emplace_back(field.name);
      const auto near = nearestName(key, names);
      return Error{"filter.field.unknown", "The field " + shown(key) + " is unknown", {}, {}, near.empty() ? "There are " + join(names, ", ") + "." : "Did you mean " + near + "?", {}, {}};
    }
  RemoteFacets out;
  std::map<std::string, std::size_t> places;
  std::vector<std::string> readable;
  for (const auto& key : keys) {
    if (m_sql->facets({}, {key}, 1).empty()) {
      out.leftOut.push_back(key);
      continue;
    }
    if (places.emplace(key, out.facets.size()).second) {
      readable.push_back(key);
      out.facets.emplace_back().key = key;
    }
  }
  if (readable.empty()) return out;
  RETORT_TRY(out.cost, run(m_sql->facets(whole, readable, limit), [&](std::string_view row) -> Result<bool> {
    RETORT_TRY(const auto json, parseJson(row, m_name));
    const auto place = places.find(json.value("facet_key", ""));
    if (place == places.end()) return wrongAnswer(m_name, "a facet has another key than was asked for");
    Facet& facet = out.facets[place->second];
    const auto n = static_cast<std::uint64_t>(countOf(json, "facet_n"));
    const auto value = json.find("facet_value");
    facet.distinct = static_cast<std::uint64_t>(countOf(json, "facet_values"));
    if (value == json.end() || value->is_null()) facet.missing = n;
    else facet.values.push_back({value->is_string() ? value->get<std::string>() : dumpJson(*value), n});
    return true;
  }, stop));
  for (auto& facet : out.facets) {
    std::sort(facet.values.begin(), facet.values.end(), [](const FacetValue& a, const FacetValue& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; });
    if (facet.values.size() > limit) facet.values.resize(limit);
  }
  return out;
}

Result<RemotePull> RecordSource::pull(const Filter& filter, const std::filesystem::path& file, std::stop_token stop, const ProgressFn& progress) {
  const std::filesystem::path part = file.string() + ".part";
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  RemotePull pulled;
  Sha256 hash;
  ProgressMeter meter(progress, "Pulling", "records", 0);
  RETORT_TRY(pulled.cost, run(m_sql->pull(within(filter)), [&](std::string_view row) -> Result<bool> {
    std::string line(row);
    if (!m_layout.textColumn.empty()) {
      RETORT_TRY(line, lineOf(m_name, row));
    }
    // A record of many lines would be cut by them; between the tokens of JSON a blank means the same.
    std::replace(line.begin(), line.end(), '\n', ' ');
    line += '\n';
    hash.update(line);
    if (!out.write(line.data(), static_cast<std::streamsize>(line.size()))) return systemError("base.file.write", "written", part.string(), errno);
    pulled.bytes += static_cast<std::int64_t>(line.size());
    ++pulled.rows;
    if (progress) meter.at(pulled.rows);
    return true;
  }, stop));
  out.close();
  if (!out) return systemError("base.file.write", "written", part.string(), errno);
  RETORT_CHECK(syncFile(part));
  std::error_code error;
  std::filesystem::rename(part, file, error);
  if (error) return systemError("base.file.write", "written", file.string(), error.value());
  pulled.sha256 = hash.hex();
  return pulled;
}

std::string explainFor(SqlEngine engine, const Filter& filter) {
  RemoteLayout layout;
  layout.format = "bedrock";
  layout.textColumn = engine == SqlEngine::duckdb ? "json" : "line";
  layout.isParsed = engine == SqlEngine::duckdb;
  const auto& d = dialectOf(engine);
  return d.prelude() + RemoteSql(layout, d, engine == SqlEngine::duckdb ? "read_ndjson_objects('logs/*.json.gz', ignore_errors = true)" : "logs", {}).pull(filter);
}

}  // namespace retort::logs
