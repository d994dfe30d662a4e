// Roaring bitmaps; bytes from a file are checked container by container before they are trusted.
#include "logs/id_set.h"

#include <roaring/roaring.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace retort::logs {

namespace {

std::uint16_t u16(const char* p) {
  std::uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
std::uint32_t u32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

/// Walks the portable format (RoaringFormatSpec) without building anything: keys ascend, cardinalities and orders hold,
/// all of it lies inside the bytes. CRoaring 0.2 checks only the bounds.
bool isSound(std::string_view bytes) {
  constexpr std::uint32_t kNoRuns = 12346, kRuns = 12347;
  const char* const p = bytes.data();
  const std::size_t size = bytes.size();
  if (size < 8) return false;
  const std::uint32_t cookie = u32(p);
  const bool hasRuns = (cookie & 0xffff) == kRuns;
  if (!hasRuns && cookie != kNoRuns) return false;
  const std::uint32_t n = hasRuns ? (cookie >> 16) + 1 : u32(p + 4);
  if (n > 65536) return false;
  std::size_t at = hasRuns ? 4 : 8;
  const char* const runBits = p + at;
  if (hasRuns) at += (n + 7) / 8;
  if (size < at + 4ull * n) return false;
  const char* const header = p + at;
  at += 4ull * n;
  if (!hasRuns || n >= 4) at += 4ull * n;  // offsets: CRoaring reads the containers in sequence
  if (size < at) return false;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (i > 0 && u16(header + 4 * i) <= u16(header + 4 * (i - 1))) return false;
    const std::uint32_t count = u16(header + 4 * i + 2) + 1u;
    const bool isRun = hasRuns && (static_cast<unsigned char>(runBits[i / 8]) >> (i % 8) & 1u);
    if (isRun) {
      if (size < at + 2) return false;
      const std::uint32_t runs = u16(p + at);
      at += 2;
      if (runs == 0 || size < at + 4ull * runs) return false;
      std::int64_t last = -2;
      std::uint32_t total = 0;
      for (std::uint32_t r = 0; r < runs; ++r) {
        const std::int64_t start = u16(p + at + 4 * r), length = u16(p + at + 4 * r + 2);
        if (start <= last + 1 || start + length > 65535) return false;
        last = start + length;
        total += static_cast<std::uint32_t>(length) + 1;
      }
      if (total != count) return false;
      at += 4ull * runs;
    } else if (count <= 4096) {
      if (size < at + 2ull * count) return false;
      for (std::uint32_t k = 1; k < count; ++k)
        if (u16(p + at + 2 * k) <= u16(p + at + 2 * (k - 1))) return false;
      at += 2ull * count;
    } else {
      if (size < at + 8192) return false;
      std::uint32_t total = 0;
      for (std::uint32_t k = 0; k < 2048; ++k) total += static_cast<std::uint32_t>(__builtin_popcount(u32(p + at + 4 * k)));
      if (total != count) return false;
      at += 8192;
    }
  }
  return at == size;
}

}  // namespace

IdSet::IdSet() : m_bits(roaring_bitmap_create()) {}
IdSet::IdSet(const IdSet& other) : m_bits(roaring_bitmap_copy(other.m_bits)) {}
IdSet::IdSet(IdSet&& other) noexcept : m_bits(std::exchange(other.m_bits, nullptr)) {
  other.m_bits = roaring_bitmap_create();  // a moved-from set stays usable
}
IdSet& IdSet::operator=(const IdSet& other) {
  if (this != &other) roaring_bitmap_overwrite(m_bits, other.m_bits);
  return *this;
}
IdSet& IdSet::operator=(IdSet&& other) noexcept {
  std::swap(m_bits, other.m_bits);
  return *this;
}
IdSet::~IdSet() { roaring_bitmap_free(m_bits); }

IdSet IdSet::range(std::uint32_t first, std::uint32_t end) {
  IdSet set;
  set.addRange(first, end);
  return set;
}
IdSet IdSet::of(std::span<const std::uint32_t> ids) { return IdSet(roaring_bitmap_of_ptr(ids.size(), ids.data())); }

std::optional<IdSet> IdSet::fromBytes(std::string_view bytes) {
  if (!isSound(bytes)) return std::nullopt;
  auto* bits = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (!bits) return std::nullopt;
  return IdSet(bits);
}

std::string IdSet::toBytes() const {
  std::string bytes(roaring_bitmap_portable_size_in_bytes(m_bits), '\0');
  roaring_bitmap_portable_serialize(m_bits, bytes.data());
  return bytes;
}

void IdSet::add(std::uint32_t id) { roaring_bitmap_add(m_bits, id); }
void IdSet::addRange(std::uint32_t first, std::uint32_t end) { roaring_bitmap_add_range(m_bits, first, end); }
void IdSet::optimise() { roaring_bitmap_run_optimize(m_bits); }
bool IdSet::contains(std::uint32_t id) const { return roaring_bitmap_contains(m_bits, id); }
std::uint64_t IdSet::size() const { return roaring_bitmap_get_cardinality(m_bits); }
bool IdSet::isEmpty() const { return roaring_bitmap_is_empty(m_bits); }
IdSet& IdSet::operator&=(const IdSet& other) { return roaring_bitmap_and_inplace(m_bits, other.m_bits), *this; }
IdSet& IdSet::operator|=(const IdSet& other) { return roaring_bitmap_or_inplace(m_bits, other.m_bits), *this; }
IdSet& IdSet::operator-=(const IdSet& other) { return roaring_bitmap_andnot_inplace(m_bits, other.m_bits), *this; }
bool IdSet::operator==(const IdSet& other) const { return roaring_bitmap_equals(m_bits, other.m_bits); }
std::uint64_t IdSet::commonSize(const IdSet& a, const IdSet& b) { return roaring_bitmap_and_cardinality(a.m_bits, b.m_bits); }

std::uint64_t IdSet::onlySize(const IdSet& a, const IdSet& b) { return roaring_bitmap_andnot_cardinality(a.m_bits, b.m_bits); }
IdSet IdSet::common(const IdSet& a, const IdSet& b) { return IdSet(roaring_bitmap_and(a.m_bits, b.m_bits)); }
IdSet IdSet::only(const IdSet& a, const IdSet& b) { return IdSet(roaring_bitmap_andnot(a.m_bits, b.m_bits)); }
bool IdSet::overlap(const IdSet& a, const IdSet& b) { return roaring_bitmap_intersect(a.m_bits, b.m_bits); }
std::optional<std::uint32_t> IdSet::select(std::uint64_t rank) const {
  std::uint32_t id = 0;
  if (rank > UINT32_MAX || !roaring_bitmap_select(m_bits, static_cast<std::uint32_t>(rank), &id)) return std::nullopt;
  return id;
}
std::uint64_t IdSet::rank(std::uint32_t id) const { return roaring_bitmap_rank(m_bits, id); }
std::optional<std::uint32_t> IdSet::last() const {
  if (isEmpty()) return std::nullopt;
  return roaring_bitmap_maximum(m_bits);
}
IdSet IdSet::between(std::uint32_t first, std::uint32_t end) const { return common(*this, range(first, end)); }

void ChunkedIds::add(std::uint16_t high, const std::uint64_t* bits, std::uint32_t count) {
  constexpr std::uint32_t kMostInArray = 4096;
  if (count == 0) return;
  const auto less = static_cast<std::uint16_t>(count - 1);
  m_heads.append(reinterpret_cast<const char*>(&high), 2).append(reinterpret_cast<const char*>(&less), 2);
  ++m_containers;
  if (count > kMostInArray) {
    m_bodies.append(reinterpret_cast<const char*>(bits), 8192);
    return;
  }
  for (std::uint32_t word = 0; word < 1024; ++word)
    for (std::uint64_t rest = bits[word]; rest; rest &= rest - 1) {
      const auto low = static_cast<std::uint16_t>(word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(rest)));
      m_bodies.append(reinterpret_cast<const char*>(&low), 2);
    }
}

IdSet ChunkedIds::take() {
  // The portable format without runs: cookie, number of containers, heads, offsets, containers.
  constexpr std::uint32_t kNoRuns = 12346;
  std::string bytes;
  bytes.reserve(8 + 8ull * m_containers + m_bodies.size());
  bytes.append(reinterpret_cast<const char*>(&kNoRuns), 4).append(reinterpret_cast<const char*>(&m_containers), 4);
  bytes += m_heads;
  std::uint32_t offset = 8 + 8 * m_containers;
  for (std::uint32_t i = 0; i < m_containers; ++i) {
    bytes.append(reinterpret_cast<const char*>(&offset), 4);
    const std::uint32_t count = u16(m_heads.data() + 4 * i + 2) + 1u;
    offset += count > 4096 ? 8192 : 2 * count;
  }
  bytes += m_bodies;
  *this = ChunkedIds();
  auto* bits = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  return bits ? IdSet(bits) : IdSet();
}

IdSet IdSet::unionOf(std::span<const IdSet* const> sets) {
  if (sets.empty()) return {};
  std::vector<const roaring_bitmap_t*> all;
  all.reserve(sets.size());
  for (const IdSet* set : sets) all.push_back(set->m_bits);
  return IdSet(roaring_bitmap_or_many(all.size(), all.data()));
}

std::vector<std::uint32_t> IdSet::toVector() const {
  std::vector<std::uint32_t> ids(size());
  roaring_bitmap_to_uint32_array(m_bits, ids.data());
  return ids;
}

namespace {

// Containers as CRoaring lays them out, the same from 0.2 to 4; its own headers rename the members.
struct BitsetLayout {
  std::int32_t cardinality;
  const std::uint64_t* words;
};
struct ArrayLayout {
  std::int32_t cardinality, capacity;
  const std::uint16_t* values;
};
struct RunLayout {
  std::int32_t runs, capacity;
  const std::uint16_t* pairs;
};

}  // namespace

IdChunk IdSet::chunk(std::uint16_t high) const {
  const auto& all = m_bits->high_low_container;
  // Most sets have a container for every block: then the place is the block's number.
  std::int32_t at = high;
  if (at >= all.size || all.keys[at] != high) {
    const auto* found = std::lower_bound(all.keys, all.keys + all.size, high);
    if (found == all.keys + all.size || *found != high) return {};
    at = static_cast<std::int32_t>(found - all.keys);
  }
  const void* container = all.containers[at];
  switch (all.typecodes[at]) {
    case 1: {
      const auto* c = static_cast<const BitsetLayout*>(container);
      return {IdChunk::Kind::words, static_cast<std::uint32_t>(c->cardinality), c->words, nullptr};
    }
    case 2: {
      const auto* c = static_cast<const ArrayLayout*>(container);
      return {IdChunk::Kind::list, static_cast<std::uint32_t>(c->cardinality), nullptr, c->values};
    }
    case 3: {
      const auto* c = static_cast<const RunLayout*>(container);
      return {IdChunk::Kind::runs, static_cast<std::uint32_t>(c->runs), nullptr, c->pairs};
    }
    default: return {};                          // shared containers: copy-on-write is never switched on
  }
}

void IdSet::forEach(const std::function<bool(std::uint32_t)>& visit) const {
  roaring_iterate(
      m_bits, [](std::uint32_t id, void* p) { return (*static_cast<const std::function<bool(std::uint32_t)>*>(p))(id); },
      const_cast<void*>(static_cast<const void*>(&visit)));
}

}  // namespace retort::logs
