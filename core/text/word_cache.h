// A small, fixed cache of words and their ids; every thread has its own, so that tokenizers need no locks.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace retort::text {

/// Direct-mapped: a word that falls on a used slot replaces it. 2 MiB.
class WordCache {
 public:
  static constexpr std::size_t kMaxWord = 30, kMaxIds = 8, kSlots = 1u << 15;

  struct Slot {
    std::uint8_t length = 0, count = 0;
    char word[kMaxWord];
    TokenId ids[kMaxIds];
  };

  WordCache() : m_slots(kSlots) {}
  /// The slot where a word of 1..kMaxWord bytes is, or belongs.
  Slot& slot(std::string_view word) { return m_slots[hash(word) >> (64 - 15)]; }
  static bool holds(const Slot& slot, std::string_view word) {
    return slot.length == word.size() && std::memcmp(slot.word, word.data(), word.size()) == 0;
  }
  static void store(Slot& slot, std::string_view word, const TokenId* ids, std::size_t count) {
    slot.length = static_cast<std::uint8_t>(word.size());
    slot.count = static_cast<std::uint8_t>(count);
    std::memcpy(slot.word, word.data(), word.size());
    std::memcpy(slot.ids, ids, count * sizeof(TokenId));
  }

  /// This thread's cache of the model numbered `model` (from nextModelNumber()).
  static WordCache& ofThread(std::uint64_t model);
  [[nodiscard]] static std::uint64_t nextModelNumber();

 private:
  static std::uint64_t hash(std::string_view word) {
    std::uint64_t h = word.size() * 0x9E3779B97F4A7C15ull;
    const char* p = word.data();
    std::size_t n = word.size();
    for (; n >= 8; p += 8, n -= 8) {
      std::uint64_t v;
      std::memcpy(&v, p, 8);
      h = mix(h ^ v);
    }
    if (n > 0) {
      std::uint64_t v = 0;
      std::memcpy(&v, p, n);
      h = mix(h ^ v);
    }
    return h * 0xD6E8FEB86659FD93ull;
  }
  static std::uint64_t mix(std::uint64_t v) {
    v *= 0xA24BAED4963EE407ull;
    return v ^ (v >> 29);
  }
  std::vector<Slot> m_slots;
};

}  // namespace retort::text
