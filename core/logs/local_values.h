// The dictionary of one chunk: pairs of key and value become small numbers, which the writer maps to the store's own.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "logs/chunk_parser.h"

namespace retort::logs {

/// Open addressing over 64-bit hashes; a hit is compared, so that two pairs never share a number. Kept between chunks for its memory.
class LocalValues {
 public:
  /// Starts the dictionary of another chunk.
  void begin(ParsedChunk& chunk);
  /// The local id of a pair. `position`: the pair's place in its record, by which the key is found at once where records name their keys
  /// in one order.
  std::uint32_t id(bool isBuiltIn, std::string_view key, std::string_view value, std::size_t position);

 private:
  std::uint32_t keyId(bool isBuiltIn, std::string_view key, std::size_t position);
  void grow();

  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t id = 0, chunk = 0;           ///< of another chunk: free
  };
  ParsedChunk* m_chunk = nullptr;
  std::uint32_t m_number = 0;                  ///< of the chunk
  std::vector<Slot> m_slots;
  std::vector<std::uint32_t> m_expected;       ///< key id by position
  std::unordered_map<std::string, std::uint32_t> m_keys;
  std::string m_scratch;
};

}  // namespace retort::logs
