// Byte-pair encoding: bytes or characters of a word, merged pair by pair in the order of rank.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/token_table.h"
#include "text/tokenizer_model.h"

namespace retort::text {

/// What a pair of neighbours becomes. Lower ranks first; the leftmost pair first among equals.
struct Merge {
  TokenId left = -1, right = -1, merged = -1;
  std::uint32_t rank = 0;
};

/// (left, right) -> rank and result, in one open-addressed table.
class MergeTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
  struct Found {
    std::uint32_t rank = kNone;
    TokenId merged = -1;
  };
  MergeTable() = default;
  /// A pair given twice keeps its later entry.
  explicit MergeTable(std::span<const Merge> merges);
  [[nodiscard]] Found find(TokenId left, TokenId right) const {
    const std::uint64_t k = key(left, right);
    for (std::size_t i = (k * 0x9E3779B97F4A7C15ull) >> m_shift;; i = (i + 1) & m_mask) {
      const Cell& cell = m_cells[i];
      if (cell.key == k) return cell.found;
      if (cell.key == kFree) return {};
    }
  }

 private:
  static constexpr std::uint64_t kFree = ~0ull;
  struct Cell {
    std::uint64_t key = kFree;
    Found found;
  };
  static std::uint64_t key(TokenId left, TokenId right) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
  }
  std::vector<Cell> m_cells = std::vector<Cell>(2);
  std::size_t m_mask = 1;
  int m_shift = 63;
};

struct BpeOptions {
  bool byteLevel = false;       ///< words are raw bytes and tokens are written in the byte alphabet
  bool ignoreMerges = false;    ///< a word that is a token is that token
  bool byteFallback = false;    ///< unknown characters become <0xNN> tokens
  bool fuseUnknown = false;     ///< neighbouring unknown characters become one unknown token
  TokenId unknown = -1;         ///< -1: unknown characters are dropped
};

class BpeModel final : public TokenizerModel {
 public:
  /// `tokens` must outlive the model. `data(id)` tells which tokens text may become; merges into others are left out.
  BpeModel(const TokenTable& tokens, std::span<const Merge> merges, const std::vector<bool>& isData, BpeOptions options);
  void encode(std::string_view word, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const override;

 private:
  struct Symbol {
    TokenId id;
    std::uint32_t length;   ///< bytes of the word
  };
  void encodeWord(std::string_view word, std::size_t offset, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) const;
  [[nodiscard]] bool canCutAtBars(std::span<const Merge> merges) const;
  void start(std::string_view word, std::vector<Symbol>& symbols) const;
  void startByCharacter(std::string_view word, std::vector<Symbol>& symbols) const;
  void mergeFew(std::vector<Symbol>& symbols) const;
  void mergeMany(std::vector<Symbol>& symbols) const;
  [[nodiscard]] TokenId wholeWord(std::string_view word) const;

  const TokenTable& m_tokens;
  std::vector<bool> m_isData;
  BpeOptions m_options;
  MergeTable m_merges;
  std::array<TokenId, 256> m_byte{};                              ///< token of a byte (byteLevel), or its <0xNN> token
  std::string m_bytesBlock;                                       ///< bytes of the tokens, for m_words
  std::unordered_map<std::string_view, TokenId> m_words;          ///< for ignoreMerges with byteLevel
  std::uint64_t m_number;
  bool m_cutsAtBars = false;                                      ///< no merge reaches over a place where a U+2581 begins a word
};

/// Parses nothing, looks up only: the merge of two token texts; false when one of the three tokens is not in the table.
[[nodiscard]] bool mergeOf(const TokenTable& tokens, std::string_view left, std::string_view right, std::uint32_t rank, Merge& merge);
/// Every way to put a token together from two others, ranked by score, as SentencePiece merges. Error "text.tokenizer.limit"
/// when the tokens are so long that this would take minutes.
Result<std::vector<Merge>> mergesByScore(const TokenTable& tokens, const std::vector<float>& scores, const std::vector<bool>& isData);

}  // namespace retort::text
