// Sets as bytes: Roaring's portable form, and the form that is used where it lies. Both are checked container by container before they are trusted.
#include <algorithm>
#include <cstring>

#include "logs/id_set_bits.h"
#include "logs/word_kernels.h"

namespace retort::logs {

namespace {

constexpr std::size_t kBitmapBytes = kChunkWords * 8;
/// Blocks with at least so many ids become bitmaps where they are written to be mapped: to test each bit of a list takes longer than
/// to go through all words.
constexpr std::uint32_t kFewAsList = 1024;

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

bool isRising(const char* values, std::uint32_t count) {
  bool good = true;                              // no early exit: the loop stays wide
  for (std::uint32_t k = 1; k < count; ++k) good &= u16(values + 2 * k) > u16(values + 2 * (k - 1));
  return good;
}

/// The number of ids of a run container whose runs rise, do not touch and stay inside the block; 0 for any other.
std::uint32_t idsInRuns(const char* pairs, std::uint32_t runs) {
  std::int64_t last = -2;
  std::uint32_t total = 0;
  for (std::uint32_t r = 0; r < runs; ++r) {
    const std::int64_t start = u16(pairs + 4 * r), length = u16(pairs + 4 * r + 2);
    if (start <= last + 1 || start + length > 65535) return 0;
    last = start + length;
    total += static_cast<std::uint32_t>(length) + 1;
  }
  return total;
}

std::uint32_t idsInBitmap(const char* words) {
  std::uint64_t copy[kChunkWords];               // the bytes of a database row lie anywhere
  std::memcpy(copy, words, sizeof copy);
  return countWords(copy);
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
      if (size < at + 4ull * runs || idsInRuns(p + at, runs) != count) return false;
      at += 4ull * runs;
    } else if (count <= kMostInList) {
      if (size < at + 2ull * count || !isRising(p + at, count)) return false;
      at += 2ull * count;
    } else {
      if (size < at + kBitmapBytes || idsInBitmap(p + at) != count) return false;
      at += kBitmapBytes;
    }
  }
  return at == size;
}

/// CRoaring's frozen form: bitmaps, runs, lists, then of all containers the keys, the counts (of ids or of runs, each less one … except
/// of runs) and the kinds, then number and mark. It checks the lengths itself when it makes a view, but nothing that lies in the containers.
bool isFrozenSound(std::string_view bytes, std::uint32_t segment) {
  constexpr std::uint32_t kFrozenMark = 13766;
  if (bytes.size() < 4) return false;
  const std::uint32_t head = u32(bytes.data() + bytes.size() - 4), n = head >> 15;
  if ((head & 0x7fff) != kFrozenMark || n == 0 || n > (1u << (kSegmentShift - 16)) || bytes.size() < 4 + 5ull * n) return false;
  const char* const kinds = bytes.data() + bytes.size() - 4 - n;
  const char* const counts = kinds - 2ull * n;
  const char* const keys = counts - 2ull * n;
  std::size_t bitmaps = 0, runs = 0, lists = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (u16(keys + 2 * i) >> (kSegmentShift - 16) != segment || (i > 0 && u16(keys + 2 * i) <= u16(keys + 2 * (i - 1)))) return false;
    const std::size_t count = u16(counts + 2 * i);
    if (kinds[i] == kBitmapContainer) bitmaps += kBitmapBytes;
    else if (kinds[i] == kRunContainer) runs += 4 * count;
    else if (kinds[i] == kListContainer) lists += 2 * (count + 1);
    else return false;
  }
  if (bitmaps + runs + lists != static_cast<std::size_t>(keys - bytes.data())) return false;
  const char *bitmap = bytes.data(), *run = bitmap + bitmaps, *list = run + runs;
  for (std::uint32_t i = 0; i < n; ++i) {
    const std::uint32_t count = u16(counts + 2 * i);
    if (kinds[i] == kBitmapContainer) {
      if (countWords(reinterpret_cast<const std::uint64_t*>(bitmap)) != count + 1) return false;   // aligned, as the whole is
      bitmap += kBitmapBytes;
    } else if (kinds[i] == kRunContainer) {
      if (idsInRuns(run, count) == 0) return false;
      run += 4ull * count;
    } else {
      if (count + 1 > kMostInList || !isRising(list, count + 1)) return false;
      list += 2ull * (count + 1);
    }
  }
  return true;
}

/// True where a bitmap stands for so few ids that the portable form would have a list: it came from a mapped set.
bool hasThinBitmap(const roaring_bitmap_t* bits) {
  const auto& all = bits->high_low_container;
  for (std::int32_t i = 0; i < all.size; ++i)
    if (all.typecodes[i] == kBitmapContainer && static_cast<const BitsetLayout*>(all.containers[i])->cardinality <= static_cast<std::int32_t>(kMostInList)) return true;
  return false;
}

}  // namespace

std::optional<IdSet> IdSet::fromBytes(std::string_view bytes) {
  if (!isSound(bytes)) return std::nullopt;
  auto* bits = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size());
  if (!bits) return std::nullopt;
  IdSet set;
  if (roaring_bitmap_is_empty(bits) || roaring_bitmap_minimum(bits) >> kSegmentShift == roaring_bitmap_maximum(bits) >> kSegmentShift) {
    append(set.m_parts, bits);
    return set;
  }
  for (std::uint64_t s = roaring_bitmap_minimum(bits) >> kSegmentShift; s <= roaring_bitmap_maximum(bits) >> kSegmentShift; ++s) {
    auto* segment = roaring_bitmap_from_range(s << kSegmentShift, (s + 1) << kSegmentShift, 1);
    roaring_bitmap_and_inplace(segment, bits);
    append(set.m_parts, segment);
  }
  roaring_bitmap_free(bits);
  return set;
}

std::string IdSet::toBytes() const {
  std::vector<const roaring_bitmap_t*> all;
  for (const auto& part : m_parts) all.push_back(part->bitmap);
  const bool isPlain = all.size() == 1 && !hasThinBitmap(all[0]);
  roaring_bitmap_t* made = isPlain ? nullptr : roaring_bitmap_or_many(all.size(), all.data());
  if (made) roaring_bitmap_repair_after_lazy(made);  // gives every container the kind that its count asks for
  const roaring_bitmap_t* whole = made ? made : all[0];
  std::string bytes(roaring_bitmap_portable_size_in_bytes(whole), '\0');
  roaring_bitmap_portable_serialize(whole, bytes.data());
  if (made) roaring_bitmap_free(made);
  return bytes;
}

void IdSet::toMapped(const std::function<void(const MappedPart&)>& write) const {
  constexpr std::uint32_t kFrozenMark = 13766;
  for (const auto& part : m_parts) {
    std::string bitmaps, runs, lists, keys, counts, kinds;
    const auto put16 = [](std::string& to, std::uint32_t value) {
      const auto v = static_cast<std::uint16_t>(value);
      to.append(reinterpret_cast<const char*>(&v), 2);
    };
    std::uint32_t n = 0;
    for (std::uint32_t low = 0; low < 1u << (kSegmentShift - 16); ++low) {
      const auto high = static_cast<std::uint16_t>((part->segment << (kSegmentShift - 16)) + low);
      const IdChunk chunk = this->chunk(high);
      if (chunk.kind == IdChunk::Kind::none) continue;
      ++n;
      put16(keys, high);
      put16(counts, chunk.kind == IdChunk::Kind::runs ? chunk.count : chunk.count - 1);
      if (chunk.kind == IdChunk::Kind::runs) {
        runs.append(reinterpret_cast<const char*>(chunk.list), 4ull * chunk.count);
        kinds += static_cast<char>(kRunContainer);
      } else if (chunk.kind == IdChunk::Kind::list && chunk.count < kFewAsList) {
        lists.append(reinterpret_cast<const char*>(chunk.list), 2ull * chunk.count);
        kinds += static_cast<char>(kListContainer);
      } else {
        std::uint64_t words[kChunkWords] = {};
        if (chunk.kind == IdChunk::Kind::list) setBits(words, chunk.list, chunk.count);
        bitmaps.append(reinterpret_cast<const char*>(chunk.kind == IdChunk::Kind::list ? words : chunk.words), kBitmapBytes);
        kinds += static_cast<char>(kBitmapContainer);
      }
    }
    const std::uint32_t head = n << 15 | kFrozenMark;
    bitmaps += runs + lists + keys + counts + kinds;
    bitmaps.append(reinterpret_cast<const char*>(&head), 4);
    write({part->segment, bitmaps});
  }
}

std::optional<IdSet> IdSet::mapped(std::span<const MappedPart> parts, const std::shared_ptr<const void>& memory) {
  IdSet set;
  for (const auto& part : parts) {
    const bool rises = set.m_parts.empty() || set.m_parts.back()->segment < part.segment;
    if (!rises || reinterpret_cast<std::uintptr_t>(part.bytes.data()) % kMappedAlignment != 0 || !isFrozenSound(part.bytes, part.segment)) return std::nullopt;
    const roaring_bitmap_t* view = roaring_bitmap_frozen_view(part.bytes.data(), part.bytes.size());
    if (!view) return std::nullopt;
    // Never changed: isSole() is false for what has a memory.
    set.m_parts.push_back(Part(new Bits(part.segment, const_cast<roaring_bitmap_t*>(view), memory)));
  }
  return set;
}

void ChunkedIds::add(std::uint16_t high, const std::uint64_t* bits, std::uint32_t count) {
  if (count == 0) return;
  if (const std::uint32_t segment = static_cast<std::uint32_t>(high) << 16 >> kSegmentShift; segment != m_segment) {
    close();
    m_segment = segment;
  }
  const auto less = static_cast<std::uint16_t>(count - 1);
  m_heads.append(reinterpret_cast<const char*>(&high), 2).append(reinterpret_cast<const char*>(&less), 2);
  ++m_containers;
  if (count > kMostInList) {
    m_bodies.append(reinterpret_cast<const char*>(bits), kBitmapBytes);
    return;
  }
  for (std::uint32_t word = 0; word < kChunkWords; ++word)
    for (std::uint64_t rest = bits[word]; rest; rest &= rest - 1) {
      const auto low = static_cast<std::uint16_t>(word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(rest)));
      m_bodies.append(reinterpret_cast<const char*>(&low), 2);
    }
}

/// The portable format without runs: cookie, number of containers, heads, offsets, containers.
void ChunkedIds::close() {
  constexpr std::uint32_t kNoRuns = 12346;
  if (m_containers == 0) return;
  std::string bytes;
  bytes.reserve(8 + 8ull * m_containers + m_bodies.size());
  bytes.append(reinterpret_cast<const char*>(&kNoRuns), 4).append(reinterpret_cast<const char*>(&m_containers), 4);
  bytes += m_heads;
  std::uint32_t offset = 8 + 8 * m_containers;
  for (std::uint32_t i = 0; i < m_containers; ++i) {
    bytes.append(reinterpret_cast<const char*>(&offset), 4);
    const std::uint32_t count = u16(m_heads.data() + 4 * i + 2) + 1u;
    offset += count > kMostInList ? static_cast<std::uint32_t>(kBitmapBytes) : 2 * count;
  }
  bytes += m_bodies;
  if (auto* bits = roaring_bitmap_portable_deserialize_safe(bytes.data(), bytes.size())) IdSet::append(m_set.m_parts, bits);
  m_heads.clear();
  m_bodies.clear();
  m_containers = 0;
}

IdSet ChunkedIds::take() {
  close();
  return std::exchange(m_set, IdSet());
}

}  // namespace retort::logs
