// The next token from a row of logits: greedy, or drawn with numbers that depend on seed, request and step alone.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace retort::engine {

/// In transformers' order: repetition penalty, temperature, top-k, top-p, min-p. Temperature 0 is greedy.
struct SamplerOptions {
  double temperature = 0;
  int topK = 0;                      ///< 0: off
  double topP = 1, minP = 0;
  double repetitionPenalty = 1;      ///< of every token of prompt and answer so far
  std::uint64_t seed = 1;
  [[nodiscard]] bool plainGreedy() const { return temperature <= 0 && repetitionPenalty == 1; }
};

/// A uniform number in (0, 1) keyed by its place, so that it does not depend on the batch.
[[nodiscard]] double uniformAt(std::uint64_t seed, std::uint64_t request, std::uint64_t step, std::uint64_t token);

/// The chosen id. `logits` is used up (changed); `seen` are the ids the penalty applies to. Ties go to the smaller id.
text::TokenId sampleToken(std::span<float> logits, const SamplerOptions& options, std::span<const text::TokenId> seen,
                          std::uint64_t request, std::uint64_t step);

/// ln of the sum of exponentials, in f64.
[[nodiscard]] double logSumExp(std::span<const float> logits);
/// The k most probable ids with their log-probabilities, best first; ties: smaller id first.
[[nodiscard]] std::vector<std::pair<text::TokenId, double>> topLogProbs(std::span<const float> logits, int k);

}  // namespace retort::engine
