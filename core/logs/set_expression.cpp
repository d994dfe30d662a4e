// One block at a time: every node gives nothing, everything, or a bitmap.
#include "logs/set_expression.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "logs/word_kernels.h"

namespace retort::logs {

namespace {

using Words = std::array<std::uint64_t, kChunkWords>;

/// A node's answer for a block: all zeros, all ones, or words (borrowed from a set, or in the buffer of its depth).
struct Bits {
  enum class Kind : std::uint8_t { zeros, ones, words } kind = Kind::zeros;
  const std::uint64_t* words = nullptr;
};

void spread(const IdChunk& chunk, std::uint64_t* into) {
  std::memset(into, 0, sizeof(Words));
  if (chunk.kind == IdChunk::Kind::list) {
    setBits(into, chunk.list, chunk.count);
    return;
  }
  for (std::uint32_t r = 0; r < chunk.count; ++r) {
    const std::uint32_t first = chunk.list[2 * r], last = first + chunk.list[2 * r + 1];
    const std::uint32_t w0 = first >> 6, w1 = last >> 6;
    const std::uint64_t head = ~0ull << (first & 63), tail = ~0ull >> (63 - (last & 63));
    if (w0 == w1) {
      into[w0] |= head & tail;
      continue;
    }
    into[w0] |= head;
    for (std::uint32_t w = w0 + 1; w < w1; ++w) into[w] = ~0ull;
    into[w1] |= tail;
  }
}

class Evaluation {
 public:
  explicit Evaluation(const SetExpression& root) : m_root(root), m_levels(depthOf(root) + 1) {}

  /// The block's ids; words stay valid until the next call.
  Bits block(std::uint16_t high) { return run(m_root, high, 0); }

 private:
  static std::size_t depthOf(const SetExpression& e) {
    std::size_t deepest = 0;
    for (const auto& child : e.children) deepest = std::max(deepest, depthOf(child));
    return deepest + 1;
  }

  Bits negated(Bits bits, std::uint64_t* buffer) const {
    if (bits.kind == Bits::Kind::zeros) return {Bits::Kind::ones, nullptr};
    if (bits.kind == Bits::Kind::ones) return {};
    if (bits.words != buffer) std::memcpy(buffer, bits.words, sizeof(Words));
    notWords(buffer);
    return {Bits::Kind::words, buffer};
  }

  /// Without the node's own "not".
  Bits plain(const SetExpression& e, std::uint16_t high, std::size_t depth) {
    std::uint64_t* const buffer = m_levels[depth].buffer.data();
    switch (e.kind) {
      case SetExpression::Kind::nothing: return {};
      case SetExpression::Kind::set: {
        const IdChunk chunk = e.set->chunk(high);
        if (chunk.kind == IdChunk::Kind::none) return {};
        if (chunk.kind == IdChunk::Kind::words) return {Bits::Kind::words, chunk.words};
        if (chunk.kind == IdChunk::Kind::runs && chunk.count == 1 && chunk.list[0] == 0 && chunk.list[1] == 0xffff) return {Bits::Kind::ones, nullptr};
        spread(chunk, buffer);
        return {Bits::Kind::words, buffer};
      }
      case SetExpression::Kind::ranges: return ranges(e, high, depth);
      default: return combined(e, high, depth);
    }
  }

  Bits ranges(const SetExpression& e, std::uint16_t high, std::size_t depth) {
    std::uint64_t* const buffer = m_levels[depth].buffer.data();
    std::uint64_t* const other = m_levels[depth].other.data();
    bool hasAny = false;
    for (const auto& [low, top] : e.bounds) {
      std::uint64_t* const into = hasAny ? other : buffer;
      std::memset(into, 0, sizeof(Words));
      if (e.column->scanSegment(high, low, top, into) == 0) continue;
      if (hasAny) orWords(buffer, other);
      hasAny = true;
    }
    if (!hasAny) return {};
    return {Bits::Kind::words, buffer};
  }

  /// And: what every child has, in one pass over all of them. Or: the complement of the same of their complements.
  Bits combined(const SetExpression& e, std::uint16_t high, std::size_t depth) {
    const bool isAnd = e.kind == SetExpression::Kind::all;
    const Bits settled{isAnd ? Bits::Kind::zeros : Bits::Kind::ones, nullptr};
    Level& level = m_levels[depth];
    std::uint64_t* const buffer = level.buffer.data();
    const std::uint64_t* const childBuffer = m_levels[depth + 1].buffer.data();
    level.with.clear();
    level.without.clear();
    level.lists.clear();
    bool isBuffered = false;
    for (const auto& child : e.children) {
      const bool isNot = child.isNot == isAnd;
      // A list takes away the bits that it names, without becoming a bitmap first.
      if (isNot && child.kind == SetExpression::Kind::set)
        if (const IdChunk chunk = child.set->chunk(high); chunk.kind == IdChunk::Kind::list) {
          level.lists.push_back(chunk);
          continue;
        }
      const Bits bits = plain(child, high, depth + 1);
      if (bits.kind != Bits::Kind::words) {
        if ((bits.kind == Bits::Kind::ones) == isNot) return settled;
      } else if (bits.words != childBuffer) {
        (isNot ? level.without : level.with).push_back(bits.words);
      } else {                                         // the next child needs that place
        const std::uint64_t* const both[] = {bits.words, buffer};
        const std::span<const std::uint64_t* const> own(both + 1, isBuffered ? 1 : 0);
        joinWords(buffer, isNot ? own : std::span(both, isBuffered ? 2 : 1), std::span(both, isNot ? 1 : 0), false);
        isBuffered = true;
      }
    }
    if (isBuffered) level.with.push_back(buffer);
    if (level.with.empty() && level.without.empty() && level.lists.empty()) return {isAnd ? Bits::Kind::ones : Bits::Kind::zeros, nullptr};
    if (isAnd && level.with.size() == 1 && level.without.empty() && level.lists.empty()) return {Bits::Kind::words, level.with[0]};
    joinWords(buffer, level.with, level.without, !isAnd && level.lists.empty());
    for (const auto& chunk : level.lists) clearBits(buffer, chunk.list, chunk.count);
    if (!isAnd && !level.lists.empty()) notWords(buffer);
    return {Bits::Kind::words, buffer};
  }

  Bits run(const SetExpression& e, std::uint16_t high, std::size_t depth) {
    const Bits bits = plain(e, high, depth);
    return e.isNot ? negated(bits, m_levels[depth].buffer.data()) : bits;
  }

  /// What a depth of the expression works on; a node's answer lies in its buffer until the next node of that depth.
  struct Level {
    Words buffer, other;
    std::vector<const std::uint64_t*> with, without;
    std::vector<IdChunk> lists;
  };
  const SetExpression& m_root;
  std::vector<Level> m_levels;
};

/// Calls `visit` with each block's words, cut to ids below `end` and inside `live`.
template <typename F>
void forEachBlock(const SetExpression& e, std::uint32_t end, const IdSet* live, F&& visit) {
  Evaluation evaluation(e);
  Words words, alive;
  for (std::uint32_t first = 0, high = 0; first < end; first += 65'536, ++high) {
    const Bits bits = evaluation.block(static_cast<std::uint16_t>(high));
    const bool isLast = end - first < 65'536;
    if (bits.kind == Bits::Kind::zeros) {
      if (first >= 0xffff0000u) break;
      continue;
    }
    const std::uint64_t* now = bits.words;
    if (bits.kind == Bits::Kind::ones || isLast || live) {
      if (bits.kind == Bits::Kind::ones) words.fill(~0ull);
      else words = *reinterpret_cast<const Words*>(bits.words);
      if (isLast) {
        const std::uint32_t n = end - first;
        if (n % 64) words[n / 64] &= (1ull << (n % 64)) - 1;
        for (std::uint32_t w = (n + 63) / 64; w < kChunkWords; ++w) words[w] = 0;
      }
      if (live) {
        const IdChunk chunk = live->chunk(static_cast<std::uint16_t>(high));
        if (chunk.kind == IdChunk::Kind::none) continue;
        if (chunk.kind == IdChunk::Kind::words) andWords(words.data(), chunk.words);
        else spread(chunk, alive.data()), andWords(words.data(), alive.data());
      }
      now = words.data();
    }
    visit(static_cast<std::uint16_t>(high), now);
    if (first >= 0xffff0000u) break;
  }
}

}  // namespace

std::uint64_t SetExpression::weight(std::uint64_t universe) const {
  std::uint64_t n = 0;
  switch (kind) {
    case Kind::nothing: break;
    case Kind::set: n = set->size(); break;
    case Kind::ranges: n = universe; break;            // a scan: dear, so late
    case Kind::all:
      n = universe;
      for (const auto& child : children) n = std::min(n, child.weight(universe));
      break;
    case Kind::any:
      for (const auto& child : children) n += child.weight(universe);
      n = std::min(n, universe);
  }
  if (kind == Kind::ranges) return universe;
  return isNot ? universe - std::min(n, universe) : n;
}

void arrange(SetExpression& e, std::uint64_t universe) {
  if (e.children.empty()) return;
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < e.children.size(); ++i) {
    arrange(e.children[i], universe);
    order.emplace_back(e.children[i].weight(universe), i);
  }
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return e.kind == SetExpression::Kind::all ? a.first < b.first : a.first > b.first; });
  std::vector<SetExpression> sorted;
  for (const auto& [weight, i] : order) sorted.push_back(std::move(e.children[i]));
  e.children = std::move(sorted);
}

std::uint64_t countOf(const SetExpression& e, std::uint32_t end, const IdSet* live) {
  std::uint64_t count = 0;
  forEachBlock(e, end, live, [&](std::uint16_t, const std::uint64_t* words) { count += countWords(words); });
  return count;
}

IdSet idsOf(const SetExpression& e, std::uint32_t end, const IdSet* live) {
  ChunkedIds out;
  forEachBlock(e, end, live, [&](std::uint16_t high, const std::uint64_t* words) { out.add(high, words, countWords(words)); });
  return out.take();
}

std::vector<std::uint32_t> listOf(const SetExpression& e, std::uint32_t end, const IdSet* live) {
  // The bitmaps are kept (1.25 MB for ten million ids), so that the list is made in one piece of the right length.
  std::vector<std::pair<std::uint16_t, Words>> blocks;
  blocks.reserve(end / 65'536 + 1);
  std::size_t count = 0;
  forEachBlock(e, end, live, [&](std::uint16_t high, const std::uint64_t* words) {
    blocks.emplace_back(high, *reinterpret_cast<const Words*>(words));
    count += countWords(words);
  });
  std::vector<std::uint32_t> out, block(65'536 + 16);
  out.reserve(count);
  for (const auto& [high, words] : blocks) {
    const auto n = listBits(words.data(), std::uint32_t(high) << 16, block.data());
    out.insert(out.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return out;
}

void countCommon(std::span<const IdSet* const> sets, const IdSet& among, std::span<std::uint64_t> counts) {
  const auto last = among.last();
  if (!last) return;
  Words words, spreadOut;
  for (std::uint32_t high = 0; high <= *last >> 16; ++high) {
    const IdChunk chunk = among.chunk(static_cast<std::uint16_t>(high));
    if (chunk.kind == IdChunk::Kind::none) continue;
    const std::uint64_t* now = chunk.words;
    if (chunk.kind != IdChunk::Kind::words) spread(chunk, words.data()), now = words.data();
    for (std::size_t s = 0; s < sets.size(); ++s) {
      const IdChunk one = sets[s]->chunk(static_cast<std::uint16_t>(high));
      if (one.kind == IdChunk::Kind::list) {
        counts[s] += testBits(now, one.list, one.count);
      } else if (one.kind == IdChunk::Kind::words) {
        counts[s] += countBoth(now, one.words);
      } else if (one.kind == IdChunk::Kind::runs) {
        spread(one, spreadOut.data());
        counts[s] += countBoth(now, spreadOut.data());
      }
    }
  }
}

void countByCode(const IdSet& among, std::span<const std::uint16_t> codes, std::span<std::uint32_t> counts) {
  const auto last = among.last();
  if (!last) return;
  Words words;
  for (std::uint32_t high = 0; high <= *last >> 16 && (std::size_t(high) << 16) < codes.size(); ++high) {
    const IdChunk chunk = among.chunk(static_cast<std::uint16_t>(high));
    if (chunk.kind == IdChunk::Kind::none) continue;
    const std::uint64_t* now = chunk.words;
    if (chunk.kind != IdChunk::Kind::words) spread(chunk, words.data()), now = words.data();
    const std::size_t first = std::size_t(high) << 16;
    countCodes(now, codes.data() + first, std::min<std::size_t>(65'536, codes.size() - first), counts.data());
  }
}

}  // namespace retort::logs
