// Messages of Converse, Claude, OpenAI and Mistral shape, tools, usage and stop reasons: one reader for all of them.
#include "base/format.h"
#include "logs/body_parser.h"

namespace retort::logs {

using dom::get;
using dom::Maybe;
using dom::str;
using dom::strOr;

namespace {

void appendText(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += '\n';
  text += more;
}

/// Bytes behind base64 text or a data: address.
std::int64_t base64Bytes(std::string_view text) {
  const auto comma = text.starts_with("data:") ? text.find(',') : std::string_view::npos;
  if (comma != std::string_view::npos) text.remove_prefix(comma + 1);
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  return static_cast<std::int64_t>(text.size()) * 3 / 4;
}

void addImage(Call& call, Message& message, std::string_view format, std::string_view data) {
  call.record.flags |= kImages;
  message.images.push_back({std::string(format), base64Bytes(data)});
}

/// Text of a tool result: its texts and JSON values joined by LF.
std::string resultText(Call& call, const Maybe& content) {
  std::string text;
  if (const auto plain = str(content)) return std::string(*plain);
  if (dom::isObject(content)) return textOfJson(call, content);
  dom::forEach(content, [&](const Maybe& block) {
    if (const auto plain = str(get(block, "text"))) appendText(text, *plain);
    else if (const auto json = get(block, "json")) appendText(text, textOfJson(call, json));
    else if (get(block, "image") || get(block, "source")) call.record.flags |= kImages;
    else if (const auto bare = str(block)) appendText(text, *bare);
  });
  return text;
}

/// A block that names its type: Claude's and OpenAI's.
void addTypedBlock(Call& call, Message& message, std::vector<Message>& results, const Maybe& block, std::string_view type) {
  if (type == "text" || type == "input_text" || type == "output_text" || type == "refusal") {
    appendText(message.text, strOr(get(block, "text"), strOr(get(block, type == "refusal" ? "refusal" : "content"))));
  } else if (type == "thinking" || type == "reasoning") {
    appendText(message.reasoning, strOr(get(block, "thinking"), strOr(get(block, "text"), strOr(get(block, "content")))));
  } else if (type == "tool_call") {
    const auto arguments = get(block, "arguments");
    message.toolCalls.push_back({std::string(strOr(get(block, "id"))), std::string(strOr(get(block, "name"))), str(arguments) ? std::string(*str(arguments)) : textOfJson(call, arguments)});
  } else if (type == "tool_call_response") {
    Message result;
    result.role = "tool";
    result.toolCallId = strOr(get(block, "id"));
    const auto response = get(block, "response") ? get(block, "response") : get(block, "result");
    result.text = resultText(call, response);
    results.push_back(std::move(result));
  } else if (type == "tool_use") {
    message.toolCalls.push_back({std::string(strOr(get(block, "id"))), std::string(strOr(get(block, "name"))), textOfJson(call, get(block, "input"))});
  } else if (type == "tool_result") {
    Message result;
    result.role = "tool";
    result.toolCallId = strOr(get(block, "tool_use_id"));
    result.text = resultText(call, get(block, "content"));
    results.push_back(std::move(result));
  } else if (type == "image" && dom::integer(get(block, "bytes"))) {   // as Retort writes it
    call.record.flags |= kImages;
    message.images.push_back({std::string(strOr(get(block, "format"))), *dom::integer(get(block, "bytes"))});
  } else if (type == "image" || type == "document" || type == "file" || type == "input_file" || type == "blob") {
    const auto source = get(block, "source");
    addImage(call, message, strOr(get(source, "media_type"), strOr(get(block, "mime_type"), type)), strOr(get(source, "data"), strOr(get(block, "content"))));
  } else if (type == "input_audio") {
    addImage(call, message, strOr(get(block, "input_audio", "format"), "audio"), strOr(get(block, "input_audio", "data")));
  } else if (type == "image_url" || type == "input_image" || type == "uri") {
    addImage(call, message, "url", strOr(get(block, "image_url", "url"), strOr(get(block, "image_url"))));
    // An address holds no bytes to count.
    if (!strOr(get(block, "image_url", "url"), strOr(get(block, "image_url"))).starts_with("data:")) message.images.back().bytes = 0;
  } else if (const auto text = str(get(block, "text"))) {
    appendText(message.text, *text);
  }
}

/// A block that is named by its only member: Converse's and Nova's.
void addConverseBlock(Call& call, Message& message, std::vector<Message>& results, const Maybe& block) {
  if (const auto text = str(get(block, "text"))) return appendText(message.text, *text);
  if (const auto use = get(block, "toolUse")) {
    message.toolCalls.push_back({std::string(strOr(get(use, "toolUseId"))), std::string(strOr(get(use, "name"))), textOfJson(call, get(use, "input"))});
  } else if (const auto answer = get(block, "toolResult")) {
    Message result;
    result.role = "tool";
    result.toolCallId = strOr(get(answer, "toolUseId"));
    result.text = resultText(call, get(answer, "content"));
    results.push_back(std::move(result));
  } else if (const auto reasoning = get(block, "reasoningContent")) {
    appendText(message.reasoning, strOr(get(reasoning, "reasoningText", "text")));
  } else if (const auto guarded = get(block, "guardContent")) {
    appendText(message.text, strOr(get(guarded, "text", "text"), strOr(get(guarded, "text"))));
  } else {
    for (const char* kind : {"image", "document", "video"})
      if (const auto media = get(block, kind)) addImage(call, message, strOr(get(media, "format"), kind), strOr(get(media, "source", "bytes")));
  }
}

std::string_view canonicalRole(std::string_view role) {
  if (role == "human" || role == "USER" || role == "HumanMessage" || role == "HumanMessageChunk") return "user";
  if (role == "bot" || role == "model" || role == "CHATBOT" || role == "gpt" || role == "chatgpt" || role == "ai" || role == "AIMessage" || role == "AIMessageChunk") return "assistant";
  if (role == "SYSTEM" || role == "developer" || role == "SystemMessage") return "system";
  if (role == "function" || role == "TOOL" || role == "observation" || role == "ToolMessage" || role == "FunctionMessage") return "tool";
  return role;
}

/// The role word of a message: "role", else LangChain's "type", else the class name at the end of its "id".
std::string_view roleWord(const Maybe& source, const Maybe& outer, std::string_view defaultRole) {
  if (const auto role = str(get(source, "role")); role && *role != "generic") return *role;
  if (const auto from = str(get(source, "from"))) return *from;
  if (const auto type = str(get(source, "type")); type && *type != "message" && *type != "constructor") return *type;
  std::string_view last;
  dom::forEach(get(outer, "id"), [&](const Maybe& part) { last = strOr(part); });
  return last.ends_with("Message") || last.ends_with("MessageChunk") ? last : defaultRole;
}

/// Items of OpenAI's Responses API that are no messages: calls of tools, and their results.
bool addResponseItem(Call& call, const Maybe& source) {
  const auto type = strOr(get(source, "type"));
  Message message;
  if (type == "function_call") {
    message.role = "assistant";
    message.toolCalls.push_back({std::string(strOr(get(source, "call_id"))), std::string(strOr(get(source, "name"))), std::string(strOr(get(source, "arguments")))});
  } else if (type == "function_call_output") {
    message.role = "tool";
    message.toolCallId = strOr(get(source, "call_id"));
    message.text = resultText(call, get(source, "output"));
  } else {
    return type == "reasoning" || type == "item_reference";
  }
  call.messages.push_back(std::move(message));
  return true;
}

}  // namespace

std::string textOfJson(Call& call, const Maybe& value) {
  if (value && dom::hasReal(*value)) call.record.flags |= kJoined;
  return dom::minified(value);
}

void appendMessage(Call& call, const Maybe& outer, std::string_view defaultRole) {
  const auto kwargs = get(outer, "kwargs");
  const auto source = dom::isObject(kwargs) ? kwargs : outer;
  if (!get(source, "role") && addResponseItem(call, source)) return;
  Message message = call.newMessage();
  std::vector<Message> results;
  message.role = canonicalRole(roleWord(source, outer, defaultRole));
  const auto content = get(source, "content") ? get(source, "content") : get(source, "parts") ? get(source, "parts") : get(source, "value");
  if (const auto text = str(content)) message.text = *text;
  dom::forEach(content, [&](const Maybe& block) {
    if (const auto bare = str(block)) appendText(message.text, *bare);
    else if (const auto type = str(get(block, "type"))) addTypedBlock(call, message, results, block, *type);
    else addConverseBlock(call, message, results, block);
  });
  message.toolCallId = strOr(get(source, "tool_call_id"));
  message.reasoning += strOr(get(source, "reasoning_content"), strOr(get(source, "reasoning")));
  if (message.text.empty()) message.text = strOr(get(source, "refusal"));
  if (const auto weight = dom::integer(get(source, "weight")); weight && (*weight == 0 || *weight == 1)) message.weight = static_cast<int>(*weight);
  dom::forEach(get(source, "tool_calls"), [&](const Maybe& item) {
    const auto function = get(item, "function");
    const auto holder = dom::isObject(function) ? function : item;
    const auto arguments = get(holder, "arguments") ? get(holder, "arguments") : get(holder, "args");
    message.toolCalls.push_back({std::string(strOr(get(item, "id"))), std::string(strOr(get(holder, "name"))),
                                 str(arguments) ? std::string(*str(arguments)) : textOfJson(call, arguments)});
  });
  if (const auto legacy = get(source, "function_call"); dom::isObject(legacy) && message.toolCalls.empty())
    message.toolCalls.push_back({{}, std::string(strOr(get(legacy, "name"))), std::string(strOr(get(legacy, "arguments")))});
  const bool onlyResults = !results.empty() && message.text.empty() && message.images.empty() && message.toolCalls.empty();
  // One result alone is the message itself: OpenTelemetry gives it the role "tool".
  for (auto& result : results) call.messages.push_back(std::move(result));
  if (!onlyResults) call.messages.push_back(std::move(message));
}

void readUsage(Call& call, const Maybe& usage) {
  if (!dom::isObject(usage)) return;
  Record& record = call.record;
  const auto any = [&](std::initializer_list<std::string_view> names) {
    for (const auto name : names)
      if (const auto value = dom::integer(get(usage, name)); value && *value >= 0) return value;
    return std::optional<std::int64_t>();
  };
  const auto read = any({"cacheReadInputTokens", "cacheReadInputTokenCount", "cache_read_input_tokens"});
  const auto written = any({"cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache_creation_input_tokens"});
  if (const auto plain = any({"inputTokens", "input_tokens", "prompt_tokens"}); plain && !record.inputTokens)
    record.inputTokens = *plain + read.value_or(0) + written.value_or(0);
  if (!record.cachedTokens) record.cachedTokens = read;
  // OpenAI counts the cached tokens inside its prompt tokens.
  for (const char* details : {"prompt_tokens_details", "input_tokens_details"})
    if (const auto cached = dom::integer(get(usage, details, "cached_tokens")); cached && *cached >= 0 && !record.cachedTokens) record.cachedTokens = cached;
  // A stream's later counts replace earlier ones, so the caller clears outputTokens where that is wanted.
  if (const auto out = any({"outputTokens", "output_tokens", "completion_tokens"}); out && !record.outputTokens) record.outputTokens = out;
}

void setStop(Call& call, const Maybe& reason) {
  const auto text = str(reason);
  if (!text || text->empty()) return;
  call.record.stopRaw = *text;
  call.record.stop = normaliseStop(*text);
}

}  // namespace retort::logs
