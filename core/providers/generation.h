// One request and one outcome for every provider: messages in OpenAI's shape in, text, reasoning, calls, usage and times out.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "providers/http.h"
#include "providers/usage.h"

namespace retort::providers {

struct Sampling {
  int maxTokens = 1024;                        ///< of the answer, reasoning included
  std::optional<double> temperature, topP;
  std::optional<std::int64_t> seed;
  std::vector<std::string> stop;
  std::string effort;                          ///< of reasoning: low, medium, high; empty: the model's own
};

struct GenRequest {
  std::string id;                              ///< the caller's: a row, a sample
  Json messages = Json::array();               ///< {"role","content"[,"tool_calls","tool_call_id"]}, as in a dataset row
  Json tools;                                  ///< array of OpenAI's shape, or null
  Json format;                                 ///< null, {"type":"json_object"} or {"type":"json_schema","json_schema":{"name","schema"}}
  Sampling sampling;
  int topLogprobs = -1;                        ///< -1: none; else alternatives per token, beside the chosen one
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string promptVersion;                   ///< part of the request's hash: answers to another version are never reused
  int sample = 0;                              ///< index of best-of-n, part of the hash
  bool stream = true;
};

enum class Finish { stop, length, tool, filtered, refusal, error, unknown };
[[nodiscard]] std::string_view finishName(Finish finish);
[[nodiscard]] Finish finishFromName(std::string_view name);

struct Answer {
  std::string text, reasoning, refusal;
  Json toolCalls = Json::array();              ///< OpenAI's shape
  Finish finish = Finish::unknown;
  std::string rawFinish;                       ///< the provider's word
  Usage usage;
  std::string model, fingerprint, remoteId;    ///< as the server names them
  Json logprobs;                               ///< [{"token","bytes","logprob","top":[…]}…] or null
  std::vector<std::string> notices;            ///< what was changed on the way: a parameter dropped, a limit clamped
};
[[nodiscard]] Json toJson(const Answer& answer);
[[nodiscard]] Answer answerFromJson(const Json& json);
/// The assistant message for a dataset row; reasoning as "reasoning_content" when kept.
[[nodiscard]] Json assistantMessage(const Answer& answer, bool keepReasoning);

/// What to do about a failure (reference: one table for all providers).
enum class ErrorClass { none, retry, pauseAuth, pauseQuota, failItem, reshape, cancelled };
[[nodiscard]] std::string_view errorClassName(ErrorClass c);

struct Timing {
  double ttftMs = -1;              ///< last request byte to the first non-empty text, reasoning or tool piece; -1: unknown
  double totalMs = -1;             ///< to the last piece that holds tokens
  double loadMs = 0;               ///< loading of the model, where the server says it: inside ttftMs, shown apart
  int pieces = 0;
};

enum class End { ok, partial, refused, filtered, tooLong, failed, cancelled };
[[nodiscard]] std::string_view endName(End end);

/// What became of one attempt. Only `ok` may train a student: a stream without its terminal marker is partial.
struct Outcome {
  End end = End::failed;
  Answer answer;                   ///< whatever came, also of a failed attempt
  Timing timing;
  Error error;                     ///< when end is failed, partial or cancelled
  ErrorClass errorClass = ErrorClass::none;
  int http = 0;
  double retryAfter = -1;          ///< seconds the server asks for; -1: it did not say
  std::string rejectedParameter;   ///< of reshape
  std::vector<std::pair<std::string, std::string>> headers;   ///< of the response, for rate limits
  bool sawBytes = false;           ///< an answer began: it is possibly billed
  std::string requestBody;         ///< raw bytes sent (never headers), for the record beside a row
};

struct Delta {
  enum class Kind { text, reasoning, toolArgs, refusal } kind = Kind::text;
  std::string text;
};

/// `done` comes exactly once, also after a stop, and no `delta` after it; both on a thread of the provider, for at most a millisecond.
struct Handlers {
  std::function<void(const Delta&)> delta;
  std::function<void(Outcome&&)> done;
};

/// What a server can do, probed once and remembered with the teacher.
struct Capabilities {
  bool stream = true, usageInStream = true, seed = true, jsonSchema = true, tools = true, systemRole = true, batch = false;
  int maxTopLogprobs = 0;                          ///< 0 none, -1 the whole vocabulary
  std::int64_t contextTokens = 0, maxOutput = 0;   ///< 0: unknown
  std::vector<std::string> rejectedParams;         ///< never sent again
  std::string probed, server;                      ///< when (ISO time), and what it calls itself
  std::vector<std::string> models;                 ///< at most 200
};
[[nodiscard]] Json toJson(const Capabilities& c);
[[nodiscard]] Capabilities capabilitiesFromJson(const Json& json);

}  // namespace retort::providers
