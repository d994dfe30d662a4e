// Find: text or a regular expression in the decoded prompts and answers under a filter, by scanning blocks; hits come as they are found.
#pragma once
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/result.h"
#include "logs/filter.h"
#include "logs/log_store.h"
#include "logs/text_scan.h"

namespace retort::logs {

struct SearchOptions {
  bool isRegex = false;            ///< PCRE2 with limits; else plain text, case-sensitive
  bool isRaw = false;              ///< in the source lines instead of the decoded texts
};
/// Calls `hit` for each record of the filter that contains `pattern`, in ascending order, with its first place; it returns false to stop.
/// Errors: filter.regex, logs.search.empty.
Result<SearchSummary> searchText(const LogStore& store, const Filter& filter, std::string_view pattern, const SearchOptions& options,
                                 const OnHit& hit, std::stop_token stop = {}, const ProgressFn& progress = {});

/// "/…/" is a regular expression, anything else plain text; "\/" at the start means a slash.
[[nodiscard]] SearchOptions searchOptionsOf(std::string_view typed, std::string& pattern);

}  // namespace retort::logs
