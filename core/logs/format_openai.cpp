// OpenAI's and Azure's files: stored completions, chat fine-tuning data, preference pairs, gateway diagnostics.
#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"
#include "logs/pair_index.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

// ---- Stored completions: the completion in one list, its messages ("<id>-0", "<id>-1" …) in another one.

bool isStored(const Maybe& root) {
  const auto object = strOr(get(root, "object"));
  if (object == "chat.completion") return dom::isArray(get(root, "choices"));
  return object == "chat.completion.message" || (object.empty() && !storedMessageOf(root).empty());
}

bool readStored(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  if (const auto completion = storedMessageOf(root); !completion.empty()) {
    if (reading.pairs && reading.pairs->hasAnswer(PairKind::stored, completion, reading.folder)) return reading.noCall();
    return reading.fail(RejectReason::missingField, "a message of " + std::string(completion) + ", which is not among the files");
  }
  r.requestId = strOr(get(root, "id"));
  r.timeUs = timeOf(get(root, "created"));
  r.modelRaw = strOr(get(root, "model"));
  r.operation = "chat.completions";
  const auto input = anyOf(root, {"messages", "input", "input_messages"});
  if (input) {
    readPromptOf(call, input, reading.pool);
  } else if (reading.pairs) {
    for (const auto& text : reading.pairs->requests(PairKind::stored, r.requestId, reading.folder)) {
      const auto message = reading.pool.parse(text);
      if (message) appendMessage(call, message);
    }
    call.needsReading = true;
  }
  const bool isPaired = !call.messages.empty();
  readToolsOf(call, root);
  readParametersOf(call, root);
  parseResponseBody(call, root, reading.pool);
  r.parser = "openai";
  addMembers(call, get(root, "metadata"));
  addMetadata(call, "service_tier", get(root, "service_tier"));
  addMetadata(call, "input_user", get(root, "input_user"));
  if (!isPaired) return reading.fail(RejectReason::missingField, "its messages (" + shown(r.requestId) + "-0 …) are not among the files: export and import them too");
  return true;
}

// ---- Chat files.

bool isChat(const Maybe& root) { return dom::isArray(get(root, "messages")) && !get(root, "schemaType"); }

bool readChat(const Reading& reading) {
  Call& call = reading.call;
  Record& r = call.record;
  parseRequestBody(call, reading.root, reading.pool);
  r.parser = call.format;
  takeAnswerFromMessages(call);
  if (call.answer) r.flags |= kGolden;
  r.modelRaw = strOr(get(reading.root, "model"));
  r.timeUs = timeOf(anyOf(reading.root, {"created", "created_at", "timestamp"}));
  if (const auto metadata = get(reading.root, "metadata"); dom::isObject(metadata)) addMembers(call, metadata);
  return hasContent(call) || reading.fail(RejectReason::missingField, "messages holds no text");
}

// ---- Preference pairs.

bool isPreference(const Maybe& root) { return get(root, "preferred_output") && get(root, "non_preferred_output"); }

bool readPreference(const Reading& reading) {
  Call& call = reading.call;
  readPromptOf(call, get(reading.root, "input"), reading.pool);
  readToolsOf(call, get(reading.root, "input"));
  readAnswerOf(call, get(reading.root, "non_preferred_output"), reading.pool);
  call.dispreferred = std::move(call.answer);
  call.answer.reset();
  readAnswerOf(call, get(reading.root, "preferred_output"), reading.pool);
  if (call.answer) call.record.flags |= kGolden;
  call.record.parser = call.format;
  if (!call.answer || !call.dispreferred) return reading.fail(RejectReason::missingField, "preferred_output or non_preferred_output holds no message");
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "input holds no message");
}

// ---- Azure: what its diagnostics write about a call that went through API Management, or straight to the service.

bool isAzure(const Maybe& root) {
  if (!get(root, "resourceId") && !get(root, "ResourceId") && !get(root, "_ResourceId")) return false;
  const auto category = strOr(anyOf(root, {"category", "Category"}));
  return category == "GatewayLogs" || category == "GatewayLlmLogs" || category == "RequestResponse" || category == "Audit" || category == "Trace";
}

bool readAzure(const Reading& reading) {
  Call& call = reading.call;
  Record& r = call.record;
  const auto properties = reading.pool.unwrapped(anyOf(reading.root, {"properties", "Properties"}));
  const auto member = [&](std::initializer_list<std::string_view> names) {
    const auto inside = anyOf(properties, names);
    return inside ? inside : anyOf(reading.root, names);
  };
  const auto request = reading.pool.unwrapped(member({"backendRequestBody", "requestBody", "requestMessages", "RequestMessages"}));
  const auto response = reading.pool.unwrapped(member({"backendResponseBody", "responseBody", "responseMessages", "ResponseMessages"}));
  r.timeUs = timeOf(anyOf(reading.root, {"time", "TimeGenerated"}));
  r.requestId = strOr(anyOf(reading.root, {"correlationId", "CorrelationId"}));
  r.operation = strOr(member({"operationName", "OperationName", "operationId"}));
  r.region = strOr(anyOf(reading.root, {"location", "Location", "Region"}));
  r.modelRaw = strOr(member({"modelDeploymentName", "modelName", "ModelName", "deploymentName", "DeploymentName"}), strOr(get(request, "model")));
  setCount(r.latencyMs, member({"backendTime", "durationMs", "DurationMs", "totalTime"}));
  setCount(r.inputTokens, member({"promptTokens", "PromptTokens"}));
  setCount(r.outputTokens, member({"completionTokens", "CompletionTokens"}));
  std::optional<std::int64_t> status;
  setCount(status, member({"backendResponseCode", "responseCode", "resultSignature", "ResultSignature"}));
  if (status && *status >= 400) r.errorCode = std::to_string(*status);
  if (!request && !response) {
    if (strOr(anyOf(reading.root, {"category", "Category"})) != "GatewayLogs" && strOr(anyOf(reading.root, {"category", "Category"})) != "RequestResponse") return reading.noCall();
    return reading.fail(RejectReason::missingField, "the bodies were not logged: let the diagnostic setting log request and response bodies");
  }
  readPromptOf(call, request, reading.pool);
  const auto fromRequest = r.modelRaw;
  readAnswerOf(call, response, reading.pool);
  if (r.modelRaw.empty()) r.modelRaw = strOr(get(response, "model"));
  if (const auto message = get(response, "error", "message")) r.reason = strOr(message);
  r.parser = "openai";
  addMetadata(call, "resource", strOr(anyOf(reading.root, {"resourceId", "ResourceId", "_ResourceId"})));
  for (const char* name : {"apiId", "subscriptionId", "productId", "apimSubscriptionId"}) addMetadata(call, name, get(properties, name));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "the request body holds no message");
}

constexpr LogFormat kFormats[] = {
    {"openai-stored", "OpenAI stored completions", false, isStored, readStored},
    {"openai-preference", "OpenAI preference pairs", false, isPreference, readPreference},
    {"azure", "Azure diagnostics with bodies", false, isAzure, readAzure},
    {"openai-chat", "OpenAI chat fine-tuning data", false, isChat, readChat},
};

}  // namespace

std::span<const LogFormat> openaiFormats() { return kFormats; }

}  // namespace retort::logs
