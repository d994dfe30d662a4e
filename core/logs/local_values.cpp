// Finding pairs by hash, keys by where they stood in the record before.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "logs/local_values.h"

namespace retort::logs {

namespace {

bool isKey(std::string_view stored, bool isBuiltIn, std::string_view key) {
  return isBuiltIn ? stored == key : !stored.empty() && stored.front() == '=' && stored.substr(1) == key;
}

}  // namespace

void LocalValues::begin(ParsedChunk& chunk) {
  if (m_slots.empty() || ++m_number == 0) m_slots.assign(4096, {}), m_number = 1;
  m_chunk = &chunk;
  m_expected.clear();
  m_keys.clear();
}

std::uint32_t LocalValues::keyId(bool isBuiltIn, std::string_view key, std::size_t position) {
  constexpr std::uint32_t kUnknown = UINT32_MAX;
  auto& keys = m_chunk->keys;
  if (position >= m_expected.size()) m_expected.resize(position + 1, kUnknown);
  std::uint32_t& expected = m_expected[position];
  if (expected != kUnknown && isKey(keys[expected], isBuiltIn, key)) return expected;
  m_scratch.assign(isBuiltIn ? "" : "=").append(key);
  const auto [found, isNew] = m_keys.try_emplace(m_scratch, static_cast<std::uint32_t>(keys.size()));
  if (isNew) keys.push_back(m_scratch);
  return expected = found->second;
}

void LocalValues::grow() {
  std::vector<Slot> old(m_slots.size() * 2);
  old.swap(m_slots);
  for (const auto& slot : old) {
    if (slot.chunk != m_number) continue;
    std::size_t at = slot.hash & (m_slots.size() - 1);
    while (m_slots[at].chunk == m_number) at = (at + 1) & (m_slots.size() - 1);
    m_slots[at] = slot;
  }
}

std::uint32_t LocalValues::id(bool isBuiltIn, std::string_view key, std::string_view value, std::size_t position) {
  ParsedChunk& chunk = *m_chunk;
  const std::uint32_t keyNumber = keyId(isBuiltIn, key, position);
  const std::uint64_t hash = XXH3_64bits_withSeed(value.data(), value.size(), keyNumber);
  std::size_t at = hash & (m_slots.size() - 1);
  for (; m_slots[at].chunk == m_number; at = (at + 1) & (m_slots.size() - 1)) {
    const Slot& slot = m_slots[at];
    if (slot.hash == hash && chunk.dictionary[slot.id].key == keyNumber && chunk.valueOf(slot.id) == value) return slot.id;
  }
  const auto made = static_cast<std::uint32_t>(chunk.dictionary.size());
  chunk.dictionary.push_back({keyNumber, static_cast<std::uint32_t>(chunk.valueTexts.size()), static_cast<std::uint32_t>(value.size())});
  chunk.valueTexts += value;
  m_slots[at] = {hash, made, m_number};
  if (chunk.dictionary.size() * 2 > m_slots.size()) grow();
  return made;
}

}  // namespace retort::logs
