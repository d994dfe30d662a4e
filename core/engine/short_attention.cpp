// Causal attention over many short documents: padded to the longest, one batched product for all heads.
#include "engine/short_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/autograd.h"
#include "engine/tensor_more.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#pragma GCC diagnostic pop

namespace retort::engine {
namespace {

/// Where each padded place takes its row from, and where each row lies among the padded places.
struct Places {
  at::Tensor rows, places;           ///< [n L] and [T], i64
  std::int64_t n = 0, longest = 0;
};

Places placesOf(const std::vector<std::int64_t>& lengths) {
  Places p;
  p.n = static_cast<std::int64_t>(lengths.size());
  p.longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<std::int64_t> rows, places;
  std::int64_t start = 0;
  for (std::int64_t d = 0; d < p.n; ++d) {
    const std::int64_t length = lengths[static_cast<std::size_t>(d)];
    for (std::int64_t i = 0; i < p.longest; ++i) rows.push_back(start + std::min(i, length - 1));   // padding: any row, nobody sees it
    for (std::int64_t i = 0; i < length; ++i) places.push_back(d * p.longest + i);
    start += length;
  }
  p.rows = at::tensor(rows, at::kLong);
  p.places = at::tensor(places, at::kLong);
  return p;
}

/// x [T, kv g, D] -> [n kv, g L, D] f32.
at::Tensor padded(const at::Tensor& x, const at::Tensor& rows, std::int64_t n, std::int64_t kv) {
  const std::int64_t g = x.size(1) / kv, d = x.size(2), length = rows.size(0) / n;
  return x.index_select(0, rows).view({n, length, kv, g, d}).permute({0, 2, 3, 1, 4}).to(at::kFloat, false, false, at::MemoryFormat::Contiguous).reshape({n * kv, g * length, d});
}

/// The way back, in the type of `like`: [n kv, g L, D] -> [T, kv g, D].
at::Tensor packed(const at::Tensor& x, const at::Tensor& places, std::int64_t n, std::int64_t kv, std::int64_t length, at::ScalarType type) {
  const std::int64_t g = x.size(1) / length, d = x.size(2);
  return x.to(type).view({n, kv, g, length, d}).permute({0, 3, 1, 2, 4}).reshape({n * length, kv * g, d}).index_select(0, places);
}

at::Tensor causalMask(std::int64_t g, std::int64_t length) {
  const at::Tensor mask = at::full({length, length}, -std::numeric_limits<float>::infinity(), at::kFloat).triu_(1);
  return mask.repeat({g, 1}).unsqueeze(0);
}

/// Attention's weights are kept for backward up to this length; beyond, they outgrow all else that is kept and are made again.
constexpr std::int64_t kKeptLength = 64;

at::Tensor weightsOf(const at::Tensor& qp, const at::Tensor& kp) {
  const std::int64_t length = kp.size(1), g = qp.size(1) / length;
  const double scale = 1 / std::sqrt(static_cast<double>(qp.size(2)));
  return at::softmax(at::baddbmm(causalMask(g, length).expand({qp.size(0), g * length, length}), qp, kp.transpose(1, 2), 1, scale), -1);
}

class ShortAttention : public torch::autograd::Function<ShortAttention> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& rows, const at::Tensor& places, std::int64_t n) {
    const std::int64_t kv = k.size(1), length = rows.size(0) / n;
    const at::Tensor qp = padded(q, rows, n, kv), kp = padded(k, rows, n, kv), vp = padded(v, rows, n, kv);
    const at::Tensor p = weightsOf(qp, kp);
    const at::Tensor out = packed(at::bmm(p, vp), places, n, kv, length, q.scalar_type());
    context->saved_data["n"] = n;
    context->save_for_backward({q, k, v, rows, places, length <= kKeptLength ? p : at::Tensor()});
    return out.view({q.size(0), q.size(1) * q.size(2)});
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list outputs) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &rows = saved[3], &places = saved[4];
    const std::int64_t n = context->saved_data["n"].toInt(), kv = saved[1].size(1), length = rows.size(0) / n, g = saved[0].size(1) / kv, d = saved[0].size(2);
    const at::Tensor qp = padded(saved[0], rows, n, kv), kp = padded(saved[1], rows, n, kv), vp = padded(saved[2], rows, n, kv);
    const at::Tensor p = saved[5].defined() ? saved[5] : weightsOf(qp, kp);
    const at::ScalarType type = outputs[0].scalar_type();
    const double scale = 1 / std::sqrt(static_cast<double>(d));
    // Padding places take a copy of a real row's gradient; it must not count.
    at::Tensor real = at::zeros({n * length, 1}, at::kFloat);
    real.index_fill_(0, places, 1);
    at::Tensor dOut = padded(outputs[0].view({outputs[0].size(0), kv * g, d}), rows, n, kv);
    dOut.view({n, kv, g, length, d}).mul_(real.view({n, 1, 1, length, 1}));
    const at::Tensor dV = at::bmm(p.transpose(1, 2), dOut);
    at::Tensor dS = at::bmm(dOut, vp.transpose(1, 2)).mul_(p);
    dS.sub_(p * dS.sum(-1, true)).mul_(scale);
    const at::Tensor dQ = at::bmm(dS, kp), dK = at::bmm(dS.transpose(1, 2), qp);
    return {packed(dQ, places, n, kv, length, type), packed(dK, places, n, kv, length, type), packed(dV, places, n, kv, length, type), {}, {}, {}};
  }
};

}  // namespace

at::Tensor shortDocumentsAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::vector<std::int64_t>& lengths) {
  const Places places = placesOf(lengths);
  return ShortAttention::apply(q, k, v, places.rows, places.places, places.n);
}

}  // namespace retort::engine
