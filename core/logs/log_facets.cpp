// Keys, facets and the range of times of a store.
#include <algorithm>
#include <unordered_map>

#include "base/format.h"
#include "base/random.h"
#include "logs/log_store_state.h"
#include "logs/set_expression.h"

namespace retort::logs {

namespace {

constexpr std::size_t kSample = 4096, kSampleBlocks = 24;
constexpr std::size_t kManyValues = 64;                ///< from here on one pass over the ids is cheaper than a bitmap for every value

void sortValues(Facet& facet, std::size_t limit) {
  const auto order = [](const FacetValue& a, const FacetValue& b) { return a.count != b.count ? a.count > b.count : a.value < b.value; };
  if (facet.values.size() > limit) {
    std::partial_sort(facet.values.begin(), facet.values.begin() + static_cast<std::ptrdiff_t>(limit), facet.values.end(), order);
    facet.values.resize(limit);
  } else {
    std::sort(facet.values.begin(), facet.values.end(), order);
  }
}

bool mentions(const FilterNode& node, const std::string& name, bool isBuiltIn) {
  if (node.kind == FilterNode::Kind::test) return node.field == name && node.isBuiltIn == isBuiltIn;
  return std::any_of(node.children.begin(), node.children.end(), [&](const FilterNode& child) { return mentions(child, name, isBuiltIn); });
}

}  // namespace

std::vector<KeyInfo> LogStore::keys() const {
  const auto snapshot = m_state->now();
  std::vector<KeyInfo> out;
  const auto add = [&](const SnapshotKey& key) {
    out.push_back({key.name, key.isBuiltIn, key.isHigh, key.isHigh ? key.distinct : key.values.size(), IdSet::commonSize(key.all, snapshot->live)});
  };
  for (const auto& key : snapshot->keys) add(*key);
  for (const auto& extra : snapshot->extras)
    for (const auto& [name, isBuiltIn] : extra->names())
      if (const auto key = extra->key(name, isBuiltIn); key.ok() && *key) add(**key);
  std::sort(out.begin(), out.end(), [](const KeyInfo& a, const KeyInfo& b) { return a.isBuiltIn != b.isBuiltIn ? a.isBuiltIn : a.name < b.name; });
  return out;
}

Result<Facet> LogStore::State::sampledFacet(const SnapshotKey& key, const IdSet& among) const {
  // To count them all would read every record: counts of a seeded sample, scaled. Its records lie in few blocks, each unpacked once.
  Facet facet;
  facet.isSampled = true;
  facet.distinct = key.distinct;
  const IdSet ids = IdSet::common(key.all, among);
  const std::uint64_t all = ids.size();
  IdSet sample;
  if (all <= kSample) {
    sample = ids;
  } else {
    Random random(1, "facet");
    // One run of records in each of equal parts.
    constexpr std::uint64_t kRun = kSample / kSampleBlocks;
    for (std::uint64_t i = 0; i < kSampleBlocks; ++i) {
      const std::uint64_t begin = all * i / kSampleBlocks, end = all * (i + 1) / kSampleBlocks;
      const auto from = begin + random.below(std::max<std::uint64_t>(1, end - begin - kRun + 1));
      for (std::uint64_t k = from; k < std::min(end, from + kRun); ++k)
        if (const auto id = ids.select(k)) sample.add(*id);
    }
  }
  std::unordered_map<std::string, std::uint64_t> counts;
  LineParser parser;
  const std::uint64_t taken = sample.size();
  RETORT_CHECK(forEach(sample, {}, [&](std::uint32_t, const Parts& source) -> Result<bool> {
    RETORT_TRY(const auto record, parse(source, parser));
    if (const auto* value = record.metadataValue(key.name)) ++counts[*value];
    return true;
  }));
  for (const auto& [value, n] : counts) facet.values.push_back({value, taken == 0 ? 0 : n * all / taken});
  return facet;
}

Result<Facet> LogStore::State::facet(const Snapshot& s, const SnapshotKey& key, const IdSet& among, std::size_t limit) const {
  Facet facet;
  const bool isAll = &among == &s.live && !s.hasDeleted;
  if (key.isHigh) {
    RETORT_TRY(facet, sampledFacet(key, among));
  } else if (isAll) {
    for (const auto& value : key.values)
      if (const auto n = value.ids->size(); n > 0) facet.values.push_back({*value.text, n});
    facet.distinct = facet.values.size();
  } else {
    std::vector<std::uint64_t> counts(key.values.size(), 0);
    const auto codes = key.values.size() >= kManyValues && among.size() > 10'000 ? key.codes(s.end) : nullptr;
    if (codes) {
      std::vector<std::uint32_t> small(key.values.size() + 1, 0);
      countByCode(among, codes->codes, small);
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = small[i + 1];
    } else {
      std::vector<const IdSet*> sets;
      for (const auto& value : key.values) sets.push_back(value.ids.get());
      countCommon(sets, among, counts);
    }
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (counts[i] > 0) facet.values.push_back({*key.values[i].text, counts[i]});
    facet.distinct = facet.values.size();
  }
  facet.key = key.name;
  facet.missing = among.size() - IdSet::commonSize(key.all, among);
  sortValues(facet, limit);
  return facet;
}

Result<std::vector<Facet>> LogStore::facets(const Filter& filter, const std::vector<std::string>& keys, std::size_t limit, std::stop_token stop) const {
  const auto snapshot = m_state->now();
  IdSet matched;
  if (!filter.matchesAll()) {
    RETORT_TRY(matched, m_state->select(*snapshot, filter, stop, {}));
  }
  const IdSet& all = filter.matchesAll() ? snapshot->live : matched;
  std::vector<std::pair<std::string, bool>> names;
  for (const auto& key : snapshot->keys) names.emplace_back(key->name, key->isBuiltIn);
  for (const auto& extra : snapshot->extras)
    for (auto& name : extra->names()) names.push_back(std::move(name));
  std::vector<std::shared_ptr<const SnapshotKey>> wanted;
  if (keys.empty()) {
    std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.second != b.second ? a.second : a.first < b.first; });
    for (const auto& [name, isBuiltIn] : names) {
      RETORT_TRY(auto key, snapshot->key(name, isBuiltIn));
      if (key) wanted.push_back(std::move(key));
    }
  }
  for (const auto& name : keys) {
    RETORT_TRY(auto key, snapshot->key(name, name.starts_with("@")));
    if (!key) {
      RETORT_TRY(key, snapshot->key(name, false));
    }
    if (!key) {
      std::vector<std::string> known;
      for (const auto& [n, isBuiltIn] : names) known.push_back(n);
      const auto near = nearestName(name, known);
      return Error{"logs.key.unknown", "No record has the key " + shown(name), {}, {}, near.empty() ? "See retort-cli logs facets." : "Did you mean " + near + "?", {}, {}};
    }
    wanted.push_back(std::move(key));
  }
  std::vector<Facet> out;
  for (const auto& key : wanted) {
    if (stop.stop_requested()) return cancelledError("Counting values");
    if (mentions(filter.root, key->name, key->isBuiltIn)) {
      const auto rest = withoutClausesOf(filter, key->name, key->isBuiltIn);
      IdSet others;
      if (!rest.matchesAll()) {
        RETORT_TRY(others, m_state->select(*snapshot, rest, stop, {}));
      }
      RETORT_TRY(auto facet, m_state->facet(*snapshot, *key, rest.matchesAll() ? snapshot->live : others, limit));
      out.push_back(std::move(facet));
    } else {
      RETORT_TRY(auto facet, m_state->facet(*snapshot, *key, all, limit));
      out.push_back(std::move(facet));
    }
  }
  return out;
}

std::optional<std::pair<std::int64_t, std::int64_t>> LogStore::timeRange() const {
  const auto range = m_state->now()->columns[static_cast<int>(Column::time)].extent();
  if (range.first > range.second) return std::nullopt;
  return range;
}

}  // namespace retort::logs
