// Datasets by conversation, and the index of a workspace's folders.
#include "data/dataset.h"
#include "data/dataset_build.h"
#include "data/folder_index.h"
#include "store/people_db.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

/// Turn `turn` (from 1) of conversation `c`: its messages are all turns before, and its own.
std::string turnLine(int c, int turn) {
  std::string messages;
  for (int t = 1; t <= turn; ++t) {
    messages += std::string(t > 1 ? "," : "") + R"({"role":"user","content":[{"text":"Question )" + std::to_string(t) + " of talk " + std::to_string(c) + R"("}]})";
    if (t < turn) messages += R"(,{"role":"assistant","content":[{"text":"Answer )" + std::to_string(t) + " of talk " + std::to_string(c) + R"("}]})";
  }
  return R"({"schemaType":"ModelInvocationLog","timestamp":"2026-03-02T06:)" + std::string(c < 10 ? "0" : "") + std::to_string(c) + ":0" + std::to_string(turn) + R"(Z","requestId":")" + uuid(100 * c + turn) +
         R"(","operation":"Converse","modelId":"amazon.nova-lite-v1:0","input":{"inputBodyJson":{"messages":[)" + messages + R"(]}},"output":{"outputBodyJson":{"output":{"message":{"role":"assistant","content":[{"text":"Answer )" +
         std::to_string(turn) + " of talk " + std::to_string(c) + R"("}]}},"stopReason":"end_turn"}}})" + "\n";
}

}  // namespace

class TstUnits : public QObject {
  Q_OBJECT

 private slots:
  void oneRowAConversation() {
    Place place;
    const auto workspace = *Workspace::create(place.root / "w");
    std::string text;
    for (int c = 0; c < 20; ++c)
      for (int turn = 1; turn <= 1 + c % 4; ++turn) text += turnLine(c, turn);
    place.write("a.jsonl", text);
    ImportOptions import;
    import.sources = {place.root / "in"};
    import.checkSpace = false;
    QCOMPARE(importLogs(workspace.logsDb(), import)->accepted, std::int64_t(50));
    data::BuildOptions options;
    options.name = "talks";
    options.unit = "conversation";
    const auto dataset = data::buildDataset(workspace, options);
    QVERIFY2(dataset.ok(), dataset.ok() ? "" : dataset.error().text().c_str());
    QCOMPARE(dataset->train + dataset->validation + dataset->test, std::int64_t(20));
    QCOMPARE(dataset->card["left_out"]["held by a later call of its conversation"].get<std::int64_t>(), std::int64_t(30));
    std::map<std::size_t, int> lengths;
    for (const char* file : {"train.jsonl", "validation.jsonl", "test.jsonl"}) {
      const auto rows = *readFile(dataset->folder / file);
      for (const auto line : splitView(rows, '\n'))
        if (!line.empty()) ++lengths[Json::parse(line)["messages"].size()];
    }
    QCOMPARE(lengths, (std::map<std::size_t, int>{{1, 5}, {3, 5}, {5, 5}, {7, 5}}));
    options.unit = "calls";
    QVERIFY(!data::buildOptionsFromJson(data::toJson(options), "test").ok());
    options.unit = "conversation";
    QCOMPARE(data::buildOptionsFromJson(data::toJson(options), "test")->unit, std::string("conversation"));
    // The index knows the folder; building it again changes nothing.
    QCOMPARE(*data::reindexFolders(workspace), std::int64_t(1));
    QCOMPARE(*data::reindexFolders(workspace), std::int64_t(1));
    const auto people = *store::PeopleDb::open(workspace.retortDb(), true);
    const auto folders = *people.folders();
    QCOMPARE(folders.size(), std::size_t(1));
    QCOMPARE(folders[0].id, dataset->id);
    QCOMPARE(folders[0].name, std::string("talks"));
    QCOMPARE(folders[0].state, std::string("complete"));
  }

  void whatPeopleMadeIsKept() {
    Place place;
    const fs::path file = place.root / "retort.db";
    QCOMPARE(store::PeopleDb::open(file, true).error().code, std::string("store.open.missing"));
    {
      auto people = *store::PeopleDb::open(file);
      QVERIFY(people.saveFilter({"mine", "env = \"prod\"", {}, "{}"}).ok());
      QVERIFY(people.saveFilter({"mine", "env = \"dev\"", {}, "{}"}).ok());
      const auto id = *people.addGolden({0, {}, R"({"messages":[]})", "f.jsonl", {}});
      QCOMPARE(*people.addGolden({0, {}, R"({"messages":[]})", "g.jsonl", {}}), id);
    }
    auto people = *store::PeopleDb::open(file);
    const auto filters = *people.savedFilters();
    QCOMPARE(filters.size(), std::size_t(1));
    QCOMPARE(filters[0].filter, std::string("env = \"dev\""));
    QVERIFY(*people.removeFilter("mine") && !*people.removeFilter("mine"));
    QCOMPARE(people.goldenExamples()->size(), std::size_t(1));
    QVERIFY(*people.removeGolden(people.goldenExamples()->at(0).id));
    QVERIFY(people.db().exec("PRAGMA user_version=99").ok());
    QCOMPARE(store::PeopleDb::open(file).error().code, std::string("store.newer"));
  }
};

QTEST_GUILESS_MAIN(TstUnits)
#include "tst_units.moc"
