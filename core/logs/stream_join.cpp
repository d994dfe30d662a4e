// Response streams that were logged as arrays of chunks, joined to one answer.
#include <map>

#include "logs/body_parser.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

std::string decodeBase64(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    else if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    else if (c >= '0' && c <= '9') value = c - '0' + 52;
    else if (c == '+') value = 62;
    else if (c == '/') value = 63;
    else if (c == '=') break;
    else return {};
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    have += 6;
    if (have >= 8) bytes.push_back(static_cast<char>(bits >> (have -= 8) & 0xff));
  }
  return bytes;
}

/// A chunk as object: itself, JSON text, or base64 behind "bytes" or "chunk"."bytes".
Maybe chunkObject(const Maybe& chunk, dom::ParserPool& pool) {
  if (str(chunk)) return pool.unwrapped(chunk);
  const auto inner = get(chunk, "chunk");
  const auto bytes = str(get(inner ? inner : chunk, "bytes"));
  return bytes ? pool.parse(decodeBase64(*bytes)) : chunk;
}

struct Joiner {
  Call& call;
  Message answer;
  std::map<std::int64_t, ToolCall> tools;      ///< by content block index
  std::string_view dialect;
  bool isBegun = false, isEnded = false;

  void text(std::string_view more) { answer.text += more, isBegun = true; }
  void usageLast(const Maybe& usage) {
    if (!dom::isObject(usage)) return;
    // Counts of a stream are cumulative: the last one holds.
    if (get(usage, "output_tokens") || get(usage, "outputTokens") || get(usage, "completion_tokens")) call.record.outputTokens.reset();
    readUsage(call, usage);
  }
  void stop(const Maybe& reason) {
    if (dom::isNull(reason) || !str(reason)) return;
    setStop(call, reason);
    isEnded = true;
  }

  bool claude(const Maybe& c) {
    const auto type = strOr(get(c, "type"));
    if (type == "message_start") {
      dialect = "claude", isBegun = true;
      const auto message = get(c, "message");
      usageLast(get(message, "usage"));
    } else if (type == "content_block_start") {
      const auto block = get(c, "content_block");
      const auto index = dom::integer(get(c, "index")).value_or(0);
      if (strOr(get(block, "type")) == "tool_use") tools[index] = {std::string(strOr(get(block, "id"))), std::string(strOr(get(block, "name"))), {}};
      else text(strOr(get(block, "text")));
    } else if (type == "content_block_delta") {
      const auto delta = get(c, "delta");
      if (const auto more = str(get(delta, "text"))) text(*more);
      else if (const auto json = str(get(delta, "partial_json"))) tools[dom::integer(get(c, "index")).value_or(0)].arguments += *json;
      else if (const auto thought = str(get(delta, "thinking"))) answer.reasoning += *thought;
      dialect = "claude", isBegun = true;
    } else if (type == "message_delta") {
      stop(get(c, "delta", "stop_reason"));
      usageLast(get(c, "usage"));
    } else if (type == "message_stop") {
      isEnded = true;
    } else if (type == "completion") {
      dialect = "claude-legacy";
      text(strOr(get(c, "completion")));
      stop(get(c, "stop_reason"));
    } else {
      return type == "content_block_stop" || type == "ping";
    }
    return true;
  }

  bool converse(const Maybe& c) {
    if (const auto delta = get(c, "contentBlockDelta")) {
      const auto what = get(delta, "delta");
      if (const auto more = str(get(what, "text"))) text(*more);
      else if (const auto json = str(get(what, "toolUse", "input"))) tools[dom::integer(get(delta, "contentBlockIndex")).value_or(0)].arguments += *json;
      else if (const auto thought = str(get(what, "reasoningContent", "text"))) answer.reasoning += *thought;
    } else if (const auto start = get(c, "contentBlockStart")) {
      if (const auto use = get(start, "start", "toolUse"))
        tools[dom::integer(get(start, "contentBlockIndex")).value_or(0)] = {std::string(strOr(get(use, "toolUseId"))), std::string(strOr(get(use, "name"))), {}};
    } else if (const auto stopped = get(c, "messageStop")) {
      stop(get(stopped, "stopReason"));
    } else if (const auto meta = get(c, "metadata"); get(meta, "usage")) {
      usageLast(get(meta, "usage"));
      if (const auto ms = dom::integer(get(meta, "metrics", "latencyMs")); ms && *ms >= 0) call.record.latencyMs = ms;
    } else if (!get(c, "messageStart") && !get(c, "contentBlockStop")) {
      return false;
    }
    dialect = "converse", isBegun = true;
    return true;
  }

  bool openai(const Maybe& c) {
    const auto choices = get(c, "choices");
    if (!dom::isArray(choices)) return false;
    const auto choice = dom::first(choices);
    dialect = "openai", isBegun = true;
    const auto delta = get(choice, "delta") ? get(choice, "delta") : get(choice, "message");
    if (const auto more = str(get(delta, "content"))) text(*more);
    else if (const auto plain = str(get(choice, "text"))) text(*plain);
    answer.reasoning += strOr(get(delta, "reasoning_content"));
    dom::forEach(get(delta, "tool_calls"), [&](const Maybe& item) {
      ToolCall& tool = tools[dom::integer(get(item, "index")).value_or(0)];
      if (const auto id = str(get(item, "id"))) tool.id = *id;
      if (const auto name = str(get(item, "function", "name"))) tool.name = *name;
      tool.arguments += strOr(get(item, "function", "arguments"));
    });
    stop(get(choice, "stop_reason"));
    stop(get(choice, "finish_reason"));
    usageLast(get(c, "usage"));
    return true;
  }

  void plain(const Maybe& c) {
    const auto count = [&](std::optional<std::int64_t>& to, const Maybe& from) {
      if (const auto value = dom::integer(from); value && *value >= 0) to = value;
    };
    if (const auto llama = get(c, "generation")) {
      dialect = "llama";
      text(strOr(llama));
      stop(get(c, "stop_reason"));
      if (!call.record.inputTokens) count(call.record.inputTokens, get(c, "prompt_token_count"));
      count(call.record.outputTokens, get(c, "generation_token_count"));
    } else if (const auto titan = get(c, "outputText")) {
      dialect = "titan";
      text(strOr(titan));
      stop(get(c, "completionReason"));
      if (!call.record.inputTokens) count(call.record.inputTokens, get(c, "inputTextTokenCount"));
      count(call.record.outputTokens, get(c, "totalOutputTextTokenCount"));
    } else if (const auto mistral = dom::first(get(c, "outputs"))) {
      dialect = "mistral-text";
      text(strOr(get(mistral, "text")));
      stop(get(mistral, "stop_reason"));
    } else if (const auto event = str(get(c, "event_type"))) {
      dialect = "cohere", isBegun = true;
      if (*event == "text-generation") text(strOr(get(c, "text")));
      if (*event == "stream-end") isEnded = true, stop(get(c, "finish_reason"));
    } else if (get(c, "is_finished")) {
      dialect = "cohere-command";
      text(strOr(get(c, "text")));
      stop(get(c, "finish_reason"));
    } else if (const auto legacy = str(get(c, "completion"))) {
      dialect = "claude-legacy";
      text(*legacy);
      stop(get(c, "stop_reason"));
    }
  }

  void metrics(const Maybe& c) {
    const auto m = get(c, "amazon-bedrock-invocationMetrics");
    if (!m) return;
    Record& record = call.record;
    const auto set = [&](std::optional<std::int64_t>& to, const char* name) {
      if (const auto value = dom::integer(get(m, name)); value && *value >= 0 && !to) to = value;
    };
    set(record.latencyMs, "invocationLatency");
    set(record.ttftMs, "firstByteLatency");
    set(record.inputTokens, "inputTokenCount");
    set(record.outputTokens, "outputTokenCount");
  }
};

bool isChunk(const Maybe& c) {
  for (const char* key : {"generation", "outputText", "outputs", "choices", "event_type", "is_finished", "contentBlockDelta", "messageStart", "contentBlockStart",
                          "messageStop", "contentBlockStop", "amazon-bedrock-invocationMetrics", "completion"})
    if (get(c, key)) return true;
  const auto type = strOr(get(c, "type"));
  return type.starts_with("message_") || type.starts_with("content_block_") || type == "ping" || type == "completion";
}

}  // namespace

bool looksLikeStream(const Maybe& array, dom::ParserPool& pool) {
  const auto begin = chunkObject(dom::first(array), pool);
  return dom::isObject(begin) && isChunk(begin);
}

void joinStream(Call& call, const Maybe& array, dom::ParserPool& pool) {
  call.record.flags |= kJoined;
  const auto begin = chunkObject(dom::first(array), pool);
  if (dom::isObject(begin) && !isChunk(begin)) return parseResponseBody(call, begin, pool);  // a whole response in an array of one
  // The envelope's counts come first; a stream's own counts only fill what is unknown.
  const auto input = call.record.inputTokens, output = call.record.outputTokens;
  Joiner joiner{call, {}, {}, {}, false, false};
  dom::forEach(array, [&](const Maybe& item) {
    const auto chunk = chunkObject(item, pool);
    if (!dom::isObject(chunk)) return;
    if (!joiner.claude(chunk) && !joiner.converse(chunk) && !joiner.openai(chunk)) joiner.plain(chunk);
    joiner.metrics(chunk);
  });
  if (input) call.record.inputTokens = input;
  if (output) call.record.outputTokens = output;
  if (!joiner.isEnded) call.record.flags |= kPartial;
  for (auto& [index, tool] : joiner.tools) {
    if (tool.arguments.empty()) tool.arguments = "{}";
    joiner.answer.toolCalls.push_back(std::move(tool));
  }
  if (joiner.isBegun) {
    joiner.answer.role = "assistant";
    call.answer = std::move(joiner.answer);
  }
  if (call.record.parser.empty()) call.record.parser = joiner.dialect;
}

}  // namespace retort::logs
