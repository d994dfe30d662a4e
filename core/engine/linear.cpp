// A linear map with low-rank adapters on ranges of its output rows.
#include "engine/linear.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/dropout.h>
#pragma GCC diagnostic pop

#include "engine/dropout.h"
#include "engine/kernels.h"

namespace retort::engine {

namespace {
thread_local bool dropoutOn = false;

/// scale * (x Aᵀ) Bᵀ, [..., rows].
at::Tensor lowRank(const LoraPart& part, const at::Tensor& x) {
  const at::Tensor in = part.dropout > 0 && dropoutOn ? at::dropout(x, part.dropout, true) : x;
  const at::Tensor inner = at::linear(in, part.a.to(x.scalar_type())) * part.scale;
  return at::linear(inner, part.b.to(x.scalar_type()));
}
}  // namespace

DropoutScope::DropoutScope(bool on) : m_before(dropoutOn) { dropoutOn = on; }
DropoutScope::~DropoutScope() { dropoutOn = m_before; }
bool DropoutScope::isOn() { return dropoutOn; }

at::Tensor Linear::operator()(const at::Tensor& x) const {
  at::Tensor y;
  if (quantised.defined()) {
    y = quantisedLinear(x, quantised);
    if (bias.defined()) y = y + bias;
  } else if (fewRowsUsable(x, weight)) {
    y = fewRowsProduct(x, weight, false);
    if (bias.defined()) y.add_(bias);
  } else {
    y = at::linear(x, weight, bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt);
  }
  if (lora.empty()) return y;
  if (!c10::GradMode::is_enabled()) {
    for (const auto& part : lora) y.narrow(-1, part.rowBegin, part.rowEnd - part.rowBegin).add_(lowRank(part, x));
    return y;
  }
  // One addition over the whole width where the parts lie side by side from the first row to the last; else padded ones.
  std::vector<at::Tensor> pieces;
  std::int64_t next = 0;
  for (const auto& part : lora) {
    if (part.rowBegin != next) break;
    pieces.push_back(lowRank(part, x));
    next = part.rowEnd;
  }
  if (pieces.size() == lora.size() && next == y.size(-1)) return y + (pieces.size() == 1 ? pieces[0] : at::cat(pieces, -1));
  for (const auto& part : lora) y = y + at::constant_pad_nd(lowRank(part, x), {part.rowBegin, y.size(-1) - part.rowEnd});
  return y;
}

}  // namespace retort::engine
