// The running batch.
#include "engine/live_batch.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/cat.h>
#pragma GCC diagnostic pop

#include <algorithm>

#include "base/clock.h"
#include "engine/device.h"

namespace retort::engine {
namespace {

using text::TokenId;

constexpr std::size_t kBeginnings = 4;         ///< prompts kept for their beginnings
constexpr std::size_t kShortestShared = 8;     ///< tokens worth copying
constexpr std::int64_t kPassTokens = 2048;     ///< of one pass over a prompt
constexpr std::int64_t kRoom = 64;             ///< positions a cache grows by

std::size_t common(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  const std::size_t limit = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(limit), b.begin()).first - a.begin());
}

at::Tensor idsTensor(const Decoder& decoder, const TokenId* ids, std::int64_t rows, std::int64_t columns) {
  std::vector<std::int64_t> wide(ids, ids + rows * columns);
  return at::tensor(wide, at::kLong).view({rows, columns}).to(decoder.device());
}

/// Adds the one slot of `other` behind those of `cache`.
void append(KvCache& cache, KvCache other) {
  if (cache.slots() == 0) {
    cache = std::move(other);
    return;
  }
  const std::int64_t capacity = std::max(cache.capacity(), other.capacity());
  cache.grow(capacity);
  other.grow(capacity);
  for (std::size_t layer = 0; layer < cache.keys.size(); ++layer) {
    cache.keys[layer] = at::cat({cache.keys[layer], other.keys[layer].narrow(2, 0, cache.capacity())}, 0);
    cache.values[layer] = at::cat({cache.values[layer], other.values[layer].narrow(2, 0, cache.capacity())}, 0);
  }
  cache.lengths.push_back(other.lengths.front());
}

}  // namespace

LiveBatch::LiveBatch(const Decoder& decoder, const text::Tokenizer* tokenizer, std::size_t slots) : m_decoder(decoder), m_tokenizer(tokenizer), m_slots(std::max<std::size_t>(1, slots)) {}

void LiveBatch::admit(std::shared_ptr<LiveRequest> request) {
  Row row{request, GrowingAnswer(request->prompt, request->options, m_tokenizer, request->delta), monotonicSeconds(), 0};
  auto entered = checkPrompt(request->prompt, m_decoder.config);
  if (entered.ok()) entered = guarded("Reading a prompt", [&] { return enter(row); });
  if (!entered.ok()) request->done(entered.error());
}

/// Computes the prompt from the longest beginning at hand, takes its first token, and puts the row into the batch.
Status LiveBatch::enter(Row& row) {
  const c10::NoGradGuard noGrad;
  const auto& prompt = row.request->prompt;
  const auto length = static_cast<std::int64_t>(prompt.size());
  KvCache cache = KvCache::make(m_decoder, 1, length + kRoom);
  std::int64_t from = 0;
  const Beginning* best = nullptr;
  for (const auto& b : m_beginnings)
    if (const auto n = static_cast<std::int64_t>(std::min(common(b.ids, prompt), prompt.size() - 1)); n > from && n >= static_cast<std::int64_t>(kShortestShared)) from = n, best = &b;
  if (best != nullptr) {
    for (std::size_t layer = 0; layer < cache.keys.size(); ++layer) {
      cache.keys[layer].narrow(2, 0, from).copy_(best->cache.keys[layer].narrow(2, 0, from));
      cache.values[layer].narrow(2, 0, from).copy_(best->cache.values[layer].narrow(2, 0, from));
    }
    cache.lengths[0] = from;
  }
  at::Tensor hidden;
  while (from < length) {
    if (row.request->cancelled && row.request->cancelled()) return cancelledError("Generation");
    const std::int64_t n = std::min(kPassTokens, length - from);
    hidden = forwardCached(m_decoder, idsTensor(m_decoder, prompt.data() + from, 1, n), cache).select(1, n - 1);
    from += n;
  }
  keep(prompt, cache);
  at::Tensor logits = logitsOf(m_decoder, hidden).to(at::kCPU).to(at::kFloat).contiguous();
  if (choose(row, {logits.data_ptr<float>(), static_cast<std::size_t>(logits.size(-1))}, length)) return {};
  append(m_cache, std::move(cache));
  m_rows.push_back(std::move(row));
  return {};
}

void LiveBatch::keep(const std::vector<TokenId>& ids, const KvCache& cache) {
  if (ids.size() < kShortestShared) return;
  std::erase_if(m_beginnings, [&](const Beginning& b) { return common(b.ids, ids) == b.ids.size(); });
  Beginning b{ids, cache};
  for (auto* side : {&b.cache.keys, &b.cache.values})
    for (auto& tensor : *side) tensor = tensor.narrow(2, 0, static_cast<std::int64_t>(ids.size())).clone();
  m_beginnings.push_front(std::move(b));
  if (m_beginnings.size() > kBeginnings) m_beginnings.pop_back();
}

bool LiveBatch::choose(Row& row, std::span<float> logits, std::int64_t cached) {
  row.last = row.answer.draw(logits, 0);
  if (!row.answer.take(row.last, cached, m_decoder.config.context, (monotonicSeconds() - row.begin) * 1000)) return false;
  row.request->done(row.answer.result());
  return true;
}

void LiveBatch::step() {
  if (m_rows.empty()) return;
  std::vector<std::int64_t> staying;
  const auto stepped = guarded("Generating answers", [&]() -> Status {
    const c10::NoGradGuard noGrad;
    std::vector<TokenId> ids;
    for (const auto& row : m_rows) ids.push_back(row.last);
    if (m_cache.longest() + 1 > m_cache.capacity()) m_cache.grow(m_cache.capacity() + kRoom);
    const at::Tensor hidden = forwardCached(m_decoder, idsTensor(m_decoder, ids.data(), static_cast<std::int64_t>(ids.size()), 1), m_cache).select(1, 0);
    at::Tensor logits = logitsOf(m_decoder, hidden).to(at::kCPU).to(at::kFloat).contiguous();
    const auto vocab = static_cast<std::size_t>(logits.size(-1));
    std::vector<Row> rows;
    for (std::size_t r = 0; r < m_rows.size(); ++r) {
      Row& row = m_rows[r];
      if (row.request->cancelled && row.request->cancelled()) row.request->done(cancelledError("Generation"));
      else if (!choose(row, {logits.data_ptr<float>() + r * vocab, vocab}, m_cache.lengths[r])) staying.push_back(static_cast<std::int64_t>(r)), rows.push_back(std::move(row));
    }
    const bool changed = rows.size() != m_rows.size();
    m_rows = std::move(rows);
    if (m_rows.empty()) m_cache = KvCache();
    else if (changed) m_cache.select(staying);
    return {};
  });
  if (!stepped.ok()) failAll(stepped.error());
}

void LiveBatch::failAll(const Error& error) {
  auto rows = std::move(m_rows);
  m_rows.clear();
  m_cache = KvCache();
  for (auto& row : rows)
    if (row.request) row.request->done(error);
}

}  // namespace retort::engine
