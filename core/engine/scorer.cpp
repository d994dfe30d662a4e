// Scoring: one right-padded pass a batch, logits only where they are wanted.
#include "engine/scorer.h"

#include <algorithm>
#include <numeric>

#include "engine/device.h"

namespace retort::engine {
namespace {

using text::TokenId;

constexpr std::int64_t kPassTokens = 4096;
constexpr std::int64_t kLogitRows = 256;

/// Where a wanted log-probability comes from and goes to.
struct Place {
  std::size_t item = 0;
  std::int64_t row = 0;              ///< in the flattened batch: the position before the token
  TokenId id = 0;
};

void scoreRows(const Decoder& decoder, const at::Tensor& hidden, const std::vector<Place>& places, int topK, std::vector<Scored>& out) {
  for (std::size_t first = 0; first < places.size(); first += kLogitRows) {
    const std::size_t count = std::min<std::size_t>(kLogitRows, places.size() - first);
    std::vector<std::int64_t> rows, targets;
    for (std::size_t i = first; i < first + count; ++i) {
      rows.push_back(places[i].row);
      targets.push_back(places[i].id);
    }
    const at::Tensor logits = logitsOf(decoder, hidden.index_select(0, at::tensor(rows, at::kLong).to(hidden.device())));
    const at::Tensor total = at::logsumexp(logits, {-1}, true);
    const at::Tensor chosen = (logits.gather(1, at::tensor(targets, at::kLong).to(hidden.device()).unsqueeze(1)) - total).to(at::kCPU, at::kDouble).contiguous();
    at::Tensor values, ids;
    if (topK > 0) {
      std::tie(values, ids) = at::topk(logits, std::min<std::int64_t>(topK, logits.size(1)));
      values = (values - total).to(at::kCPU, at::kDouble).contiguous();
      ids = ids.to(at::kCPU).contiguous();
    }
    for (std::size_t i = 0; i < count; ++i) {
      Scored& scored = out[places[first + i].item];
      scored.ids.push_back(places[first + i].id);
      scored.logProbs.push_back(chosen.const_data_ptr<double>()[i]);
      scored.sum += scored.logProbs.back();
      if (topK <= 0) continue;
      auto& top = scored.top.emplace_back();
      const auto k = static_cast<std::size_t>(values.size(1));
      for (std::size_t j = 0; j < k; ++j)
        top.emplace_back(static_cast<TokenId>(ids.const_data_ptr<std::int64_t>()[i * k + j]), values.const_data_ptr<double>()[i * k + j]);
    }
  }
}

void scoreBatch(const Decoder& decoder, const std::vector<ScoreItem>& items, const std::vector<std::size_t>& chosen, int topK, std::vector<Scored>& out) {
  std::int64_t longest = 0;
  for (const std::size_t index : chosen) longest = std::max(longest, static_cast<std::int64_t>(items[index].ids.size()));
  std::vector<std::int64_t> ids;
  std::vector<Place> places;
  for (std::size_t r = 0; r < chosen.size(); ++r) {
    const ScoreItem& item = items[chosen[r]];
    for (std::int64_t i = 0; i < longest; ++i) {
      const auto at = static_cast<std::size_t>(i);
      ids.push_back(at < item.ids.size() ? item.ids[at] : 0);
      if (at > 0 && at < item.ids.size() && at < item.scored.size() && item.scored[at])
        places.push_back({chosen[r], static_cast<std::int64_t>(r) * longest + i - 1, item.ids[at]});
    }
  }
  if (places.empty()) return;
  const at::Tensor batch = at::tensor(ids, at::kLong).view({-1, longest}).to(decoder.device());
  scoreRows(decoder, forwardHidden(decoder, batch).flatten(0, 1), places, topK, out);
}

}  // namespace

Result<std::vector<Scored>> score(const Decoder& decoder, const std::vector<ScoreItem>& items, int topK, const ScoreHooks& hooks) {
  std::vector<Scored> out(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    for (const TokenId id : items[i].ids)
      if (id < 0 || id >= decoder.config.vocab)
        return Error{"engine.score.id", "An item to score holds an unknown token", "item " + std::to_string(i),
                     "id " + std::to_string(id) + " is not in the model's vocabulary", "Tokenise it with this model's tokenizer", {}, {}};
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return items[a].ids.size() < items[b].ids.size(); });
  RETORT_CHECK(guarded("Scoring", [&]() -> Status {
    const c10::NoGradGuard noGrad;
    std::size_t done = 0;
    while (done < order.size()) {
      if (hooks.cancelled && hooks.cancelled()) return cancelledError("Scoring");
      std::vector<std::size_t> chosen;
      while (done + chosen.size() < order.size()) {
        const std::size_t next = order[done + chosen.size()];
        if (!chosen.empty() && static_cast<std::int64_t>((chosen.size() + 1) * items[next].ids.size()) > kPassTokens) break;
        chosen.push_back(next);
      }
      scoreBatch(decoder, items, chosen, topK, out);
      done += chosen.size();
      if (hooks.progress) hooks.progress(done, items.size());
    }
    return {};
  }));
  return out;
}

}  // namespace retort::engine
