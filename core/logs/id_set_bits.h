// One segment of an IdSet, and the containers of CRoaring as they lie in memory. Private to id_set*.cpp.
#pragma once
#include <roaring/roaring.h>

#include <atomic>

#include "logs/id_set.h"

namespace retort::logs {

inline constexpr int kSegmentShift = 20;               ///< as postings are cut in logs.db

struct IdSet::Bits {
  const std::uint32_t segment;
  roaring_bitmap_t* const bitmap;
  const std::shared_ptr<const void> memory;            ///< of a mapped segment, which is never changed
  std::atomic<std::uint32_t> users{1};

  Bits(std::uint32_t s, roaring_bitmap_t* b, std::shared_ptr<const void> m) : segment(s), bitmap(b), memory(std::move(m)) {}
  ~Bits() { roaring_bitmap_free(bitmap); }
};

// Containers as CRoaring lays them out, the same from 0.2 to 4; its own headers rename the members.
enum ContainerType : std::uint8_t { kBitmapContainer = 1, kListContainer = 2, kRunContainer = 3 };
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

/// In the portable format, and in sets that CRoaring made itself, a container of more ids is a bitmap.
inline constexpr std::uint32_t kMostInList = 4096;

}  // namespace retort::logs
