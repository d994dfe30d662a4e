// Recognising a record by its keys and reading the fields around its bodies.
#include "logs/envelope.h"

#include "base/clock.h"
#include "base/error.h"
#include "logs/body_parser.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

bool fail(ParseReject& reject, RejectReason reason, std::string detail) {
  reject = {reason, std::move(detail)};
  return false;
}

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

std::optional<std::int64_t> logTime(const Maybe& time) {
  if (const auto text = str(time)) return parseIsoTime(*text);
  const auto number = dom::number(time);
  if (!number || *number <= 0 || *number > 4e15) return std::nullopt;
  // Epoch seconds, milliseconds or microseconds, told apart by size.
  const double scale = *number < 1e11 ? 1e6 : *number < 1e14 ? 1e3 : 1.0;
  return static_cast<std::int64_t>(*number * scale);
}

std::string metadataText(const Maybe& value) {
  if (const auto text = str(value)) return std::string(*text);
  return dom::minified(value);
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

bool readBedrock(const Maybe& root, const SpillLoader& spills, dom::ParserPool& pool, Call& call, ParseReject& reject) {
  Record& record = call.record;
  record.source = "bedrock";
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
  record.timeUs = logTime(time);
  record.account = strOr(get(root, "accountId"));
  record.errorCode = strOr(get(root, "errorCode"));
  if (!readMetadata(root, call, reject)) return false;
  readEnvelopeCounts(root, call);
  parseRequestBody(call, bodyOf(root, Side::input, spills, pool, call), pool);
  parseResponseBody(call, bodyOf(root, Side::output, spills, pool, call), pool);
  return true;
}

/// Prompt and chat files: a conversation whose last assistant message, if any, is a labelled answer.
bool readConversation(const Maybe& root, std::string_view source, dom::ParserPool& pool, Call& call) {
  Record& record = call.record;
  record.source = source;
  parseRequestBody(call, root, pool);
  record.parser = source;
  if (!call.messages.empty() && call.messages.back().role == "assistant") {
    call.answer = std::move(call.messages.back());
    call.messages.pop_back();
    record.flags |= kGolden;
  } else if (const auto completion = str(get(root, "completion"))) {
    call.answer.emplace();
    call.answer->role = "assistant";
    call.answer->text = *completion;
    record.flags |= kGolden;
  }
  record.modelRaw = strOr(get(root, "model"));
  return !call.messages.empty();
}

bool hasText(const Call& call) {
  for (const auto& message : call.messages)
    if (!message.text.empty() || !message.toolCalls.empty() || !message.images.empty()) return true;
  return false;
}

/// {"message":"<record>"} of CloudWatch exports, "@message" of its queries.
Maybe unwrapCloudWatch(const Maybe& root, dom::ParserPool& pool) {
  if (get(root, "modelId") || get(root, "schemaType")) return root;
  for (const char* key : {"message", "@message"}) {
    const auto inner = pool.unwrapped(get(root, key));
    if (dom::isObject(inner) && (get(inner, "modelId") || get(inner, "schemaType") || get(inner, "requestId"))) return inner;
  }
  return root;
}

bool isBedrock(const Maybe& root) {
  if (const auto type = str(get(root, "schemaType"))) return *type == "ModelInvocationLog";
  int known = 0;
  for (const char* key : {"requestId", "modelId", "operation"}) known += get(root, key).has_value();
  return known + hasSide(root, "input") + hasSide(root, "output") >= 2;
}

}  // namespace

bool readEnvelope(Maybe root, const SpillLoader& spills, dom::ParserPool& pool, Call& call, ParseReject& reject) {
  if (dom::isArray(root)) {
    if (!looksLikeStream(root, pool)) return fail(reject, RejectReason::noSchema, "an array that is no response stream");
    call.record.source = "bedrock";
    call.record.operation = "InvokeModelWithResponseStream";
    parseResponseBody(call, root, pool);
    return true;
  }
  if (!dom::isObject(root)) return fail(reject, RejectReason::noSchema, "neither an object nor an array");
  root = unwrapCloudWatch(root, pool);
  if (isBedrock(root)) return readBedrock(root, spills, pool, call, reject);
  const auto version = strOr(get(root, "schemaVersion"));
  const bool isPrompts = version.starts_with("bedrock-conver");
  if (dom::isArray(get(root, "messages")) && !get(root, "schemaType")) {
    if (!readConversation(root, isPrompts ? "bedrock-prompts" : "openai-chat", pool, call) || !hasText(call))
      return fail(reject, RejectReason::missingField, "messages holds no text");
    return true;
  }
  if (isPrompts) return fail(reject, RejectReason::missingField, "messages is missing");
  if (str(get(root, "prompt")) && !get(root, "schemaType")) {
    if (!readConversation(root, "bedrock-prompts", pool, call)) return fail(reject, RejectReason::missingField, "prompt is empty");
    call.record.flags &= ~kRawPrompt;
    return true;
  }
  return fail(reject, RejectReason::noSchema, "no record of a known format");
}

}  // namespace retort::logs
