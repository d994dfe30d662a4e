// Logits in f32, whatever the weights' type.
#include "engine/decoder.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/mm.h>
#pragma GCC diagnostic pop

#include "engine/kernels.h"

namespace retort::engine {
namespace {

/// Vocabulary rows widened to f32 at once: with 576 to 2048 columns these are 9 to 34 MB.
constexpr std::int64_t kVocabularyChunk = 4096;

/// bf16 rows times a bf16 matrix with f32 results; the CPU has no such product, so the matrix is widened a part at a time.
at::Tensor wideProduct(const at::Tensor& rows, const at::Tensor& weight) {
  const std::int64_t vocab = weight.size(0);
  const at::Tensor x = rows.to(at::kFloat);
  at::Tensor out = at::empty({rows.size(0), vocab}, x.options());
  for (std::int64_t first = 0; first < vocab; first += kVocabularyChunk) {
    const std::int64_t count = std::min(kVocabularyChunk, vocab - first);
    out.narrow(1, first, count).copy_(at::linear(x, weight.narrow(0, first, count).to(at::kFloat)));
  }
  return out;
}

}  // namespace

at::Tensor logitsOf(const Decoder& decoder, const at::Tensor& hiddenRows) {
  const at::Tensor& weight = decoder.headWeight();
  if (decoder.quickHead.defined() && !c10::GradMode::is_enabled() && hiddenRows.numel() <= 8 * decoder.quickHead.in)
    return quantisedProduct(hiddenRows, decoder.quickHead, true);
  if (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kDouble) return decoder.head.weight.defined() ? decoder.head(hiddenRows) : at::linear(hiddenRows, weight);
  if (c10::GradMode::is_enabled() && (hiddenRows.requires_grad() || weight.requires_grad()))
    return at::linear(hiddenRows.to(at::kFloat), weight.to(at::kFloat));
  if (fewRowsUsable(hiddenRows, weight, 8)) return fewRowsProduct(hiddenRows, weight, true);
  auto shape = hiddenRows.sizes().vec();
  const at::Tensor flat = hiddenRows.reshape({-1, shape.back()});
  shape.back() = weight.size(0);
  if (flat.is_cuda()) return at::mm(flat, weight.t(), at::kFloat).view(shape);
  return wideProduct(flat, weight).view(shape);
}

}  // namespace retort::engine
