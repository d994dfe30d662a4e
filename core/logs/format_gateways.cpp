// Logs of gateways: LiteLLM, Helicone, NVIDIA's flywheel, OpenPipe.
#include <cmath>

#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

bool isTrue(const Maybe& e) {
  bool value = false;
  return (e && !e->get_bool().get(value) && value) || strOr(e) == "true" || strOr(e) == "True";
}

// ---- LiteLLM's standard logging payload.

bool isLiteLlm(const Maybe& root) { return get(root, "call_type") && get(root, "response_cost") && get(root, "model_parameters"); }

bool readLiteLlm(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto kind = strOr(get(root, "call_type"));
  for (const std::string_view other : {"embedding", "image", "transcription", "speech", "rerank", "moderation", "_file", "batch"})
    if (kind.find(other) != std::string_view::npos) return reading.noCall();
  r.requestId = strOr(get(root, "id"));
  r.operation = kind;
  r.modelRaw = strOr(get(root, "model"));
  const auto start = timeOf(get(root, "startTime")), end = timeOf(get(root, "endTime"));
  r.timeUs = start;
  const auto parameters = get(root, "model_parameters");
  const bool isStream = isTrue(get(parameters, "stream")) || isTrue(get(root, "stream"));
  readPromptOf(call, get(root, "messages"), reading.pool);
  readToolsOf(call, parameters);
  readParametersOf(call, parameters);
  readAnswerOf(call, get(root, "response"), reading.pool);
  setCount(r.inputTokens, get(root, "prompt_tokens"));
  setCount(r.outputTokens, get(root, "completion_tokens"));
  if (!isTrue(get(root, "cache_hit"))) {   // an answer from the cache says nothing about the model's latency
    const auto first = timeOf(get(root, "completionStartTime"));
    setDurations(r, start, isStream ? first : std::nullopt, end);
    // The documented trap: with streams, response_time is the time to the first token.
    if (const auto seconds = realOf(get(root, "response_time")); seconds && *seconds >= 0 && *seconds < 1e7) {
      auto& to = isStream ? r.ttftMs : r.latencyMs;
      if (!to) to = std::llround(*seconds * 1000);
    }
  } else {
    addMetadata(call, "cache_hit", "true");
  }
  r.cost = realOf(get(root, "response_cost"));
  if (const auto status = strOr(get(root, "status")); status == "failure") {
    const auto error = get(root, "error_information");
    r.errorCode = strOr(anyOf(error, {"error_code", "error_class"}), "error");
    if (r.errorCode.empty()) r.errorCode = "error";
    r.reason = strOr(anyOf(error, {"error_message"}), strOr(get(root, "error_str")));
    call.answer.reset();
  }
  r.parser = "openai";
  addMembers(call, get(root, "metadata"));
  addMetadata(call, "request_tags", get(root, "request_tags"));
  for (const char* name : {"end_user", "custom_llm_provider", "model_group", "trace_id"}) addMetadata(call, name, get(root, name));
  return hasContent(call) || reading.fail(RejectReason::missingField, "messages were not logged: turn message logging on");
}

// ---- Helicone's export.

bool isHelicone(const Maybe& root) {
  if (get(root, "request_body") && get(root, "response_body")) return true;
  return get(root, "request_id") && (get(root, "delay_ms") || get(root, "request_properties") || get(root, "helicone_user") || get(root, "request_path"));
}

bool readHelicone(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto request = reading.pool.unwrapped(get(root, "request_body")), response = reading.pool.unwrapped(get(root, "response_body"));
  if (!dom::isObject(request)) return reading.fail(RejectReason::missingField, "the bodies are missing: re-export with --include-body");
  r.requestId = strOr(anyOf(root, {"request_id", "response_id"}));
  r.timeUs = timeOf(anyOf(root, {"request_created_at", "created_at"}));
  r.modelRaw = strOr(anyOf(root, {"model", "request_model", "response_model", "model_override"}), strOr(get(request, "model")));
  r.operation = strOr(anyOf(root, {"request_path", "target_url"}));
  readPromptOf(call, request, reading.pool);
  readAnswerOf(call, response, reading.pool);
  setCount(r.inputTokens, get(root, "prompt_tokens"));
  setCount(r.outputTokens, get(root, "completion_tokens"));
  setCount(r.latencyMs, anyOf(root, {"delay_ms", "latency"}));
  setCount(r.ttftMs, get(root, "time_to_first_token"));
  r.cost = realOf(anyOf(root, {"cost", "cost_usd", "costUSD"}));
  std::optional<std::int64_t> status;
  setCount(status, anyOf(root, {"response_status", "status"}));
  if (status && (*status >= 400 || *status < 0)) {
    r.errorCode = std::to_string(*status);
    r.reason = strOr(get(response, "error", "message"));
    call.answer.reset();
  }
  if (r.parser.empty()) r.parser = "openai";
  addMembers(call, reading.pool.unwrapped(anyOf(root, {"properties", "request_properties"})));
  addMetadata(call, "user", anyOf(root, {"user_id", "request_user_id", "helicone_user"}));
  addMetadata(call, "provider", get(root, "provider"));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "request_body holds no message");
}

// ---- NVIDIA's data flywheel.

bool isFlywheel(const Maybe& root) { return get(root, "workload_id") && get(root, "client_id") && get(root, "request") && get(root, "response"); }

bool readFlywheel(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto request = reading.pool.unwrapped(get(root, "request")), response = reading.pool.unwrapped(get(root, "response"));
  r.requestId = strOr(anyOf(root, {"id", "request_id"}), strOr(get(response, "id")));
  r.timeUs = timeOf(get(root, "timestamp"));
  r.modelRaw = strOr(get(request, "model"), strOr(get(response, "model")));
  readPromptOf(call, request, reading.pool);
  readAnswerOf(call, response, reading.pool);
  r.parser = "openai";
  addMetadata(call, "client_id", get(root, "client_id"));
  addMetadata(call, "workload_id", get(root, "workload_id"));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "request holds no message");
}

// ---- OpenPipe: what it was sent and what came back.

bool isOpenPipe(const Maybe& root) {
  return (get(root, "input") && get(root, "output") && (get(root, "tags") || get(root, "split"))) || (get(root, "reqPayload") && get(root, "respPayload"));
}

bool readOpenPipe(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto input = reading.pool.unwrapped(anyOf(root, {"input", "reqPayload"}));
  readPromptOf(call, input ? input : get(root, "input"), reading.pool);
  readAnswerOf(call, anyOf(root, {"output", "respPayload"}), reading.pool);
  r.requestId = strOr(anyOf(root, {"id", "requestId"}));
  r.modelRaw = strOr(get(input, "model"), strOr(get(root, "model")));
  const auto start = timeOf(get(root, "requestedAt")), end = timeOf(get(root, "receivedAt"));
  r.timeUs = start ? start : timeOf(anyOf(root, {"createdAt", "created_at", "timestamp"}));
  setDurations(r, start, std::nullopt, end);
  std::optional<std::int64_t> status;
  setCount(status, get(root, "statusCode"));
  if (status && *status >= 400) {
    r.errorCode = std::to_string(*status);
    r.reason = strOr(get(root, "errorMessage"));
    call.answer.reset();
  }
  if (r.parser.empty() || r.parser == "prompt") r.parser = "openai";
  addMembers(call, get(root, "tags"));
  addMembers(call, get(root, "metadata"));
  addMetadata(call, "split", get(root, "split"));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "input holds no message");
}

constexpr LogFormat kFormats[] = {
    {"litellm", "LiteLLM logs", false, isLiteLlm, readLiteLlm},
    {"flywheel", "NVIDIA flywheel logs", false, isFlywheel, readFlywheel},
    {"helicone", "Helicone's export", false, isHelicone, readHelicone},
    {"openpipe", "OpenPipe's export", true, isOpenPipe, readOpenPipe},
};

}  // namespace

std::span<const LogFormat> gatewayFormats() { return kFormats; }

}  // namespace retort::logs
