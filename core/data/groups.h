// Groups of prompts that are the same but for small changes, so that a split never has one on each side.
#pragma once
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"

namespace retort::data {

/// NFC, case folded, runs of blanks collapsed: two prompts with equal results are the same prompt.
[[nodiscard]] std::string normalisedPrompt(std::string_view text);
/// The text of a prompt without its system messages (another prompt version does not make another prompt), normalised.
[[nodiscard]] std::string promptKey(const Json& messages);

/// 64-bit hashes of the shingles of a normalised text, sorted, each once: 5 words; 13 characters where most are CJK; 5 characters
/// where there are fewer than five words.
[[nodiscard]] std::vector<std::uint64_t> shingles(std::string_view normalised);

inline constexpr int kBands = 20, kRows = 10;      ///< MinHash-LSH: a pair of similarity s is found with 1-(1-s^10)^20
inline constexpr double kNearDuplicate = 0.7;      ///< candidates below this estimated similarity stay apart
inline constexpr double kTooLargeShare = 0.05;     ///< a near-duplicate group over this share of the rows is cut back
inline constexpr std::size_t kSmallGroup = 10;     ///< but a group of at most this many rows never is

struct Groups {
  std::vector<std::uint32_t> groupOf;              ///< by text: number of its group
  std::vector<std::string> names;                  ///< by group: "g" and 16 hex digits of the SHA-256 of its first text
  std::size_t duplicates = 0;                      ///< texts equal to an earlier one
  std::size_t nearDuplicates = 0;                  ///< distinct texts joined to another distinct one
  std::vector<std::string> cutBack;                ///< sentences about groups that were cut back to exact duplicates
};

/// Groups normalised texts by equality and near-equality. The result depends on the set of texts, not on their order. `together[i]`
/// (may be empty) also joins texts with an equal non-empty value, such as a conversation.
Result<Groups> groupPrompts(const std::vector<std::string>& texts, const std::vector<std::string>& together, std::stop_token stop = {},
                            const ProgressFn& progress = {});

}  // namespace retort::data
