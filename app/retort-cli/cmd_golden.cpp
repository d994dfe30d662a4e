// `golden add|list|rm`: labelled examples that steer a teacher, kept in retort.db.
#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "data/rows_input.h"
#include "logs/log_store.h"
#include "store/people_db.h"

namespace retort::cli {
namespace {

Result<store::PeopleDb> openPeople(const Context& context) {
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_CHECK(workspace.requireWritable());
  return store::PeopleDb::open(workspace.retortDb());
}

/// A row of a golden example: the prompt, and the right answer.
std::string rowText(const Json& messages, const Json& tools, const Json& answer) {
  Json row = {{"messages", messages}, {"answer", answer}};
  if (tools.is_array() && !tools.empty()) row["tools"] = tools;
  return dumpJson(row);
}

Result<std::int64_t> addRecord(const Context& context, store::PeopleDb& people, const std::string& request, const std::string& answer) {
  RETORT_TRY(const auto workspace, context.workspace());
  RETORT_TRY(const auto store, logs::LogStore::open(workspace.logsDb()));
  RETORT_TRY(const auto id, store->findByRequestId(request));
  if (!id) return Error{"logs.record.unknown", "There is no record " + shown(request), {}, {}, "Name a file, or a request id of logs list.", {}, {}};
  RETORT_TRY(const auto record, store->record(*id));
  RETORT_TRY(const auto keys, store->requestKeys(std::span(&*id, 1)));
  if (answer.empty() && !record.answer.is_object())
    return Error{"golden.answer", "The record has no answer", {}, {}, "Give the right one: --answer TEXT.", {}, {}};
  const Json right = answer.empty() ? record.answer : Json{{"role", "assistant"}, {"content", answer}};
  RETORT_TRY(const auto made, people.addGolden({0, keys[0], rowText(record.messages, record.tools, right), "record", {}}));
  (void)made;
  return std::int64_t(1);
}

int add(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("golden add needs a file of conversations, or the request id of a record");
  auto people = openPeople(context);
  if (!people.ok()) return context.fail(people.error());
  const std::filesystem::path file = args.positional()[0];
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    const auto added = addRecord(context, *people, args.positional()[0], args.get("--answer"));
    if (!added.ok()) return context.fail(added.error());
    context.print("Added one golden example");
    context.printJson({{"added", 1}, {"without_answer", 0}});
    return done;
  }
  std::int64_t added = 0, without = 0;
  const auto read = data::readInput(file, [&](data::InputRow&& row) -> Status {
    if (!row.answer.is_object()) {
      ++without;
      return {};
    }
    RETORT_TRY(const auto id, people->addGolden({0, {}, rowText(row.messages, row.tools, row.answer), file.filename().string(), {}}));
    (void)id;
    ++added;
    return {};
  });
  if (!read.ok()) return context.fail(read.error());
  context.print("Added " + formatCount(added) + " golden examples" + (without ? "; " + formatCount(without) + " lines have no answer and were left out" : std::string()));
  context.printJson({{"added", added}, {"without_answer", without}});
  return done;
}

int list(Context& context, const Args&) {
  const auto people = openPeople(context);
  if (!people.ok()) return context.fail(people.error());
  const auto all = people->goldenExamples();
  if (!all.ok()) return context.fail(all.error());
  Json json = Json::array();
  for (const auto& example : *all) {
    const Json row = Json::parse(example.row, nullptr, false);
    const std::string answer = row.is_object() && row.contains("answer") ? logs::messageText(row["answer"]) : std::string();
    const std::string prompt = row.is_object() && row.contains("messages") && !row["messages"].empty() ? logs::messageText(row["messages"].back()) : std::string();
    context.print(std::to_string(example.id) + "  " + example.source + "  " + shown(prompt.substr(0, 80)) + "  ->  " + shown(answer.substr(0, 60)));
    json.push_back({{"id", example.id}, {"source", example.source}, {"added", example.added}, {"row", row}});
  }
  if (all->empty()) context.note("There are no golden examples yet. Add some: retort-cli golden add FILE");
  context.printJson({{"golden", json}});
  return done;
}

int remove(Context& context, const Args& args) {
  if (args.positional().empty()) return context.usage("golden rm needs the numbers of golden list");
  auto people = openPeople(context);
  if (!people.ok()) return context.fail(people.error());
  for (const auto& word : args.positional()) {
    const bool isNumber = !word.empty() && word.size() < 18 && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    const auto removed = isNumber ? people->removeGolden(std::stoll(word)) : Result<bool>(false);
    if (!removed.ok()) return context.fail(removed.error());
    if (!*removed) return context.fail(Error{"golden.unknown", "There is no golden example " + shown(word), {}, {}, "See retort-cli golden list.", {}, {}});
  }
  context.print("Removed " + formatCount(static_cast<std::int64_t>(args.positional().size())));
  context.printJson({{"removed", args.positional().size()}});
  return done;
}

const Registration r1{{"golden", "add", "golden add FILE|REQUEST [--answer TEXT]", "Keeps conversations with the right answer as golden examples.", {{"--answer", "TEXT", "the right answer, where the record's own is wrong"}}, add}};
const Registration r2{{"golden", "list", "golden list", "Lists the golden examples.", {}, list}};
const Registration r3{{"golden", "rm", "golden rm N…", "Removes golden examples.", {}, remove}};

}  // namespace
}  // namespace retort::cli
