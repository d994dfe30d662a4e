// Latency as a user meets it: one request at a time, greedy, to its natural end.
#pragma once
#include <vector>

#include "engine/device.h"
#include "engine/generator.h"

namespace retort::engine {

struct ProfileOptions {
  int warmup = 3;
  int maxTokens = 256;
  int batch = 1;                                 ///< requests at a time
  std::vector<text::TokenId> stopIds;
};

struct Percentiles {
  double p50 = 0, p95 = 0;
};

struct Profile {
  std::size_t rows = 0;                          ///< measured requests, without warm-ups
  Percentiles firstTokenMs, requestMs, betweenTokensMs;
  double tokensPerSecond = 0;                    ///< decoding: tokens after the first, by the time they took
  double prefillTokensPerSecond = 0;
  std::size_t outputTokens = 0;
  std::uint64_t peakBytes = 0;
  std::string definition;                        ///< what was measured, in words
};

/// Warms up with the first prompts, then measures every prompt once. Fewer than 64 prompts are said so in `definition`.
Result<Profile> profile(const Decoder& decoder, const Device& device, const text::Tokenizer* tokenizer,
                        const std::vector<std::vector<text::TokenId>>& prompts, const ProfileOptions& options, const GenerationHooks& hooks = {});

/// The value below which a share `q` of the sorted values lies, linear between neighbours.
[[nodiscard]] double percentile(std::vector<double> values, double q);

}  // namespace retort::engine
