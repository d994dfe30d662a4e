// Bedrock's invocation logs, in every spelling of their envelope, and its distillation input: prompt files.
#include "base/error.h"
#include "logs/body_parser.h"
#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

/// A member of "input" or "output", nested or under a flat dotted key.
Maybe field(const Maybe& root, std::string_view holder, std::string_view name) {
  if (const auto nested = get(get(root, holder), name)) return nested;
  return get(root, std::string(holder) + "." + std::string(name));
}

bool hasSide(const Maybe& root, std::string_view holder) {
  if (get(root, holder)) return true;
  simdjson::dom::object members;
  if (!root || root->get_object().get(members)) return false;
  for (const auto& member : members)
    if (member.key.size() > holder.size() + 1 && member.key.substr(0, holder.size()) == holder && member.key[holder.size()] == '.') return true;
  return false;
}

std::string metadataText(const Maybe& value) {
  if (const auto text = str(value)) return std::string(*text);
  return dom::minified(value);
}

bool fail(ParseReject& reject, RejectReason reason, std::string detail) {
  reject = {reason, std::move(detail)};
  return false;
}

bool readMetadata(const Maybe& root, Call& call, ParseReject& reject) {
  auto& metadata = call.record.metadata;
  const auto set = [&](std::string_view key, const Maybe& value) {
    if (dom::isNull(value)) return;
    for (auto& [k, v] : metadata)
      if (k == key) return void(v = metadataText(value));
    metadata.emplace_back(key, metadataText(value));
  };
  simdjson::dom::object members;
  if (const auto map = get(root, "requestMetadata"); map && !map->is_null()) {
    if (map->get_object().get(members)) return fail(reject, RejectReason::badType, "requestMetadata is no object");
    for (const auto& member : members) set(member.key, Maybe(member.value));
    return true;
  }
  if (root->get_object().get(members)) return true;
  constexpr std::string_view kPrefix = "requestMetadata.";
  for (const auto& member : members)
    if (member.key.size() > kPrefix.size() && member.key.substr(0, kPrefix.size()) == kPrefix) set(member.key.substr(kPrefix.size()), Maybe(member.value));
  return true;
}

/// The body of a side: in the record, spilled and found, or nothing (with the flag).
Maybe bodyOf(const Maybe& root, Side side, const SpillLoader& spills, dom::ParserPool& pool, Call& call) {
  const bool isInput = side == Side::input;
  const std::string_view holder = isInput ? "input" : "output";
  if (const auto body = field(root, holder, isInput ? "inputBodyJson" : "outputBodyJson"); body && !body->is_null()) return body;
  const auto path = str(field(root, holder, isInput ? "inputBodyS3Path" : "outputBodyS3Path"));
  if (!path) return std::nullopt;
  Spill spill{side, std::string(*path), false, {}};
  if (spills)
    if (auto bytes = spills(*path, side)) {
      spill.isFound = true;
      spill.bytes = std::move(*bytes);
    }
  Maybe body;
  if (spill.isFound) body = pool.parse(spill.bytes);
  if (!body) {
    spill.isFound = false;  // not there, or an image or the like
    spill.bytes.clear();
    call.record.flags |= kBodyExternal;
  }
  call.spills.push_back(std::move(spill));
  return body;
}

void readEnvelopeCounts(const Maybe& root, Call& call) {
  const auto count = [&](std::string_view holder, std::string_view name) {
    auto value = dom::integer(field(root, holder, name));
    if (value && *value < 0) value.reset();
    return value;
  };
  const auto plain = count("input", "inputTokenCount");
  const auto read = count("input", "cacheReadInputTokenCount");
  const auto written = count("input", "cacheWriteInputTokenCount");
  if (plain) call.record.inputTokens = *plain + read.value_or(0) + written.value_or(0);
  call.record.cachedTokens = read;
  call.record.outputTokens = count("output", "outputTokenCount");
}

bool textField(const Maybe& root, const char* name, std::string& out, ParseReject& reject) {
  const auto value = get(root, name);
  if (dom::isNull(value)) return true;
  const auto text = str(value);
  if (!text) return fail(reject, RejectReason::badType, std::string(name) + " is no text");
  out = *text;
  return true;
}

/// Why a call failed, in the service's words: beside the code, or as the body that came instead of an answer.
void readReason(const Maybe& root, const Maybe& output, Call& call) {
  if (!call.record.reason.empty()) return;
  call.record.reason = strOr(anyOf(root, {"errorMessage", "failureReason"}));
  if (call.record.reason.empty() && !call.answer && dom::isObject(output))
    call.record.reason = strOr(anyOf(output, {"errorMessage", "message", "Message"}), strOr(get(output, "error", "message")));
}

bool readBedrock(const Reading& reading) {
  const Maybe& root = reading.root;
  const SpillLoader& spills = reading.spills;
  dom::ParserPool& pool = reading.pool;
  Call& call = reading.call;
  ParseReject& reject = reading.reject;
  Record& record = call.record;
  if (!textField(root, "requestId", record.requestId, reject) || !textField(root, "modelId", record.modelRaw, reject) ||
      !textField(root, "operation", record.operation, reject) || !textField(root, "region", record.region, reject))
    return false;
  if (record.requestId.empty()) return fail(reject, RejectReason::missingField, "requestId is missing");
  if (record.modelRaw.empty()) return fail(reject, RejectReason::missingField, "modelId is missing");
  if (!hasSide(root, "input") || (get(root, "input") && get(root, "input")->is_null())) return fail(reject, RejectReason::missingField, "input is missing");
  if (const auto input = get(root, "input"); input && !input->is_object()) return fail(reject, RejectReason::badType, "input is no object");
  if (const auto output = get(root, "output"); output && !output->is_object() && !output->is_null())
    return fail(reject, RejectReason::badType, "output is no object");
  const auto time = get(root, "timestamp");
  if (time && (time->is_object() || time->is_array() || time->is_bool())) return fail(reject, RejectReason::badType, "timestamp is no time");
  record.timeUs = timeOf(time);
  record.account = strOr(get(root, "accountId"));
  record.errorCode = strOr(get(root, "errorCode"));
  if (!readMetadata(root, call, reject)) return false;
  readEnvelopeCounts(root, call);
  parseRequestBody(call, bodyOf(root, Side::input, spills, pool, call), pool);
  const auto output = bodyOf(root, Side::output, spills, pool, call);
  parseResponseBody(call, output, pool);
  readReason(root, output, call);
  return true;
}

bool isBedrock(const Maybe& root) {
  if (const auto type = str(get(root, "schemaType"))) return *type == "ModelInvocationLog";
  if (get(root, "traceId") || get(root, "trace_id")) return false;   // spans of tracers have a modelId and sides too
  int known = 0;
  for (const char* key : {"requestId", "modelId", "operation"}) known += get(root, key).has_value();
  return known >= 2 || (known == 1 && (hasSide(root, "input") || hasSide(root, "output")));
}

/// "bedrock-conversation-2024", and the "conversion" of some pages.
bool isPromptFile(const Maybe& root) { return strOr(get(root, "schemaVersion")).starts_with("bedrock-conver"); }

bool readPrompts(const Reading& reading) {
  Call& call = reading.call;
  if (!dom::isArray(get(reading.root, "messages"))) return reading.fail(RejectReason::missingField, "messages is missing");
  parseRequestBody(call, reading.root, reading.pool);
  call.record.parser = call.format;
  call.record.modelRaw = strOr(get(reading.root, "model"));
  takeAnswerFromMessages(call);
  if (call.answer) call.record.flags |= kGolden;
  if (strOr(get(reading.root, "schemaVersion")).starts_with("bedrock-conversion")) {
    call.record.flags |= kRepaired;
    call.repairNote = "schemaVersion says conversion, not conversation";
  }
  return hasContent(call) || reading.fail(RejectReason::missingField, "messages holds no text");
}

/// The preview's form, one prompt a line, and OpenAI's old pairs of prompt and completion.
bool isLegacyPrompt(const Maybe& root) {
  simdjson::dom::object members;
  if (!str(get(root, "prompt")) || root->get_object().get(members)) return false;
  // Anything else beside them is a row of another kind.
  for (const auto& member : members)
    if (member.key != "prompt" && member.key != "completion" && member.key != "system" && member.key != "model") return false;
  return true;
}

bool readLegacyPrompt(const Reading& reading) {
  Call& call = reading.call;
  parseRequestBody(call, reading.root, reading.pool);
  call.record.parser = call.format;
  call.record.flags &= ~kRawPrompt;
  call.record.modelRaw = strOr(get(reading.root, "model"));
  if (const auto completion = str(get(reading.root, "completion"))) {
    call.answer.emplace();
    call.answer->role = "assistant";
    call.answer->text = *completion;
    call.record.flags |= kGolden;
  }
  return hasContent(call) || reading.fail(RejectReason::missingField, "prompt is empty");
}

constexpr LogFormat kFormats[] = {
    {"bedrock", "Bedrock invocation logs", false, isBedrock, readBedrock},
    {"bedrock-prompts", "Bedrock distillation input", false, isPromptFile, readPrompts},
    {"prompts", "prompts, one a line", true, isLegacyPrompt, readLegacyPrompt},
};

}  // namespace

std::span<const LogFormat> bedrockFormats() { return kFormats; }

}  // namespace retort::logs
