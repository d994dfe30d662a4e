// What a parse thread makes of a chunk: rows, blocks, a dictionary of its own, and why lines were not taken. Opens no database.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "logs/call.h"
#include "logs/document_reader.h"
#include "logs/filter.h"
#include "logs/source_list.h"
#include "store/block_codec.h"

namespace retort::logs {

/// Names of built-in dimensions that have postings; in `key` they are rows of class 0.
inline constexpr std::string_view kDimensions[] = {"@model", "@model.raw", "@op", "@region", "@status", "@stop", "@source", "@flags", "@error"};

struct ParsedSpill {
  Side side{};
  std::string path;
  bool isFound = false;
  std::size_t block = 0, offset = 0, length = 0;
};

/// Plain numbers, so that a chunk of a thousand rows costs a handful of allocations: texts and lists lie in the chunk.
struct ParsedRow {
  std::array<char, 16> key{};
  std::optional<std::int64_t> timeUs, inputTokens, outputTokens, cachedTokens, latencyMs, ttftMs;
  std::uint32_t flags = 0;
  int turns = 0, status = 0;                   ///< status: 0 ok, 1 error, 2 incomplete
  std::uint64_t promptHash = 0, contentHash = 0;
  std::size_t block = 0, offset = 0, length = 0;   ///< block: index into ParsedChunk::blocks
  std::uint32_t previewBegin = 0, previewEnd = 0;  ///< in ParsedChunk::previews
  std::uint32_t model = 0, operation = 0;      ///< local dictionary ids; UINT32_MAX: none
  std::uint32_t stop = 0;
  std::uint32_t valuesBegin = 0, valuesEnd = 0;    ///< in ParsedChunk::values: all its (key, value) pairs, each once
  std::uint32_t spillsBegin = 0, spillsEnd = 0;    ///< in ParsedChunk::spills

  [[nodiscard]] std::string_view keyBytes() const { return {key.data(), key.size()}; }
};

struct Outcome {
  enum class Kind : std::uint8_t { row, reject, filtered } kind = Kind::filtered;
  std::uint32_t index = 0;                     ///< into rows or rejects
};

struct ParsedBlock {
  std::uint32_t rawLength = 0;
  std::string frame;
};

/// A pair of the chunk's own dictionary. A local id is its place there.
struct LocalValue {
  std::uint32_t key = 0;                       ///< in ParsedChunk::keys
  std::uint32_t begin = 0, length = 0;         ///< the value, in ParsedChunk::valueTexts
};

struct ParsedChunk {
  Chunk chunk;                                 ///< its bytes are kept: a conflict shows the head of its line
  std::vector<Outcome> outcomes;               ///< one per document
  std::vector<ParsedRow> rows;
  std::vector<ParseReject> rejects;
  std::vector<ParsedBlock> blocks;
  std::string previews, valueTexts;
  std::vector<std::uint32_t> values;
  std::vector<ParsedSpill> spills;
  std::vector<std::string> keys;               ///< "@model" is built in, metadata keys begin with '='
  std::vector<LocalValue> dictionary;
  std::vector<FormatCount> formats;            ///< of this chunk, in order of first sight
  std::vector<std::pair<std::uint32_t, std::string>> repairNotes;   ///< outcome, what was mended; at most 20
  std::optional<Error> error;

  [[nodiscard]] std::string_view valueOf(std::uint32_t local) const {
    const LocalValue& value = dictionary[local];
    return std::string_view(valueTexts).substr(value.begin, value.length);
  }
};

struct ParseRules {
  std::optional<std::int64_t> sinceUs, untilUs;
  Filter where;
  ReadRules read;
  std::shared_ptr<const store::BlockDictionary> dictionary;   ///< of the blocks; null: none
};

/// One per thread.
class ChunkParser {
 public:
  static Result<ChunkParser> create(const ParseRules& rules, const std::vector<ListedFile>& files);
  ChunkParser(ChunkParser&&) noexcept;
  ~ChunkParser();
  /// Stops early, with an incomplete result, when `stop` is requested.
  ParsedChunk parse(Chunk chunk, std::stop_token stop);

 private:
  struct State;
  explicit ChunkParser(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace retort::logs
