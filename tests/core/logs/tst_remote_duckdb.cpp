// Stores queried in place, by the real DuckDB: SQL decides as the store does, pulls are imports, nothing that people wrote becomes SQL.
#include <QTest>
#include <fstream>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/subprocess.h"
#include "logs/call.h"
#include "logs/field_map.h"
#include "logs/generate.h"
#include "logs/remote_import.h"
#include "tests/core/logs/log_fixture.h"
#include "tests/core/logs/oracle_line.h"
#include "tests/core/logs/random_filter.h"

class TstRemoteDuckdb : public QObject {
  Q_OBJECT

  QByteArray m_path = qgetenv("PATH");

 private slots:
  void initTestCase();
  void randomFiltersAgreeWithTheStore();
  void hostileTextsStayTexts();
  void countsPreviewsAndFacets();
  void pullsAreImports();
  void columnsOfParquet();
  void anotherTableByAMap();
  void hoursOutsideAreNotOpened();
  void killedAndCancelledPullsGoOn();
  void stopsAndDeadlines();
  void whatIsMissingIsSaid();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

#define VERIFY_OK(result) QVERIFY2((result).ok(), (result).ok() ? "" : (result).error().text().c_str())
#define VERIFY_IDENTITY(s) QCOMPARE((s).accepted + (s).duplicates + (s).rejected + (s).filtered, (s).lines)

RemoteOptions optionsOf(const Place& place) {
  RemoteOptions options;
  options.cache = place.root / "work";
  return options;
}

Result<std::unique_ptr<RecordSource>> openIn(const Place& place, std::string_view glob = "*") {
  return RecordSource::open("duckdb:" + (place.root / "in").string() + "/" + std::string(glob), optionsOf(place));
}

Filter parsed(std::string_view text) {
  auto filter = parseFilter(text);
  if (!filter.ok()) qFatal("%s", filter.error().text().c_str());
  return *filter;
}

ImportOptions importOptions(std::string_view where) {
  ImportOptions options;
  options.where = parsed(where);
  options.checkSpace = false;
  options.workers = 1;
  return options;
}

/// Request ids of the pulled lines that match, as an import would decide.
std::set<std::string> decided(const fs::path& file, const Filter& filter) {
  std::set<std::string> ids;
  std::ifstream in(file);
  LineParser parser;
  const auto matcher = RecordMatcher::create(filter);
  for (std::string line; std::getline(in, line);) {
    Call call;
    ParseReject reject;
    if (!parser.parse(line, false, {}, call, reject)) continue;
    const Record record = std::move(call).toRecord();
    if (matcher->matches(record)) ids.insert(record.requestId);
  }
  return ids;
}

Status runDuckDb(const std::string& sql) {
  Command command;
  command.program = "duckdb";
  command.args = {"-batch", "-c", sql};
  RETORT_TRY(const auto finished, runCommand(command));
  return finished.exitCode == 0 ? Status() : Status(Error{"test", finished.err, {}, {}, {}, {}, {}});
}

}  // namespace

void TstRemoteDuckdb::initTestCase() {
  const QByteArray bin = qgetenv("RETORT_SOURCE") + "/.deps/python/bin";
  if (!QFile::exists(bin + "/duckdb")) QSKIP(".deps/python has no duckdb");
  qputenv("PATH", bin + ":" + m_path);
}

/// Missing and doubled keys, empty texts, quotes, numbers in texts, both rules for what is missing.
void TstRemoteDuckdb::randomFiltersAgreeWithTheStore() {
  Random random(qEnvironmentVariable("RETORT_ORACLE_SEED", "7").toULongLong());
  const int wanted = std::max(1, qEnvironmentVariable("RETORT_REMOTE_FILTERS", "200").toInt());
  const Place place;
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += oracleLine(random, i, 0);
  place.write("a.jsonl", lines);
  VERIFY_OK(place.import());
  auto store = *LogStore::open(place.db());
  const auto source = openIn(place);
  VERIFY_OK(source);
  QCOMPARE((*source)->layout().format, std::string("bedrock"));
  int exact = 0, some = 0;
  for (int i = 0; i < wanted; ++i) {
    const auto filter = randomFilter(random);
    const auto text = printFilter(filter);
    const auto there = (*source)->count(filter);
    QVERIFY2(there.ok(), there.ok() ? "" : (text + "\n" + there.error().text()).c_str());
    const auto here = store->ids(filter);
    VERIFY_OK(here);
    QCOMPARE(there->rows, std::int64_t(400));
    if (there->isExact()) QVERIFY2(there->matching == static_cast<std::int64_t>(here->size()), (text + "\n here " + std::to_string(here->size()) + ", there " + std::to_string(there->matching) + "\n" + (*source)->explain(filter)).c_str());
    else QVERIFY2(there->matching + there->undecided >= static_cast<std::int64_t>(here->size()), text.c_str());
    exact += there->isExact();
    some += !here->empty() && here->size() < 400;
    if (i % 8 > 0) continue;
    // And record by record: what is pulled holds all that matches, and no more than was counted.
    const auto pulled = (*source)->pull(filter, place.root / "pulled.jsonl");
    VERIFY_OK(pulled);
    QCOMPARE(pulled->rows, there->matching + there->undecided);
    std::set<std::string> ids;
    for (const auto id : *here) ids.insert(store->record(id)->requestId);
    QVERIFY2(decided(place.root / "pulled.jsonl", filter) == ids, (text + "\n" + (*source)->explain(filter)).c_str());
  }
  QVERIFY2(exact * 10 > wanted * 5, std::to_string(exact).c_str());
  QVERIFY2(some * 10 > wanted * 3, std::to_string(some).c_str());
}

void TstRemoteDuckdb::hostileTextsStayTexts() {
  const std::string texts[] = {"'; DROP TABLE field; --", "' OR 1=1 --", "a\n.shell touch pwned\n", "\\", "\"", "a\"b", "%", "$$x$$", "/* x", "x */", "{}", "a\tb", "\xE2\x80\xA8", "''", "\\'", "chr(10)", "f\x01", "`"};
  const Place place;
  std::string lines;
  int n = 0;
  for (const auto& text : texts) {
    const Json metadata = {{"env", text}, {text, "key"}};
    lines += line(n++, "Hello", dumpJson(metadata)) + "\n";
  }
  place.write("a.jsonl", lines);
  VERIFY_OK(place.import());
  auto store = *LogStore::open(place.db());
  const auto source = openIn(place);
  VERIFY_OK(source);
  const auto compare = [&](const FilterNode& node) {
    const Filter filter{node, Missing::differs};
    const auto there = (*source)->count(filter);
    QVERIFY2(there.ok(), there.ok() ? "" : there.error().text().c_str());
    QVERIFY2(there->isExact(), printFilter(filter).c_str());
    QCOMPARE(there->matching, static_cast<std::int64_t>(*store->count(filter)));
    // No engine's text has a line that somebody else wrote.
    for (const auto engine : {SqlEngine::duckdb, SqlEngine::athena, SqlEngine::clickhouse})
      for (const auto part : splitView(explainFor(engine, filter), '\n')) QVERIFY2(!part.starts_with(".shell"), std::string(part).c_str());
  };
  for (const auto& text : texts) {
    FilterNode node;
    node.kind = FilterNode::Kind::test;
    node.field = "env";
    node.values = {{text, false}};
    for (const auto op : {FilterOp::equal, FilterOp::notEqual, FilterOp::contains, FilterOp::prefix}) {
      node.op = op;
      compare(node);
    }
    node.field = text;
    node.op = FilterOp::equal;
    node.values = {{"key", false}};
    compare(node);
  }
  const auto facet = (*source)->facets({}, {"env"});
  VERIFY_OK(facet);
  QCOMPARE(facet->facets.at(0).distinct, std::uint64_t(std::size(texts)));
  QVERIFY(!std::filesystem::exists("pwned"));
}

void TstRemoteDuckdb::countsPreviewsAndFacets() {
  const Place place;
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += line(i, "Question " + std::to_string(i), dumpJson(i % 3 ? Json{{"env", "prod"}, {"tenant", "t" + std::to_string(i % 7)}} : Json{{"env", "dev"}})) + "\n";
  lines += "this is no JSON\n" R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]})" "\n";
  place.write("a.jsonl", lines);
  const auto source = openIn(place);
  VERIFY_OK(source);
  const auto filter = parsed("env = \"prod\" and @input_tokens >= 200 and @text contains \"9\"");
  const auto count = (*source)->count(filter);
  VERIFY_OK(count);
  QCOMPARE(count->rows, std::int64_t(302));
  QCOMPARE(count->matching, std::int64_t(67));          // of 200 … 299 those that 3 does not divide
  QCOMPARE(count->undecided, std::int64_t(1));          // a record of another format
  QCOMPARE(count->unreadable, std::int64_t(1));
  QCOMPARE(count->leftOver, std::vector<std::string>{"@text contains \"9\""});
  const auto preview = (*source)->preview(parsed("env = \"dev\""), 5);
  VERIFY_OK(preview);
  QCOMPARE(preview->rows.size(), std::size_t(5));
  QCOMPARE(preview->rows[1].preview, std::string("Question 3"));
  const auto facets = (*source)->facets(parsed("env = \"prod\""), {"env", "tenant", "@turns"}, 3);
  VERIFY_OK(facets);
  QCOMPARE(facets->leftOut, std::vector<std::string>{"@turns"});
  QCOMPARE(facets->facets.at(0).values.at(0).value, std::string("prod"));   // without its own clause both are there
  QCOMPARE(facets->facets.at(0).values.at(0).count, std::uint64_t(200));
  QCOMPARE(facets->facets.at(0).values.at(1).count, std::uint64_t(100));
  QCOMPARE(facets->facets.at(1).distinct, std::uint64_t(7));
  QCOMPARE(facets->facets.at(1).values.size(), std::size_t(3));
  QCOMPARE(facets->facets.at(1).missing, std::uint64_t(0));
  // Against the store, key by key: rows that are doubtful for one key count for the others.
  VERIFY_OK(place.import());
  auto store = *LogStore::open(place.db());
  const auto all = (*source)->facets(parsed("tenant != \"t1\""), {}, 10);
  VERIFY_OK(all);
  for (const auto& facet : all->facets) {
    const auto here = store->facets(parsed("tenant != \"t1\" and @source = \"bedrock\""), {facet.key}, 10);
    if (facet.values.empty()) continue;   // no record has the key: the store does not know it
    VERIFY_OK(here);
    QCOMPARE(facet.missing, here->at(0).missing);
    QCOMPARE(facet.distinct, here->at(0).distinct);
    for (std::size_t i = 0; i < facet.values.size(); ++i) {
      QCOMPARE(facet.values[i].value, here->at(0).values[i].value);
      QCOMPARE(facet.values[i].count, here->at(0).values[i].count);
    }
  }
  const auto wrong = (*source)->facets({}, {"@modell"});
  QVERIFY(!wrong.ok() && wrong.error().next.find("@model") != std::string::npos);
}

/// The same dump as an import of the files themselves, plain and packed, and of Parquet's rows.
void TstRemoteDuckdb::pullsAreImports() {
  Random random(3);
  const Place place, direct;
  std::string one, two;
  for (int i = 0; i < 300; ++i) (i % 2 ? one : two) += oracleLine(random, i, 0);
  one += line(1, "another record of a known id") + "\n";
  for (const Place* p : {&place, &direct}) {
    p->write("a.jsonl", one);
    p->write("b.jsonl.gz", gzip(two));
  }
  const std::string where = "env = \"prod\" or @input_tokens > 150";
  const auto source = openIn(place, "*.jsonl*");
  VERIFY_OK(source);
  const auto pulled = importRemote(place.db(), **source, importOptions(where));
  VERIFY_OK(pulled);
  VERIFY_IDENTITY(pulled->summary);
  QCOMPARE(pulled->summary.lines, std::int64_t(301));
  const auto imported = direct.import(1, where);
  VERIFY_OK(imported);
  QCOMPARE(pulled->summary.accepted, imported->accepted);
  QCOMPARE(pulled->summary.duplicates + pulled->summary.rejected, imported->duplicates + imported->rejected);
  QVERIFY(pulled->summary.accepted > 50);
  const auto here = (*LogStore::open(place.db())), there = (*LogStore::open(direct.db()));
  QCOMPARE(here->size(), there->size());
  for (std::uint32_t id = 0; id < here->size(); ++id) {
    QCOMPARE(*here->rawLine(id), *there->rawLine(id));
    QCOMPARE(dumpJson(here->record(id)->toJson()), dumpJson(there->record(id)->toJson()));
  }
  // Again: the same result, nothing to import.
  const auto again = importRemote(place.db(), **source, importOptions(where));
  VERIFY_OK(again);
  QCOMPARE(again->summary.lines, std::int64_t(0));
  QCOMPARE(again->summary.unchangedFiles, std::int64_t(1));
  QCOMPARE(again->query.sha256, pulled->query.sha256);
  // Where a record came from.
  const auto origin = originOf(place.db(), 0);
  VERIFY_OK(origin);
  QCOMPARE((*origin)["query"]["sha256"].get<std::string>(), pulled->query.sha256);
  QVERIFY((*origin)["query"]["sql"].get<std::string>().find("\"env\" = 'prod'") != std::string::npos);
  QCOMPARE((*origin)["path"].get<std::string>(), (*source)->name() + "#" + pulled->query.id);
  const auto lineage = queriesOf(place.db(), {0, 2, 3});
  VERIFY_OK(lineage);
  QCOMPARE(dumpJson(*lineage), dumpJson(Json::array({{{"id", pulled->query.id}, {"source", (*source)->name()}, {"filter", where}, {"sha256", pulled->query.sha256}, {"records", 3}}})));
  QVERIFY(queriesOf(direct.db(), {0, 1})->empty());
  QVERIFY((*originOf(direct.db(), 0))["path"].get<std::string>().ends_with("a.jsonl"));
  QVERIFY(!std::filesystem::exists(place.root / "cache" / "remote" / (pulled->query.id + ".jsonl")));
}

void TstRemoteDuckdb::columnsOfParquet() {
  const Place place, direct;
  std::filesystem::create_directories(place.root / "in");
  std::filesystem::create_directories(direct.root / "in");
  Random random(5);
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += line(i, "q" + std::to_string(i), i % 2 ? R"({"env":"prod","score":"1e2"})" : R"({"env":"d'ev"})") + "\n";
  place.write("rows.jsonl", lines);
  const auto parquet = (place.root / "in" / "x.parquet").string();
  VERIFY_OK(runDuckDb("COPY (SELECT * FROM read_json('" + (place.root / "in" / "rows.jsonl").string() + "')) TO '" + parquet + "' (FORMAT parquet)"));
  std::filesystem::copy_file(parquet, direct.root / "in" / "x.parquet");
  const auto source = openIn(place, "x.parquet");
  VERIFY_OK(source);
  QVERIFY((*source)->layout().textColumn.empty());
  QCOMPARE((*source)->layout().format, std::string("bedrock"));
  for (const std::string where : {"env = \"d'ev\"", "score >= 100", "env != \"prod\" and @input_tokens < 50", "@time >= \"2026-03-02T06:00:30Z\" and @stop = \"stop\"", "not exists(score)", "@status = \"ok\" and @model prefix \"amazon\" and @input_tokens > 100"}) {
    const auto count = (*source)->count(parsed(where));
    VERIFY_OK(count);
    const Place fresh;
    std::filesystem::create_directories(fresh.root / "in");
    std::filesystem::copy_file(parquet, fresh.root / "in" / "x.parquet");
    const auto imported = fresh.import(1, where);
    VERIFY_OK(imported);
    QVERIFY2(count->isExact(), where.c_str());
    QCOMPARE(count->matching, imported->accepted);
    QVERIFY(count->matching > 0 && count->matching < 200);
  }
  const auto pulled = importRemote(place.db(), **source, importOptions("env = \"prod\""));
  VERIFY_OK(pulled);
  VERIFY_IDENTITY(pulled->summary);
  VERIFY_OK(direct.import(1, "env = \"prod\""));
  QCOMPARE(dump(place.db(), place.root), dump(direct.db(), direct.root));
}

void TstRemoteDuckdb::anotherTableByAMap() {
  const Place place;
  std::filesystem::create_directories(place.root / "in");
  const auto parquet = (place.root / "in" / "x.parquet").string();
  VERIFY_OK(runDuckDb("COPY (SELECT i AS call_id, 'Ask ' || i AS ask, 'Say ' || i AS say, 'm' || (i % 3) AS engine, TIMESTAMP '2026-03-02 06:00:00' + INTERVAL (i) MINUTE AS at, i * 2 AS tokens, "
                      "{'team': 't' || (i % 4)} AS labels FROM range(100) r(i)) TO '" + parquet + "' (FORMAT parquet)"));
  const auto open = [&](const Json& fields) -> Result<std::unique_ptr<RecordSource>> {
    const Json json = {{"schema", "retort.map/1"}, {"name", "acme"}, {"fields", fields}, {"metadata", {{"*", "labels"}}}};
    RETORT_TRY(auto map, FieldMap::parse(json, "map"));
    auto maps = std::make_shared<FieldMaps>();
    maps->force(std::move(map));
    auto options = optionsOf(place);
    options.read.maps = maps;
    return RecordSource::open("duckdb:" + parquet, options);
  };
  const auto source = open({{"request_id", "call_id"}, {"time", "at"}, {"model", "engine"}, {"messages", "ask"}, {"answer", "say"}, {"input_tokens", "tokens"}});
  VERIFY_OK(source);
  const auto count = [&](std::string_view where) {
    const auto n = (*source)->count(parsed(where));
    return n.ok() && n->isExact() ? n->matching : -1;
  };
  QCOMPARE(count("@model = \"m1\""), std::int64_t(33));
  QCOMPARE(count("@input_tokens >= 100"), std::int64_t(50));
  QCOMPARE(count("@time < \"2026-03-02T06:10:00Z\""), std::int64_t(10));
  QCOMPARE(count("team = \"t2\""), std::int64_t(25));
  const auto preview = (*source)->preview(parsed("team = \"t2\""), 2);
  VERIFY_OK(preview);
  QCOMPARE(preview->rows.at(0).preview, std::string("Ask 2"));
  const auto wrong = open({{"request_id", "call_id"}, {"model", "engin"}, {"messages", "ask"}});
  QVERIFY(!wrong.ok());
  QCOMPARE(wrong.error().code, std::string("logs.remote.column"));
  QVERIFY2(wrong.error().next.find("engine") != std::string::npos, wrong.error().text().c_str());
}

void TstRemoteDuckdb::hoursOutsideAreNotOpened() {
  const Place place;
  const std::string folder = "AWSLogs/111122223333/BedrockModelInvocationLogs/eu-central-1/2026/03/02/";
  for (int hour = 4; hour < 8; ++hour) {
    std::string text = line(hour);
    text.replace(text.find("T06:"), 4, "T0" + std::to_string(hour) + ":");
    place.write(folder + "0" + std::to_string(hour) + "/x.json.gz", gzip(text + "\n"));
  }
  place.write(folder + "05/data/u_input.json.gz", gzip("{}\n"));
  auto options = optionsOf(place);
  options.sinceUs = parseIsoTime("2026-03-02T05:00:00Z");
  options.untilUs = parseIsoTime("2026-03-02T07:00:00Z");
  const auto source = RecordSource::open("duckdb:" + (place.root / "in").string(), options);
  VERIFY_OK(source);
  const auto sql = (*source)->explain({});
  QVERIFY(sql.find("/05/x.json.gz") != std::string::npos && sql.find("/06/x.json.gz") != std::string::npos);
  QVERIFY(sql.find("/04/") == std::string::npos && sql.find("/07/") == std::string::npos && sql.find("/data/") == std::string::npos);
  QCOMPARE((*source)->count({})->matching, std::int64_t(2));
}

void TstRemoteDuckdb::killedAndCancelledPullsGoOn() {
  const Place place, whole, halted;
  GenerateOptions generate;
  generate.records = 6000;
  generate.seed = 9;
  std::filesystem::create_directories(place.root / "in");
  VERIFY_OK(generateLogs(place.root / "in" / "load.jsonl", generate));
  const auto source = openIn(place);
  VERIFY_OK(source);
  const std::string where = "@input_tokens > 150";
  VERIFY_OK(importRemote(whole.db(), **source, importOptions(where)));
  const auto state = [&] {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(place.root / "cache" / "remote", ignored))
      if (entry.path().extension() == ".json") return true;
    return false;
  };
  int killedWhilePulling = 0, killedWhileImporting = 0;
  for (int round = 0; round < 6; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto options = importOptions(where);
      options.isPaused = [] {
        ::usleep(20'000);
        return false;
      };
      (void)importRemote(place.db(), **source, options);
      ::_exit(0);
    }
    if (round % 2) {
      for (int i = 0; i < 1000 && !state(); ++i) ::usleep(2000);
      ::usleep(30'000);
    } else {
      ::usleep(static_cast<useconds_t>(40'000 + 60'000 * round));
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) state() ? ++killedWhileImporting : ++killedWhilePulling;
  }
  QVERIFY(killedWhilePulling > 0 && killedWhileImporting > 0);
  VERIFY_OK(importRemote(place.db(), **source, importOptions(where)));
  QVERIFY(dump(place.db(), place.root) == dump(whole.db(), whole.root));
  // A stop while the records go into the store.
  std::stop_source stop;
  auto options = importOptions(where);
  options.isPaused = [&] {
    stop.request_stop();
    return false;
  };
  const auto stopped = importRemote(halted.db(), **source, options, stop.get_token());
  QVERIFY(!stopped.ok());
  QVERIFY(isCancelled(stopped.error()));
  const auto last = importRemote(halted.db(), **source, importOptions(where));
  VERIFY_OK(last);
  QVERIFY(!last->summary.notes.empty() && last->summary.notes.back().find("imported to their end") != std::string::npos);
  QVERIFY(dump(halted.db(), halted.root) == dump(whole.db(), whole.root));
}

void TstRemoteDuckdb::stopsAndDeadlines() {
  const Place place;
  GenerateOptions generate;
  generate.records = 20'000;
  std::filesystem::create_directories(place.root / "in");
  VERIFY_OK(generateLogs(place.root / "in" / "load.jsonl", generate));
  auto source = openIn(place);
  VERIFY_OK(source);
  std::stop_source stop;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(80));
    stop.request_stop();
  });
  const auto stopped = (*source)->pull({}, place.root / "x.jsonl", stop.get_token());
  later.join();
  QVERIFY(!stopped.ok() && isCancelled(stopped.error()));
  QVERIFY(!std::filesystem::exists(place.root / "x.jsonl"));
  auto options = optionsOf(place);
  options.timeoutS = 0.001;
  const auto slow = RecordSource::open("duckdb:" + (place.root / "in").string(), options);
  QVERIFY(!slow.ok());
  QCOMPARE(slow.error().code, std::string("logs.remote.slow"));
}

void TstRemoteDuckdb::whatIsMissingIsSaid() {
  const Place place;
  place.write("a.jsonl", line(1) + "\n");
  const auto code = [](const Result<std::unique_ptr<RecordSource>>& source) { return source.ok() ? std::string("ok") : source.error().code; };
  QCOMPARE(code(openIn(place, "none-*.jsonl")), std::string("logs.remote.nofiles"));
  const auto misspelt = RecordSource::open("duckdbb:x", optionsOf(place));
  QVERIFY(!misspelt.ok() && misspelt.error().next.find("duckdb") != std::string::npos);
  QCOMPARE(code(RecordSource::open("duckdb:", optionsOf(place))), std::string("logs.remote.place"));
  place.write("bad.parquet", "PAR1 but nothing else");
  const auto broken = openIn(place, "bad.parquet");
  QCOMPARE(code(broken), std::string("logs.remote.failed"));
  QVERIFY2(broken.error().why.find("arquet") != std::string::npos, broken.error().text().c_str());
  const QByteArray path = qgetenv("PATH");
  qputenv("PATH", QByteArray::fromStdString(place.root.string()));
  const auto without = openIn(place);
  qputenv("PATH", path);
  QCOMPARE(code(without), std::string("logs.remote.noprogram"));
  QVERIFY(without.error().next.find("duckdb-cli") != std::string::npos);
}

QTEST_GUILESS_MAIN(TstRemoteDuckdb)
#include "tst_remote_duckdb.moc"
