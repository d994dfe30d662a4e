// The shapes of conversation files.
#include "data/rows_input.h"

#include <cerrno>
#include <fstream>

#include "base/format.h"

namespace retort::data {
namespace {

Error badRow(std::string_view where, std::string why) {
  return Error{"data.input.row", "A line cannot be used as a conversation", std::string(where), std::move(why),
               R"(Write {"messages":[{"role":"user","content":"…"}]}, with an assistant turn at the end where the answer is known.)", {}, {}};
}

/// Bedrock writes content as [{"text":…}]; a single text becomes a string, parts of other kinds stay as they are.
Json plainContent(const Json& content) {
  if (!content.is_array()) return content;
  std::string text;
  for (const auto& part : content) {
    if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) return content;
    if (part.contains("type") && part["type"] != "text") return content;
    text += (text.empty() ? "" : "\n") + part["text"].get<std::string>();
  }
  return text;
}

std::string textMember(const Json& json, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (json.contains(name) && json[name].is_string()) return json[name].get<std::string>();
  return {};
}

Status readMessages(const Json& list, std::string_view where, InputRow& row) {
  if (!list.is_array() || list.empty()) return badRow(where, "\"messages\" must be a list that is not empty");
  for (const auto& source : list) {
    if (!source.is_object() || !source.contains("role") || !source["role"].is_string()) return badRow(where, "a message has no role");
    Json message = source;
    if (message.contains("content")) message["content"] = plainContent(source["content"]);
    const std::string role = message["role"];
    if (role != "system" && role != "user" && role != "assistant" && role != "tool" && role != "developer") return badRow(where, "the role \"" + shown(role) + "\" is unknown");
    const bool hasContent = message.contains("content") && (message["content"].is_string() || message["content"].is_array());
    if (!hasContent && !message.contains("tool_calls")) return badRow(where, "a message has neither content nor tool calls");
    row.messages.push_back(std::move(message));
  }
  return {};
}

void takeAnswer(InputRow& row) {
  if (row.messages.empty() || row.messages.back()["role"] != "assistant") return;
  row.answer = row.messages.back();
  row.messages.erase(row.messages.size() - 1);
}

}  // namespace

Result<InputRow> inputRow(const Json& json, std::string_view where) {
  if (!json.is_object()) return badRow(where, "it is no object");
  InputRow row;
  row.id = textMember(json, {"id", "request_id", "requestId"});
  row.model = textMember(json, {"teacher", "model"});
  row.time = textMember(json, {"timestamp", "time"});
  if (json.contains("metadata") && json["metadata"].is_object()) row.metadata = json["metadata"];
  if (json.contains("tools") && json["tools"].is_array()) row.tools = json["tools"];
  const std::string version = textMember(json, {"schemaVersion"});
  if (json.contains("prompt") && json["prompt"].is_string()) {
    row.format = "prompt-completion";
    row.messages.push_back({{"role", "user"}, {"content", json["prompt"]}});
    if (json.contains("completion") && json["completion"].is_string()) row.answer = {{"role", "assistant"}, {"content", json["completion"]}};
    return row;
  }
  if (!json.contains("messages")) return badRow(where, "it has neither \"messages\" nor \"prompt\"");
  row.format = json.contains("target") ? "retort.row/1" : version.starts_with("bedrock-conver") ? "bedrock" : "messages";
  if (json.contains("system")) {
    const Json system = plainContent(json["system"]);
    if (system.is_string()) row.messages.push_back({{"role", "system"}, {"content", system}});
  }
  RETORT_CHECK(readMessages(json["messages"], where, row));
  if (row.format == "retort.row/1") {
    if (json["target"].is_object()) row.answer = json["target"];
  } else {
    takeAnswer(row);
  }
  if (row.messages.empty()) return badRow(where, "there is no prompt before the answer");
  return row;
}

Status readInput(const std::filesystem::path& file, const std::function<Status(InputRow&&)>& each, const std::function<bool(std::int64_t, const Error&)>& bad) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return systemError("data.input.open", "read", file.string(), errno != 0 ? errno : ENOENT);
  std::string text;
  for (std::int64_t line = 1; std::getline(in, text); ++line) {
    if (line == 1 && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
    if (trimmed(text).empty()) continue;
    const std::string where = file.string() + ", line " + std::to_string(line);
    const auto json = parseJson(text, where);
    auto row = json.ok() ? inputRow(*json, where) : Result<InputRow>(json.error());
    if (!row.ok()) {
      if (!bad(line, row.error())) return row.error();
      continue;
    }
    row->line = line;
    RETORT_CHECK(each(std::move(row).value()));
  }
  return {};
}

Status readInput(const std::filesystem::path& file, const std::function<Status(InputRow&&)>& each) {
  return readInput(file, each, [](std::int64_t, const Error&) { return false; });
}

}  // namespace retort::data
