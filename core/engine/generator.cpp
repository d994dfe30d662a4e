// Batches of prompts through the cache: shared beginnings once, prompts of like length together, finished rows dropped.
#include "engine/generator.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <ATen/ops/stack.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <numeric>

#include "base/clock.h"
#include "engine/device.h"
#include "engine/growing_answer.h"
#include "engine/kv_cache.h"

namespace retort::engine {
namespace {

using text::TokenId;
using Prompts = std::vector<std::vector<TokenId>>;

/// Tokens of one forward pass at most: enough for full speed, few enough to look for a cancel often.
constexpr std::int64_t kPassTokens = 4096;
/// Shortest common beginning worth a pass of its own.
constexpr std::size_t kSharedPrefix = 8;

struct Limits {
  std::int64_t rows = 64;
  std::int64_t tokens = 0;           ///< cached tokens of a batch
};

Limits limitsOf(const Decoder& decoder, const GenerationOptions& options) {
  const Device device{decoder.device(), 1, {}, {}, {}};
  const auto free = static_cast<std::int64_t>(memoryInfo(device).free);
  const std::int64_t budget = device.isCuda() ? free / 2 : std::min<std::int64_t>(free / 4, 2'000'000'000);
  const std::int64_t rows = options.batch > 0 ? options.batch : device.isCuda() ? 256 : 64;
  if (options.cacheTokens > 0) return {rows, options.cacheTokens};
  return {rows, std::max<std::int64_t>(1, budget / cacheBytesPerToken(decoder.config, decoder.dtype()))};
}

std::size_t commonPrefix(const Prompts& prompts) {
  std::size_t common = prompts.front().size();
  for (const auto& prompt : prompts) {
    const std::size_t limit = std::min(common, prompt.size());
    common = static_cast<std::size_t>(std::mismatch(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(limit), prompts.front().begin()).first - prompt.begin());
    common = std::min(common, prompt.size() - 1);          // every prompt keeps a token of its own to answer from
  }
  return common;
}

/// One row of a batch while it is answered.
struct Row {
  std::size_t index = 0;             ///< of the prompt
  GrowingAnswer answer;
  bool done = false;
};

/// Answers one batch of prompts.
class Batch {
 public:
  Batch(const Decoder& decoder, const text::Tokenizer* tokenizer, const Prompts& prompts, const GenerationOptions& options,
        const GenerationHooks& hooks, std::vector<Generated>& out)
      : m_decoder(decoder), m_tokenizer(tokenizer), m_prompts(prompts), m_options(options), m_hooks(hooks), m_out(out), m_begin(monotonicSeconds()) {}

  Status run(const std::vector<std::size_t>& chosen, const KvCache* prefix) {
    for (const std::size_t index : chosen) {
      std::function<void(std::string_view)> delta;
      if (m_hooks.delta) delta = [this, index](std::string_view piece) { m_hooks.delta(index, piece); };
      m_rows.push_back({index, GrowingAnswer(m_prompts[index], m_options, m_tokenizer, std::move(delta)), false});
    }
    at::Tensor hidden;
    RETORT_CHECK(prefill(prefix, hidden));
    for (;;) {
      if (m_hooks.cancelled && m_hooks.cancelled()) return cancelledError("Generation");
      const std::vector<TokenId> next = choose(hidden);
      for (std::size_t r = 0; r < m_rows.size(); ++r)
        if (!m_rows[r].done) take(m_rows[r], next[r], m_cache.lengths[r]);
      const auto active = std::count_if(m_rows.begin(), m_rows.end(), [](const Row& row) { return !row.done; });
      if (active == 0) return {};
      std::vector<TokenId> ids = next;
      if (static_cast<std::size_t>(active) * 2 <= m_rows.size()) dropFinished(ids);
      hidden = forwardCached(m_decoder, idsTensor(ids, static_cast<std::int64_t>(ids.size()), 1), m_cache).select(1, 0);
    }
  }

 private:
  at::Tensor idsTensor(const std::vector<TokenId>& ids, std::int64_t rows, std::int64_t columns) const {
    std::vector<std::int64_t> wide(ids.begin(), ids.end());
    return at::tensor(wide, at::kLong).view({rows, columns}).to(m_decoder.device());
  }

  /// Fills the cache with the prompts; `last` receives the hidden state of each prompt's last token.
  Status prefill(const KvCache* prefix, at::Tensor& last) {
    const auto rows = static_cast<std::int64_t>(m_rows.size());
    const std::int64_t shared = prefix ? prefix->longest() : 0;
    std::int64_t longest = 0;
    for (const auto& row : m_rows) longest = std::max(longest, static_cast<std::int64_t>(m_prompts[row.index].size()));
    m_cache = KvCache::make(m_decoder, rows, longest + std::min<std::int64_t>(m_options.maxTokens, 64));
    if (shared > 0) {
      for (std::size_t layer = 0; layer < m_cache.keys.size(); ++layer) {
        m_cache.keys[layer].narrow(2, 0, shared).copy_(prefix->keys[layer].narrow(2, 0, shared).expand({rows, -1, -1, -1}));
        m_cache.values[layer].narrow(2, 0, shared).copy_(prefix->values[layer].narrow(2, 0, shared).expand({rows, -1, -1, -1}));
      }
      m_cache.lengths.assign(m_rows.size(), shared);
    }
    std::vector<at::Tensor> lastOf(m_rows.size());
    const std::int64_t chunk = std::max<std::int64_t>(1, kPassTokens / rows);
    for (std::int64_t begin = shared; begin < longest; begin += chunk) {
      if (m_hooks.cancelled && m_hooks.cancelled()) return cancelledError("Generation");
      const std::int64_t end = std::min(longest, begin + chunk);
      std::vector<TokenId> ids;
      for (const auto& row : m_rows)
        for (std::int64_t i = begin; i < end; ++i) {
          const auto& prompt = m_prompts[row.index];
          ids.push_back(static_cast<std::size_t>(i) < prompt.size() ? prompt[static_cast<std::size_t>(i)] : prompt.back());
        }
      const at::Tensor hidden = forwardCached(m_decoder, idsTensor(ids, rows, end - begin), m_cache);
      for (std::size_t r = 0; r < m_rows.size(); ++r) {
        const auto at = static_cast<std::int64_t>(m_prompts[m_rows[r].index].size()) - 1;
        if (at >= begin && at < end) lastOf[r] = hidden.select(0, static_cast<std::int64_t>(r)).select(0, at - begin);
      }
    }
    for (std::size_t r = 0; r < m_rows.size(); ++r) m_cache.lengths[r] = static_cast<std::int64_t>(m_prompts[m_rows[r].index].size());
    last = at::stack(lastOf);
    return {};
  }

  /// The next token of every row, with its log-probabilities where asked.
  std::vector<TokenId> choose(const at::Tensor& hidden) {
    at::Tensor logits = logitsOf(m_decoder, hidden);
    std::vector<TokenId> next(m_rows.size());
    if (m_options.sampler.plainGreedy() && !m_options.logProbs) {
      const at::Tensor best = at::argmax(logits, -1).to(at::kCPU);
      for (std::size_t r = 0; r < next.size(); ++r) next[r] = static_cast<TokenId>(best.const_data_ptr<std::int64_t>()[r]);
      return next;
    }
    logits = logits.to(at::kCPU).to(at::kFloat).contiguous();
    const auto vocab = static_cast<std::size_t>(logits.size(1));
    for (std::size_t r = 0; r < m_rows.size(); ++r)
      if (!m_rows[r].done) next[r] = m_rows[r].answer.draw({logits.data_ptr<float>() + r * vocab, vocab}, m_rows[r].index);
    return next;
  }

  /// Adds a token to a row's answer and ends the row where it must.
  void take(Row& row, TokenId id, std::int64_t cached) {
    row.done = row.answer.take(id, cached, m_decoder.config.context, (monotonicSeconds() - m_begin) * 1000);
    if (row.done) m_out[row.index] = row.answer.result();
  }

  void dropFinished(std::vector<TokenId>& ids) {
    std::vector<std::int64_t> slots;
    std::vector<Row> rows;
    std::vector<TokenId> kept;
    for (std::size_t r = 0; r < m_rows.size(); ++r) {
      if (m_rows[r].done) continue;
      slots.push_back(static_cast<std::int64_t>(r));
      rows.push_back(std::move(m_rows[r]));
      kept.push_back(ids[r]);
    }
    m_cache.select(slots);
    m_rows = std::move(rows);
    ids = std::move(kept);
  }

  const Decoder& m_decoder;
  const text::Tokenizer* m_tokenizer;
  const Prompts& m_prompts;
  const GenerationOptions& m_options;
  const GenerationHooks& m_hooks;
  std::vector<Generated>& m_out;
  double m_begin;
  KvCache m_cache;
  std::vector<Row> m_rows;
};

/// Prompts by length, cut into batches of like ones.
std::vector<std::vector<std::size_t>> batchesOf(const Prompts& prompts, const GenerationOptions& options, const Limits& limits) {
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return prompts[a].size() < prompts[b].size(); });
  std::vector<std::vector<std::size_t>> batches;
  for (const std::size_t index : order) {
    const std::int64_t tokens = static_cast<std::int64_t>(prompts[index].size()) + std::min(options.maxTokens, 128);
    const bool fits = !batches.empty() && static_cast<std::int64_t>(batches.back().size()) < limits.rows &&
                      static_cast<std::int64_t>(batches.back().size() + 1) * tokens <= limits.tokens;
    if (!fits) batches.emplace_back();
    batches.back().push_back(index);
  }
  return batches;
}

}  // namespace

Result<std::vector<Generated>> generate(const Decoder& decoder, const text::Tokenizer* tokenizer, const Prompts& prompts,
                                        const GenerationOptions& options, const GenerationHooks& hooks) {
  std::vector<Generated> out(prompts.size());
  if (prompts.empty() || options.maxTokens <= 0) return out;
  for (std::size_t i = 0; i < prompts.size(); ++i) RETORT_CHECK(checkPrompt(prompts[i], decoder.config, "prompt " + std::to_string(i)));
  RETORT_CHECK(guarded("Generating answers", [&]() -> Status {
    const c10::NoGradGuard noGrad;
    std::optional<KvCache> prefix;
    if (const std::size_t shared = prompts.size() > 1 ? commonPrefix(prompts) : 0; shared >= kSharedPrefix) {
      std::vector<std::int64_t> ids(prompts.front().begin(), prompts.front().begin() + static_cast<std::ptrdiff_t>(shared));
      prefix = KvCache::make(decoder, 1, static_cast<std::int64_t>(shared));
      forwardCached(decoder, at::tensor(ids, at::kLong).view({1, -1}).to(decoder.device()), *prefix);
    }
    std::size_t done = 0;
    for (const auto& chosen : batchesOf(prompts, options, limitsOf(decoder, options))) {
      Batch batch(decoder, tokenizer, prompts, options, hooks, out);
      RETORT_CHECK(batch.run(chosen, prefix ? &*prefix : nullptr));
      done += chosen.size();
      if (hooks.progress) hooks.progress(done, prompts.size());
    }
    return {};
  }));
  return out;
}

}  // namespace retort::engine
