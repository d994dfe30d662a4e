// Search, exports, samples and purges over one small workspace: what is found, what is written, and that what was purged is nowhere.
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/dataset_build.h"
#include "data/purge.h"
#include "data/selection.h"
#include "logs/derive.h"
#include "logs/export_table.h"
#include "logs/generate.h"
#include "logs/log_schema.h"
#include "logs/purge.h"
#include "logs/repack.h"
#include "logs/sample.h"
#include "logs/search.h"
#include "store/people_db.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

/// True when any file of the folder holds the text: as it stands (free pages, write-ahead logs and dictionaries too), or in a packed block.
bool standsInFiles(const fs::path& root, std::string_view text) {
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || entry.path().string().find("/in/") != std::string::npos) continue;
    const auto bytes = readFile(entry.path(), 1u << 30);
    if (!bytes.ok()) continue;
    if (bytes->find(text) != std::string::npos) return true;
    if (entry.path().filename() != "logs.db") continue;
    auto db = *store::Database::open(entry.path(), logsOpenOptions(store::OpenOptions::Mode::readOnly));
    BlockReader reader(db);
    auto blocks = *db.prepare("SELECT id FROM blk");
    while (*blocks.step())
      if (reader.read(blocks.integer(0))->find(text) != std::string::npos) return true;
  }
  return false;
}

std::string lines(int from, int to) {
  std::string text;
  for (int n = from; n < to; ++n)
    text += line(n, n % 10 == 3 ? "my secretword" + std::to_string(n) + " is \\u00e4 here" : "Hello number " + std::to_string(n),
                 n % 10 == 3 ? R"({"env":"prod","who":"carol-private"})" : n % 2 ? R"({"env":"dev"})" : R"({"env":"prod"})") + "\n";
  return text;
}

}  // namespace

class TstPurge : public QObject {
  Q_OBJECT

 private slots:
  void findsTextAndPatterns() {
    Place place;
    place.write("a.jsonl", lines(0, 200));
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    const auto found = [&](std::string_view typed, std::string_view filter = {}, bool isRaw = false) {
      std::string pattern;
      auto options = searchOptionsOf(typed, pattern);
      options.isRaw = isRaw;
      std::vector<std::uint32_t> ids;
      const auto summary = searchText(*store, *parseFilter(filter), pattern, options, [&](const SearchHit& hit) {
        ids.push_back(hit.id);
        return !hit.match.empty();
      });
      if (!summary.ok()) qFatal("%s", summary.error().text().c_str());
      return ids;
    };
    QCOMPARE(found("secretword").size(), std::size_t(20));
    QCOMPARE(found("secretword13"), (std::vector<std::uint32_t>{13, 133}));
    QCOMPARE(found("is \u00e4 here").size(), std::size_t(20));          // decoded, however it was escaped
    QCOMPARE(found("is \u00e4 here", {}, true).size(), std::size_t(0));
    QCOMPARE(found("/word1[0-9]3 is/"), (std::vector<std::uint32_t>{103, 113, 123, 133, 143, 153, 163, 173, 183, 193}));
    QCOMPARE(found("Hello", "env = \"dev\"").size(), std::size_t(80));
    QCOMPARE(found("Hello", "@text contains \"number 7\"").size(), std::size_t(10));   // 7, 70 … 79 without 73
    QCOMPARE(found("nowhere").size(), std::size_t(0));
    QCOMPARE(found("carol-private").size(), std::size_t(0));
    QCOMPARE(found("carol-private", {}, true).size(), std::size_t(20));
    QCOMPARE(searchText(*store, {}, "(", {true, false}, [](const SearchHit&) { return true; }).error().code, std::string("filter.regex"));
  }

  void exportsAreReadable() {
    QCOMPARE(csvCell("=1+1"), std::string("'=1+1"));
    QCOMPARE(csvCell("-3.5"), std::string("-3.5"));
    QCOMPARE(csvCell("@a,\"b\""), std::string("\"'@a,\"\"b\"\"\""));
    Place place;
    place.write("a.jsonl", line(1, "=cmd", R"({"env":"+x"})") + "\n" + line(2) + "\n");
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    const auto ids = *store->ids({});
    QCOMPARE(exportCsv(*store, ids, place.root / "o.csv")->records, std::int64_t(2));
    const auto csv = *readFile(place.root / "o.csv");
    QVERIFY(csv.starts_with("id,request_id,time,model,"));
    QVERIFY(csv.find(",'+x,") != std::string::npos);
    QCOMPARE(exportOpenAi(*store, ids, place.root / "o.jsonl")->records, std::int64_t(2));
    Place again;
    again.write("o.jsonl", *readFile(place.root / "o.jsonl"));
    QCOMPARE(again.import()->accepted, std::int64_t(2));
  }

  void samplesAreSeeded() {
    Place place;
    place.write("a.jsonl", lines(0, 200));
    QVERIFY(place.import().ok());
    const auto store = *LogStore::open(place.db());
    const auto all = store->universe();
    const auto a = *sampleIds(*store, all, 30, {}, 5), b = *sampleIds(*store, all, 30, {}, 5), c = *sampleIds(*store, all, 30, {}, 6);
    QVERIFY(a == b && a != c && a.size() == 30 && std::is_sorted(a.begin(), a.end()) && std::adjacent_find(a.begin(), a.end()) == a.end());
    const auto s = *sampleIds(*store, all, 40, "who", 5);
    const auto private_ = store->select(*parseFilter("exists(who)"));
    QCOMPARE(IdSet::commonSize(IdSet::of(s), *private_), std::uint64_t(20));
    QCOMPARE(sampleIds(*store, all, 1000, "env", 1)->size(), std::size_t(200));
    QCOMPARE(sampleIds(*store, all, 3, "whom", 1).error().code, std::string("logs.key.unknown"));
  }

  void nothingIsLeft() {
    Place place;
    const auto workspace = *Workspace::create(place.root / "w");
    place.write("a.jsonl", lines(0, 400));
    ImportOptions import;
    import.sources = {place.root / "in"};
    import.checkSpace = false;
    QCOMPARE(importLogs(workspace.logsDb(), import)->accepted, std::int64_t(400));
    providers::PriceTable prices;
    QVERIFY(deriveFields(workspace.root(), prices).ok());
    data::BuildOptions build;
    build.name = "d";
    build.filter = "env = \"prod\"";
    const auto dataset = data::buildDataset(workspace, build);
    QVERIFY2(dataset.ok(), dataset.ok() ? "" : dataset.error().text().c_str());
    build.name = "dev";
    build.filter = "env = \"dev\"";
    const auto other = *data::buildDataset(workspace, build);
    {
      auto people = *store::PeopleDb::open(workspace.retortDb());
      const auto store = *LogStore::open(workspace.logsDb());
      QVERIFY(people.setTag(*store->requestKeys(store->select(*parseFilter("exists(who)"))->toVector()), "x", true).ok());
    }
    QVERIFY(standsInFiles(workspace.root(), "secretword13"));
    QVERIFY(standsInFiles(workspace.root(), "carol-private"));
    const fs::path report = workspace.reports() / "r1", run = workspace.runs() / "n1";
    for (const auto& folder : {report, run / "samples"}) fs::create_directories(folder);
    QVERIFY(writeJsonFile(report / "report.json", {{"dataset", dataset->id}}).ok());
    QVERIFY(writeFileAtomically(report / "rows.jsonl", "{\"prompt\":\"secretword13\"}\n").ok());
    QVERIFY(writeJsonFile(run / "spec.json", {{"data", dataset->id}}).ok());
    QVERIFY(writeFileAtomically(run / "samples" / "1.json", "secretword13").ok());
    QVERIFY(writeFileAtomically(run / "events.jsonl", "{\"type\":\"metric\"}\n{\"type\":\"sample\",\"prompt\":\"secretword13\"}\n").ok());
    auto open = *LogStore::open(workspace.logsDb());
    QVERIFY(open->record(0).ok());                       // its block is in the cache
    QCOMPARE(data::purge(workspace, {}, "").error().code, std::string("data.purge.all"));
    const auto done = data::purge(workspace, *parseFilter("exists(who)"), "asked to");
    QVERIFY2(done.ok(), done.ok() ? "" : done.error().text().c_str());
    QCOMPARE(done->records, std::int64_t(40));
    QCOMPARE(*readFile(run / "events.jsonl"), std::string("{\"type\":\"metric\"}\n"));
    QVERIFY(fs::exists(run / "purged.json") && fs::exists(report / "purged.json"));
    QCOMPARE(done->datasets, std::vector<std::string>{dataset->id});
    QCOMPARE(data::loadDataset(workspace, dataset->id)->state, std::string("purged"));
    QCOMPARE(data::loadDataset(workspace, other.id)->state, std::string("complete"));
    QVERIFY(data::verifyDataset(other).ok());
    QVERIFY(!standsInFiles(workspace.root(), "secretword13"));
    QVERIFY(!standsInFiles(workspace.root(), "carol-private"));
    // A store that was open sees it, and the others are whole.
    QVERIFY(*open->refresh());
    QCOMPARE(open->size(), std::uint64_t(360));
    QCOMPARE(*open->count(*parseFilter("exists(who)")), std::uint64_t(0));
    QCOMPARE(*open->count(*parseFilter("env = \"prod\"")), std::uint64_t(200));
    const auto left = *open->ids({});
    for (const auto id : left) QVERIFY(open->record(id)->messages[0]["content"].get<std::string>() == "Hello number " + std::to_string(id));
    for (const auto& selection : data::listSelections(workspace)) QVERIFY(data::selectionKeys(workspace, selection).ok());
    // Their source again: they count as filtered.
    fs::rename(place.root / "in" / "a.jsonl", place.root / "in" / "b.jsonl");
    const auto again = importLogs(workspace.logsDb(), import);
    QCOMPARE(again->filtered, std::int64_t(40));
    QCOMPARE(again->duplicates, std::int64_t(360));
    auto people = *store::PeopleDb::open(workspace.retortDb());
    QCOMPARE(*people.purgedCount(), std::int64_t(40));
    QCOMPARE(people.purges()->at(0).reason, std::string("asked to"));
    QCOMPARE(people.tagsOf((*open->requestKeys(std::vector<std::uint32_t>{0}))[0])->size(), std::size_t(0));
    QVERIFY(deriveFields(workspace.root(), prices).ok());
    QVERIFY(*open->refresh());
    QCOMPARE(*open->count(*parseFilter("exists(@account)")), std::uint64_t(360));
  }

  /// kill -9 at random moments of a purge: the next call finishes it. RETORT_FAULT_KILLS=200 for the long run.
  void killedPurgesAreFinished() {
    Place whole;
    const auto made = *Workspace::create(whole.root / "w");
    whole.write("a.jsonl", lines(0, 400));
    ImportOptions import;
    import.sources = {whole.root / "in"};
    import.checkSpace = false;
    QVERIFY(importLogs(made.logsDb(), import).ok());
    providers::PriceTable prices;
    QVERIFY(deriveFields(made.root(), prices).ok());
    data::BuildOptions build;
    build.name = "d";
    build.filter = "env = \"prod\"";
    QVERIFY(data::buildDataset(made, build).ok());
    QVERIFY(store::PeopleDb::open(made.retortDb()).ok());
    Random random(3);
    const int rounds = std::max(1, qEnvironmentVariable("RETORT_FAULT_KILLS", "12").toInt());
    const fs::path undisturbed = whole.root / "undisturbed";
    fs::copy(made.root(), undisturbed, fs::copy_options::recursive);
    const double began = monotonicSeconds();
    QVERIFY(data::purge(*Workspace::open(undisturbed), *parseFilter("exists(who)"), "asked to").ok());
    const auto most = static_cast<std::uint64_t>((monotonicSeconds() - began) * 1e6) + 1000;   // microseconds
    int resumed = 0;
    for (int round = 0; round < rounds || (resumed == 0 && round < 20 * rounds); ++round) {
      const fs::path root = whole.root / ("w" + std::to_string(round));
      fs::copy(made.root(), root, fs::copy_options::recursive);
      const auto workspace = *Workspace::open(root);
      const pid_t child = fork();
      if (child == 0) _exit(data::purge(workspace, *parseFilter("exists(who)"), "asked to").ok() ? 0 : 1);
      usleep(static_cast<useconds_t>(random.below(most)));
      ::kill(child, SIGKILL);
      int status = 0;
      waitpid(child, &status, 0);
      const auto again = data::purge(workspace, *parseFilter("exists(who)"), "asked to");
      QVERIFY2(again.ok(), again.ok() ? "" : again.error().text().c_str());
      resumed += again->resumed > 0;
      QVERIFY(!standsInFiles(root, "secretword13") && !standsInFiles(root, "carol-private"));
      QCOMPARE((*LogStore::open(workspace.logsDb()))->size(), std::uint64_t(360));
      for (const auto& d : data::listDatasets(workspace)) QCOMPARE(d.state, std::string("purged"));
      QVERIFY(store::PeopleDb::open(workspace.retortDb())->purges()->at(0).bytes != store::kPurgePending);
      QCOMPARE(data::finishPurges(workspace)->resumed, std::int64_t(0));
      fs::remove_all(root);
    }
    QVERIFY2(resumed > 0, "no purge was cut off");
  }

  /// One percent of a store with a dictionary goes: the dictionary is another, and the store no larger.
  void theStoreDoesNotGrow() {
    Place place;
    GenerateOptions options;
    options.records = 4000;
    options.seed = 11;
    QVERIFY(generateLogs(place.root / "in" / "a.jsonl", options).ok());
    QVERIFY(place.import(2).ok());
    const auto dictionary = [&] {
      const auto db = *store::Database::open(place.db(), logsOpenOptions(store::OpenOptions::Mode::readOnly));
      auto query = *db.prepare("SELECT b FROM dict");
      return *query.step() ? std::string(query.blob(0)) : std::string();
    };
    const auto before = fs::file_size(place.db());
    const std::string old = dictionary();
    QVERIFY(!old.empty());
    std::vector<std::uint32_t> ids;
    for (std::uint32_t id = 50; id < 4000; id += 100) ids.push_back(id);
    const auto keys = *(*LogStore::open(place.db()))->requestKeys(ids);
    QCOMPARE(purgeRecords(place.db(), keys)->records, std::int64_t(40));
    QVERIFY(!dictionary().empty() && dictionary() != old);
    QVERIFY2(fs::file_size(place.db()) <= before, (std::to_string(fs::file_size(place.db())) + " of " + std::to_string(before)).c_str());
  }
};

QTEST_GUILESS_MAIN(TstPurge)
#include "tst_purge.moc"
