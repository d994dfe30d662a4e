// Names and JSON of requests' results.
#include "providers/generation.h"

#include <algorithm>
#include <array>

namespace retort::providers {
namespace {

constexpr std::array<std::string_view, 7> kFinish = {"stop", "length", "tool", "filtered", "refusal", "error", "unknown"};
constexpr std::array<std::string_view, 7> kClass = {"none", "retry", "pause-auth", "pause-quota", "fail", "reshape", "cancelled"};
constexpr std::array<std::string_view, 7> kEnd = {"ok", "partial", "refused", "filtered", "too-long", "failed", "cancelled"};

std::string textOf(const Json& json, const char* key) { return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string(); }
std::int64_t numberIn(const Json& json, const char* key) { return json.contains(key) && json[key].is_number_integer() ? json[key].get<std::int64_t>() : 0; }
bool flagOf(const Json& json, const char* key, bool otherwise) { return json.contains(key) && json[key].is_boolean() ? json[key].get<bool>() : otherwise; }

std::vector<std::string> textsOf(const Json& json, const char* key) {
  std::vector<std::string> out;
  if (json.contains(key) && json[key].is_array())
    for (const auto& item : json[key])
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

}  // namespace

std::string_view finishName(Finish finish) { return kFinish[static_cast<std::size_t>(finish)]; }
std::string_view errorClassName(ErrorClass c) { return kClass[static_cast<std::size_t>(c)]; }
std::string_view endName(End end) { return kEnd[static_cast<std::size_t>(end)]; }

Finish finishFromName(std::string_view name) {
  const auto it = std::find(kFinish.begin(), kFinish.end(), name);
  return it == kFinish.end() ? Finish::unknown : static_cast<Finish>(it - kFinish.begin());
}

Json toJson(const Answer& a) {
  Json json = {{"text", a.text}, {"finish", finishName(a.finish)}};
  if (!a.reasoning.empty()) json["reasoning"] = a.reasoning;
  if (!a.refusal.empty()) json["refusal"] = a.refusal;
  if (!a.toolCalls.empty()) json["tool_calls"] = a.toolCalls;
  if (!a.rawFinish.empty()) json["raw_finish"] = a.rawFinish;
  if (a.usage.isKnown)
    json["usage"] = {{"input", a.usage.input}, {"cache_read", a.usage.cacheRead}, {"cache_write", a.usage.cacheWrite}, {"output", a.usage.output}, {"reasoning", a.usage.reasoning}};
  if (!a.model.empty()) json["model"] = a.model;
  if (!a.fingerprint.empty()) json["fingerprint"] = a.fingerprint;
  if (!a.remoteId.empty()) json["remote_id"] = a.remoteId;
  if (!a.logprobs.is_null()) json["logprobs"] = a.logprobs;
  if (!a.notices.empty()) json["notices"] = a.notices;
  return json;
}

Answer answerFromJson(const Json& json) {
  Answer a;
  if (!json.is_object()) return a;
  a.text = textOf(json, "text");
  a.reasoning = textOf(json, "reasoning");
  a.refusal = textOf(json, "refusal");
  if (json.contains("tool_calls") && json["tool_calls"].is_array()) a.toolCalls = json["tool_calls"];
  a.finish = finishFromName(textOf(json, "finish"));
  a.rawFinish = textOf(json, "raw_finish");
  if (json.contains("usage") && json["usage"].is_object()) {
    const Json& u = json["usage"];
    a.usage = {numberIn(u, "input"), numberIn(u, "cache_read"), numberIn(u, "cache_write"), numberIn(u, "output"), numberIn(u, "reasoning"), true};
  }
  a.model = textOf(json, "model");
  a.fingerprint = textOf(json, "fingerprint");
  a.remoteId = textOf(json, "remote_id");
  if (json.contains("logprobs")) a.logprobs = json["logprobs"];
  a.notices = textsOf(json, "notices");
  return a;
}

Json assistantMessage(const Answer& a, bool keepReasoning) {
  Json message = {{"role", "assistant"}, {"content", a.text}};
  if (keepReasoning && !a.reasoning.empty()) message["reasoning_content"] = a.reasoning;
  if (!a.toolCalls.empty()) message["tool_calls"] = a.toolCalls;
  return message;
}

Json toJson(const Capabilities& c) {
  return {{"stream", c.stream}, {"usage_in_stream", c.usageInStream}, {"seed", c.seed}, {"json_schema", c.jsonSchema}, {"tools", c.tools}, {"system_role", c.systemRole}, {"batch", c.batch},
          {"max_top_logprobs", c.maxTopLogprobs}, {"context_tokens", c.contextTokens}, {"max_output", c.maxOutput}, {"rejected_params", c.rejectedParams}, {"probed", c.probed}, {"server", c.server}, {"models", c.models}};
}

Capabilities capabilitiesFromJson(const Json& json) {
  Capabilities c;
  if (!json.is_object()) return c;
  c.stream = flagOf(json, "stream", c.stream);
  c.usageInStream = flagOf(json, "usage_in_stream", c.usageInStream);
  c.seed = flagOf(json, "seed", c.seed);
  c.jsonSchema = flagOf(json, "json_schema", c.jsonSchema);
  c.tools = flagOf(json, "tools", c.tools);
  c.systemRole = flagOf(json, "system_role", c.systemRole);
  c.batch = flagOf(json, "batch", c.batch);
  c.maxTopLogprobs = static_cast<int>(numberIn(json, "max_top_logprobs"));
  c.contextTokens = numberIn(json, "context_tokens");
  c.maxOutput = numberIn(json, "max_output");
  c.rejectedParams = textsOf(json, "rejected_params");
  c.probed = textOf(json, "probed");
  c.server = textOf(json, "server");
  c.models = textsOf(json, "models");
  return c;
}

}  // namespace retort::providers
