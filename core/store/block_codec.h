// Blocks of records: zstd with a content checksum, and a decoder that trusts nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort::store {

/// Compresses blocks; keeps its context between them. Not for two threads at once.
class BlockEncoder {
 public:
  explicit BlockEncoder(int level = 1);
  ~BlockEncoder();
  BlockEncoder(BlockEncoder&&) noexcept;
  /// One zstd frame with size and checksum.
  Result<std::string> encode(std::string_view raw);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// The checksum at the end of a frame of BlockEncoder (low 32 bits of XXH64 of the raw bytes).
[[nodiscard]] std::uint32_t blockChecksum(std::string_view frame);

/// Raw bytes of a frame. Error "store.block.damaged" unless it holds exactly `rawLength` bytes (at most 256 MiB) and its checksum fits.
Result<std::string> decodeBlock(std::string_view frame, std::uint64_t rawLength);

}  // namespace retort::store
