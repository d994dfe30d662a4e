// Answers to prompts: batched by itself, greedy or sampled, streamed, stopped, the same for a prompt whatever its company.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/decoder.h"
#include "engine/sampler.h"
#include "text/tokenizer.h"

namespace retort::engine {

struct GenerationOptions {
  SamplerOptions sampler;
  int maxTokens = 256;
  std::vector<std::string> stop;                 ///< stop strings, not part of the text
  std::vector<text::TokenId> stopIds;            ///< ids that end an answer (kept in `ids`, not in the text)
  bool logProbs = false;                         ///< log-probability of each id, from the raw distribution
  int topLogProbs = 0;                           ///< and of the k most probable ones
  int batch = 0;                                 ///< rows computed together; 0: by memory
  std::int64_t cacheTokens = 0;                  ///< tokens cached at a time; 0: by free memory (which then decides the order of sums)
};

struct Generated {
  std::string text;
  std::vector<text::TokenId> ids;                ///< with the stop id, if one came
  std::string finish;                            ///< "stop" | "length"
  std::size_t promptTokens = 0;
  std::vector<double> logProbs;
  std::vector<std::vector<std::pair<text::TokenId, double>>> top;
  double firstTokenMs = 0, totalMs = 0;          ///< since the prompt's batch began
};

struct GenerationHooks {
  std::function<void(std::size_t index, std::string_view text)> delta;   ///< whole UTF-8, in order, for each prompt
  std::function<void(std::size_t done, std::size_t of)> progress;
  std::function<bool()> cancelled;               ///< asked at every step
};

/// Answers every prompt (token ids). `tokenizer` may be null: no text, no stop strings then. Errors: "engine.prompt.empty",
/// "engine.prompt.long" (longer than the model's context), cancelled, memory.
Result<std::vector<Generated>> generate(const Decoder& decoder, const text::Tokenizer* tokenizer,
                                        const std::vector<std::vector<text::TokenId>>& prompts, const GenerationOptions& options,
                                        const GenerationHooks& hooks = {});

}  // namespace retort::engine
