// The student's own answers to a block of steps' prompts, kept with the run so that a resumed one trains on the same.
#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/batches.h"
#include "engine/generator.h"

namespace retort::engine {

struct Rollout {
  std::int64_t step = 0;             ///< the step that trains on it
  EncodedRow row;                    ///< prompt and answer; the answer is what is learnt
  std::vector<float> logProbs;       ///< of the answer's tokens when sampled; empty when not asked for
  bool ended = false;                ///< by itself, not by the limit
};

/// Answers made at step `made` for the steps [made, until).
struct Rollouts {
  std::int64_t made = -1, until = -1;
  std::vector<Rollout> items;
  [[nodiscard]] bool covers(std::int64_t step) const { return made >= 0 && made <= step && step < until; }
};

/// 1 up to and with the first of `ends` in `ids`, 0 after it; all 1 when none comes.
[[nodiscard]] std::vector<std::uint8_t> learnUntilEnd(const std::vector<text::TokenId>& ids, const std::vector<text::TokenId>& ends);
/// A row whose answer is `generated`, learnt up to its end.
EncodedRow rolloutRow(const EncodedRow& prompt, const Generated& generated, const std::vector<text::TokenId>& ends);
/// folder/<made>.json, atomically; and what is older than `keepFrom` deleted.
Status saveRollouts(const std::filesystem::path& folder, const Rollouts& rollouts, std::int64_t keepFrom);
/// The newest file made at or before `step`, and not before `from`, that covers it; made == -1 when there is none. Prompts are
/// looked up in `rows` by index.
Result<Rollouts> loadRollouts(const std::filesystem::path& folder, std::int64_t step, std::int64_t from, const std::vector<EncodedRow>& rows, const std::vector<text::TokenId>& ends);

}  // namespace retort::engine
