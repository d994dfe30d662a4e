// Ranks are drawn, ids looked up by rank: no list of all ids is made.
#include "logs/sample.h"

#include <algorithm>
#include <unordered_set>

#include "base/random.h"
#include "logs/snapshot.h"

namespace retort::logs {

namespace {

/// `n` different ranks below `size` (Floyd's drawing), as ids.
void draw(const IdSet& ids, std::size_t n, Random& random, std::vector<std::uint32_t>& out) {
  const std::uint64_t size = ids.size();
  if (n >= size) {
    const auto all = ids.toVector();
    out.insert(out.end(), all.begin(), all.end());
    return;
  }
  std::unordered_set<std::uint64_t> ranks;
  for (std::uint64_t top = size - n; top < size; ++top) {
    const auto r = random.below(top + 1);
    if (!ranks.insert(r).second) ranks.insert(top);
  }
  for (const auto rank : ranks)
    if (const auto id = ids.select(rank)) out.push_back(*id);
}

}  // namespace

Result<std::vector<std::uint32_t>> sampleIds(const LogStore& store, const IdSet& ids, std::size_t n, std::string_view stratify, std::uint64_t seed) {
  std::vector<std::uint32_t> out;
  Random random(seed, "sample");
  if (stratify.empty()) {
    draw(ids, n, random, out);
    std::sort(out.begin(), out.end());
    return out;
  }
  const auto snapshot = store.snapshot();
  RETORT_TRY(const auto key, snapshot->key(stratify, stratify.starts_with("@")));
  if (!key) return Error{"logs.key.unknown", "No record has the key " + shown(stratify), {}, {}, "See retort-cli logs facets.", {}, {}};
  if (key->isHigh) return Error{"logs.sample.key", "The key " + shown(stratify) + " has too many values for strata", {}, {}, "Choose another key.", {}, {}};
  // Of several values of one record (tags, flags) the first counts, so that none is drawn twice.
  std::vector<IdSet> strata;
  IdSet rest = ids;
  for (const auto& value : key->values) {
    IdSet part = IdSet::common(rest, *value.ids);
    if (part.isEmpty()) continue;
    rest -= part;
    strata.push_back(std::move(part));
  }
  if (!rest.isEmpty()) strata.push_back(std::move(rest));
  std::sort(strata.begin(), strata.end(), [](const IdSet& a, const IdSet& b) { return a.size() < b.size(); });
  std::size_t left = n;
  for (std::size_t i = 0; i < strata.size(); ++i) {
    // Small strata first: what they cannot give is shared by those after them.
    const std::size_t share = left / (strata.size() - i);
    const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(share, strata[i].size()));
    draw(strata[i], take, random, out);
    left -= take;
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace retort::logs
