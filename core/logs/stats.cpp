// Group numbers per record from postings, then one pass over the columns.
#include "logs/stats.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/clock.h"
#include "base/format.h"
#include "logs/derived_fields.h"
#include "logs/log_store_state.h"

namespace retort::logs {

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

struct Group {
  StatsRow row;
  std::vector<std::int32_t> latencies;
};

/// Per id of the filter the place of a key's value; 0: none.
class Codes {
 public:
  explicit Codes(std::shared_ptr<const SnapshotKey> key, std::uint32_t end) : m_key(std::move(key)), m_codes(end, 0) {
    for (std::size_t i = 0; m_key && i < m_key->values.size(); ++i)
      m_key->values[i].ids->forEach([&](std::uint32_t id) {
        if (id < m_codes.size() && m_codes[id] == 0) m_codes[id] = static_cast<std::uint32_t>(i) + 1;   // of several flags or tags the first
        return true;
      });
  }
  [[nodiscard]] std::uint32_t at(std::uint32_t id) const { return m_codes[id]; }
  [[nodiscard]] std::string text(std::uint32_t code) const { return code == 0 ? "(missing)" : *m_key->values[code - 1].text; }

 private:
  std::shared_ptr<const SnapshotKey> m_key;
  std::vector<std::uint32_t> m_codes;
};

std::int64_t percentile(std::vector<std::int32_t>& values, double share) {
  const auto at = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Result<std::shared_ptr<const SnapshotKey>> keyOf(const Snapshot& snapshot, const std::string& name) {
  RETORT_TRY(auto key, snapshot.key(name, name.starts_with("@")));
  if (key && !key->isHigh) return key;
  if (key) return Error{"logs.stats.key", "The key " + shown(name) + " has too many values for a table", {}, {}, "Group by another key.", {}, {}};
  if (name.starts_with("@") && isKnownOnlyInStore(name) && findBuiltIn(name)->type == FieldType::text) return key;   // nobody has a value yet
  std::vector<std::string> known;
  for (const auto& k : snapshot.keys) known.push_back(k->name);
  const auto near = nearestName(name, known);
  return Error{"logs.key.unknown", "No record has the key " + shown(name), {}, {}, near.empty() ? "See retort-cli logs facets." : "Did you mean " + near + "?", {}, {}};
}

const IdSet* valueIds(const std::shared_ptr<const SnapshotKey>& key, std::string_view text) {
  const auto* value = key ? key->find(text) : nullptr;
  return value ? value->ids.get() : nullptr;
}

}  // namespace

Result<std::vector<StatsRow>> statistics(const LogStore& store, const Filter& filter, const StatsOptions& options, std::stop_token stop) {
  const auto snapshot = store.snapshot();
  if (options.keys.size() > 4) return Error{"logs.stats.keys", "A table takes at most four keys", {}, {}, "Leave some out.", {}, {}};
  std::vector<Codes> codes;
  for (const auto& name : options.keys) {
    RETORT_TRY(auto key, keyOf(*snapshot, name));
    codes.emplace_back(std::move(key), snapshot->end);
  }
  RETORT_TRY(const auto repeatKey, snapshot->key("@repeat", true));
  RETORT_TRY(const auto statusKey, snapshot->key("@status", true));
  const IdSet* const repeated = valueIds(repeatKey, "again");
  const IdSet* const failed = valueIds(statusKey, "error");
  std::shared_ptr<const ExtraColumn> cost;
  for (const auto& extra : snapshot->extras) {
    RETORT_TRY(const auto found, extra->column("@cost"));
    if (found) cost = found;
  }
  RETORT_TRY(const auto ids, store.ids(filter, stop));
  const auto column = [&](Column which) -> const PackedColumn& { return snapshot->columns[static_cast<int>(which)]; };
  std::map<std::vector<std::int64_t>, Group> groups;
  std::vector<std::int64_t> place;
  Group* last = nullptr;
  std::vector<std::int64_t> lastPlace;
  std::size_t seen = 0;
  for (const auto id : ids) {
    if ((++seen & 0xffff) == 0 && stop.stop_requested()) return cancelledError("The statistics");
    place.clear();
    for (const auto& c : codes) place.push_back(c.at(id));
    const auto time = column(Column::time).at(id);
    if (options.isPerDay) place.push_back(time == kNoValue ? INT64_MIN : time >= 0 ? time / kDayUs : (time - kDayUs + 1) / kDayUs);
    if (!last || place != lastPlace) {
      last = &groups[place];
      lastPlace = place;
      if (groups.size() > options.most)
        return Error{"logs.stats.rows", "The table would have more than " + formatCount(static_cast<std::int64_t>(options.most)) + " rows", {}, {}, "Use fewer keys, or a narrower filter.", {}, {}};
    }
    StatsRow& row = last->row;
    ++row.records;
    const auto in = column(Column::input).at(id), out = column(Column::output).at(id), cached = column(Column::cached).at(id), latency = column(Column::latency).at(id);
    if (in != kNoValue) row.inputTokens += in;
    if (out != kNoValue) row.outputTokens += out;
    if (cached != kNoValue) row.cachedTokens += cached;
    row.tokensKnown += in != kNoValue && out != kNoValue;
    if (latency != kNoValue) ++row.latencyKnown, last->latencies.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(latency, 0, INT32_MAX)));
    if (failed && failed->contains(id)) ++row.errors;
    if (repeated && repeated->contains(id)) ++row.repeats;
    if (cost && id < cost->values.size())
      if (const auto c = cost->values.at(id); c != kNoValue) row.cost += static_cast<double>(c) / cost->scale, ++row.costKnown;
  }
  std::vector<StatsRow> rows;
  if (groups.empty() && options.keys.empty() && !options.isPerDay) rows.push_back({});
  for (auto& [where, group] : groups) {
    StatsRow row = std::move(group.row);
    for (std::size_t k = 0; k < codes.size(); ++k) row.values.push_back(codes[k].text(static_cast<std::uint32_t>(where[k])));
    if (options.isPerDay) row.values.push_back(where.back() == INT64_MIN ? "(no time)" : isoUtc(where.back() * kDayUs).substr(0, 10));
    if (!group.latencies.empty()) {
      row.p50LatencyMs = percentile(group.latencies, 0.5);
      row.p95LatencyMs = percentile(group.latencies, 0.95);
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const StatsRow& a, const StatsRow& b) {
    return options.isPerDay ? a.values.back() < b.values.back() : a.records > b.records;
  });
  return rows;
}

double worthRank(double saving, std::int64_t p50Output) { return saving * std::min(1.0, p50Output > 0 ? 512.0 / static_cast<double>(p50Output) : 1.0); }

Result<Worth> worth(const LogStore& store, const Filter& filter, const WorthOptions& options, std::stop_token stop) {
  const auto snapshot = store.snapshot();
  const auto derived = store.derived();
  RETORT_TRY(const auto family, snapshot->key("@family", true));
  if (!derived || !family) return Error{"logs.derived.none", "Families were not worked out yet", {}, {}, "Run: retort-cli logs derive.", {}, {}};
  RETORT_TRY(const auto cost, derived->codes(DerivedField::cost));
  RETORT_TRY(const auto repeatKey, snapshot->key("@repeat", true));
  RETORT_TRY(const auto toolsKey, snapshot->key("@tools", true));
  RETORT_TRY(const auto flagsKey, snapshot->key("@flags", true));
  const IdSet* const repeated = valueIds(repeatKey, "again");
  IdSet barred = toolsKey ? toolsKey->all : IdSet();             // tools and images: not yet distillable
  if (const auto* images = valueIds(flagsKey, "images")) barred |= *images;
  RETORT_TRY(const auto matched, store.select(filter, stop));
  // "Whole": an answer that came in full.
  RETORT_TRY(const auto whole, store.select(*parseFilter("@status = \"ok\" and not @flags in (\"partial\", \"no_answer\", \"body_external\")"), stop));
  const auto& times = snapshot->columns[static_cast<int>(Column::time)];
  const auto& inputs = snapshot->columns[static_cast<int>(Column::input)];
  const auto& outputs = snapshot->columns[static_cast<int>(Column::output)];
  std::int64_t first = INT64_MAX, latest = INT64_MIN;
  matched.forEach([&](std::uint32_t id) {
    if (const auto t = times.at(id); t != kNoValue) first = std::min(first, t), latest = std::max(latest, t);
    return true;
  });
  Worth out;
  out.days = latest > first ? static_cast<double>(latest - first) / static_cast<double>(kDayUs) : 0;
  out.isShort = out.days < 7;
  const double k = 30.4375 / std::max(out.days, 1.0 / 24);
  for (const auto& value : family->values) {
    if (stop.stop_requested()) return cancelledError("Ranking the families");
    const IdSet ids = IdSet::common(*value.ids, matched);
    if (ids.isEmpty()) continue;
    WorthRow row;
    row.family = *value.text;
    row.records = ids.size();
    std::vector<std::int32_t> lengths;
    ids.forEach([&](std::uint32_t id) {
      const auto in = inputs.at(id), answer = outputs.at(id);
      const bool isRepeat = repeated && repeated->contains(id), isBarred = barred.contains(id);
      row.repeats += isRepeat;
      row.withTools += isBarred;
      if (answer != kNoValue) lengths.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(answer, 0, INT32_MAX)));
      const auto nano = id < cost->values.size() ? cost->values.at(id) : kNoValue;
      if (nano == kNoValue) {
        ++out.withoutCost;
        return true;
      }
      ++row.costKnown;
      const double c = static_cast<double>(nano) / 1e9;
      row.cost += k * c;
      if (isRepeat) row.cache += k * c;
      else if (!isBarred && whole.contains(id) && in != kNoValue && answer != kNoValue)
        row.saving += k * (c - (static_cast<double>(in) * options.studentInput + static_cast<double>(answer) * options.studentOutput) / 1e6);
      return true;
    });
    row.perMonth = k * static_cast<double>(row.records);
    if (!lengths.empty()) row.p50Output = percentile(lengths, 0.5);
    row.rank = worthRank(row.saving, row.p50Output);
    out.rows.push_back(std::move(row));
  }
  std::stable_sort(out.rows.begin(), out.rows.end(), [](const WorthRow& a, const WorthRow& b) { return a.rank != b.rank ? a.rank > b.rank : a.records > b.records; });
  if (out.rows.size() > options.most) out.rows.resize(options.most);
  for (auto& row : out.rows) {
    RETORT_TRY(row.name, derived->describe("@family", row.family));
  }
  return out;
}

}  // namespace retort::logs
