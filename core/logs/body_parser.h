// Request and response bodies of every dialect, read into a Call.
#pragma once
#include <string>
#include <string_view>

#include "logs/call.h"
#include "logs/json_dom.h"

namespace retort::logs {

/// Reads the request body: messages, tools, parameters; sets record.parser and flags. Unknown shapes leave the call without messages.
void parseRequestBody(Call& call, const dom::Maybe& body, dom::ParserPool& pool);
/// Reads the response body (an object, or an array of stream chunks): answer, stop reason, token counts where still unknown, latency.
void parseResponseBody(Call& call, const dom::Maybe& body, dom::ParserPool& pool);

/// True when the elements of an array look like chunks of a response stream.
[[nodiscard]] bool looksLikeStream(const dom::Maybe& array, dom::ParserPool& pool);
/// Joins the chunks of a stream; sets kPartial without a terminal chunk.
void joinStream(Call& call, const dom::Maybe& array, dom::ParserPool& pool);

/// One message of Converse, Claude, OpenAI or Mistral shape; tool results become messages of role "tool" before it.
void appendMessage(Call& call, const dom::Maybe& message, std::string_view defaultRole = "user");
/// The JSON text of a value that becomes text of the call; marks the call kJoined where it may not stand in the line like that.
[[nodiscard]] std::string textOfJson(Call& call, const dom::Maybe& value);
/// Token counts of any dialect's usage object, where the call has none yet.
void readUsage(Call& call, const dom::Maybe& usage);
/// A stop reason of any dialect; nothing happens without one.
void setStop(Call& call, const dom::Maybe& reason);

/// Splits a prompt string into turns by the template of a family (Llama, Claude, Mistral, DeepSeek, Titan); false when it has none.
bool splitPrompt(std::string_view prompt, std::vector<Message>& messages);

}  // namespace retort::logs
