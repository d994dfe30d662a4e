// Sorting by counting: every value becomes a small number, and these are sorted digit by digit.
#include "logs/id_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "base/format.h"
#include "logs/snapshot.h"

namespace retort::logs {

namespace {

constexpr std::uint32_t kBlock = 65'536;

/// Calls visit(i, value) for every ids[i], in their order. Values are read a segment at a time where ids lie close.
template <typename F>
void forEachValue(const PackedColumn& column, std::span<const std::uint32_t> ids, F&& visit) {
  constexpr std::size_t kFew = 4096;                   // for fewer ids of a segment each is looked up by itself
  std::vector<std::int64_t> values(kBlock);
  for (std::size_t at = 0; at < ids.size();) {
    const std::uint32_t segment = ids[at] >> kColumnShift;
    const std::size_t end = static_cast<std::size_t>(std::upper_bound(ids.begin() + static_cast<std::ptrdiff_t>(at), ids.end(), (segment << kColumnShift) | (kBlock - 1)) - ids.begin());
    const bool isClose = end - at > kFew;
    if (isClose) column.readSegment(segment, values.data());
    for (; at < end; ++at) {
      if (ids[at] >= column.size()) visit(at, kNoValue);     // derived fields may not be so far yet
      else visit(at, isClose ? values[ids[at] & (kBlock - 1)] : column.at(ids[at]));
    }
  }
}

struct Item {
  std::uint32_t key, id;
};

/// By keys of `bits` bits, equal ones as they were.
void sortByDigits(std::vector<Item>& items, int bits) {
  constexpr int kDigit = 11;
  std::vector<Item> other(items.size());
  for (int shift = 0; shift < bits; shift += kDigit) {
    std::array<std::size_t, 1u << kDigit> places{};
    for (const auto& item : items) ++places[item.key >> shift & (places.size() - 1)];
    std::size_t sum = 0;
    for (auto& place : places) sum += std::exchange(place, sum);
    for (const auto& item : items) other[places[item.key >> shift & (places.size() - 1)]++] = item;
    items.swap(other);
  }
}

std::vector<std::uint32_t> byKeys(std::vector<Item>& items, std::uint32_t most) {
  if (!std::is_sorted(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.key < b.key; })) sortByDigits(items, static_cast<int>(std::bit_width(most)));
  std::vector<std::uint32_t> out;
  out.reserve(items.size());
  for (const auto& item : items) out.push_back(item.id);
  return out;
}

std::vector<std::uint32_t> byNumber(const PackedColumn& column, std::span<const std::uint32_t> ids, bool isDescending) {
  std::int64_t low = INT64_MAX, high = INT64_MIN;
  bool isSeconds = true, isMilliseconds = true;        // as in nearly every log: the keys stay short
  forEachValue(column, ids, [&](std::size_t, std::int64_t value) {
    if (value == kNoValue) return;
    low = std::min(low, value);
    high = std::max(high, value);
    if (isSeconds) isSeconds = (value - low) % 1'000'000 == 0;
    if (isMilliseconds) isMilliseconds = (value - low) % 1000 == 0;
  });
  if (low > high) return {ids.begin(), ids.end()};
  const std::uint64_t step = isSeconds ? 1'000'000 : isMilliseconds ? 1000 : 1;
  const std::uint64_t most = (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low)) / step;
  if (most >= UINT32_MAX) {
    std::vector<std::pair<std::int64_t, std::uint32_t>> pairs(ids.size());
    forEachValue(column, ids, [&](std::size_t i, std::int64_t value) { pairs[i] = {value, ids[i]}; });
    std::stable_sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) { return isDescending ? a.first > b.first : a.first < b.first; });
    std::vector<std::uint32_t> out;
    for (const auto& [value, id] : pairs) out.push_back(id);
    return out;
  }
  std::vector<Item> items(ids.size());
  const auto top = static_cast<std::uint32_t>(most + 1);
  forEachValue(column, ids, [&](std::size_t i, std::int64_t value) {
    const auto key = value == kNoValue ? 0 : static_cast<std::uint32_t>((static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(low)) / step) + 1;
    items[i] = {isDescending ? top - key : key, ids[i]};
  });
  return byKeys(items, top);
}

/// By the rank of each value's text. A record's first value by that rank counts.
std::vector<std::uint32_t> byText(const SnapshotKey& key, std::span<const std::uint32_t> ids, bool isDescending) {
  std::vector<std::uint32_t> order(key.values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return *key.values[a].text < *key.values[b].text; });
  const auto top = static_cast<std::uint32_t>(order.size());
  std::vector<std::uint32_t> ranks(ids.empty() ? 0 : ids.back() + std::size_t(1), 0);
  for (std::uint32_t rank = top; rank > 0; --rank)
    key.values[order[rank - 1]].ids->forEach([&](std::uint32_t id) {
      if (id < ranks.size()) ranks[id] = rank;
      return id < ranks.size();
    });
  std::vector<Item> items(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) items[i] = {isDescending ? top - ranks[ids[i]] : ranks[ids[i]], ids[i]};
  return byKeys(items, top);
}

}  // namespace

Result<std::vector<std::uint32_t>> sortedIds(const LogStore& store, std::span<const std::uint32_t> ids, std::string_view field, bool isDescending, std::stop_token stop) {
  const auto snapshot = store.snapshot();
  if (stop.stop_requested()) return cancelledError("Sorting");
  if (const auto column = columnOf(field)) return byNumber(snapshot->columns[static_cast<int>(*column)], ids, isDescending);
  for (const auto& extra : snapshot->extras) {
    RETORT_TRY(const auto found, extra->column(field));
    if (found) return byNumber(found->values, ids, isDescending);
  }
  RETORT_TRY(const auto key, snapshot->key(field, field.starts_with("@")));
  if (!key) return Error{"logs.key.unknown", "No record has the key " + shown(field), {}, {}, "See retort-cli logs facets.", {}, {}};
  if (key->isHigh) return Error{"logs.sort.key", "The key " + shown(field) + " has too many values to sort by", {}, {}, "Choose another column.", {}, {}};
  return byText(*key, ids, isDescending);
}

std::vector<std::uint64_t> timeHistogram(const LogStore& store, const IdSet& ids, std::int64_t begin, std::int64_t end, std::size_t bars) {
  std::vector<std::uint64_t> counts(bars, 0);
  if (bars == 0 || begin >= end) return counts;
  const auto snapshot = store.snapshot();
  const auto& column = snapshot->columns[static_cast<int>(Column::time)];
  const auto length = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(begin);
  // Bar b begins at the least time for which (time - begin) * bars / length is b; a quotient of doubles is at most one beside it.
  std::vector<std::uint64_t> starts(bars + 1);
  for (std::size_t b = 0; b <= bars; ++b) starts[b] = length / bars * b + (length % bars * b + bars - 1) / bars;
  const double scale = static_cast<double>(bars) / static_cast<double>(length);
  std::vector<std::int64_t> times(kBlock);
  for (std::uint32_t high = 0; std::uint64_t(high) * kBlock < column.size(); ++high) {
    const IdChunk chunk = ids.chunk(static_cast<std::uint16_t>(high));
    if (chunk.kind == IdChunk::Kind::none) continue;
    const auto n = column.readSegment(high, times.data());
    forEachInChunk(chunk, [&](std::uint32_t low) {
      if (low >= n || times[low] < begin || times[low] >= end) return;
      const auto since = static_cast<std::uint64_t>(times[low]) - static_cast<std::uint64_t>(begin);
      auto bar = std::min(bars - 1, static_cast<std::size_t>(static_cast<double>(since) * scale));
      if (since < starts[bar]) --bar;
      else if (since >= starts[bar + 1]) ++bar;
      ++counts[bar];
    });
  }
  return counts;
}

}  // namespace retort::logs
