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

Json blockMessages(const Json& messages, const BlockWriter& writer) {
  Json out = Json::array();
  const auto add = [&](const std::string& role, Json block) {
    if (out.empty() || out.back()["role"] != role) out.push_back({{"role", role}, {"content", Json::array()}});
    out.back()["content"].push_back(std::move(block));
  };
  for (const auto& m : messages) {
    const auto role = peekText(m, "role");
    if (role == "system" || role == "developer") continue;
    if (role == "tool") {
      add("user", writer.toolResult(peekText(m, "tool_call_id"), messageText(m)));
      continue;
    }
    if (const auto text = messageText(m); !text.empty()) add(role, writer.text(text));
    if (const Json& calls = peek(m, "tool_calls"); calls.is_array())
      for (const auto& call : calls) add(role, writer.toolUse(peekText(call, "id"), peekText(peek(call, "function"), "name"), argumentsObject(call)));
  }
  return out;
}

Json toolsOf(const GenRequest& request, const char* schemaKey, Json (*wrap)(Json schema)) {
  Json out = Json::array();
  if (!request.tools.is_array()) return out;
  for (const auto& t : request.tools) {
    const Json& f = peek(t, "function");
    Json tool = {{"name", peekText(f, "name")}};
    if (f.contains("description")) tool["description"] = f["description"];
    tool[schemaKey] = wrap(f.contains("parameters") ? f["parameters"] : Json{{"type", "object"}});
    out.push_back(std::move(tool));
  }
  return out;
}

void noteUnsaid(const GenRequest& request, WireRequest& out) {
  if (request.sampling.seed) out.notices.emplace_back("this API takes no seed");
  if (request.topLogprobs >= 0) out.notices.emplace_back("this API gives no log-probabilities");
  if (request.format.is_object()) out.notices.emplace_back("this API takes no response format; the prompt must ask for it");
}

}  // namespace retort::providers
