// Weighted least squares: scale and minimum of a group of values.
#include "models/codecs_fit.h"

#include <algorithm>
#include <cmath>

namespace retort::models {
namespace {

/// Quants of a candidate range and the sums that the normal equations need.
struct Sums {
  double w = 0, q = 0, qq = 0, x = 0, xq = 0, xx = 0;
};

Sums sumsAt(const float* x, const float* w, std::size_t n, float low, float inverse, int levels) {
  float sw = 0, sq = 0, sqq = 0, sx = 0, sxq = 0, sxx = 0;
  const float top = static_cast<float>(levels);
  for (std::size_t i = 0; i < n; ++i) {
    const float q = std::min(std::max(std::nearbyint(inverse * (x[i] - low)), 0.0F), top), wq = w[i] * q, wx = w[i] * x[i];
    sw += w[i], sq += wq, sqq += wq * q, sx += wx, sxq += wx * q, sxx += wx * x[i];
  }
  return {static_cast<double>(sw), static_cast<double>(sq), static_cast<double>(sqq), static_cast<double>(sx), static_cast<double>(sxq), static_cast<double>(sxx)};
}

}  // namespace

std::array<float, 32> weightsOf(const float* x, const float* importance, std::size_t n) {
  float squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += x[i] * x[i];
  const float mean = squares / static_cast<float>(n), rms = std::sqrt(mean);
  std::array<float, 32> w{};
  for (std::size_t i = 0; i < n; ++i) w[i] = importance != nullptr ? importance[i] * std::sqrt(mean + x[i] * x[i]) + 1e-12F : rms + std::fabs(x[i]);
  return w;
}

Range fitRange(const float* x, const float* w, std::size_t n, int levels, bool anyMinimum) {
  float low = x[0], high = x[0];
  for (std::size_t i = 0; i < n; ++i) low = std::min(low, x[i]), high = std::max(high, x[i]);
  if (!anyMinimum) low = std::min(low, 0.0F);
  Range best;
  if (high <= low) return best.minimum = -low, best;
  double least = -1;
  const float from = levels > 3 ? -1.0F : -0.7F, to = levels > 3 ? 1.0F : 1.2F;
  for (int step = 0; step <= 22; ++step) {
    const float inverse = (static_cast<float>(levels) + from + (to - from) * static_cast<float>(step) / 22) / (high - low);
    const Sums s = sumsAt(x, w, n, low, inverse, levels);
    const double det = s.w * s.qq - s.q * s.q;
    if (det <= 0) continue;
    double a = (s.w * s.xq - s.x * s.q) / det, b = (s.qq * s.x - s.q * s.xq) / det;
    if (!anyMinimum && b > 0) b = 0, a = s.qq > 0 ? s.xq / s.qq : 0;
    // sum w (a q + b - x)^2, written out
    const double error = a * a * s.qq + 2 * a * b * s.q + b * b * s.w - 2 * a * s.xq - 2 * b * s.x + s.xx;
    if (a > 0 && (least < 0 || error < least)) least = error, best = {static_cast<float>(a), static_cast<float>(-b)};
  }
  if (least < 0) best = {(high - low) / static_cast<float>(levels), -low};
  return best;
}

float fitSigned(const float* x, const float* w, std::size_t n, int top) {
  float extreme = 0, magnitude = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (std::fabs(x[i]) > magnitude) magnitude = std::fabs(x[i]), extreme = x[i];
  if (magnitude < 1e-15F) return 0;
  double bestScore = 0, bestScale = 0;
  const float least = -static_cast<float>(top), most = static_cast<float>(top - 1), width = top > 8 ? 0.9F : 0.15F * static_cast<float>(top) + 0.3F;
  for (int step = -9; step <= 9; ++step) {
    const float inverse = -(static_cast<float>(top) + width * static_cast<float>(step) / 9) / extreme;
    float xq = 0, qq = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float q = std::min(std::max(std::nearbyint(inverse * x[i]), least), most);
      xq += w[i] * x[i] * q, qq += w[i] * q * q;
    }
    // The error left is sum w x^2 - xq^2 / qq.
    const double score = qq > 0 ? static_cast<double>(xq) * static_cast<double>(xq) / static_cast<double>(qq) : 0;
    if (score > bestScore) bestScore = score, bestScale = static_cast<double>(xq) / static_cast<double>(qq);
  }
  return static_cast<float>(bestScale);
}

}  // namespace retort::models
