// Any bytes as filter text and as Bedrock's JSON: an error, or a filter whose text and words come back; and matching ends.
// links: logs
#include <cstdlib>
#include <cstring>

#include "logs/filter.h"

using namespace retort::logs;

namespace {

void mustHold(bool condition) {
  if (!condition) std::abort();
}

void check(const Filter& filter) {
  const auto text = printFilter(filter);
  const auto back = parseFilter(text);
  mustHold(back.ok() && *back == filter);
  mustHold(!filterInWords(filter).empty());
  (void)filterToBedrock(filter);
  const auto matcher = RecordMatcher::create(filter);
  // Fields that only the store knows (tags, families …) cannot be matched on a record alone: refused by name.
  mustHold(matcher.ok() || matcher.error().code == "filter.field.late");
  if (!matcher.ok()) return;
  Record record;
  record.metadata = {{"env", "prod"}, {"a b", "12"}};
  record.timeUs = 1;
  (void)matcher->matches(record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto filter = parseFilter(text); filter.ok()) check(*filter);
  else mustHold(!filter.error().code.empty() && !filter.error().what.empty());
  if (const auto filter = filterFromBedrock(text); filter.ok()) check(*filter);
  return 0;
}
