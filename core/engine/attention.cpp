// Attention rules and the calls that compute them.
#include "engine/attention.h"

// GCC 12 takes an empty optional for an unset number once it is inlined.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/where.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/kernels.h"
#include "engine/short_attention.h"

namespace retort::engine {
namespace {

at::TensorOptions on(const at::Device& device, at::ScalarType type) { return at::TensorOptions().device(device).dtype(type); }

/// [tq, past + tq] bool: query i (position past + i) sees keys past + i - window < j <= past + i.
at::Tensor band(std::int64_t tq, std::int64_t past, std::int64_t window, const at::Device& device) {
  at::Tensor seen = at::ones({tq, past + tq}, on(device, at::kBool)).tril(past);
  if (window > 0) seen = seen.logical_and(at::ones({tq, past + tq}, on(device, at::kBool)).triu(past - window + 1));
  return seen;
}

at::Tensor call(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask, bool causal) {
  TORCH_CHECK(!(mask.defined() && causal), "attention takes a mask or causal, not both");
  return at::scaled_dot_product_attention(q, k, v, mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt, 0.0, causal,
                                          std::nullopt, q.size(1) != k.size(1));
}

/// FlashAttention over packed documents; CUDA sm_80 and later, half types.
bool varlenUsable(const at::Tensor& q) {
  return q.is_cuda() && (q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf) && q.size(3) <= 256 && q.size(3) % 8 == 0;
}

at::Tensor attendPacked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule) {
  const std::int64_t t = q.size(1);
  if (varlenUsable(q)) {
    const std::optional<std::int64_t> left = rule.window > 0 ? std::optional<std::int64_t>(rule.window - 1) : std::nullopt;
    const auto out = at::_flash_attention_forward(q.select(0, 0), k.select(0, 0), v.select(0, 0), rule.cumulative, rule.cumulative,
                                                  rule.longest, rule.longest, 0.0, true, false, std::nullopt, left,
                                                  left ? std::optional<std::int64_t>(0) : std::nullopt);
    return std::get<0>(out).reshape({1, t, q.size(2) * q.size(3)});
  }
  // Neighbours are computed together: of one length, or of nearly one where they are short. Parts are made by one split, whose
  // backward is one concatenation; a narrow's would be a whole tensor of zeros for each document.
  const bool batchesShort = q.is_cpu() && rule.window == 0 && q.scalar_type() != at::kDouble;
  std::vector<std::int64_t> sizes;
  std::vector<std::vector<std::int64_t>> groups;
  for (const std::int64_t length : rule.documents) {
    const bool fits = !groups.empty() && (groups.back().front() == length || (batchesShort && groups.back().front() <= kShortDocument && length <= groups.back().front() &&
                                                                              2 * length > groups.back().front()));
    if (!fits) groups.emplace_back(), sizes.push_back(0);
    groups.back().push_back(length);
    sizes.back() += length;
  }
  TORCH_CHECK(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == t, "the packed documents' lengths do not sum to ", t);
  const auto qs = q.select(0, 0).split_with_sizes(sizes), ks = k.select(0, 0).split_with_sizes(sizes), vs = v.select(0, 0).split_with_sizes(sizes);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t length = groups[i].front();
    if (batchesShort && length <= kShortDocument) {
      parts.push_back(shortDocumentsAttention(qs[i], ks[i], vs[i], groups[i]));
      continue;
    }
    const auto part = [&](const at::Tensor& x) { return x.unflatten(0, {sizes[i] / length, length}).transpose(1, 2); };
    const bool windowed = rule.window > 0 && rule.window < length;
    const at::Tensor mask = windowed ? band(length, 0, rule.window, q.device()) : at::Tensor();
    parts.push_back(call(part(qs[i]), part(ks[i]), part(vs[i]), mask, !windowed).transpose(1, 2).reshape({sizes[i], q.size(2) * q.size(3)}));
  }
  return (parts.size() == 1 ? parts[0] : at::cat(parts, 0)).unsqueeze(0);
}

}  // namespace

AttentionRule causalRule(std::int64_t t, std::int64_t window, const at::Device& device) {
  AttentionRule rule;
  if (window > 0 && window < t) {
    rule.causal = false;
    rule.mask = band(t, 0, window, device);
  }
  return rule;
}

AttentionRule packedRule(const std::vector<std::int64_t>& documents, std::int64_t window, const at::Device& device) {
  AttentionRule rule;
  rule.documents = documents;
  rule.window = window;
  std::vector<std::int32_t> starts{0};
  for (const std::int64_t length : documents) {
    starts.push_back(starts.back() + static_cast<std::int32_t>(length));
    rule.longest = std::max(rule.longest, length);
  }
  if (device.is_cuda()) rule.cumulative = at::tensor(starts, at::kInt).to(device);
  return rule;
}

AttentionRule chunkRule(std::int64_t tq, std::int64_t past, std::int64_t window, const at::Device& device) {
  if (past == 0) return causalRule(tq, window, device);
  AttentionRule rule;
  rule.causal = false;
  if (tq > 1 || (window > 0 && window < past + tq)) rule.mask = band(tq, past, window, device);
  return rule;
}

AttentionRule decodeRule(const std::vector<std::int64_t>& lengths, std::int64_t window, at::ScalarType dtype, const at::Device& device) {
  AttentionRule rule;
  rule.causal = false;
  for (const std::int64_t length : lengths) {
    rule.until.push_back(length + 1);
    rule.from.push_back(window > 0 ? std::max<std::int64_t>(0, length + 1 - window) : 0);
  }
  if (device.is_cpu() && (dtype == at::kFloat || dtype == at::kBFloat16)) return rule;       // the kernel needs no mask
  const auto [shortest, longest] = std::minmax_element(lengths.begin(), lengths.end());
  const std::int64_t seen = *longest + 1;
  if (*shortest == *longest && (window <= 0 || window >= seen)) return rule;
  const at::Tensor last = at::tensor(lengths, at::kLong).view({-1, 1});
  const at::Tensor positions = at::arange(seen, at::kLong).view({1, -1});
  at::Tensor hidden = positions > last;
  if (window > 0) hidden = hidden.logical_or(positions <= last - window);
  // Additive once a step: a bool mask would be turned into numbers again by every layer.
  const at::Tensor mask = at::zeros(hidden.sizes(), at::kFloat).masked_fill_(hidden, -std::numeric_limits<float>::infinity());
  rule.mask = mask.to(dtype).to(device).view({static_cast<std::int64_t>(lengths.size()), 1, 1, seen});
  return rule;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule) {
  if (!rule.documents.empty()) return attendPacked(q, k, v, rule);
  return attendHeadsFirst(q, k.transpose(1, 2), v.transpose(1, 2), rule);
}

at::Tensor attendHeadsFirst(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionRule& rule) {
  if (!rule.until.empty() && onePositionUsable(q, k, v)) return onePosition(q, k, v, rule.from, rule.until);
  const auto seesAll = [&](std::int64_t until) { return until == k.size(2); };
  TORCH_CHECK(rule.mask.defined() || std::all_of(rule.until.begin(), rule.until.end(), seesAll), "rows of different lengths need a mask here");
  const at::Tensor out = call(q.transpose(1, 2), k, v, rule.mask, rule.causal);
  return out.transpose(1, 2).reshape({q.size(0), q.size(1), q.size(2) * q.size(3)});
}

}  // namespace retort::engine
