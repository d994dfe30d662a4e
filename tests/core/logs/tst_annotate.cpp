// Labels joined to records: types, updates, undo, what matches nothing, and filters over them.
#include <QTest>

#include "base/subprocess.h"
#include "logs/annotate.h"
#include "tests/core/logs/log_fixture.h"

class TstAnnotate : public QObject {
  Q_OBJECT

 private slots:
  void columnsAreTypedAndFilter();
  void runningAgainUpdatesAndUndoes();
  void keysMatchManyRecords();
  void otherTables();
  void parquetThroughDuckDb();
  void mistakesAreNamed();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

struct Store : Place {
  Store() {
    std::string text;
    for (int n = 0; n < 6; ++n) text += line(n, "Hello", R"({"env":"prod","ticket":"T)" + std::to_string(n / 2) + R"("})") + "\n";
    write("a.jsonl", text);
    if (!import().ok()) qFatal("import");
  }
  Result<AnnotateSummary> annotate(std::string_view table, const std::string& on = "request_id") const {
    const fs::path file = root / "labels";
    if (!writeFileAtomically(file, table).ok()) qFatal("write");
    return retort::logs::annotate(root, {file, on});
  }
  std::uint64_t count(const char* filter) const { return *(*LogStore::open(db()))->count(*parseFilter(filter)); }
};

}  // namespace

void TstAnnotate::columnsAreTypedAndFilter() {
  const Store store;
  const auto s = store.annotate("request_id,Grade,Correct,Note,Seen\r\n" + uuid(0) + ",4.5,true,\"good, \"\"very\"\"\",2026-03-02\r\n" + uuid(1) + ",2,false,,2026-03-03\r\n" + uuid(77) + ",1,true,x,\r\n");
  QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
  QCOMPARE(s->rows, std::int64_t(3));
  QCOMPARE(s->matched, std::int64_t(2));
  QCOMPARE(s->unmatched, std::int64_t(1));
  QCOMPARE(s->unmatchedRows[0].line, std::int64_t(4));
  QCOMPARE(s->unmatchedRows[0].key, uuid(77));
  QCOMPARE(s->records, std::int64_t(2));
  QCOMPARE(s->changed, std::int64_t(7));
  std::string columns;
  for (const auto& column : s->columns) columns += column.name + ":" + column.type + " ";
  QCOMPARE(columns, std::string("grade:number correct:boolean note:text seen:time "));
  QCOMPARE(store.count("grade > 3"), std::uint64_t(1));
  QCOMPARE(store.count("grade >= 2 and env = \"prod\""), std::uint64_t(2));
  QCOMPARE(store.count("correct = \"false\""), std::uint64_t(1));
  QCOMPARE(store.count("note contains \"very\""), std::uint64_t(1));
  QCOMPARE(store.count("exists(grade)"), std::uint64_t(2));
}

void TstAnnotate::runningAgainUpdatesAndUndoes() {
  const Store store;
  QVERIFY(store.annotate("request_id,label\n" + uuid(0) + ",spam\n" + uuid(1) + ",ham\n").ok());
  // The same again changes nothing, and keeps the undo of the run before.
  QCOMPARE(store.annotate("request_id,label\n" + uuid(0) + ",spam\n" + uuid(1) + ",ham\n")->changed, std::int64_t(0));
  const auto again = store.annotate("request_id,label,extra\n" + uuid(0) + ",ham,1\n" + uuid(1) + ",,\n");
  QCOMPARE(again->changed, std::int64_t(3));
  QCOMPARE(store.count("label = \"ham\""), std::uint64_t(1));
  QCOMPARE(store.count("exists(label)"), std::uint64_t(1));      // an empty cell takes the value away
  QCOMPARE(store.count("extra = \"1\""), std::uint64_t(1));
  QCOMPARE(*undoAnnotate(store.root), std::int64_t(3));
  QCOMPARE(store.count("label = \"spam\""), std::uint64_t(1));
  QCOMPARE(store.count("label = \"ham\""), std::uint64_t(1));
  QCOMPARE(store.count("exists(extra)"), std::uint64_t(0));
  QCOMPARE(undoAnnotate(store.root).error().code, std::string("logs.annotate.noundo"));
}

void TstAnnotate::keysMatchManyRecords() {
  const Store store;
  const auto s = store.annotate("{\"ticket\":\"T1\",\"env\":\"lab\",\"solved\":true}\n{\"ticket\":\"T9\",\"solved\":false}\n{\"solved\":true}\n", "ticket");
  QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
  QCOMPARE(s->matched, std::int64_t(1));
  QCOMPARE(s->records, std::int64_t(2));
  QCOMPARE(s->unmatched, std::int64_t(2));
  QCOMPARE(s->unmatchedRows[1].key, std::string());
  // A column may not stand in front of what was logged.
  QCOMPARE(s->columns[0].name, std::string("label.env"));
  QCOMPARE(store.count("label.env = \"lab\""), std::uint64_t(2));
  QCOMPARE(store.count("env = \"prod\""), std::uint64_t(6));
  QCOMPARE(store.count("solved = \"true\""), std::uint64_t(2));
}

void TstAnnotate::otherTables() {
  const Store store;
  QCOMPARE(store.annotate("[{\"request_id\":\"" + uuid(2) + "\",\"score\":3},\n {\"request_id\":\"" + uuid(3) + "\",\"score\":null}]")->changed, std::int64_t(1));
  QCOMPARE(store.count("score = \"3\""), std::uint64_t(1));
  QCOMPARE(store.annotate("request_id;score\n" + uuid(3) + ";7\n")->changed, std::int64_t(1));
  QCOMPARE(store.annotate(gzip("request_id\tscore\n" + uuid(4) + "\t9\n"))->changed, std::int64_t(1));
  QCOMPARE(store.count("score > 5"), std::uint64_t(2));
  // They outlive a new import of the logs.
  std::filesystem::remove(store.db());
  QVERIFY(store.import().ok());
  QCOMPARE(store.count("score > 5"), std::uint64_t(2));
}

void TstAnnotate::parquetThroughDuckDb() {
  const QByteArray bin = qgetenv("RETORT_SOURCE") + "/.deps/python/bin", path = qgetenv("PATH");
  if (!QFile::exists(bin + "/duckdb")) QSKIP(".deps/python has no duckdb");
  const Store store;
  const fs::path file = store.root / "labels.bin";   // known by its content
  Command make;
  make.program = fs::path((bin + "/duckdb").toStdString());
  make.args = {"-batch", "-c", "COPY (SELECT * FROM (VALUES ('" + uuid(0) + "', 4.5, true, 'gut', TIMESTAMP '2026-03-02 07:00:00'), ('" + uuid(1) + "', 2, false, NULL, NULL), ('" + uuid(50) +
                                   "', 1, true, 'x', NULL)) t(request_id, grade, correct, note, seen)) TO '" + file.string() + "' (FORMAT parquet)"};
  const auto made = runCommand(make);
  QVERIFY2(made.ok() && made->exitCode == 0, made.ok() ? made->err.c_str() : made.error().text().c_str());
  qputenv("PATH", bin + ":" + path);
  const auto s = annotate(store.root, {file, "request_id"});
  qputenv("PATH", path);
  QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
  QCOMPARE(s->matched, std::int64_t(2));
  QCOMPARE(s->unmatched, std::int64_t(1));
  QCOMPARE(s->unmatchedRows.at(0).key, uuid(50));
  std::string columns;
  for (const auto& column : s->columns) columns += column.name + ":" + column.type + " ";
  QCOMPARE(columns, std::string("grade:number correct:boolean note:text seen:time "));
  QCOMPARE(store.count("grade > 3 and correct = \"true\" and note = \"gut\""), std::uint64_t(1));
  // Without the program the error says what is missing.
  qputenv("PATH", QByteArray::fromStdString(store.root.string()));
  const auto without = annotate(store.root, {file, "request_id"});
  qputenv("PATH", path);
  QVERIFY(!without.ok());
  QCOMPARE(without.error().code, std::string("logs.parquet.noduckdb"));
}

void TstAnnotate::mistakesAreNamed() {
  const Store store;
  QCOMPARE(store.annotate("id,label\nx,y\n").error().code, std::string("logs.annotate.column"));
  QCOMPARE(store.annotate("request_id,label\nx,y\n", "nokey").error().code, std::string("logs.annotate.key"));
  QCOMPARE(store.annotate("{\"request_id\":1}\nnonsense\n").error().code, std::string("logs.annotate.row"));
  QVERIFY(store.annotate("{\"request_id\":1}\nnonsense\n").error().where.find("2") != std::string::npos);
  QVERIFY(!annotate(store.root, {store.root / "absent.csv", "request_id"}).ok());
  QCOMPARE(store.count("exists(label)"), std::uint64_t(0));
}

QTEST_GUILESS_MAIN(TstAnnotate)
#include "tst_annotate.moc"
