// A set of dense record ids (Roaring bitmap); the one door to CRoaring.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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

class IdSet {
 public:
  IdSet();
  IdSet(const IdSet& other);
  IdSet(IdSet&& other) noexcept;
  IdSet& operator=(const IdSet& other);
  IdSet& operator=(IdSet&& other) noexcept;
  ~IdSet();

  [[nodiscard]] static IdSet range(std::uint32_t first, std::uint32_t end);      ///< [first, end)
  [[nodiscard]] static IdSet of(std::span<const std::uint32_t> ids);
  /// Portable Roaring bytes, checked: container order, counts and bounds. nullopt when they are not sound.
  [[nodiscard]] static std::optional<IdSet> fromBytes(std::string_view bytes);
  [[nodiscard]] std::string toBytes() const;

  void add(std::uint32_t id);
  void addRange(std::uint32_t first, std::uint32_t end);
  void optimise();                                                               ///< run containers where smaller
  [[nodiscard]] bool contains(std::uint32_t id) const;
  [[nodiscard]] std::uint64_t size() const;
  [[nodiscard]] bool isEmpty() const;
  IdSet& operator&=(const IdSet& other);
  IdSet& operator|=(const IdSet& other);
  IdSet& operator-=(const IdSet& other);
  [[nodiscard]] friend IdSet operator&(IdSet a, const IdSet& b) { return a &= b, a; }
  [[nodiscard]] friend IdSet operator|(IdSet a, const IdSet& b) { return a |= b, a; }
  [[nodiscard]] friend IdSet operator-(IdSet a, const IdSet& b) { return a -= b, a; }
  bool operator==(const IdSet& other) const;
  [[nodiscard]] static std::uint64_t commonSize(const IdSet& a, const IdSet& b);  ///< |a ∩ b| without making it
  [[nodiscard]] static std::uint64_t onlySize(const IdSet& a, const IdSet& b);    ///< |a \ b| without making it
  [[nodiscard]] static IdSet common(const IdSet& a, const IdSet& b);              ///< a ∩ b, without a copy of either
  [[nodiscard]] static IdSet only(const IdSet& a, const IdSet& b);                ///< a \ b, likewise
  [[nodiscard]] static bool overlap(const IdSet& a, const IdSet& b);
  [[nodiscard]] static IdSet unionOf(std::span<const IdSet* const> sets);
  [[nodiscard]] std::optional<std::uint32_t> select(std::uint64_t rank) const;    ///< the rank-th smallest, from 0
  [[nodiscard]] std::uint64_t rank(std::uint32_t id) const;                       ///< how many are at most `id`
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
  explicit IdSet(roaring_bitmap_s* bits) : m_bits(bits) {}
  roaring_bitmap_s* m_bits;
};

/// Builds a set from blocks of 2^16 ids given as bitmaps, in ascending order.
class ChunkedIds {
 public:
  /// `bits`: 1024 words with `count` ones, of the ids high << 16 …
  void add(std::uint16_t high, const std::uint64_t* bits, std::uint32_t count);
  [[nodiscard]] IdSet take();

 private:
  std::string m_heads, m_bodies;                 ///< of the portable format: key and count a container; containers
  std::uint32_t m_containers = 0;
};

}  // namespace retort::logs
