// Operations on sets, segment by segment; what two sets share is taken over, not copied.
#include "logs/id_set.h"

#include <algorithm>
#include <cstring>

#include "logs/id_set_bits.h"

namespace retort::logs {

IdSet::Part::Part(const Part& other) : m_bits(other.m_bits) { m_bits->users.fetch_add(1, std::memory_order_relaxed); }
IdSet::Part::~Part() {
  if (m_bits && m_bits->users.fetch_sub(1, std::memory_order_acq_rel) == 1) delete m_bits;
}
bool IdSet::Part::isSole() const { return m_bits->users.load(std::memory_order_acquire) == 1 && !m_bits->memory; }

void IdSet::append(Parts& parts, roaring_bitmap_t* bitmap) {
  if (roaring_bitmap_is_empty(bitmap)) roaring_bitmap_free(bitmap);
  else parts.push_back(Part(new Bits(roaring_bitmap_minimum(bitmap) >> kSegmentShift, bitmap, {})));
}

roaring_bitmap_t* IdSet::changeable(std::size_t at) {
  Part& part = m_parts[at];
  if (!part.isSole()) part = Part(new Bits(part->segment, roaring_bitmap_copy(part->bitmap), {}));
  return part->bitmap;
}

const IdSet::Bits* IdSet::find(std::uint32_t segment) const {
  // Most sets have every segment: then the place is its number.
  if (segment < m_parts.size() && m_parts[segment]->segment == segment) return m_parts[segment].operator->();
  const auto found = std::lower_bound(m_parts.begin(), m_parts.end(), segment, [](const Part& p, std::uint32_t s) { return p->segment < s; });
  return found == m_parts.end() || (*found)->segment != segment ? nullptr : found->operator->();
}

IdSet IdSet::range(std::uint32_t first, std::uint32_t end) {
  IdSet set;
  for (std::uint64_t at = first; at < end;) {
    const std::uint64_t next = std::min<std::uint64_t>(end, ((at >> kSegmentShift) + 1) << kSegmentShift);
    append(set.m_parts, roaring_bitmap_from_range(at, next, 1));
    at = next;
  }
  return set;
}

IdSet IdSet::of(std::span<const std::uint32_t> ids) {
  const auto segmentOf = [](std::uint32_t id) { return id >> kSegmentShift; };
  if (!std::is_sorted(ids.begin(), ids.end(), [&](std::uint32_t a, std::uint32_t b) { return segmentOf(a) < segmentOf(b); })) {
    std::vector<std::uint32_t> sorted(ids.begin(), ids.end());
    std::sort(sorted.begin(), sorted.end());
    return of(sorted);
  }
  IdSet set;
  for (std::size_t at = 0; at < ids.size();) {
    std::size_t end = at;
    while (end < ids.size() && segmentOf(ids[end]) == segmentOf(ids[at])) ++end;
    append(set.m_parts, roaring_bitmap_of_ptr(end - at, ids.data() + at));
    at = end;
  }
  return set;
}

void IdSet::add(std::uint32_t id) {
  const std::uint32_t segment = id >> kSegmentShift;
  const auto at = std::lower_bound(m_parts.begin(), m_parts.end(), segment, [](const Part& p, std::uint32_t s) { return p->segment < s; });
  if (at == m_parts.end() || (*at)->segment != segment) {
    auto* bitmap = roaring_bitmap_create();
    roaring_bitmap_add(bitmap, id);
    m_parts.insert(at, Part(new Bits(segment, bitmap, {})));
    return;
  }
  roaring_bitmap_add(changeable(static_cast<std::size_t>(at - m_parts.begin())), id);
}
void IdSet::addRange(std::uint32_t first, std::uint32_t end) { *this |= range(first, end); }

void IdSet::optimise() {
  for (std::size_t i = 0; i < m_parts.size(); ++i) roaring_bitmap_run_optimize(changeable(i));
}

bool IdSet::contains(std::uint32_t id) const {
  const Bits* bits = find(id >> kSegmentShift);
  return bits && roaring_bitmap_contains(bits->bitmap, id);
}

std::uint64_t IdSet::size() const {
  std::uint64_t n = 0;
  for (const auto& part : m_parts) n += roaring_bitmap_get_cardinality(part->bitmap);
  return n;
}

IdSet& IdSet::operator&=(const IdSet& other) {
  Parts out;
  for (std::size_t i = 0; i < m_parts.size(); ++i) {
    const Bits* with = other.find(m_parts[i]->segment);
    if (!with) continue;
    if (m_parts[i].operator->() != with) {
      if (m_parts[i].isSole()) {
        roaring_bitmap_and_inplace(m_parts[i]->bitmap, with->bitmap);
      } else {
        append(out, roaring_bitmap_and(m_parts[i]->bitmap, with->bitmap));
        continue;
      }
    }
    if (!roaring_bitmap_is_empty(m_parts[i]->bitmap)) out.push_back(std::move(m_parts[i]));
  }
  m_parts = std::move(out);
  return *this;
}

IdSet& IdSet::operator|=(const IdSet& other) {
  if (this == &other) return *this;
  Parts out;
  out.reserve(std::max(m_parts.size(), other.m_parts.size()));
  std::size_t i = 0;
  for (const auto& with : other.m_parts) {
    while (i < m_parts.size() && m_parts[i]->segment < with->segment) out.push_back(std::move(m_parts[i++]));
    if (i == m_parts.size() || m_parts[i]->segment != with->segment) {
      out.push_back(with);
      continue;
    }
    Part& mine = m_parts[i++];
    if (!(mine == with)) {
      if (mine.isSole()) roaring_bitmap_or_inplace(mine->bitmap, with->bitmap);
      else mine = Part(new Bits(with->segment, roaring_bitmap_or(mine->bitmap, with->bitmap), {}));
    }
    out.push_back(std::move(mine));
  }
  while (i < m_parts.size()) out.push_back(std::move(m_parts[i++]));
  m_parts = std::move(out);
  return *this;
}

IdSet& IdSet::operator-=(const IdSet& other) {
  Parts out;
  for (auto& mine : m_parts) {
    const Bits* without = other.find(mine->segment);
    if (mine.operator->() == without) continue;
    if (without && !mine.isSole()) {
      append(out, roaring_bitmap_andnot(mine->bitmap, without->bitmap));
      continue;
    }
    if (without) roaring_bitmap_andnot_inplace(mine->bitmap, without->bitmap);
    if (!roaring_bitmap_is_empty(mine->bitmap)) out.push_back(std::move(mine));
  }
  m_parts = std::move(out);
  return *this;
}

bool IdSet::operator==(const IdSet& other) const {
  // By what is in them: the same ids may lie in containers of different kinds.
  if (m_parts.size() != other.m_parts.size()) return false;
  for (std::size_t i = 0; i < m_parts.size(); ++i) {
    if (m_parts[i] == other.m_parts[i]) continue;
    const auto *a = m_parts[i]->bitmap, *b = other.m_parts[i]->bitmap;
    const auto n = roaring_bitmap_get_cardinality(a);
    if (n != roaring_bitmap_get_cardinality(b) || n != roaring_bitmap_and_cardinality(a, b)) return false;
  }
  return true;
}

std::uint64_t IdSet::commonSize(const IdSet& a, const IdSet& b) {
  std::uint64_t n = 0;
  for (const auto& part : a.m_parts)
    if (const Bits* with = b.find(part->segment))
      n += part.operator->() == with ? roaring_bitmap_get_cardinality(with->bitmap) : roaring_bitmap_and_cardinality(part->bitmap, with->bitmap);
  return n;
}

bool IdSet::overlap(const IdSet& a, const IdSet& b) {
  return std::any_of(a.m_parts.begin(), a.m_parts.end(), [&](const Part& part) {
    const Bits* with = b.find(part->segment);
    return with && roaring_bitmap_intersect(part->bitmap, with->bitmap);
  });
}

IdSet IdSet::unionOf(std::span<const IdSet* const> sets) {
  std::vector<const Part*> all;
  for (const IdSet* set : sets)
    for (const auto& part : set->m_parts) all.push_back(&part);
  std::stable_sort(all.begin(), all.end(), [](const Part* a, const Part* b) { return (*a)->segment < (*b)->segment; });
  IdSet out;
  std::vector<const roaring_bitmap_t*> same;
  for (std::size_t at = 0; at < all.size();) {
    same.clear();
    const std::size_t first = at;
    for (; at < all.size() && (*all[at])->segment == (*all[first])->segment; ++at) same.push_back((*all[at])->bitmap);
    if (same.size() == 1) out.m_parts.push_back(*all[first]);
    else append(out.m_parts, roaring_bitmap_or_many(same.size(), same.data()));
  }
  return out;
}

std::optional<std::uint32_t> IdSet::select(std::uint64_t rank) const {
  for (const auto& part : m_parts) {
    const auto n = roaring_bitmap_get_cardinality(part->bitmap);
    std::uint32_t id = 0;
    if (rank < n) return roaring_bitmap_select(part->bitmap, static_cast<std::uint32_t>(rank), &id) ? std::optional(id) : std::nullopt;
    rank -= n;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> IdSet::last() const {
  if (isEmpty()) return std::nullopt;
  return roaring_bitmap_maximum(m_parts.back()->bitmap);
}

IdSet IdSet::between(std::uint32_t first, std::uint32_t end) const {
  IdSet out;
  for (const auto& part : m_parts) {
    const std::uint64_t begin = std::uint64_t(part->segment) << kSegmentShift, next = begin + (1u << kSegmentShift);
    if (next <= first || begin >= end) continue;
    if (begin >= first && next <= end) {
      out.m_parts.push_back(part);
      continue;
    }
    auto* inside = roaring_bitmap_from_range(std::max<std::uint64_t>(begin, first), std::min<std::uint64_t>(next, end), 1);
    if (!inside) continue;                             // an empty range
    roaring_bitmap_and_inplace(inside, part->bitmap);
    append(out.m_parts, inside);
  }
  return out;
}

std::vector<std::uint32_t> IdSet::toVector() const {
  std::vector<std::uint32_t> ids(size());
  std::size_t at = 0;
  for (const auto& part : m_parts) {
    roaring_bitmap_to_uint32_array(part->bitmap, ids.data() + at);
    at += roaring_bitmap_get_cardinality(part->bitmap);
  }
  return ids;
}

IdChunk IdSet::chunk(std::uint16_t high) const {
  const Bits* bits = find(static_cast<std::uint32_t>(high) << 16 >> kSegmentShift);
  if (!bits) return {};
  const auto& all = bits->bitmap->high_low_container;
  std::int32_t at = high & 15;                   // most segments have all 16 containers
  if (at >= all.size || all.keys[at] != high) {
    const auto* found = std::lower_bound(all.keys, all.keys + all.size, high);
    if (found == all.keys + all.size || *found != high) return {};
    at = static_cast<std::int32_t>(found - all.keys);
  }
  const void* container = all.containers[at];
  switch (all.typecodes[at]) {
    case kBitmapContainer: {
      const auto* c = static_cast<const BitsetLayout*>(container);
      return {IdChunk::Kind::words, static_cast<std::uint32_t>(c->cardinality), c->words, nullptr};
    }
    case kListContainer: {
      const auto* c = static_cast<const ArrayLayout*>(container);
      return {IdChunk::Kind::list, static_cast<std::uint32_t>(c->cardinality), nullptr, c->values};
    }
    case kRunContainer: {
      const auto* c = static_cast<const RunLayout*>(container);
      return {IdChunk::Kind::runs, static_cast<std::uint32_t>(c->runs), nullptr, c->pairs};
    }
    default: return {};                          // shared containers: copy-on-write is never switched on
  }
}

void IdSet::forEach(const std::function<bool(std::uint32_t)>& visit) const {
  for (const auto& part : m_parts)
    if (!roaring_iterate(
            part->bitmap, [](std::uint32_t id, void* p) { return (*static_cast<const std::function<bool(std::uint32_t)>*>(p))(id); },
            const_cast<void*>(static_cast<const void*>(&visit))))
      return;
}

}  // namespace retort::logs
