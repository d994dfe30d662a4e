// Reading conversations from files of messages in the shapes people have: rows, OpenAI-like messages, Bedrock conversations, prompt and completion.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace retort::data {

/// One conversation of a file. The messages are OpenAI-like with text content; a final assistant turn stands in `answer`.
struct InputRow {
  std::int64_t line = 0;
  std::string id;               ///< "id" or "request_id" of the line, or empty
  Json messages = Json::array();
  Json tools;                   ///< array or null
  Json answer;                  ///< assistant message or null
  std::string model;            ///< who answered, as far as the line says
  std::string time;             ///< "timestamp" or "time", or empty
  Json metadata = Json::object();
  std::string format;           ///< "retort.row/1", "messages", "bedrock", "prompt-completion"
};

/// Reads one line's document. `where` names it in errors.
Result<InputRow> inputRow(const Json& json, std::string_view where);
/// Calls `each` for every non-blank line of a JSON-lines file; `bad` gets lines that cannot be used and returns whether to go on.
Status readInput(const std::filesystem::path& file, const std::function<Status(InputRow&&)>& each, const std::function<bool(std::int64_t line, const Error&)>& bad);
/// Stops at the first bad line with its error.
Status readInput(const std::filesystem::path& file, const std::function<Status(InputRow&&)>& each);

}  // namespace retort::data
