// The two directions of llama3's RoPE scaling.
#include "models/rope_factors.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace retort::models {

std::vector<float> llama3Divisors(const DecoderConfig& config) {
  const RopeScaling& s = config.ropeScaling;
  const auto half = static_cast<std::size_t>(config.headDim / 2);
  std::vector<float> out(half, 1.0F);
  const double original = static_cast<double>(s.originalContext);
  for (std::size_t i = 0; i < half; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(config.ropeTheta, 2.0 * static_cast<double>(i) / static_cast<double>(config.headDim));
    double divisor = 1;
    if (wavelength > original / s.lowFrequency) divisor = s.factor;
    else if (wavelength >= original / s.highFrequency) {
      const double smooth = (original / wavelength - s.lowFrequency) / (s.highFrequency - s.lowFrequency);
      divisor = 1 / ((1 - smooth) / s.factor + smooth);
    }
    out[i] = static_cast<float>(divisor);
  }
  return out;
}

std::optional<RopeScaling> llama3FromDivisors(const DecoderConfig& config, const std::vector<float>& divisors) {
  if (divisors.empty()) return std::nullopt;
  DecoderConfig attempt = config;
  attempt.ropeScaling.type = "llama3";
  attempt.ropeScaling.factor = static_cast<double>(*std::max_element(divisors.begin(), divisors.end()));
  attempt.ropeScaling.lowFrequency = 1;
  attempt.ropeScaling.highFrequency = 4;
  for (const std::int64_t original : {8192, 4096, 2048, 16384, 32768}) {
    attempt.ropeScaling.originalContext = original;
    const auto made = llama3Divisors(attempt);
    const bool equal = made.size() == divisors.size() && std::equal(made.begin(), made.end(), divisors.begin(), [](float a, float b) {
      return std::fabs(a - b) <= 1e-4F * std::max(1.0F, std::fabs(a));
    });
    if (equal) return attempt.ropeScaling;
  }
  return std::nullopt;
}

}  // namespace retort::models
