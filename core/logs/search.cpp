// A search is a filter and one scan of the texts that it leaves.
#include "logs/search.h"

namespace retort::logs {

SearchOptions searchOptionsOf(std::string_view typed, std::string& pattern) {
  SearchOptions options;
  options.isRegex = typed.size() > 2 && typed.front() == '/' && typed.back() == '/';
  pattern = options.isRegex ? typed.substr(1, typed.size() - 2) : typed.starts_with("\\/") ? typed.substr(1) : typed;
  return options;
}

Result<SearchSummary> searchText(const LogStore& store, const Filter& filter, std::string_view pattern, const SearchOptions& options, const OnHit& hit, std::stop_token stop,
                                 const ProgressFn& progress) {
  if (pattern.empty()) return Error{"logs.search.empty", "There is nothing to search for", {}, {}, "Name a text, or /a regular expression/.", {}, {}};
  RETORT_TRY(const auto ids, store.select(filter, stop));
  const TextScan scan{options.isRegex ? FilterOp::regex : FilterOp::contains, std::string(pattern), options.isRaw, true};
  return store.scanText(ids, scan, hit, stop, progress);
}

}  // namespace retort::logs
