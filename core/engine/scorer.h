// Log-probabilities of given tokens, by batches of like length.
#pragma once
#include <functional>
#include <vector>

#include "base/result.h"
#include "engine/decoder.h"
#include "text/tokenizer.h"

namespace retort::engine {

struct ScoreItem {
  std::vector<text::TokenId> ids;
  std::vector<std::uint8_t> scored;              ///< per id: 1 = wanted; the first id has nothing before it and is never scored
};

struct Scored {
  std::vector<text::TokenId> ids;                ///< the scored ones
  std::vector<double> logProbs;                  ///< natural, of the raw distribution, f32 logits
  double sum = 0;
  std::vector<std::vector<std::pair<text::TokenId, double>>> top;
};

struct ScoreHooks {
  std::function<void(std::size_t done, std::size_t of)> progress;
  std::function<bool()> cancelled;
};

/// Scores every item; `topK` > 0 adds the most probable ids at each place.
Result<std::vector<Scored>> score(const Decoder& decoder, const std::vector<ScoreItem>& items, int topK = 0, const ScoreHooks& hooks = {});

}  // namespace retort::engine
