// Sampling on a row of logits.
#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace retort::engine {
namespace {

using text::TokenId;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

std::uint64_t mixed(std::uint64_t x) {
  // The finaliser of SplitMix64.
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

TokenId bestOf(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

void penalise(std::span<float> logits, double penalty, std::span<const TokenId> seen) {
  std::vector<TokenId> once(seen.begin(), seen.end());
  std::sort(once.begin(), once.end());
  once.erase(std::unique(once.begin(), once.end()), once.end());
  const auto factor = static_cast<float>(penalty);
  for (const TokenId id : once) {
    if (id < 0 || static_cast<std::size_t>(id) >= logits.size()) continue;
    float& value = logits[static_cast<std::size_t>(id)];
    value = value < 0 ? value * factor : value / factor;
  }
}

/// Candidates left by top-k, top-p and min-p, best first. `logits` are already divided by the temperature.
std::vector<TokenId> candidates(std::span<const float> logits, const SamplerOptions& options) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto better = [&](TokenId a, TokenId b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  };
  if (options.topK > 0 && static_cast<std::size_t>(options.topK) < ids.size()) {
    std::nth_element(ids.begin(), ids.begin() + options.topK, ids.end(), better);
    ids.resize(static_cast<std::size_t>(options.topK));
  }
  if (options.topP >= 1 && options.minP <= 0) return ids;
  std::sort(ids.begin(), ids.end(), better);
  const double best = logits[static_cast<std::size_t>(ids.front())];
  const auto weight = [&](TokenId id) { return std::exp(static_cast<double>(logits[static_cast<std::size_t>(id)]) - best); };
  if (options.topP < 1) {
    double sum = 0;
    for (const TokenId id : ids) sum += weight(id);
    double mass = 0;
    std::size_t kept = 0;
    while (kept < ids.size() && (kept == 0 || mass < options.topP * sum)) mass += weight(ids[kept++]);
    ids.resize(kept);
  }
  if (options.minP > 0)
    while (ids.size() > 1 && weight(ids.back()) < options.minP) ids.pop_back();
  return ids;
}

}  // namespace

namespace {

/// The number of a token, once seed, request and step are mixed.
double uniformOf(std::uint64_t place, std::uint64_t token) { return (static_cast<double>(mixed(place ^ token) >> 11) + 0.5) * 0x1p-53; }

}  // namespace

double uniformAt(std::uint64_t seed, std::uint64_t request, std::uint64_t step, std::uint64_t token) {
  return uniformOf(mixed(mixed(mixed(seed) ^ request) ^ step), token);
}

TokenId sampleToken(std::span<float> logits, const SamplerOptions& options, std::span<const TokenId> seen, std::uint64_t request,
                    std::uint64_t step) {
  if (options.repetitionPenalty != 1) penalise(logits, options.repetitionPenalty, seen);
  if (options.temperature <= 0) return bestOf(logits);
  const auto scale = static_cast<float>(1 / options.temperature);
  for (float& value : logits) value *= scale;
  // The exponential race: argmax of p / Exp is a draw from p. In logarithms: logit - ln(-ln u).
  // A token that lies more than 5 below the leader needs -ln(-ln u) > 5, which 99.3 % of the numbers are not: they need no logarithm.
  constexpr double kFar = 5, kCannotWin = 1 - 1.01 * 0.006737946999085467;   // 1 - 1.01 exp(-5)
  const std::uint64_t place = mixed(mixed(mixed(options.seed) ^ request) ^ step);
  TokenId winner = -1;
  double best = -std::numeric_limits<double>::infinity();
  const auto consider = [&](TokenId id) {
    const float value = logits[static_cast<std::size_t>(id)];
    if (value == kMinusInfinity) return;
    const double u = uniformOf(place, static_cast<std::uint64_t>(id));
    if (u < kCannotWin && best - value > kFar) return;
    const double score = value - std::log(-std::log(u));
    if (score > best || (score == best && id < winner)) {
      best = score;
      winner = id;
    }
  };
  const auto ids = candidates(logits, options);
  // A likely leader first, so that most others are far below it.
  TokenId likely = ids.front();
  for (const TokenId id : ids)
    if (logits[static_cast<std::size_t>(id)] > logits[static_cast<std::size_t>(likely)]) likely = id;
  consider(likely);
  for (const TokenId id : ids)
    if (id != likely) consider(id);
  return winner >= 0 ? winner : bestOf(logits);
}

double logSumExp(std::span<const float> logits) {
  const float best = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float value : logits) sum += std::exp(static_cast<double>(value) - best);
  return best + std::log(sum);
}

std::vector<std::pair<TokenId, double>> topLogProbs(std::span<const float> logits, int k) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(0, k)), ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(), [&](TokenId a, TokenId b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  const double total = logSumExp(logits);
  std::vector<std::pair<TokenId, double>> out;
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(ids[i], logits[static_cast<std::size_t>(ids[i])] - total);
  return out;
}

}  // namespace retort::engine
