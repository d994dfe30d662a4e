// Any document read as any log format, recognised or forced: a record that reads back as itself, or a reason.
// links: logs
#include <cstdlib>

#include "logs/field_map.h"
#include "logs/format.h"

using namespace retort;
using namespace retort::logs;

namespace {

void mustHold(bool condition) {
  if (!condition) std::abort();
}

FieldMap anyMap() {
  auto map = FieldMap::parse(Json::parse(R"({"schema":"retort.map/1","name":"any","fields":{"request_id":"id","time":["at","t[0]"],"end":"b","model":"m.n[-1]","system":"s","messages":["p","messages"],"answer":"a",
    "tools":"tools","parameters":"q","latency_s":"l","cost":"c","stop":"w","error":"e","dispreferred":"d"},"metadata":{"*":"x","k":"y.\"z z\""}})"), "any");
  if (!map.ok()) std::abort();
  return std::move(*map);
}

void read(LineParser& parser, std::string_view text) {
  static LineParser again;
  Call call;
  ParseReject reject{};
  if (!parser.parse(text, false, {}, call, reject)) {
    mustHold(static_cast<std::size_t>(reject.reason) < kRejectWords.size());
    for (const auto& unit : parser.units(text)) {
      mustHold(unit.begin <= text.size() && unit.length <= text.size() - unit.begin);
      Call inner;
      (void)again.parse(unit.text.empty() ? text.substr(unit.begin, unit.length) : std::string_view(unit.text), false, {}, inner, reject);
    }
    return;
  }
  if (call.isNoCall) return;
  mustHold(call.requestKey.size() == 16 && !call.record.requestId.empty() && call.preview().size() <= 640);
  mustHold(call.record.metadata.size() <= 4096);
  const auto key = call.requestKey;
  const Record record = std::move(call).toRecord();
  // What is kept beside a line that alone does not give its record must give it.
  const std::string document = recordDocument(record);
  Call back;
  mustHold(again.parse(document, false, {}, back, reject));
  mustHold(back.requestKey == key);
  const Record second = std::move(back).toRecord();
  mustHold(second.messages == record.messages && second.answer == record.answer && second.metadata == record.metadata);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto formats = logFormats();
  const std::size_t which = data[0] % (formats.size() + 2);
  static LineParser byContent;
  if (which == formats.size()) {
    read(byContent, text);
  } else if (which == formats.size() + 1) {
    static LineParser mapped([] {
      FieldMaps maps;
      maps.force(anyMap());
      ReadRules rules;
      rules.maps = std::make_shared<FieldMaps>(std::move(maps));
      return rules;
    }());
    read(mapped, text);
  } else {
    ReadRules rules;
    rules.format = formats[which].name;
    LineParser forced(rules);
    read(forced, text);
  }
  return 0;
}
