// One dataset row, retort.row/1, as it stands in train.jsonl, validation.jsonl, test.jsonl and golden.jsonl.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::job {

/// A chat message in OpenAI's shape: role, content and whatever else the template needs (tool_calls, name …), kept in order.
using Message = Json;
using Messages = Json;   ///< an array of Message

struct Row {
  std::string id;              ///< unique in the dataset
  std::string group;           ///< rows of one group share a split (near-duplicate prompts, a conversation)
  Messages messages;           ///< the prompt: system, user, earlier turns
  Json tools;                  ///< array, or null
  Json target;                 ///< the assistant message to learn or compare with; null: not answered yet
  Json rejected;               ///< a worse assistant message to the same prompt (a preference pair); null: none
  Json source;                 ///< {"request": id} or {"file", "line"} or {"parent": row id}
  std::string teacher;         ///< who wrote the target: a model name, "gold", or empty
  bool golden = false;
  double weight = 1;
};

[[nodiscard]] Json toJson(const Row& row);
Result<Row> rowFromJson(const Json& json, std::string_view where);
/// Calls `each` for every row of a JSONL file in order; stops at the first error (file and line named) or when `each` fails.
Status readRows(const std::filesystem::path& file, const std::function<Status(Row&&)>& each);
Result<std::vector<Row>> readAllRows(const std::filesystem::path& file);
/// Writes rows as JSONL, atomically.
Status writeRows(const std::filesystem::path& file, const std::vector<Row>& rows);
/// The text of a message's content: a string, or the joined text parts of an array.
[[nodiscard]] std::string contentText(const Json& message);

}  // namespace retort::job
