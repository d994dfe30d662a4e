// AdamW by torch's fused operator, some weights at a time so that f32 copies of gradients stay few.
#include "engine/optimiser.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>

#include "engine/tensor_more.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/_fused_adamw.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

std::unordered_map<std::string, at::Tensor> byName(const std::vector<NamedHostTensor>& tensors) {
  std::unordered_map<std::string, at::Tensor> map;
  for (const auto& t : tensors) map.emplace(t.name, t.tensor);
  return map;
}

Status copyInto(const std::unordered_map<std::string, at::Tensor>& from, const std::string& name, at::Tensor& to) {
  const auto it = from.find(name);
  if (it == from.end() || it->second.sizes() != to.sizes())
    return Error{"engine.checkpoint.tensors", "The checkpoint does not fit this run", name,
                 it == from.end() ? "this tensor is missing" : "its shape differs", "start the run anew", {}, {}};
  to.copy_(it->second);
  return {};
}

}  // namespace

Trainable makeTrainable(std::string name, at::Tensor& tensor) {
  const c10::AutoGradMode off(false);
  tensor = tensor.detach();
  Trainable t;
  t.name = std::move(name);
  t.master = tensor.scalar_type() == at::kFloat ? tensor.detach() : tensor.to(at::kFloat);
  t.m = at::zeros_like(t.master);
  t.v = at::zeros_like(t.master);
  t.decays = tensor.dim() >= 2;
  tensor.requires_grad_(true);
  t.compute = tensor;
  return t;
}

AdamW::AdamW(std::vector<Trainable> parameters, AdamWOptions options) : m_parameters(std::move(parameters)), m_options(options) {
  const at::Device device = m_parameters.empty() ? at::Device(at::kCPU) : m_parameters[0].master.device();
  m_steps = at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(device));
}

std::int64_t AdamW::steps() const { return std::llround(m_steps.item<double>()); }

void AdamW::collect() {
  const c10::AutoGradMode off(false);
  for (auto& p : m_parameters) {
    at::Tensor& g = p.compute.mutable_grad();
    if (!g.defined()) continue;
    if (!p.gradient.defined()) {
      p.gradient = g.detach();
    } else {
      if (p.gradient.scalar_type() != at::kFloat) p.gradient = p.gradient.to(at::kFloat);
      p.gradient.add_(g);
    }
    g = at::Tensor();
  }
}

void AdamW::discard() {
  for (auto& p : m_parameters) {
    p.gradient = at::Tensor();
    p.compute.mutable_grad() = at::Tensor();
  }
}

std::vector<std::string> AdamW::withoutGradient() const {
  std::vector<std::string> names;
  for (const auto& p : m_parameters)
    if (!p.gradient.defined()) names.push_back(p.name);
  return names;
}

AdamW::StepResult AdamW::step(double rate, double denominator) {
  const c10::AutoGradMode off(false);
  StepResult result;
  std::vector<at::Tensor> norms;
  for (const auto& p : m_parameters)
    if (p.gradient.defined()) norms.push_back(at::linalg_vector_norm(p.gradient, 2, std::nullopt, false, at::kFloat));
  if (norms.empty() || denominator <= 0) return discard(), result;
  result.gradientNorm = at::linalg_vector_norm(at::stack(norms).to(at::kDouble), 2).item<double>() / denominator;
  if (!std::isfinite(result.gradientNorm)) return discard(), result;
  const double clip = m_options.clip > 0 && result.gradientNorm > m_options.clip ? m_options.clip / (result.gradientNorm + 1e-6) : 1;
  m_steps.add_(1);                                     // the fused operator expects it done before
  constexpr std::int64_t kGroup = 16 << 20;            // elements whose f32 gradients live at a time
  for (const bool decays : {true, false}) {
    for (std::size_t i = 0; i < m_parameters.size();) {
      std::vector<at::Tensor> master, gradient, m, v, steps, compute;
      for (std::int64_t n = 0; i < m_parameters.size() && n < kGroup; ++i) {
        Trainable& p = m_parameters[i];
        if (p.decays != decays || !p.gradient.defined()) continue;
        at::Tensor g = p.gradient.scalar_type() == at::kFloat ? p.gradient : p.gradient.to(at::kFloat);
        gradient.push_back(g.mul_(clip / denominator));
        p.gradient = at::Tensor();
        master.push_back(p.master), m.push_back(p.m), v.push_back(p.v), steps.push_back(m_steps), compute.push_back(p.compute);
        n += p.master.numel();
      }
      if (master.empty()) continue;
      at::_fused_adamw_(master, gradient, m, v, {}, steps, rate, m_options.beta1, m_options.beta2, decays ? m_options.weightDecay : 0.0,
                        m_options.epsilon, false, false);
      for (std::size_t k = 0; k < master.size(); ++k)
        if (compute[k].scalar_type() != at::kFloat) compute[k].copy_(master[k]);
    }
  }
  result.applied = true;
  return result;
}

std::vector<NamedHostTensor> AdamW::state() const {
  std::vector<NamedHostTensor> tensors;
  for (const auto& p : m_parameters) {
    tensors.push_back({"m." + p.name, p.m.cpu().contiguous()});
    tensors.push_back({"v." + p.name, p.v.cpu().contiguous()});
  }
  tensors.push_back({"steps", m_steps.cpu()});
  return tensors;
}

std::vector<NamedHostTensor> AdamW::masters() const {
  std::vector<NamedHostTensor> tensors;
  for (const auto& p : m_parameters) tensors.push_back({p.name, p.master.detach().cpu().contiguous()});
  return tensors;
}

Status AdamW::restoreMasters(const std::vector<NamedHostTensor>& masters) {
  const c10::AutoGradMode off(false);
  const auto named = byName(masters);
  for (auto& p : m_parameters) {
    RETORT_CHECK(copyInto(named, p.name, p.master));
    if (p.compute.scalar_type() != at::kFloat) p.compute.copy_(p.master);
  }
  return {};
}

Status AdamW::restore(const std::vector<NamedHostTensor>& masters, const std::vector<NamedHostTensor>& state) {
  const c10::AutoGradMode off(false);
  RETORT_CHECK(restoreMasters(masters));
  const auto named = byName(state);
  for (auto& p : m_parameters) {
    RETORT_CHECK(copyInto(named, "m." + p.name, p.m));
    RETORT_CHECK(copyInto(named, "v." + p.name, p.v));
  }
  return copyInto(named, "steps", m_steps);
}

void AdamW::reset() {
  discard();
  for (auto& p : m_parameters) {
    p.m.zero_();
    p.v.zero_();
  }
  m_steps.zero_();
}

double scheduleShare(std::int64_t step, std::int64_t steps, double warmup, double floor, bool cosine) {
  const std::int64_t warm = std::llround(warmup * static_cast<double>(steps));
  if (step < warm) return static_cast<double>(step + 1) / static_cast<double>(warm);
  const double done = static_cast<double>(step - warm) / static_cast<double>(std::max<std::int64_t>(1, steps - warm));
  const double way = std::min(1.0, done);
  return 1 - (1 - floor) * (cosine ? (1 - std::cos(std::numbers::pi * way)) / 2 : way);
}

}  // namespace retort::engine
