// Traces: Langfuse's observations and LangSmith's runs. Spans of OpenTelemetry are in format_spans.cpp.
#include <cmath>

#include "base/format.h"
#include "logs/body_parser.h"
#include "logs/format.h"
#include "logs/format_spans.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

void setMillis(std::optional<std::int64_t>& to, const Maybe& seconds) {
  if (const auto value = realOf(seconds); value && *value >= 0 && *value < 1e7 && !to) to = std::llround(*value * 1000);
}

// ---- Langfuse: API and window export in camel case, blob storage in snake case.

bool isLangfuse(const Maybe& root) {
  if (!anyOf(root, {"traceId", "trace_id"})) return false;
  const auto type = strOr(get(root, "type"));
  for (const std::string_view known : {"GENERATION", "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL"})
    if (type == known) return true;
  return type.empty() && anyOf(root, {"usageDetails", "usage_details"}) && anyOf(root, {"provided_model_name", "model"});
}

bool readLangfuse(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  const auto type = strOr(get(root, "type"));
  if (!type.empty() && type != "GENERATION") return reading.noCall();
  r.requestId = strOr(get(root, "id"));
  r.modelRaw = strOr(anyOf(root, {"provided_model_name", "providedModelName", "model"}));
  r.operation = "generation";
  const auto start = timeOf(anyOf(root, {"startTime", "start_time"}));
  r.timeUs = start;
  readPromptOf(call, get(root, "input"), reading.pool);
  const auto parameters = reading.pool.unwrapped(anyOf(root, {"modelParameters", "model_parameters"}));
  if (call.tools.empty()) readToolsOf(call, reading.pool.unwrapped(get(root, "input")));
  readParametersOf(call, parameters);
  if (const auto output = get(root, "output"); !dom::isNull(output)) readAnswerOf(call, output, reading.pool);
  const auto usage = reading.pool.unwrapped(anyOf(root, {"usageDetails", "usage_details", "usage"}));
  // "input" is the uncached part; all of the prompt is that and what was read from or written to the cache.
  std::optional<std::int64_t> plain, written;
  setCount(plain, anyOf(usage, {"input", "prompt_tokens", "promptTokens", "input_tokens"}));
  setCount(r.cachedTokens, anyOf(usage, {"cache_read_input_tokens", "input_cached_tokens", "input_cache_read"}));
  setCount(written, anyOf(usage, {"cache_creation_input_tokens", "input_cache_creation"}));
  if (plain) r.inputTokens = *plain + r.cachedTokens.value_or(0) + written.value_or(0);
  setCount(r.outputTokens, anyOf(usage, {"output", "completion_tokens", "completionTokens", "output_tokens"}));
  setDurations(r, start, timeOf(anyOf(root, {"completionStartTime", "completion_start_time"})), timeOf(anyOf(root, {"endTime", "end_time"})));
  setMillis(r.latencyMs, get(root, "latency"));
  setMillis(r.ttftMs, anyOf(root, {"timeToFirstToken", "time_to_first_token"}));
  const auto costs = reading.pool.unwrapped(anyOf(root, {"costDetails", "cost_details"}));
  r.cost = realOf(anyOf(costs, {"total"}));
  if (!r.cost) r.cost = realOf(anyOf(root, {"calculatedTotalCost", "totalCost", "total_cost"}));
  if (strOr(get(root, "level")) == "ERROR") {
    r.errorCode = "error";
    r.reason = strOr(anyOf(root, {"statusMessage", "status_message"}));
  }
  r.parser = "openai";
  addMembers(call, reading.pool.unwrapped(get(root, "metadata")));
  addMetadata(call, "trace_id", anyOf(root, {"traceId", "trace_id"}));
  addMetadata(call, "user_id", anyOf(root, {"userId", "user_id"}));
  addMetadata(call, "session_id", anyOf(root, {"sessionId", "session_id"}));
  addMetadata(call, "tags", get(root, "tags"));
  for (const char* name : {"name", "environment", "version", "release", "level"}) addMetadata(call, name, get(root, name));
  addMetadata(call, "prompt_name", anyOf(root, {"promptName", "prompt_name"}));
  addMetadata(call, "prompt_version", anyOf(root, {"promptVersion", "prompt_version"}));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "input is empty: export with inputs and outputs");
}

// ---- LangSmith.

bool isLangSmith(const Maybe& root) { return get(root, "run_type") && (get(root, "dotted_order") || get(root, "trace_id") || get(root, "inputs")); }

bool readLangSmith(const Reading& reading) {
  const Maybe& root = reading.root;
  Call& call = reading.call;
  Record& r = call.record;
  if (strOr(get(root, "run_type")) != "llm") return reading.noCall();
  r.requestId = strOr(get(root, "id"));
  r.operation = "llm";
  const auto start = timeOf(get(root, "start_time"));
  r.timeUs = start;
  const auto extra = reading.pool.unwrapped(get(root, "extra"));
  const auto metadata = get(extra, "metadata"), invocation = get(extra, "invocation_params");
  r.modelRaw = strOr(get(metadata, "ls_model_name"), strOr(anyOf(invocation, {"model", "model_name", "model_id"})));
  readPromptOf(call, get(root, "inputs"), reading.pool);
  if (call.tools.empty()) readToolsOf(call, invocation);
  readParametersOf(call, invocation);
  if (const auto outputs = get(root, "outputs"); !dom::isNull(outputs)) readAnswerOf(call, outputs, reading.pool);
  setCount(r.inputTokens, get(root, "prompt_tokens"));
  setCount(r.outputTokens, get(root, "completion_tokens"));
  readUsage(call, get(reading.pool.unwrapped(get(root, "outputs")), "usage_metadata"));
  setDurations(r, start, timeOf(get(root, "first_token_time")), timeOf(get(root, "end_time")));
  r.cost = realOf(get(root, "total_cost"));
  if (const auto error = str(get(root, "error")); error && !error->empty()) {
    r.errorCode = "error";
    r.reason = std::string(error->substr(0, error->find('\n')));
    call.answer.reset();
  }
  r.parser = "openai";
  addMembers(call, metadata);
  addMetadata(call, "tags", get(root, "tags"));
  for (const char* name : {"name", "session_name", "trace_id", "status"}) addMetadata(call, name, get(root, name));
  return !call.messages.empty() || reading.fail(RejectReason::missingField, "inputs hold no message");
}

constexpr LogFormat kFormats[] = {
    {"otel", "OpenTelemetry GenAI spans", false, isOtelSpan, readOtelSpan},
    {"phoenix", "Phoenix and OpenInference spans", false, isPhoenixSpan, readPhoenixSpan},
    {"langsmith", "LangSmith runs", false, isLangSmith, readLangSmith},
    {"langfuse", "Langfuse observations", false, isLangfuse, readLangfuse},
};

}  // namespace

std::span<const LogFormat> traceFormats() { return kFormats; }

}  // namespace retort::logs
