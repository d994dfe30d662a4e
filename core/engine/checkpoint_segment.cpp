// Activation checkpointing as one autograd function.
#include "engine/checkpoint_segment.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/core/Generator.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#pragma GCC diagnostic pop

#include <mutex>

#include "engine/dropout.h"

namespace retort::engine {
namespace {

using Body = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor randomState(const at::Device& device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void setRandomState(const at::Device& device, const at::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

struct Holder : torch::CustomClassHolder {
  Body body;
  at::Tensor randomBefore;           // undefined when nothing inside is random
  bool dropout = false;
};

struct Segment : torch::autograd::Function<Segment> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const c10::intrusive_ptr<Holder>& holder) {
    context->save_for_backward({x});
    context->saved_data["body"] = c10::IValue::make_capsule(holder);
    const at::AutoGradMode off(false);
    return holder->body(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grads) {
    const auto capsule = context->saved_data["body"].toCapsule();
    const auto* holder = static_cast<const Holder*>(capsule.get());
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    const DropoutScope dropout(holder->dropout);
    at::Tensor after;
    if (holder->randomBefore.defined()) {
      after = randomState(x.device());
      setRandomState(x.device(), holder->randomBefore);
    }
    at::Tensor y;
    {
      const at::AutoGradMode on(true);
      y = holder->body(x);
    }
    if (after.defined()) setRandomState(x.device(), after);
    torch::autograd::backward({y}, {grads[0]});
    return {x.grad(), torch::autograd::Variable()};
  }
};

}  // namespace

at::Tensor checkpointed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> body, bool random) {
  if (!c10::GradMode::is_enabled() || !x.requires_grad()) return body(x);
  auto holder = c10::make_intrusive<Holder>();
  holder->body = std::move(body);
  holder->dropout = DropoutScope::isOn();
  if (random) holder->randomBefore = randomState(x.device());
  return Segment::apply(x, holder);
}

}  // namespace retort::engine
