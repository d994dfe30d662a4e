// Fused operators of the decoder: autograd functions around the row kernels.
#include "engine/kernels.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <vector>

#include "engine/row_kernels.h"

namespace retort::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Rows a thread takes at least, so that short inputs stay on one thread.
std::int64_t grain(std::int64_t numbersPerRow) { return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, numbersPerRow)); }

bool hasKernel(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

/// The tensor's memory as the row kernels see it.
template <typename T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

/// Calls `body` with a null pointer of the element type, float or bf16 bits.
template <typename Body>
void byType(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) body(static_cast<float*>(nullptr));
  else body(static_cast<rows::Bf16*>(nullptr));
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double epsilon) {
    const at::Tensor in = x.contiguous();
    const at::Tensor w = weight.contiguous();
    const std::int64_t n = in.size(-1);
    const std::int64_t count = n == 0 ? 0 : in.numel() / n;
    at::Tensor out = at::empty_like(in);
    at::Tensor inverse = at::empty({count}, in.options().dtype(at::kFloat));
    byType(in, [&]<typename T>(T*) {
      at::parallel_for(0, count, grain(n), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
          data<float>(inverse)[r] = rows::rmsForward(data<const T>(in) + r * n, data<const T>(w), data<T>(out) + r * n, n, static_cast<float>(epsilon));
      });
    });
    context->save_for_backward({in, w, inverse});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &w = saved[1], &inverse = saved[2];
    const at::Tensor dy = grads[0].contiguous();
    const std::int64_t n = x.size(-1);
    const std::int64_t count = inverse.numel();
    const std::int64_t parts = std::max<std::int64_t>(1, std::min<std::int64_t>(at::get_num_threads(), count / grain(n)));
    at::Tensor dx = at::empty_like(x);
    at::Tensor dw = at::zeros({parts, n}, x.options().dtype(at::kFloat));
    byType(x, [&]<typename T>(T*) {
      at::parallel_for(0, parts, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; ++part)
          for (std::int64_t r = count * part / parts; r < count * (part + 1) / parts; ++r)
            rows::rmsBackward(data<const T>(x) + r * n, data<const T>(w), data<const T>(dy) + r * n, data<T>(dx) + r * n,
                              data<float>(dw) + part * n, n, data<const float>(inverse)[r]);
      });
    });
    const at::Tensor weightGrad = context->needs_input_grad(1) ? dw.sum(0).to(w.scalar_type()) : at::Tensor();
    return {dx, weightGrad, Variable()};
  }
};

struct SwiGlu : torch::autograd::Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gateUp) {
    const at::Tensor in = gateUp.contiguous();
    const std::int64_t n = in.size(-1) / 2;
    const std::int64_t count = in.numel() / (2 * n);
    auto shape = in.sizes().vec();
    shape.back() = n;
    at::Tensor out = at::empty(shape, in.options());
    byType(in, [&]<typename T>(T*) {
      at::parallel_for(0, count, grain(n), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          const T* row = data<const T>(in) + r * 2 * n;
          rows::swiGluForward(row, row + n, data<T>(out) + r * n, n);
        }
      });
    });
    context->save_for_backward({in});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const at::Tensor in = context->get_saved_variables()[0];
    const at::Tensor dy = grads[0].contiguous();
    const std::int64_t n = in.size(-1) / 2;
    const std::int64_t count = in.numel() / (2 * n);
    at::Tensor dx = at::empty_like(in);
    byType(in, [&]<typename T>(T*) {
      at::parallel_for(0, count, grain(n), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          const T* row = data<const T>(in) + r * 2 * n;
          T* grad = data<T>(dx) + r * 2 * n;
          rows::swiGluBackward(row, row + n, data<const T>(dy) + r * n, grad, grad + n, n);
        }
      });
    });
    return {dx};
  }
};

/// Turns `heads` heads of every token: x rows of `xStride` numbers, y rows of `yStride`.
template <typename T>
void rotateTokens(const T* x, std::int64_t xStride, T* y, std::int64_t yStride, const Rotation& rotation, std::int64_t tokens,
                  std::int64_t heads, std::int64_t headDim, float direction) {
  const std::int64_t half = headDim / 2;
  const std::int64_t angles = rotation.cos.size(0);
  const float* cos = data<const float>(rotation.cos);
  const float* sin = data<const float>(rotation.sin);
  at::parallel_for(0, tokens, grain(heads * headDim), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      rows::rotateHeads(x + t * xStride, y + t * yStride, cos + (t % angles) * half, sin + (t % angles) * half, heads, half, direction);
  });
}

struct Rotate : torch::autograd::Function<Rotate> {
  static at::Tensor run(const at::Tensor& x, const Rotation& rotation, float direction) {
    const at::Tensor in = x.contiguous();
    at::Tensor out = at::empty_like(in);
    const std::int64_t width = in.size(2) * in.size(3);
    byType(in, [&]<typename T>(T*) {
      rotateTokens(data<const T>(in), width, data<T>(out), width, rotation, in.size(0) * in.size(1), in.size(2), in.size(3), direction);
    });
    return out;
  }
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return run(x, {cos, sin}, 1);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    return {run(grads[0], {saved[0], saved[1]}, -1), Variable(), Variable()};
  }
};

struct SplitRotate : torch::autograd::Function<SplitRotate> {
  static variable_list forward(AutogradContext* context, const at::Tensor& qkv, const at::Tensor& cos, const at::Tensor& sin,
                               std::int64_t heads, std::int64_t kvHeads, std::int64_t headDim) {
    context->save_for_backward({cos, sin});
    context->saved_data["heads"] = heads;
    context->saved_data["kv"] = kvHeads;
    context->saved_data["dim"] = headDim;
    const at::Tensor in = qkv.contiguous();
    const std::int64_t b = in.size(0), t = in.size(1), width = in.size(2);
    at::Tensor q = at::empty({b, t, heads, headDim}, in.options());
    at::Tensor k = at::empty({b, t, kvHeads, headDim}, in.options());
    at::Tensor v = at::empty({b, t, kvHeads, headDim}, in.options());
    const Rotation rotation{cos, sin};
    byType(in, [&]<typename T>(T*) {
      const T* base = data<const T>(in);
      rotateTokens(base, width, data<T>(q), heads * headDim, rotation, b * t, heads, headDim, 1);
      rotateTokens(base + heads * headDim, width, data<T>(k), kvHeads * headDim, rotation, b * t, kvHeads, headDim, 1);
    });
    v.view({b, t, kvHeads * headDim}).copy_(in.narrow(2, (heads + kvHeads) * headDim, kvHeads * headDim));
    return {q, k, v};
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const std::int64_t heads = context->saved_data["heads"].toInt(), kvHeads = context->saved_data["kv"].toInt(),
                       headDim = context->saved_data["dim"].toInt();
    const Rotation rotation{saved[0], saved[1]};
    at::Tensor any;
    for (const auto& grad : grads)
      if (grad.defined()) any = grad;
    const std::int64_t b = any.size(0), t = any.size(1), width = (heads + 2 * kvHeads) * headDim;
    at::Tensor out = at::empty({b, t, width}, any.options());
    const auto turnBack = [&](const at::Tensor& grad, std::int64_t offset, std::int64_t count) {
      if (!grad.defined()) {
        out.narrow(2, offset, count * headDim).zero_();
        return;
      }
      const at::Tensor g = grad.contiguous();
      byType(out, [&]<typename T>(T*) {
        rotateTokens(data<const T>(g), count * headDim, data<T>(out) + offset, width, rotation, b * t, count, headDim, -1);
      });
    };
    turnBack(grads[0], 0, heads);
    turnBack(grads[1], heads * headDim, kvHeads);
    at::Tensor vPart = out.narrow(2, (heads + kvHeads) * headDim, kvHeads * headDim);
    if (grads[2].defined()) vPart.copy_(grads[2].reshape({b, t, kvHeads * headDim}));
    else vPart.zero_();
    return {out, Variable(), Variable(), Variable(), Variable(), Variable()};
  }
};

/// The rotation by torch's operators, for devices and types without a kernel. Angles [R, D/2] broadcast over the batch.
at::Tensor rotatePlain(const at::Tensor& x, const Rotation& rotation) {
  const std::int64_t b = x.size(0), t = x.size(1), half = x.size(3) / 2;
  const auto type = x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const bool perBatch = rotation.cos.size(0) == b * t && b > 1;
  const std::vector<std::int64_t> shape{perBatch ? b : 1, t, 1, half};
  const at::Tensor cos = rotation.cos.to(type).view(shape), sin = rotation.sin.to(type).view(shape);
  const at::Tensor wide = x.to(type);
  const at::Tensor first = wide.narrow(3, 0, half), second = wide.narrow(3, half, half);
  return at::cat({first * cos - second * sin, second * cos + first * sin}, -1).to(x.scalar_type());
}

}  // namespace

at::Tensor rmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (hasKernel(x) && weight.scalar_type() == x.scalar_type()) return RmsNorm::apply(x, weight, epsilon);
  return at::rms_norm(x, {x.size(-1)}, weight, epsilon);
}

at::Tensor swiGlu(const at::Tensor& gateUp) {
  if (hasKernel(gateUp)) return SwiGlu::apply(gateUp);
  const std::int64_t n = gateUp.size(-1) / 2;
  return at::silu(gateUp.narrow(-1, 0, n)) * gateUp.narrow(-1, n, n);
}

at::Tensor rotate(const at::Tensor& x, const Rotation& rotation) {
  if (rotation.none()) return x;
  return hasKernel(x) ? Rotate::apply(x, rotation.cos, rotation.sin) : rotatePlain(x, rotation);
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> splitAndRotate(const at::Tensor& qkv, const Rotation& rotation, std::int64_t heads,
                                                             std::int64_t kvHeads, std::int64_t headDim) {
  const std::int64_t b = qkv.size(0), t = qkv.size(1);
  if (hasKernel(qkv) && !rotation.none()) {
    auto parts = SplitRotate::apply(qkv, rotation.cos, rotation.sin, heads, kvHeads, headDim);
    return {parts[0], parts[1], parts[2]};
  }
  const at::Tensor all = qkv.view({b, t, heads + 2 * kvHeads, headDim});
  const at::Tensor turned = rotate(all.narrow(2, 0, heads + kvHeads), rotation);
  return {turned.narrow(2, 0, heads), turned.narrow(2, heads, kvHeads), all.narrow(2, heads + kvHeads, kvHeads)};
}

bool fewRowsUsable(const at::Tensor& x, const at::Tensor& weight, std::int64_t mostRows) {
  return weight.device().is_cpu() && weight.scalar_type() == at::kBFloat16 && x.scalar_type() == at::kBFloat16 &&
         weight.is_contiguous() && x.numel() <= mostRows * weight.size(1) && !c10::GradMode::is_enabled();
}

at::Tensor fewRowsProduct(const at::Tensor& x, const at::Tensor& weight, bool f32Out) {
  const std::int64_t in = weight.size(1), out = weight.size(0), count = x.numel() / in;
  const at::Tensor flat = x.contiguous();
  std::vector<float> wide(static_cast<std::size_t>(count * in));
  rows::widen(data<const rows::Bf16>(flat), wide.data(), count * in);
  auto shape = x.sizes().vec();
  shape.back() = out;
  at::Tensor y = at::empty(shape, x.options().dtype(f32Out ? at::kFloat : at::kBFloat16));
  const auto* w = data<const rows::Bf16>(weight);
  const auto put = [&](std::int64_t row, std::int64_t column, float value) {
    if (f32Out) data<float>(y)[row * out + column] = value;
    else data<rows::Bf16>(y)[row * out + column] = rows::narrow(value);
  };
  const std::int64_t fours = out / 4;
  at::parallel_for(0, fours, std::max<std::int64_t>(1, 16384 / in), [&](std::int64_t begin, std::int64_t end) {
    float products[16];
    for (std::int64_t f = begin; f < end; ++f) {
      std::int64_t r = 0;
      for (; r + 4 <= count; r += 4) {
        rows::dotFourByFour(w + f * 4 * in, in, wide.data() + r * in, in, in, products);
        for (int j = 0; j < 16; ++j) put(r + j / 4, f * 4 + j % 4, products[j]);
      }
      for (; r < count; ++r) {
        rows::dotFour(w + f * 4 * in, in, wide.data() + r * in, in, products);
        for (int j = 0; j < 4; ++j) put(r, f * 4 + j, products[j]);
      }
    }
  });
  for (std::int64_t column = fours * 4; column < out; ++column)
    for (std::int64_t r = 0; r < count; ++r) put(r, column, rows::dotOne(w + column * in, wide.data() + r * in, in));
  return y;
}

bool onePositionUsable(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return hasKernel(q) && q.size(1) == 1 && k.scalar_type() == q.scalar_type() && k.stride(3) == 1 && v.stride(3) == 1 && !c10::GradMode::is_enabled();
}

at::Tensor onePosition(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::vector<std::int64_t>& from,
                       const std::vector<std::int64_t>& until) {
  const std::int64_t batch = q.size(0), heads = q.size(2), d = q.size(3), kvHeads = k.size(1), group = heads / kvHeads;
  const at::Tensor in = q.contiguous();
  at::Tensor out = at::empty({batch, 1, heads * d}, q.options());
  const std::int64_t longest = *std::max_element(until.begin(), until.end());
  byType(in, [&]<typename T>(T*) {
    at::parallel_for(0, batch * kvHeads, grain(longest * d * group), [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> weights(static_cast<std::size_t>(group * longest)), wide(static_cast<std::size_t>((2 * group + 1) * d));
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t b = i / kvHeads, h = i % kvHeads;
        const std::int64_t first = from[static_cast<std::size_t>(b)], count = until[static_cast<std::size_t>(b)] - first;
        rows::attendOne(data<const T>(in) + (b * heads + h * group) * d, data<const T>(k) + b * k.stride(0) + h * k.stride(1) + first * k.stride(2), k.stride(2),
                        data<const T>(v) + b * v.stride(0) + h * v.stride(1) + first * v.stride(2), v.stride(2), count, d, group, weights.data(), wide.data(),
                        data<T>(out) + (b * heads + h * group) * d);
      }
    });
  });
  return out;
}

}  // namespace retort::engine
