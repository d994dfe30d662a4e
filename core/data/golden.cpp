// Golden examples become rows; their ids tell where they came from.
#include "data/golden.h"

#include "base/error.h"
#include "base/hash.h"
#include "data/build_sources.h"
#include "data/rows_input.h"
#include "store/people_db.h"

namespace retort::data {

namespace {

Result<job::Row> goldenRow(InputRow&& in, std::string id, Json source, const std::string& system, const std::string& where) {
  if (!in.answer.is_object())
    return Error{"data.build.golden", "A golden example has no answer", where, "its last message is not an assistant turn", "Add the right answer as the last message.", {}, {}};
  job::Row row;
  row.id = std::move(id);
  row.messages = withSystem(in.messages, system);
  row.tools = std::move(in.tools);
  row.target = std::move(in.answer);
  row.source = std::move(source);
  row.teacher = "gold";
  row.golden = true;
  return row;
}

Result<std::vector<job::Row>> keptRows(const Workspace& workspace, const std::string& system) {
  std::vector<job::Row> rows;
  std::error_code ignored;
  if (!std::filesystem::exists(workspace.retortDb(), ignored)) return rows;
  RETORT_TRY(const auto people, store::PeopleDb::open(workspace.retortDb(), true));
  RETORT_TRY(const auto kept, people.goldenExamples());
  for (const auto& example : kept) {
    const std::string where = "golden example " + std::to_string(example.id);
    RETORT_TRY(Json json, parseJson(example.row, where));
    if (json.contains("answer")) json["messages"].push_back(std::move(json["answer"]));
    json.erase("answer");
    RETORT_TRY(auto in, inputRow(json, where));
    Json source = {{"file", example.source}, {"line", example.id}};
    if (!example.key.empty()) source = {{"request", toHex({reinterpret_cast<const std::uint8_t*>(example.key.data()), example.key.size()})}};
    RETORT_TRY(auto row, goldenRow(std::move(in), "golden-kept-" + std::to_string(example.id), std::move(source), system, where));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

Result<std::vector<job::Row>> goldenRows(const Workspace& workspace, const BuildOptions& options) {
  if (options.golden.empty()) return options.keptGolden ? keptRows(workspace, options.system) : std::vector<job::Row>();
  std::vector<job::Row> rows;
  const std::string name = options.golden.filename().string();
  RETORT_CHECK(readInput(options.golden, [&](InputRow&& in) -> Status {
    Json source = {{"file", name}, {"line", in.line}};
    if (!in.id.empty()) source["request"] = in.id;
    const std::string id = "golden-" + std::to_string(in.line), where = options.golden.string() + ", line " + std::to_string(in.line);
    RETORT_TRY(auto row, goldenRow(std::move(in), id, std::move(source), options.system, where));
    rows.push_back(std::move(row));
    return {};
  }));
  return rows;
}

}  // namespace retort::data
