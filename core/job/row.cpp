// Rows as JSON lines.
#include "job/row.h"

#include <fstream>

#include "base/files.h"

namespace retort::job {

Json toJson(const Row& row) {
  Json json = {{"id", row.id}, {"group", row.group}, {"messages", row.messages}, {"tools", row.tools}, {"target", row.target},
               {"source", row.source}, {"teacher", row.teacher}, {"golden", row.golden}, {"weight", row.weight}};
  if (!row.rejected.is_null()) json["rejected"] = row.rejected;
  return json;
}

Result<Row> rowFromJson(const Json& json, std::string_view where) {
  Row row;
  ObjectReader reader(json, std::string(where));
  reader.required("id", row.id).optional("group", row.group).required("messages", row.messages).optional("tools", row.tools);
  reader.optional("target", row.target).optional("rejected", row.rejected).optional("source", row.source).optional("teacher", row.teacher).optional("golden", row.golden);
  reader.optional("weight", row.weight).range("weight", row.weight, 0, 1e6);
  if (!reader.failed() && !row.messages.is_array()) reader.fail("messages", "must be a list");
  if (!reader.failed())
    for (const auto& message : row.messages)
      if (!message.is_object() || !message.contains("role")) reader.fail("messages", "must hold objects with a role");
  if (!reader.failed() && !row.target.is_null() && !row.target.is_object()) reader.fail("target", "must be an assistant message or null");
  if (!reader.failed() && !row.rejected.is_null() && !row.rejected.is_object()) reader.fail("rejected", "must be an assistant message or null");
  RETORT_CHECK(reader.finish(true));
  return row;
}

Status readRows(const std::filesystem::path& file, const std::function<Status(Row&&)>& each) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return systemError("job.rows.open", "opened", file.string(), ENOENT);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const std::string where = file.string() + ", line " + std::to_string(number);
    RETORT_TRY(const Json json, parseJson(line, where));
    RETORT_TRY(Row row, rowFromJson(json, where));
    RETORT_CHECK(each(std::move(row)));
  }
  return {};
}

Result<std::vector<Row>> readAllRows(const std::filesystem::path& file) {
  std::vector<Row> rows;
  RETORT_CHECK(readRows(file, [&](Row&& row) -> Status {
    rows.push_back(std::move(row));
    return {};
  }));
  return rows;
}

Status writeRows(const std::filesystem::path& file, const std::vector<Row>& rows) {
  std::string text;
  for (const auto& row : rows) text += dumpJson(toJson(row)) + "\n";
  return writeFileAtomically(file, text);
}

std::string contentText(const Json& message) {
  if (!message.is_object()) return {};
  const auto it = message.find("content");
  if (it == message.end()) return {};
  if (it->is_string()) return it->get<std::string>();
  std::string text;
  if (it->is_array())
    for (const auto& part : *it)
      if (part.is_object() && part.contains("text") && part["text"].is_string()) text += part["text"].get_ref<const std::string&>();
  return text;
}

}  // namespace retort::job
