// Retort's own form of a record: written beside lines that would not give it again, and read back from there or from files.
#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

constexpr std::string_view kSchema = "retort.record/1";

bool isRecord(const Maybe& root) { return strOr(get(root, "schema")) == kSchema; }

bool readRecord(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto text = [&](std::string& to, const char* name) { to = strOr(get(root, name)); };
  text(r.requestId, "request_id");
  text(r.modelRaw, "model_raw");
  text(r.model, "model");
  text(r.operation, "operation");
  text(r.region, "region");
  text(r.account, "account");
  text(r.parser, "parser");
  text(r.status, "status");
  text(r.errorCode, "error_code");
  text(r.reason, "reason");
  text(r.stop, "stop");
  text(r.stopRaw, "stop_raw");
  if (const auto source = str(get(root, "source")); source && !source->empty()) r.source = *source;
  r.timeUs = timeOf(get(root, "time"));
  setCount(r.inputTokens, get(root, "input_tokens"));
  setCount(r.outputTokens, get(root, "output_tokens"));
  setCount(r.cachedTokens, get(root, "cached_tokens"));
  setCount(r.latencyMs, get(root, "latency_ms"));
  setCount(r.ttftMs, get(root, "ttft_ms"));
  r.cost = realOf(get(root, "cost"));
  dom::forEach(get(root, "flags"), [&](const Maybe& word) {
    for (std::uint32_t bit = 1; bit != 0 && bit <= kNoAnswer; bit <<= 1)
      if (const auto name = flagWord(static_cast<Flag>(bit)); !name.empty() && name == strOr(word)) r.flags |= bit;
  });
  simdjson::dom::object members;
  if (const auto metadata = get(root, "metadata"); metadata && !metadata->get_object().get(members))
    for (const auto& member : members) r.metadata.emplace_back(member.key, str(Maybe(member.value)) ? std::string(*str(Maybe(member.value))) : dom::minified(Maybe(member.value)));
  dom::forEach(get(root, "messages"), [&](const Maybe& message) { appendMessage(call, message); });
  const auto answer = [&](const char* name) -> std::optional<Message> {
    const auto source = get(root, name);
    if (!dom::isObject(source)) return std::nullopt;
    const auto count = call.messages.size();
    appendMessage(call, source, "assistant");
    if (call.messages.size() == count) return std::nullopt;
    auto message = std::move(call.messages.back());
    call.messages.resize(count);
    return message;
  };
  call.answer = answer("answer");
  call.dispreferred = answer("dispreferred");
  readToolsOf(call, root);
  if (simdjson::dom::object parameters; get(root, "parameters") && !get(root, "parameters")->get_object().get(parameters))
    for (const auto& member : parameters) call.parameters.emplace_back(member.key, dom::minified(Maybe(member.value)));
  return true;
}

constexpr LogFormat kFormats[] = {{"retort-record", "records of Retort", false, isRecord, readRecord}};

}  // namespace

std::span<const LogFormat> recordFormats() { return kFormats; }

std::string recordDocument(const Record& record) {
  Json json;
  json["schema"] = kSchema;
  Json all = record.toJson();
  all.erase("id");
  all.erase("turns");
  json.update(all);
  return dumpJson(json);
}

}  // namespace retort::logs
