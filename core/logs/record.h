// One logged model call, whatever format it came in: what filters test, lists show and datasets are built from.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace retort::logs {

/// What is special about a record. The bits are stored: only ever add.
enum Flag : std::uint32_t {
  kRepaired = 1u << 0,       ///< the line had bad UTF-8, a lone surrogate or an integer over 64 bits, which were mended
  kDupKeys = 1u << 1,        ///< an object named a member twice; the last one counts
  kBodyExternal = 1u << 2,   ///< a spilled body was not found: not trainable
  kSyntheticId = 1u << 3,    ///< no request id in the source: a hash of the line serves as one
  kNoTime = 1u << 4,
  kPartial = 1u << 5,        ///< a stream without its end: not trainable
  kRawPrompt = 1u << 6,      ///< the prompt text could not be split into turns
  kImages = 1u << 7,         ///< holds images or documents, which are shown as placeholders
  kUuid = 1u << 8,           ///< the request id is a UUID (internal: tells how to print it)
  kGolden = 1u << 9,         ///< a labelled example, from a prompt file
  kNoAnswer = 1u << 10,      ///< no answer was logged
  kJoined = 1u << 11,        ///< some of its text does not stand in the line as it is: chunks of a stream, numbers spelled anew (internal)
};

/// The words of `@flags` (kUuid and kJoined have none).
[[nodiscard]] std::string_view flagWord(Flag flag);
[[nodiscard]] std::vector<std::string_view> flagWords(std::uint32_t flags);

/// The values of one record, complete. Messages are OpenAI-like: {"role","content"[,"tool_calls","tool_call_id","reasoning_content"]};
/// content is text, or an array of {"type":"text","text"} / {"type":"image","format","bytes"} where there are images.
struct Record {
  std::uint32_t id = 0;                       ///< dense id in its store; not valid after a new import into another one
  std::string requestId;                      ///< as logged; 32 hex digits when synthetic
  std::optional<std::int64_t> timeUs;         ///< microseconds since 1970 UTC
  std::string modelRaw, model;                ///< as logged; normalised
  std::string operation, region, account;
  std::string source;                         ///< format: "bedrock", "bedrock-prompts", "openai-chat" … (logFormats())
  std::string parser;                         ///< body dialect that was used: "converse", "nova", "claude", "llama" …
  std::string status;                         ///< "ok", "error", "incomplete"
  std::string errorCode;
  std::string reason;                         ///< in words, as logged: the error's message, or what a guardrail found
  std::string stop, stopRaw;                  ///< stop | length | tool | filtered | error | unknown, empty without an answer; as logged
  std::optional<std::int64_t> inputTokens;    ///< all of them: uncached, cache read, cache written
  std::optional<std::int64_t> outputTokens, cachedTokens;   ///< cachedTokens: read from the cache
  std::optional<std::int64_t> latencyMs, ttftMs;
  std::optional<double> cost;                 ///< US dollars, where the source says it
  std::uint32_t flags = 0;
  int turns = 0;                              ///< user messages of the request
  std::vector<std::pair<std::string, std::string>> metadata;   ///< in the order of the log
  Json messages = Json::array();              ///< the request, system message first
  Json tools = Json::array();                 ///< OpenAI-like {"type":"function","function":{name,description,parameters}}
  Json answer;                                ///< the assistant's message, or null
  Json dispreferred;                          ///< the worse answer of a preference pair, or null
  Json parameters = Json::object();           ///< temperature, top_p, max_tokens … as far as the body has them

  [[nodiscard]] const std::string* metadataValue(std::string_view key) const;
  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
  /// A whole call with an answer: not failed, partial, external or filtered.
  [[nodiscard]] bool isTrainable() const;
  /// Everything, for `logs show --json`.
  [[nodiscard]] Json toJson() const;
};

/// All text of a message ("content" and tool calls), parts joined by LF.
[[nodiscard]] std::string messageText(const Json& message);
/// All text of the prompt and the answer, as `@text` searches it; messages joined by LF.
[[nodiscard]] std::string searchableText(const Record& record);

/// What stands before "vendor.model" in the id of an inference profile across regions.
inline constexpr std::string_view kModelRegions[] = {"us", "eu", "apac", "global", "us-gov", "jp", "au", "ca", "sa"};
/// Stop reasons in lower case, and what they are normalised to.
inline constexpr std::pair<std::string_view, std::string_view> kStopWords[] = {
    {"end_turn", "stop"}, {"stop_sequence", "stop"}, {"stop", "stop"}, {"finish", "stop"}, {"complete", "stop"}, {"eos", "stop"}, {"end_of_text", "stop"},
    {"stop_criteria_met", "stop"}, {"finished", "stop"}, {"max_tokens", "length"}, {"length", "length"}, {"model_context_window_exceeded", "length"},
    {"max_length", "length"}, {"tool_use", "tool"}, {"tool_calls", "tool"}, {"tool_call", "tool"}, {"function_call", "tool"}, {"guardrail_intervened", "filtered"},
    {"content_filtered", "filtered"}, {"content_filter", "filtered"}, {"error_toxic", "filtered"}, {"refusal", "filtered"}, {"rag_query_when_rag_disabled", "filtered"},
    {"malformed_model_output", "error"}, {"malformed_tool_use", "error"}, {"error", "error"}, {"error_limit", "error"}, {"user_cancel", "error"}};

/// ARN tail without region prefix and context suffix: "arn:…/us.amazon.nova-lite-v1:0" -> "amazon.nova-lite-v1:0". Opaque
/// profile ids keep their kind: "application-inference-profile/abc".
[[nodiscard]] std::string normaliseModel(std::string_view raw);
/// Maps any dialect's stop reason to stop | length | tool | filtered | error | unknown.
[[nodiscard]] std::string_view normaliseStop(std::string_view raw);

/// 16 bytes that identify a request: the UUID itself (`isUuid`), else XXH3-128 of the text.
[[nodiscard]] std::string requestKey(std::string_view requestId, bool& isUuid);
/// How a stored key is printed: as UUID or as 32 hex digits.
[[nodiscard]] std::string requestKeyText(std::string_view key, bool isUuid);

}  // namespace retort::logs
