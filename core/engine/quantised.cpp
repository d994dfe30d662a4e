// Weights in groups of 32: made, undone, multiplied.
#include "engine/quantised.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/autograd.h"
#include "engine/quantised_kernels.h"
#include "engine/row_kernels.h"
#include "engine/tensor_more.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/Parallel.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

/// Rows that are multiplied from the codes; more go through the dense matrix, whose product is then the cheaper one.
constexpr std::int64_t kCodeRows = 8;

template <typename T>
void put(T* out, float value);
template <>
void put(float* out, float value) { *out = value; }
template <>
void put(rows::Bf16* out, float value) { *out = rows::narrow(value); }

template <typename T>
void undo(const Quantised& w, T* out) {
  const std::int64_t groups = w.in / kQuantGroup;
  const float* scales = w.scales.const_data_ptr<float>();
  const float* minima = w.bits == 4 ? w.minima.const_data_ptr<float>() : nullptr;
  const auto* codes = static_cast<const std::uint8_t*>(w.codes.const_data_ptr());
  at::parallel_for(0, w.out, std::max<std::int64_t>(1, 32768 / w.in), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin * groups; g < end * groups; ++g) {
      T* to = out + g * kQuantGroup;
      const float d = scales[g];
      if (w.bits == 4) {
        const std::uint8_t* c = codes + g * 16;
        T table[16];
        for (int q = 0; q < 16; ++q) put(table + q, d * static_cast<float>(q) + minima[g]);
        for (int i = 0; i < 16; ++i) to[i] = table[c[i] & 15], to[i + 16] = table[c[i] >> 4];
      } else {
        const auto* c = reinterpret_cast<const std::int8_t*>(codes) + g * kQuantGroup;
        for (int i = 0; i < 32; ++i) put(to + i, d * static_cast<float>(c[i]));
      }
    }
  });
}

/// By torch's operators, for other devices and types.
at::Tensor undonePlain(const Quantised& w, at::ScalarType type) {
  const std::int64_t groups = w.in / kQuantGroup;
  const at::Tensor d = w.scales.unsqueeze(2);
  at::Tensor q;
  if (w.bits == 4) {
    const at::Tensor c = w.codes.view({w.out, groups, 16});
    q = at::cat({at::bitwise_and(c, 15), at::bitwise_right_shift(c, 4)}, 2).to(at::kFloat) * d + w.minima.unsqueeze(2);
  } else {
    q = w.codes.view({w.out, groups, kQuantGroup}).to(at::kFloat) * d;
  }
  return q.view({w.out, w.in}).to(type);
}

bool isNative(const Quantised& w, at::ScalarType type) { return w.codes.is_cpu() && (type == at::kFloat || type == at::kBFloat16); }

at::Tensor fromCodes(const at::Tensor& x, const Quantised& w, bool f32Out) {
  const std::int64_t groups = w.in / kQuantGroup, count = x.numel() / w.in;
  const at::Tensor wide = x.reshape({count, w.in}).to(at::kFloat).contiguous();
  const float* values = wide.const_data_ptr<float>();
  std::vector<float> sums(static_cast<std::size_t>(w.bits == 4 ? count * groups : 0));
  for (std::size_t g = 0; g < sums.size(); ++g) {
    float sum = 0;
    for (int i = 0; i < kQuantGroup; ++i) sum += values[g * kQuantGroup + static_cast<std::size_t>(i)];
    sums[g] = sum;
  }
  auto shape = x.sizes().vec();
  shape.back() = w.out;
  const bool isF32 = f32Out || x.scalar_type() == at::kFloat;
  at::Tensor y = at::empty(shape, x.options().dtype(isF32 ? at::kFloat : at::kBFloat16));
  const float* scales = w.scales.const_data_ptr<float>();
  const float* minima = w.bits == 4 ? w.minima.const_data_ptr<float>() : nullptr;
  const auto* codes = static_cast<const std::uint8_t*>(w.codes.const_data_ptr());
  const std::int64_t rowBytes = w.bits == 4 ? w.in / 2 : w.in;
  at::parallel_for(0, w.out, std::max<std::int64_t>(1, 65536 / w.in), [&](std::int64_t begin, std::int64_t end) {
    float products[quant::kMostRows];
    for (std::int64_t o = begin; o < end; ++o)
      for (std::int64_t r = 0; r < count; r += quant::kMostRows) {
        const int n = static_cast<int>(std::min<std::int64_t>(quant::kMostRows, count - r));
        if (w.bits == 4)
          quant::dotFourBit(codes + o * rowBytes, scales + o * groups, minima + o * groups, groups, values + r * w.in, w.in, sums.data() + r * groups, n, products);
        else
          quant::dotEightBit(reinterpret_cast<const std::int8_t*>(codes) + o * rowBytes, scales + o * groups, groups, values + r * w.in, w.in, n, products);
        for (int i = 0; i < n; ++i) {
          if (isF32) y.data_ptr<float>()[(r + i) * w.out + o] = products[i];
          else static_cast<rows::Bf16*>(y.data_ptr())[(r + i) * w.out + o] = rows::narrow(products[i]);
        }
      }
  });
  return y;
}

struct Holder : torch::CustomClassHolder {
  Quantised weight;
};

struct QuantisedLinear : torch::autograd::Function<QuantisedLinear> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const c10::intrusive_ptr<Holder>& holder) {
    context->saved_data["weight"] = c10::IValue::make_capsule(holder);
    return at::linear(x, dequantised(holder->weight, x.scalar_type(), true));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list grads) {
    const auto capsule = context->saved_data["weight"].toCapsule();
    const auto* holder = static_cast<const Holder*>(capsule.get());
    return {at::matmul(grads[0], dequantised(holder->weight, grads[0].scalar_type(), true)), torch::autograd::Variable()};
  }
};

}  // namespace

std::uint64_t Quantised::bytes() const { return defined() ? codes.nbytes() + scales.nbytes() + (minima.defined() ? minima.nbytes() : 0) : 0; }

bool quantisable(const at::Tensor& weight) { return weight.dim() == 2 && weight.size(1) % kQuantGroup == 0; }

Quantised quantise(const at::Tensor& weight, int bits) {
  TORCH_CHECK(quantisable(weight) && (bits == 4 || bits == 8), "a matrix with rows of a multiple of 32 is kept in 4 or 8 bits");
  const c10::AutoGradMode off(false);
  Quantised q;
  q.bits = bits;
  q.out = weight.size(0);
  q.in = weight.size(1);
  const std::int64_t groups = q.in / kQuantGroup;
  const at::Tensor host = weight.detach().to(at::kCPU, at::kFloat).contiguous();
  const float* w = host.const_data_ptr<float>();
  at::Tensor codes = at::empty({q.out, bits == 4 ? q.in / 2 : q.in}, at::TensorOptions().dtype(bits == 4 ? at::kByte : at::kChar));
  at::Tensor scales = at::empty({q.out, groups}, at::kFloat), minima = bits == 4 ? at::empty({q.out, groups}, at::kFloat) : at::Tensor();
  auto* c = static_cast<std::uint8_t*>(codes.data_ptr());
  at::parallel_for(0, q.out * groups, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      const float* x = w + g * kQuantGroup;
      const auto [low, high] = std::minmax_element(x, x + kQuantGroup);
      const float d = bits == 4 ? (*high - *low) / 15.0F : std::max(std::abs(*low), std::abs(*high)) / 127.0F;
      const float m = bits == 4 ? *low : 0.0F, inverse = d > 0 ? 1 / d : 0;
      scales.data_ptr<float>()[g] = d;
      const auto code = [&](int i) { return static_cast<int>(std::lround(std::clamp((x[i] - m) * inverse, bits == 4 ? 0.0F : -127.0F, bits == 4 ? 15.0F : 127.0F))); };
      if (bits == 4) {
        minima.data_ptr<float>()[g] = m;
        for (int i = 0; i < 16; ++i) c[g * 16 + i] = static_cast<std::uint8_t>(code(i) | (code(i + 16) << 4));
      } else {
        for (int i = 0; i < kQuantGroup; ++i) c[g * kQuantGroup + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(code(i)));
      }
    }
  });
  const at::Device device = weight.device();
  q.codes = codes.to(device);
  q.scales = scales.to(device);
  if (bits == 4) q.minima = minima.to(device);
  return q;
}

at::Tensor dequantised(const Quantised& w, at::ScalarType type, bool scratch) {
  const c10::AutoGradMode off(false);
  if (!isNative(w, type)) return undonePlain(w, type);
  at::Tensor out;
  if (scratch) {
    thread_local at::Tensor buffer;
    const std::int64_t needed = w.out * w.in;
    if (!buffer.defined() || buffer.scalar_type() != type || buffer.numel() < needed) buffer = at::empty({needed}, at::TensorOptions().dtype(type));
    out = buffer.narrow(0, 0, needed).view({w.out, w.in});
  } else {
    out = at::empty({w.out, w.in}, at::TensorOptions().dtype(type));
  }
  if (type == at::kFloat) undo(w, out.data_ptr<float>());
  else undo(w, static_cast<rows::Bf16*>(out.data_ptr()));
  return out;
}

at::Tensor quantisedProduct(const at::Tensor& x, const Quantised& w, bool f32Out) {
  if (w.codes.is_cpu() && x.numel() <= kCodeRows * w.in && (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kFloat)) return fromCodes(x, w, f32Out);
  const at::Tensor y = at::linear(x, dequantised(w, x.scalar_type(), true));
  return f32Out ? y.to(at::kFloat) : y;
}

at::Tensor quantisedLinear(const at::Tensor& x, const Quantised& w) {
  if (!c10::GradMode::is_enabled() || !x.requires_grad()) return quantisedProduct(x, w);
  auto holder = c10::make_intrusive<Holder>();
  holder->weight = w;
  return QuantisedLinear::apply(x, holder);
}

}  // namespace retort::engine
