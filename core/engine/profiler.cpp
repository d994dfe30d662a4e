// The latency profile.
#include "engine/profiler.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"

namespace retort::engine {

double percentile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (at - static_cast<double>(low));
}

Result<Profile> profile(const Decoder& decoder, const Device& device, const text::Tokenizer* tokenizer,
                        const std::vector<std::vector<text::TokenId>>& prompts, const ProfileOptions& options, const GenerationHooks& hooks) {
  if (prompts.empty())
    return Error{"engine.profile.empty", "Nothing to measure", "prompts", "the list is empty", "Give at least 64 prompts", {}, {}};
  GenerationOptions generation;
  generation.maxTokens = options.maxTokens;
  generation.stopIds = options.stopIds;
  const int batch = std::max(1, options.batch);
  generation.batch = batch;
  GenerationHooks inner;
  inner.cancelled = hooks.cancelled;
  for (int i = 0; i < options.warmup; ++i) {
    RETORT_TRY(const auto ignored, generate(decoder, tokenizer, {prompts[static_cast<std::size_t>(i) % prompts.size()]}, generation, inner));
  }
  synchronise(device);
  resetPeak(device);
  Profile result;
  std::vector<double> first, whole, between;
  double prefillSeconds = 0, decodeSeconds = 0;
  std::size_t promptTokens = 0, decoded = 0;
  for (std::size_t begin = 0; begin < prompts.size(); begin += static_cast<std::size_t>(batch)) {
    const std::size_t end = std::min(prompts.size(), begin + static_cast<std::size_t>(batch));
    const std::vector<std::vector<text::TokenId>> chosen(prompts.begin() + static_cast<std::ptrdiff_t>(begin), prompts.begin() + static_cast<std::ptrdiff_t>(end));
    const double start = monotonicSeconds();
    RETORT_TRY(const auto outputs, generate(decoder, tokenizer, chosen, generation, inner));
    synchronise(device);
    const double wall = (monotonicSeconds() - start) * 1000;
    double slowestFirst = 0, slowest = 0;
    for (const auto& out : outputs) {
      first.push_back(out.firstTokenMs);
      whole.push_back(batch == 1 ? wall : out.totalMs);
      slowestFirst = std::max(slowestFirst, out.firstTokenMs);
      slowest = std::max(slowest, out.totalMs);
      promptTokens += out.promptTokens;
      result.outputTokens += out.ids.size();
      if (out.ids.size() > 1) {
        between.push_back((out.totalMs - out.firstTokenMs) / static_cast<double>(out.ids.size() - 1));
        decoded += out.ids.size() - 1;
      }
    }
    prefillSeconds += slowestFirst / 1000;
    decodeSeconds += (slowest - slowestFirst) / 1000;
    if (hooks.progress) hooks.progress(end, prompts.size());
  }
  result.rows = prompts.size();
  result.firstTokenMs = {percentile(first, 0.5), percentile(first, 0.95)};
  result.requestMs = {percentile(whole, 0.5), percentile(whole, 0.95)};
  result.betweenTokensMs = {percentile(between, 0.5), percentile(between, 0.95)};
  result.tokensPerSecond = decodeSeconds > 0 ? static_cast<double>(decoded) / decodeSeconds : 0;
  result.prefillTokensPerSecond = prefillSeconds > 0 ? static_cast<double>(promptTokens) / prefillSeconds : 0;
  result.peakBytes = peakBytes(device);
  result.definition = "batch " + std::to_string(batch) + ", greedy, natural stop (at most " + std::to_string(options.maxTokens) + " tokens), " +
                      std::to_string(prompts.size()) + " prompts" + (prompts.size() < 64 ? " (fewer than the 64 a profile should have)" : "") + " after " +
                      std::to_string(options.warmup) + " warm-ups; whole request without tokenising; " + device.text() + ", " + device.name + ", " +
                      std::to_string(device.threads) + " threads";
  return result;
}

}  // namespace retort::engine
