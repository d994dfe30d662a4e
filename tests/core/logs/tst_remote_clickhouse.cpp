// ClickHouse over HTTP: recorded replies from a loopback server.
#include <QTest>
#include <thread>

#include "base/error.h"
#include "fixtures/providers/script_server.h"
#include "logs/remote_import.h"
#include "tests/core/logs/log_fixture.h"

class TstRemoteClickhouse : public QObject {
  Q_OBJECT

 private slots:
  void pullsOverLoopback();
  void errorsAreItsOwnWords();
  void keysAndPlaces();
  void stopsAndDeadlines();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;
using fixtures::ScriptServer;
using fixtures::SeenRequest;
using fixtures::Wire;

namespace {

#define VERIFY_OK(result) QVERIFY2((result).ok(), (result).ok() ? "" : (result).error().text().c_str())

RemoteOptions optionsOf(const Place& place) {
  RemoteOptions options;
  options.cache = place.root / "work";
  return options;
}

Filter parsed(std::string_view text) { return *parseFilter(text); }

/// What a server of version 24 said to these queries about a table of twenty records in a column of text.
std::string recorded(const std::string& sql) {
  if (sql.starts_with("DESCRIBE"))
    return R"({"name":"line","type":"String","default_type":"","default_expression":"","comment":"","codec_expression":"","ttl_expression":""})" "\n";
  if (sql.find("AS of_rows") != std::string::npos) return R"({"of_rows":20,"matching":5,"undecided":0,"unreadable":0})" "\n";
  if (sql.find("facet_key") != std::string::npos)
    return R"({"facet_key":"env","facet_value":null,"facet_n":2,"facet_values":2})" "\n" R"({"facet_key":"env","facet_value":"prod","facet_n":13,"facet_values":2})" "\n" R"({"facet_key":"env","facet_value":"dev","facet_n":5,"facet_values":2})" "\n";
  std::string out;
  for (int i = 0; i < (sql.find("is_sure") == std::string::npos ? 20 : 5); ++i) out += dumpJson({{"line", line(i)}}) + "\n";
  return out;
}

}  // namespace

void TstRemoteClickhouse::pullsOverLoopback() {
  const Place place;
  ScriptServer server([](const SeenRequest& r, Wire& w) { w.answer(200, recorded(r.body)); });
  qputenv("RETORT_CLICKHOUSE_USER", "reader");
  qputenv("RETORT_KEY_CLICKHOUSE", "planted-key-1234");
  const auto source = RecordSource::open("clickhouse:" + server.url() + "/logs.calls", optionsOf(place));
  qunsetenv("RETORT_CLICKHOUSE_USER");
  qunsetenv("RETORT_KEY_CLICKHOUSE");
  VERIFY_OK(source);
  QCOMPARE((*source)->layout().format, std::string("bedrock"));
  QCOMPARE((*source)->layout().textColumn, std::string("line"));
  QCOMPARE(server.seen()[0].body, std::string("DESCRIBE TABLE \"logs\".\"calls\""));
  QVERIFY(server.seen()[0].line().starts_with("POST /?default_format=JSONEachRow&"));
  QVERIFY(server.seen()[0].line().find("readonly=2") != std::string::npos);
  QCOMPARE(server.seen()[0].header("x-clickhouse-user"), std::string("reader"));
  QCOMPARE(server.seen()[0].header("x-clickhouse-key"), std::string("planted-key-1234"));
  const auto count = (*source)->count(parsed("env = \"pro'd\\\\\""));
  VERIFY_OK(count);
  QCOMPARE(count->matching, std::int64_t(5));
  QVERIFY2(server.seen().back().body.find(R"("env" = 'pro\'d\\')") != std::string::npos, server.seen().back().body.c_str());
  const auto facets = (*source)->facets({}, {"env"});
  VERIFY_OK(facets);
  QCOMPARE(facets->facets.at(0).missing, std::uint64_t(2));
  QCOMPARE(facets->facets.at(0).values.at(1).value, std::string("dev"));
  const auto preview = (*source)->preview({}, 3);
  VERIFY_OK(preview);
  QCOMPARE(preview->rows.size(), std::size_t(3));
  ImportOptions import;
  import.where = parsed("env = \"prod\"");
  import.checkSpace = false;
  const auto pulled = importRemote(place.db(), **source, import);
  VERIFY_OK(pulled);
  QCOMPARE(pulled->summary.lines, std::int64_t(20));
  QCOMPARE(pulled->summary.accepted, std::int64_t(5));
  QCOMPARE(pulled->summary.filtered, std::int64_t(15));
  QCOMPARE(*(*LogStore::open(place.db()))->rawLine(4), line(4));
}

void TstRemoteClickhouse::errorsAreItsOwnWords() {
  const Place place;
  const std::string words = "Code: 60. DB::Exception: Table logs.cals does not exist. Maybe you meant logs.calls?. (UNKNOWN_TABLE) (version 24.8.1)";
  ScriptServer none([&](const SeenRequest&, Wire& w) { w.answer(404, words); });
  const auto unknown = RecordSource::open("clickhouse:" + none.url() + "/logs.cals", optionsOf(place));
  QVERIFY(!unknown.ok());
  QCOMPARE(unknown.error().code, std::string("logs.remote.failed"));
  QVERIFY(unknown.error().why.find("Maybe you meant logs.calls") != std::string::npos);
  ScriptServer locked([](const SeenRequest&, Wire& w) { w.answer(516, "Code: 516. DB::Exception: reader: Authentication failed"); });
  const auto refused = RecordSource::open("clickhouse:" + locked.url() + "/logs.calls", optionsOf(place));
  QVERIFY(!refused.ok() && refused.error().next.find("RETORT_KEY_CLICKHOUSE") != std::string::npos);
  // An answer that turns into an error in its middle.
  ScriptServer breaks([](const SeenRequest& r, Wire& w) {
    w.answer(200, r.body.find("is_sure") == std::string::npos ? recorded(r.body) : recorded("is_sure") + "Code: 241. DB::Exception: Memory limit exceeded\n");
  });
  const auto source = RecordSource::open("clickhouse:" + breaks.url() + "/logs.calls", optionsOf(place));
  VERIFY_OK(source);
  const auto broken = (*source)->pull({}, place.root / "x.jsonl");
  QVERIFY(!broken.ok() && broken.error().why.find("Memory limit exceeded") != std::string::npos);
  QVERIFY(!fs::exists(place.root / "x.jsonl"));
  const auto nobody = RecordSource::open("clickhouse:http://127.0.0.1:1/logs.calls", optionsOf(place));
  QCOMPARE(nobody.error().code, std::string("providers.http.connect"));
}

void TstRemoteClickhouse::keysAndPlaces() {
  const Place place;
  for (const char* spec : {"clickhouse:calls", "clickhouse:http://127.0.0.1:8123", "clickhouse:http://127.0.0.1:8123/", "clickhouse:http://127.0.0.1:8123/a.b.c"}) {
    const auto source = RecordSource::open(spec, optionsOf(place));
    QVERIFY2(!source.ok() && source.error().code == "logs.remote.place", spec);
  }
  QCOMPARE(RecordSource::open("clickhouse:http://me:word@127.0.0.1:8123/calls", optionsOf(place)).error().code, std::string("providers.address.form"));
  // A key never goes over plain http to another machine.
  qputenv("RETORT_KEY_CLICKHOUSE", "planted-key-1234");
  const auto plain = RecordSource::open("clickhouse:http://192.0.2.1:8123/calls", optionsOf(place));
  qunsetenv("RETORT_KEY_CLICKHOUSE");
  QVERIFY(!plain.ok());
  QCOMPARE(plain.error().code, std::string("providers.http.plainkey"));
  QVERIFY(plain.error().text().find("planted") == std::string::npos);
}

void TstRemoteClickhouse::stopsAndDeadlines() {
  const Place place;
  ScriptServer server([](const SeenRequest&, Wire& w) { w.beginStream(), w.wait(10); });
  auto options = optionsOf(place);
  options.timeoutS = 0.3;
  const auto slow = RecordSource::open("clickhouse:" + server.url() + "/calls", options);
  QVERIFY(!slow.ok());
  QVERIFY2(slow.error().code == "logs.remote.slow" || slow.error().code.starts_with("providers.http."), slow.error().text().c_str());
  std::stop_source stop;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto stopped = RecordSource::open("clickhouse:" + server.url() + "/calls", optionsOf(place), stop.get_token());
  later.join();
  QVERIFY(!stopped.ok() && isCancelled(stopped.error()));
}

QTEST_GUILESS_MAIN(TstRemoteClickhouse)
#include "tst_remote_clickhouse.moc"
