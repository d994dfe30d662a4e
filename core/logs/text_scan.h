// What a scan of many records' texts looks for, and what it gives. The scan itself: LogStore::scanText.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "logs/filter.h"

namespace retort::logs {

struct TextScan {
  FilterOp op = FilterOp::contains;    ///< contains, regex, match or exists
  std::string value;
  bool isRaw = false;                  ///< of the source lines instead of the decoded texts
  bool withContext = true;             ///< fill the texts of hits
};
struct SearchHit {
  std::uint32_t id = 0;
  std::string before, match, after;    ///< about 60 characters on either side; line breaks as they are
};
struct SearchSummary {
  std::uint64_t searched = 0, hits = 0, unreadable = 0;
};
/// Called in ascending order of ids; false ends the scan.
using OnHit = std::function<bool(const SearchHit&)>;

}  // namespace retort::logs
