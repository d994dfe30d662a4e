// Athena through a scripted aws: what is asked, what it costs, what comes of its results.
#include <QTest>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "logs/remote_import.h"
#include "logs/remote_result.h"
#include "tests/core/logs/log_fixture.h"

class TstRemoteAthena : public QObject {
  Q_OBJECT

 private slots:
  void resultsInCsv();
  void everyQueryNamesAPart();
  void countsAndPullsWithTheirPrice();
  void rowsOfColumnsAreRecords();
  void failuresAreSaid();
  void stoppedQueriesAreStoppedThere();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

#define VERIFY_OK(result) QVERIFY2((result).ok(), (result).ok() ? "" : (result).error().text().c_str())

/// A PATH with our aws in front, as long as it lives.
struct FakeAthena {
  QByteArray oldPath = qgetenv("PATH");
  fs::path root;
  explicit FakeAthena(const Place& place) : root(place.root / "athena") {
    const fs::path bin = place.root / "bin";
    fs::create_directories(bin);
    fs::create_directories(root);
    fs::copy_file(fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()) / "tests/fixtures/fake_athena.py", bin / "aws");
    fs::permissions(bin / "aws", fs::perms::owner_all);
    qputenv("PATH", QByteArray::fromStdString(bin.string()) + ":" + oldPath);
    qputenv("FAKE_ATHENA", QByteArray::fromStdString(root.string()));
  }
  ~FakeAthena() {
    qputenv("PATH", oldPath);
    qunsetenv("FAKE_ATHENA_STATE");
  }
  void put(const std::string& name, std::string_view text) const {
    if (!writeFileAtomically(root / name, text).ok()) qFatal("cannot write an answer");
  }
  std::string read(const std::string& name) const {
    std::ifstream in(root / name);
    return {(std::istreambuf_iterator<char>(in)), {}};
  }
  /// Columns as "name type".
  void table(const std::vector<std::string>& columns, const std::vector<std::string>& parts) const {
    const auto list = [](const std::vector<std::string>& names) {
      Json out = Json::array();
      for (const auto& name : names) out.push_back({{"Name", name.substr(0, name.find(' '))}, {"Type", name.substr(name.find(' ') + 1)}});
      return out;
    };
    put("calls.table.json", dumpJson({{"TableMetadata", {{"Name", "calls"}, {"TableType", "EXTERNAL_TABLE"}, {"Columns", list(columns)}, {"PartitionKeys", list(parts)}, {"Parameters", {{"EXTERNAL", "TRUE"}}}}}}));
  }
};

std::string cell(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

RemoteOptions optionsOf(const Place& place, std::string_view since = "2026-03-02", std::string_view until = "2026-03-03") {
  RemoteOptions options;
  options.cache = place.root / "work";
  if (!since.empty()) options.sinceUs = parseIsoTime(since);
  if (!until.empty()) options.untilUs = parseIsoTime(until);
  return options;
}

Filter parsed(std::string_view text) { return *parseFilter(text); }

}  // namespace

void TstRemoteAthena::resultsInCsv() {
  const Place place;
  const auto file = place.write("x.csv", "\"a\",\"b\"\n\"1\",\n\"\",\"two \"\"quoted\"\"\nlines, with commas\"\n");
  std::vector<Json> rows;
  QVERIFY(readResultCsv(file, [&](Json row) -> Result<bool> { return rows.push_back(std::move(row)), true; }).ok());
  QCOMPARE(rows.size(), std::size_t(2));
  QCOMPARE(rows[0]["a"].get<std::string>(), std::string("1"));
  QVERIFY(rows[0]["b"].is_null());
  QCOMPARE(rows[1]["a"].get<std::string>(), std::string());
  QCOMPARE(rows[1]["b"].get<std::string>(), std::string("two \"quoted\"\nlines, with commas"));
  const auto take = [](Json) -> Result<bool> { return true; };
  QVERIFY(!readResultCsv(place.write("cut.csv", "\"a\"\n\"1"), take).ok());
  QVERIFY(!readResultCsv(place.write("ragged.csv", "\"a\",\"b\"\n\"1\"\n"), take).ok());
}

void TstRemoteAthena::everyQueryNamesAPart() {
  const Place place;
  const FakeAthena athena(place);
  athena.table({"line string"}, {"region string", "year string", "month string", "day int"});
  const auto blind = RecordSource::open("athena:logs.calls", optionsOf(place, {}, {}));
  QVERIFY(!blind.ok());
  QCOMPARE(blind.error().code, std::string("logs.remote.partition"));
  QVERIFY(blind.error().next.find("--since") != std::string::npos);
  QVERIFY(!fs::exists(athena.root / "1.sql"));          // nothing was run
  for (int n = 1; n < 9; ++n) athena.put(std::to_string(n) + ".csv", "\"line\"\n");
  const auto where = [&](const RemoteOptions& options) {
    const auto source = RecordSource::open("athena:logs.calls", options);
    if (!source.ok()) return source.error().text();
    const std::string sql = (*source)->explain({});
    const std::string before = "FROM \"logs\".\"calls\"\n  WHERE ";
    const auto from = sql.find(before);
    return from == std::string::npos ? sql : sql.substr(from + before.size(), sql.find("\n)", from) - from - before.size());
  };
  // Both ends are on one day: every part narrows.
  QCOMPARE(where(optionsOf(place)), std::string("\"year\" >= '2026' AND \"year\" <= '2026' AND \"month\" >= '03' AND \"month\" <= '03' AND \"day\" >= 2 AND \"day\" <= 2"));
  QCOMPARE(where(optionsOf(place, "2025-12-31", "2026-01-02")), std::string("\"year\" >= '2025' AND \"year\" <= '2026'"));
  QCOMPARE(where(optionsOf(place, "2026-01-31", {})), std::string("\"year\" >= '2026'"));
  auto chosen = optionsOf(place, {}, {});
  chosen.partitions = {{"Region", "eu'x"}};
  QCOMPARE(where(chosen), std::string("\"region\" = 'eu''x'"));
  chosen.partitions = {{"regoin", "eu"}};
  QVERIFY(where(chosen).find("Did you mean region?") != std::string::npos);
  // One key for the day, in the table's own form.
  Json table = *parseJson(athena.read("calls.table.json"), "table");
  table["TableMetadata"]["PartitionKeys"] = {{{"Name", "dt"}, {"Type", "string"}}};
  table["TableMetadata"]["Parameters"]["projection.dt.format"] = "yyyy/MM/dd/HH";
  athena.put("calls.table.json", dumpJson(table));
  QCOMPARE(where(optionsOf(place, "2026-03-02T05:00:00Z", "2026-03-02T07:00:00Z")), std::string("\"dt\" >= '2026/03/02/05' AND \"dt\" <= '2026/03/02/06'"));
}

void TstRemoteAthena::countsAndPullsWithTheirPrice() {
  const Place place;
  const FakeAthena athena(place);
  athena.table({"line string"}, {"year string"});
  std::string look = "\"line\"\n", pull = "\"line\"\n";
  for (int i = 0; i < 20; ++i) look += cell(line(i)) + "\n";
  for (int i = 0; i < 5; ++i) pull += cell(line(i, "Say \\\"hi\\\",\\n please")) + "\n";
  athena.put("1.csv", look);
  athena.put("2.csv", "\"of_rows\",\"matching\",\"undecided\",\"unreadable\"\n\"1000\",\"5\",\"0\",\"0\"\n");
  athena.put("3.csv", "\"facet_key\",\"facet_value\",\"facet_n\",\"facet_values\"\n\"env\",,\"3\",\"12\"\n\"env\",\"prod\",\"900\",\"12\"\n\"env\",\"dev\",\"97\",\"12\"\n");
  athena.put("4.csv", pull);
  auto options = optionsOf(place);
  options.workgroup = "analysts";
  options.output = "s3://results/here";
  const auto source = RecordSource::open("athena:logs.calls", options);
  VERIFY_OK(source);
  QVERIFY((*source)->isMetered());
  QCOMPARE((*source)->layout().format, std::string("bedrock"));
  const auto count = (*source)->count(parsed("env = \"prod\""));
  VERIFY_OK(count);
  QCOMPARE(count->matching, std::int64_t(5));
  QCOMPARE(count->rows, std::int64_t(1000));
  QCOMPARE(count->cost.scannedBytes, std::int64_t(250'000'000'000));
  QCOMPARE(count->cost.usd, 1.25);                      // a quarter of a terabyte at 5 USD
  const auto facets = (*source)->facets({}, {"env"}, 2);
  VERIFY_OK(facets);
  QCOMPARE(facets->facets.at(0).missing, std::uint64_t(3));
  QCOMPARE(facets->facets.at(0).distinct, std::uint64_t(12));
  QCOMPARE(facets->facets.at(0).values.at(0).count, std::uint64_t(900));
  ImportOptions import;
  import.where = parsed("env = \"prod\"");
  import.sinceUs = options.sinceUs;
  import.untilUs = options.untilUs;
  import.checkSpace = false;
  const auto pulled = importRemote(place.db(), **source, import);
  VERIFY_OK(pulled);
  QCOMPARE(pulled->summary.lines, std::int64_t(5));     // a metered table is not counted beside
  QCOMPARE(pulled->summary.accepted, std::int64_t(5));
  QCOMPARE(pulled->query.cost.queryIds, std::vector<std::string>{"query-4"});
  QCOMPARE(*(*LogStore::open(place.db()))->rawLine(3), line(3, "Say \\\"hi\\\",\\n please"));
  const std::string sql = athena.read("4.sql");
  QVERIFY2(sql.find("\"env\" = 'prod'") != std::string::npos && sql.find("TIMESTAMP '2026-03-02 00:00:00.000000 UTC'") != std::string::npos, sql.c_str());
  QVERIFY(sql.find("json_extract(json_extract(record, '$[\"requestMetadata\"]'") != std::string::npos || sql.find("'$[\"env\"]'") != std::string::npos);
  const std::string calls = athena.read("calls.log");
  QVERIFY(calls.find("--query-execution-context Database=logs,Catalog=AwsDataCatalog --work-group analysts --result-configuration OutputLocation=s3://results/here") != std::string::npos);
  QVERIFY(!fs::exists(options.cache) || fs::is_empty(options.cache));
}

void TstRemoteAthena::rowsOfColumnsAreRecords() {
  const Place place;
  const FakeAthena athena(place);
  athena.table({"schematype string", "requestid string", "timestamp string", "modelid string", "operation string", "requestmetadata map<string,string>",
                "input struct<inputbodyjson:string,inputtokencount:int>", "output struct<outputbodyjson:string,outputtokencount:int>"}, {});
  const std::string header = "\"schematype\",\"requestid\",\"timestamp\",\"modelid\",\"operation\",\"requestmetadata\",\"input\",\"output\"\n";
  const Json input = {{"inputbodyjson", R"({"messages":[{"role":"user","content":[{"text":"From columns"}]}]})"}, {"inputtokencount", 7}};
  const Json output = {{"outputbodyjson", R"({"output":{"message":{"role":"assistant","content":[{"text":"Yes"}]}},"stopReason":"end_turn"})"}, {"outputtokencount", 2}};
  const std::string row = cell("ModelInvocationLog") + "," + cell(uuid(1)) + "," + cell("2026-03-02T06:00:00Z") + "," + cell("amazon.nova-lite-v1:0") + "," + cell("Converse") + "," + cell(R"({"Env":"prod"})") + "," +
                          cell(dumpJson(input)) + "," + cell(dumpJson(output)) + "\n";
  athena.put("1.csv", header + row);
  athena.put("2.csv", header + row);
  const auto source = RecordSource::open("athena:logs.calls", optionsOf(place, {}, {}));
  VERIFY_OK(source);
  QCOMPARE((*source)->layout().format, std::string("bedrock"));
  QVERIFY((*source)->layout().textColumn.empty());
  ImportOptions import;
  import.where = parsed("Env = \"prod\"");
  import.checkSpace = false;
  const auto pulled = importRemote(place.db(), **source, import);
  VERIFY_OK(pulled);
  QCOMPARE(pulled->summary.accepted, std::int64_t(1));
  const auto record = (*LogStore::open(place.db()))->record(0);
  VERIFY_OK(record);
  QCOMPARE(messageText(record->messages[0]), std::string("From columns"));
  QCOMPARE(messageText(record->answer), std::string("Yes"));
  QCOMPARE(*record->inputTokens, std::int64_t(7));
  QCOMPARE(*record->metadataValue("Env"), std::string("prod"));
  const std::string sql = athena.read("2.sql");
  QVERIFY2(sql.find("json_format(CAST(\"input\" AS JSON)) AS \"input\"") != std::string::npos, sql.c_str());
  QVERIFY2(sql.find("CAST(\"requestmetadata\" AS JSON)") != std::string::npos && sql.find("'$[\"Env\"]'") != std::string::npos, sql.c_str());
}

void TstRemoteAthena::failuresAreSaid() {
  const Place place;
  const FakeAthena athena(place);
  const auto errorOf = [&](std::string_view spec) {
    const auto source = RecordSource::open(spec, optionsOf(place));
    return source.ok() ? Error{"ok", {}, {}, {}, {}, {}, {}} : source.error();
  };
  QCOMPARE(errorOf("athena:calls").code, std::string("logs.remote.place"));
  const auto none = errorOf("athena:logs.none");
  QCOMPARE(none.code, std::string("logs.s3.failed"));
  QVERIFY(none.why.find("Entity Not Found") != std::string::npos);
  athena.table({"line string"}, {"year string"});
  qputenv("FAKE_ATHENA_STATE", "FAILED");
  const auto failed = errorOf("athena:logs.calls");
  QCOMPARE(failed.code, std::string("logs.remote.failed"));
  QVERIFY2(failed.why.find("COLUMN_NOT_FOUND") != std::string::npos && failed.next.find("query-1") != std::string::npos, failed.text().c_str());
  const QByteArray path = qgetenv("PATH");
  qputenv("PATH", QByteArray::fromStdString(place.root.string()));
  const auto without = errorOf("athena:logs.calls");
  qputenv("PATH", path);
  QCOMPARE(without.code, std::string("logs.s3.noaws"));
}

void TstRemoteAthena::stoppedQueriesAreStoppedThere() {
  const Place place;
  const FakeAthena athena(place);
  athena.table({"line string"}, {"year string"});
  qputenv("FAKE_ATHENA_STATE", "RUNNING");              // for ever
  auto options = optionsOf(place);
  options.timeoutS = 1;
  const auto slow = RecordSource::open("athena:logs.calls", options);
  QVERIFY(!slow.ok());
  QCOMPARE(slow.error().code, std::string("logs.remote.slow"));
  QVERIFY(athena.read("calls.log").find("athena stop-query-execution --query-execution-id query-1") != std::string::npos);
  std::stop_source stop;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    stop.request_stop();
  });
  const auto stopped = RecordSource::open("athena:logs.calls", optionsOf(place), stop.get_token());
  later.join();
  QVERIFY(!stopped.ok() && isCancelled(stopped.error()));
  QVERIFY(athena.read("calls.log").find("stop-query-execution --query-execution-id query-2") != std::string::npos);
}

QTEST_GUILESS_MAIN(TstRemoteAthena)
#include "tst_remote_athena.moc"
