// Activation checkpointing of one segment: forward keeps its input only, backward runs it again.
#pragma once
#include <functional>

#include "engine/tensor.h"

namespace retort::engine {

/// body(x) without keeping what backward needs; backward calls it again. Parameters inside receive their .grad directly. `x`
/// must require grad, or nothing inside trains; random states are put back for the second run when `random`. What `body`
/// captures must outlive backward: capture by value.
at::Tensor checkpointed(const at::Tensor& x, std::function<at::Tensor(const at::Tensor&)> body, bool random);

}  // namespace retort::engine
