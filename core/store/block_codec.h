// Blocks of records: zstd with a content checksum, and a decoder that trusts nothing.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace retort::store {

/// What blocks of one store have in common, trained on a sample: smaller blocks for less work. Shared by threads; immutable.
class BlockDictionary {
 public:
  static Result<std::shared_ptr<const BlockDictionary>> create(std::string bytes);
  /// Trains one of at most 64 KiB. Nothing (an empty text) when the sample is too small or too mixed to help.
  [[nodiscard]] static std::string train(const std::vector<std::string_view>& samples);
  ~BlockDictionary();
  [[nodiscard]] const std::string& bytes() const { return m_bytes; }

 private:
  friend class BlockEncoder;
  friend Status decodeBlockInto(std::string_view, std::uint64_t, const BlockDictionary*, std::string&, std::string_view&);
  BlockDictionary() = default;
  std::string m_bytes;
  void* m_decoder = nullptr;
};

/// Compresses blocks; keeps its context between them. Not for two threads at once.
class BlockEncoder {
 public:
  explicit BlockEncoder(int level = 1);
  /// For records of the store the dictionary was trained on; null: level 1 without. `isThorough`: smaller but slower.
  explicit BlockEncoder(std::shared_ptr<const BlockDictionary> dictionary, bool isThorough = false);
  ~BlockEncoder();
  BlockEncoder(BlockEncoder&&) noexcept;
  BlockEncoder& operator=(BlockEncoder&& other) noexcept;
  /// One zstd frame with size and checksum.
  Result<std::string> encode(std::string_view raw);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// The checksum at the end of a frame of BlockEncoder (low 32 bits of XXH64 of the raw bytes).
[[nodiscard]] std::uint32_t blockChecksum(std::string_view frame);

/// Raw bytes of a frame. Error "store.block.damaged" unless it holds exactly `rawLength` bytes (at most 256 MiB) and its checksum fits.
Result<std::string> decodeBlock(std::string_view frame, std::uint64_t rawLength, const BlockDictionary* dictionary = nullptr);
/// The same into a buffer that grows and is kept: `raw` is its first rawLength bytes, and kBlockPadding readable bytes follow.
inline constexpr std::size_t kBlockPadding = 64;
Status decodeBlockInto(std::string_view frame, std::uint64_t rawLength, const BlockDictionary* dictionary, std::string& buffer, std::string_view& raw);

}  // namespace retort::store
