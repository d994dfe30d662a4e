// The small readers in front of the formats: tables, malformed samples, paths of maps, maps themselves, addresses in object storage.
// links: logs
#include <cstdlib>

#include "logs/csv.h"
#include "logs/field_map.h"
#include "logs/s3_source.h"
#include "logs/sample_repair.h"
#include "logs/units.h"

using namespace retort;
using namespace retort::logs;

namespace {

void mustHold(bool condition) {
  if (!condition) std::abort();
}

void table(std::string_view text) {
  const auto header = sniffCsv(text);
  if (!header) return;
  mustHold(!header->names.empty() && header->length <= text.size());
  for (std::size_t at = header->length; at < text.size();) {
    const auto end = endOfCsvRow(text, at);
    const auto row = text.substr(at, end == std::string_view::npos ? end : end - at);
    const auto cells = splitCsvRow(row, header->separator);
    const auto json = csvRowToJson(*header, row);
    mustHold(json.has_value() == (cells.size() <= header->names.size()));
    if (json) mustHold(Json::parse(*json).size() <= header->names.size());
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: table(text); break;
    case 1:
      if (const auto mended = mendSample(text)) mustHold(!mended->repairs.empty());
      break;
    case 2: {
      dom::ParserPool pool;
      const auto path = JsonPath::parse(text, "fuzz");
      if (path.ok()) (void)path->find(pool.parse(R"({"a":{"b":[1,{"c":"[2,3]"}]},"d.e":{"f":1}})"), pool);
      break;
    }
    case 3: {
      const auto json = parseJson(text, "fuzz");
      if (json.ok()) (void)FieldMap::parse(*json, "fuzz");
      break;
    }
    default: {
      if (const auto place = parseS3(text)) mustHold(!place->bucket.empty());
      if (const auto range = rangeOfKey(text)) mustHold(range->first < range->second);
      dom::ParserPool pool;
      if (const auto root = pool.parse(text); root && isContainer(root))
        for (const auto& unit : unitsOf(text, root)) mustHold(unit.begin <= text.size() && unit.length <= text.size() - unit.begin);
    }
  }
  return 0;
}
