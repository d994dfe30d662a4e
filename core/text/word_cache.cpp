// The caches of a thread: of the four models it used last.
#include "text/word_cache.h"

#include <algorithm>
#include <atomic>

namespace retort::text {
namespace {

struct Entry {
  std::uint64_t model = 0;
  std::unique_ptr<WordCache> cache;
};
constexpr std::size_t kMostModels = 4;

}  // namespace

WordCache& WordCache::ofThread(std::uint64_t model) {
  thread_local std::vector<Entry> entries;   // the one used last is in front
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].model != model) continue;
    if (i > 0) std::rotate(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(i), entries.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return *entries.front().cache;
  }
  if (entries.size() == kMostModels) entries.pop_back();
  entries.insert(entries.begin(), Entry{model, std::make_unique<WordCache>()});
  return *entries.front().cache;
}

std::uint64_t WordCache::nextModelNumber() {
  static std::atomic<std::uint64_t> next{1};
  return next++;
}

}  // namespace retort::text
