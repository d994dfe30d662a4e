// Recognising a document by its keys.
#include "logs/envelope.h"

#include <algorithm>

#include "logs/body_parser.h"
#include "logs/field_map.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;

namespace {

/// {"message":"<record>"} of CloudWatch exports, "@message" of its queries.
Maybe unwrapCloudWatch(const Maybe& root, dom::ParserPool& pool) {
  if (get(root, "modelId") || get(root, "schemaType")) return root;
  for (const char* key : {"message", "@message"}) {
    const auto wrapped = get(root, key);
    if (const auto text = str(wrapped); text && !text->starts_with('{')) continue;
    const auto inner = pool.unwrapped(wrapped);
    if (dom::isObject(inner) && (get(inner, "modelId") || get(inner, "schemaType") || get(inner, "requestId"))) return inner;
  }
  return root;
}

bool readBy(const LogFormat& format, const Reading& reading) {
  reading.call.format = format.name;
  reading.call.isGuess = format.isGuess;
  reading.record().source = format.name;
  return format.read(reading);
}

bool readBy(const FieldMap& map, const Reading& reading, bool isGuess) {
  reading.call.format = map.name();
  reading.call.isGuess = isGuess;
  reading.call.needsReading = true;
  reading.record().source = map.name();
  return map.read(reading);
}

}  // namespace

bool readEnvelope(Reading reading, const ReadRules& rules) {
  if (dom::isArray(reading.root)) {
    if (!looksLikeStream(reading.root, reading.pool)) return reading.fail(RejectReason::noSchema, "an array that is no response stream");
    reading.call.format = reading.record().source = "bedrock";
    reading.record().operation = "InvokeModelWithResponseStream";
    parseResponseBody(reading.call, reading.root, reading.pool);
    return true;
  }
  if (!dom::isObject(reading.root)) return reading.fail(RejectReason::noSchema, "neither an object nor an array");
  if (rules.maps && rules.maps->forced()) return readBy(*rules.maps->forced(), reading, false);
  if (!rules.format.empty()) {
    const auto* format = findFormat(rules.format);
    if (!format) return reading.fail(RejectReason::noSchema, "there is no such format");
    if (format->name == "bedrock") reading.root = unwrapCloudWatch(reading.root, reading.pool);
    // Read again, the line would be taken for what it looks like.
    const auto all = logFormats();
    const auto first = std::find_if(all.begin(), all.end(), [&](const LogFormat& f) { return f.fits(reading.root); });
    reading.call.needsReading = first == all.end() || first->name != format->name;
    return readBy(*format, reading);
  }
  reading.root = unwrapCloudWatch(reading.root, reading.pool);
  for (const auto& format : logFormats()) {
    // What a map names sure keys of goes before what is only guessed.
    if (format.isGuess && rules.maps)
      if (const auto* map = rules.maps->find(reading.root)) return readBy(*map, reading, false);
    if (format.fits(reading.root)) return readBy(format, reading);
  }
  if (rules.maps)
    if (const auto* map = rules.maps->find(reading.root)) return readBy(*map, reading, false);
  return reading.fail(RejectReason::noSchema, "no record of a known format");
}

}  // namespace retort::logs
