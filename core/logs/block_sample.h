// The dictionary of a store's blocks: read from it, or trained once on the beginning of the first large import.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "logs/source_list.h"
#include "store/block_codec.h"
#include "store/database.h"

namespace retort::logs {

/// A dictionary is trained on so many bytes, from so many places of what is to be packed.
inline constexpr std::size_t kDictionarySample = 4u << 20, kSampledPlaces = 64;
/// Of pieces of the sample; empty where none would help.
[[nodiscard]] std::string trainDictionary(std::string_view sample);

/// How the blocks of an import are packed.
struct BlockPacking {
  std::shared_ptr<const store::BlockDictionary> dictionary;   ///< null: none
  std::int64_t codec = 1;                                     ///< of blk.codec
};

/// The newest dictionary of the store; else one is trained on up to 4 MiB of `files` (those that `isRead` marks) and stored. Small sources
/// and mixed ones get none.
Result<BlockPacking> blockPacking(store::Database& db, const std::vector<ListedFile>& files, const std::vector<bool>& isRead);

}  // namespace retort::logs
