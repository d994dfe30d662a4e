// What dialects share: system text, message text, tool calls in the making.
#include "providers/dialect.h"

#include <algorithm>

#include "providers/json_peek.h"

namespace retort::providers {

Json& Decoder::call(std::size_t index) {
  index = std::min<std::size_t>(index, 127);   // a hostile index must not make a list of millions
  while (answer.toolCalls.size() <= index) answer.toolCalls.push_back({{"id", ""}, {"type", "function"}, {"function", {{"name", ""}, {"arguments", ""}}}});
  return answer.toolCalls[index];
}

void Decoder::callArguments(std::size_t index, const std::string& piece, const Emit& emit) {
  if (piece.empty()) return;
  call(index)["function"]["arguments"].get_ref<std::string&>() += piece;
  if (emit) emit({Delta::Kind::toolArgs, piece});
}

std::string messageText(const Json& message) {
  const Json& content = peek(message, "content");
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (content.is_array())
    for (const auto& part : content) out += peekText(part, "text");
  return out;
}

std::string systemText(const Json& messages) {
  std::string out;
  if (messages.is_array())
    for (const auto& m : messages) {
      const auto role = peekText(m, "role");
      if (role == "system" || role == "developer") out += (out.empty() ? "" : "\n\n") + messageText(m);
    }
  return out;
}

Json argumentsObject(const Json& call) {
  const Json& arguments = peek(call, "function", "arguments");
  if (arguments.is_object()) return arguments;
  if (arguments.is_string())
    if (auto parsed = parseJson(arguments.get<std::string>(), "arguments"); parsed.ok() && parsed->is_object()) return *parsed;
  return Json::object();
}

bool isRejected(const DialectContext& context, std::string_view parameter) {
  const auto& list = context.capabilities.rejectedParams;
  return std::find(list.begin(), list.end(), parameter) != list.end();
}

}  // namespace retort::providers
