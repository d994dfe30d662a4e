// A set of dense record ids (Roaring bitmaps of 2^20 ids each, shared between copies); the one door to CRoaring.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct roaring_bitmap_s;

namespace retort::logs {

/// The ids of one block of 2^16 in the form in which they lie: a bitmap of 1024 words, a sorted list, or pairs of first and length - 1.
struct IdChunk {
  enum class Kind : std::uint8_t { none, words, list, runs } kind = Kind::none;
  std::uint32_t count = 0;                       ///< of ids; of pairs for runs
  const std::uint64_t* words = nullptr;
  const std::uint16_t* list = nullptr;           ///< also the pairs
};

/// Calls visit(low) for every id of a block, ascending, as its distance from the block's first.
template <typename F>
void forEachInChunk(const IdChunk& chunk, F&& visit) {
  switch (chunk.kind) {
    case IdChunk::Kind::none: break;
    case IdChunk::Kind::list:
      for (std::uint32_t i = 0; i < chunk.count; ++i) visit(std::uint32_t(chunk.list[i]));
      break;
    case IdChunk::Kind::runs:
      for (std::uint32_t r = 0; r < chunk.count; ++r)
        for (std::uint32_t at = chunk.list[2 * r], last = at + chunk.list[2 * r + 1]; at <= last; ++at) visit(at);
      break;
    case IdChunk::Kind::words:
      for (std::uint32_t w = 0; w < 1024; ++w)
        for (std::uint64_t rest = chunk.words[w]; rest; rest &= rest - 1) visit(w * 64 + static_cast<std::uint32_t>(__builtin_ctzll(rest)));
  }
}

/// A segment of a set in the form that is used where it lies, in a mapped file: see IdSet::mapped.
struct MappedPart {
  std::uint32_t segment = 0;
  std::string_view bytes;                        ///< begins at a multiple of kMappedAlignment
};
inline constexpr std::size_t kMappedAlignment = 32;

/// Copies share their segments until one of them changes: a copy, and an append at the end, cost little whatever the set's size.
class IdSet {
 public:
  IdSet() = default;
  [[nodiscard]] static IdSet range(std::uint32_t first, std::uint32_t end);      ///< [first, end)
  [[nodiscard]] static IdSet of(std::span<const std::uint32_t> ids);
  /// Portable Roaring bytes, checked: container order, counts and bounds. nullopt when they are not sound.
  [[nodiscard]] static std::optional<IdSet> fromBytes(std::string_view bytes);
  [[nodiscard]] std::string toBytes() const;
  /// Calls `write` for each segment with the bytes that `mapped` takes. Blocks of many ids become bitmaps: larger, but the faster form.
  void toMapped(const std::function<void(const MappedPart&)>& write) const;
  /// A set that uses the bytes where they lie; `memory` keeps them there. Checked like fromBytes.
  [[nodiscard]] static std::optional<IdSet> mapped(std::span<const MappedPart> parts, const std::shared_ptr<const void>& memory);

  void add(std::uint32_t id);
  void addRange(std::uint32_t first, std::uint32_t end);
  void optimise();                                                               ///< run containers where smaller
  [[nodiscard]] bool contains(std::uint32_t id) const;
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool isEmpty() const { return m_parts.empty(); }
  IdSet& operator&=(const IdSet& other);
  IdSet& operator|=(const IdSet& other);
  IdSet& operator-=(const IdSet& other);
  [[nodiscard]] friend IdSet operator&(IdSet a, const IdSet& b) { return a &= b, a; }
  [[nodiscard]] friend IdSet operator|(IdSet a, const IdSet& b) { return a |= b, a; }
  [[nodiscard]] friend IdSet operator-(IdSet a, const IdSet& b) { return a -= b, a; }
  bool operator==(const IdSet& other) const;
  [[nodiscard]] static std::uint64_t commonSize(const IdSet& a, const IdSet& b);  ///< |a ∩ b| without making it
  [[nodiscard]] static IdSet common(const IdSet& a, const IdSet& b) { return a & b; }
  [[nodiscard]] static bool overlap(const IdSet& a, const IdSet& b);
  [[nodiscard]] static IdSet unionOf(std::span<const IdSet* const> sets);
  [[nodiscard]] std::optional<std::uint32_t> select(std::uint64_t rank) const;    ///< the rank-th smallest, from 0
  [[nodiscard]] std::optional<std::uint32_t> last() const;
  /// The ids inside [first, end).
  [[nodiscard]] IdSet between(std::uint32_t first, std::uint32_t end) const;
  [[nodiscard]] std::vector<std::uint32_t> toVector() const;
  /// The ids [high << 16, (high + 1) << 16), borrowed.
  [[nodiscard]] IdChunk chunk(std::uint16_t high) const;
  /// Smallest to largest; stops when `visit` returns false.
  void forEach(const std::function<bool(std::uint32_t)>& visit) const;

 private:
  friend class ChunkedIds;
  struct Bits;
  /// Counts its users, so that a sole one may change what it points to.
  class Part {
   public:
    explicit Part(Bits* bits) : m_bits(bits) {}
    Part(const Part& other);
    Part(Part&& other) noexcept : m_bits(std::exchange(other.m_bits, nullptr)) {}
    Part& operator=(Part other) noexcept { return std::swap(m_bits, other.m_bits), *this; }
    ~Part();
    Bits* operator->() const { return m_bits; }
    [[nodiscard]] bool isSole() const;
    bool operator==(const Part& other) const { return m_bits == other.m_bits; }

   private:
    Bits* m_bits;
  };
  using Parts = std::vector<Part>;

  /// Takes over a bitmap of one segment, unless it is empty.
  static void append(Parts& parts, roaring_bitmap_s* bitmap);
  /// The segment at a place of m_parts, for this set alone.
  roaring_bitmap_s* changeable(std::size_t at);
  [[nodiscard]] const Bits* find(std::uint32_t segment) const;

  Parts m_parts;                                 ///< by segment, none empty
};

/// Builds a set from blocks of 2^16 ids given as bitmaps, in ascending order.
class ChunkedIds {
 public:
  /// `bits`: 1024 words with `count` ones, of the ids high << 16 …
  void add(std::uint16_t high, const std::uint64_t* bits, std::uint32_t count);
  [[nodiscard]] IdSet take();

 private:
  void close();
  IdSet m_set;
  std::string m_heads, m_bodies;                 ///< of the portable format: key and count a container; containers
  std::uint32_t m_containers = 0, m_segment = 0;
};

}  // namespace retort::logs
