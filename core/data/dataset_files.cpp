// Checking row files, and writing datasets in the formats of others.
#include "data/dataset.h"

#include <set>

#include "base/files.h"
#include "data/rows_input.h"
#include "job/row.h"

namespace retort::data {
namespace {

constexpr std::size_t kMostProblems = 100;

Json textBlocks(const Json& message) { return Json::array({Json{{"text", job::contentText(message)}}}); }

Json bedrockLine(const job::Row& row) {
  Json line = {{"schemaVersion", "bedrock-conversation-2024"}};
  Json messages = Json::array();
  const auto add = [&](const Json& message) {
    if (message.value("role", "") == "system") line["system"] = textBlocks(message);
    else messages.push_back({{"role", message.value("role", "user")}, {"content", textBlocks(message)}});
  };
  for (const auto& message : row.messages) add(message);
  if (row.target.is_object()) add(row.target);
  line["messages"] = std::move(messages);
  return line;
}

Json openaiLine(const job::Row& row) {
  Json messages = row.messages;
  if (row.target.is_object()) messages.push_back(row.target);
  Json line = {{"messages", std::move(messages)}};
  if (row.tools.is_array() && !row.tools.empty()) line["tools"] = row.tools;
  return line;
}

}  // namespace

Result<ValidationReport> validateRows(const std::filesystem::path& file) {
  ValidationReport report;
  std::set<std::string> ids;
  const auto problem = [&](std::int64_t line, const std::string& why) {
    ++report.bad;
    if (report.problems.size() < kMostProblems) report.problems.push_back("line " + std::to_string(line) + ": " + why);
  };
  RETORT_CHECK(readInput(
      file,
      [&](InputRow&& row) -> Status {
        if (report.format.empty()) report.format = row.format;
        if (row.format != report.format) problem(row.line, "it is in the format " + row.format + ", the lines before are in " + report.format);
        else if (!row.id.empty() && !ids.insert(row.id).second) problem(row.line, "the id " + shown(row.id) + " was there before");
        else if (row.messages.back()["role"] == "assistant") problem(row.line, "the prompt ends with an assistant turn");
        else ++report.rows, report.withAnswer += row.answer.is_object();
        return {};
      },
      [&](std::int64_t line, const Error& error) {
        problem(line, error.why.empty() ? error.what : error.why);
        return true;
      }));
  return report;
}

Result<std::vector<std::filesystem::path>> exportDataset(const Dataset& dataset, std::string_view format, const std::filesystem::path& out) {
  if (format != "jsonl" && format != "openai" && format != "bedrock")
    return Error{"data.export.format", "The format \"" + shown(format) + "\" is unknown", {}, {}, "Choose bedrock, openai or jsonl.", {}, {}};
  RETORT_TRY(auto folder, FolderInTheMaking::begin(out));
  std::vector<fs::path> files;
  for (const char* part : {"train.jsonl", "validation.jsonl", "test.jsonl"}) {
    std::string text;
    RETORT_CHECK(job::readRows(dataset.folder / part, [&](job::Row&& row) -> Status {
      text += dumpJson(format == "jsonl" ? job::toJson(row) : format == "openai" ? openaiLine(row) : bedrockLine(row)) + "\n";
      return {};
    }));
    if (text.empty()) continue;
    RETORT_CHECK(writeFileAtomically(folder.path() / part, text));
    files.push_back(out / part);
  }
  RETORT_CHECK(folder.commit());
  return files;
}

}  // namespace retort::data
