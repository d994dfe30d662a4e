// Logs that lie elsewhere: a bucket through a scripted aws, Parquet through duckdb; and pauses.
#include <QTest>
#include <atomic>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/subprocess.h"
#include "logs/generate.h"
#include "logs/s3_source.h"
#include "tests/core/logs/log_fixture.h"

class TstImportRemote : public QObject {
  Q_OBJECT

 private slots:
  void placesAndRanges();
  void bucketOfHours();
  void awsFailsOrIsMissing();
  void parquetThroughDuckDb();
  void pausedImportsHoldStill();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

#define VERIFY_IDENTITY(s) QCOMPARE((s).accepted + (s).duplicates + (s).rejected + (s).filtered, (s).lines)

/// A PATH with our aws in front, as long as it lives.
struct FakeAws {
  QByteArray oldPath = qgetenv("PATH");
  fs::path root, log;
  explicit FakeAws(const Place& place) : root(place.root / "s3"), log(place.root / "aws.log") {
    const fs::path bin = place.root / "bin";
    std::filesystem::create_directories(bin);
    std::filesystem::create_directories(root);
    const fs::path script = fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()) / "tests/fixtures/fake_aws.py";
    std::filesystem::copy_file(script, bin / "aws");
    std::filesystem::permissions(bin / "aws", std::filesystem::perms::owner_all);
    qputenv("PATH", QByteArray::fromStdString(bin.string()) + ":" + oldPath);
    qputenv("FAKE_S3", QByteArray::fromStdString(root.string()));
    qputenv("FAKE_S3_LOG", QByteArray::fromStdString(log.string()));
  }
  ~FakeAws() {
    qputenv("PATH", oldPath);
    qunsetenv("FAKE_S3_FAIL");
  }
  void put(const std::string& key, std::string_view bytes) const {
    const fs::path path = root / "logs" / key;
    std::filesystem::create_directories(path.parent_path());
    if (!writeFileAtomically(path, bytes).ok()) qFatal("cannot write an object");
  }
  std::string takeLog() const {
    std::ifstream in(log);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    std::filesystem::remove(log);
    return text;
  }
};

std::string hourFolder(int hour) {
  return std::string("acme/AWSLogs/111122223333/BedrockModelInvocationLogs/eu-central-1/2026/03/02/") + (hour < 10 ? "0" : "") + std::to_string(hour) + "/";
}

/// A record of an hour.
std::string at(int n, int hour) {
  std::string text = line(n);
  text.replace(text.find("T06:"), 4, std::string("T") + (hour < 10 ? "0" : "") + std::to_string(hour) + ":");
  return text + "\n";
}

Result<ImportSummary> importS3(const Place& place, std::string_view since = {}, std::string_view until = {}, std::string_view where = {}) {
  ImportOptions options;
  options.sources = {"s3://logs/acme"};
  options.checkSpace = false;
  if (!since.empty()) options.sinceUs = parseIsoTime(since);
  if (!until.empty()) options.untilUs = parseIsoTime(until);
  if (!where.empty()) options.where = *parseFilter(where);
  return importLogs(place.db(), options);
}

}  // namespace

void TstImportRemote::placesAndRanges() {
  const auto place = parseS3("s3://logs/acme/x");
  QVERIFY(place);
  QCOMPARE(place->bucket, std::string("logs"));
  QCOMPARE(place->prefix, std::string("acme/x"));
  QVERIFY(parseS3("s3://logs")->prefix.empty());
  QVERIFY(!parseS3("/var/logs") && !parseS3("s3://"));
  const auto of = [](const std::string& key) {
    const auto range = rangeOfKey(key);
    return range ? isoUtc(range->first) + " " + isoUtc(range->second) : std::string("none");
  };
  QCOMPARE(of(hourFolder(7)), std::string("2026-03-02T07:00:00Z 2026-03-02T08:00:00Z"));
  QCOMPARE(of("a/BedrockModelInvocationLogs/eu/2026/03/02/"), std::string("2026-03-02T00:00:00Z 2026-03-03T00:00:00Z"));
  QCOMPARE(of("a/BedrockModelInvocationLogs/eu/2026/12/"), std::string("2026-12-01T00:00:00Z 2027-01-01T00:00:00Z"));
  QCOMPARE(of("a/BedrockModelInvocationLogs/eu/2024/"), std::string("2024-01-01T00:00:00Z 2025-01-01T00:00:00Z"));
  QCOMPARE(of("a/BedrockModelInvocationLogs/eu/"), std::string("none"));
  QCOMPARE(of("a/2026/03/02/07/x"), std::string("none"));
}

void TstImportRemote::bucketOfHours() {
  const Place place;
  const FakeAws aws(place);
  for (int hour = 4; hour < 10; ++hour) {
    aws.put(hourFolder(hour) + "20260302T0" + std::to_string(hour) + "0000000Z_aaaa.json.gz", gzip(at(hour * 2, hour)));
    aws.put(hourFolder(hour) + "20260302T0" + std::to_string(hour) + "3000000Z_bbbb.json.gz", gzip(at(hour * 2 + 1, hour)));
  }
  aws.put("acme/AWSLogs/111122223333/BedrockModelInvocationLogs/amazon-bedrock-logs-permission-check", "");
  // A record whose request was spilled beside it.
  std::string spilled = at(90, 6);
  const auto body = spilled.find("\"inputBodyJson\":"), end = spilled.find(",\"inputTokenCount\"");
  spilled.replace(body, end - body, "\"inputBodyS3Path\":\"s3://logs/" + hourFolder(6) + "data/uuid_input.json.gz\"");
  aws.put(hourFolder(6) + "20260302T064500000Z_cccc.json.gz", gzip(spilled));
  aws.put(hourFolder(6) + "data/uuid_input.json.gz", gzip(R"({"messages":[{"role":"user","content":[{"text":"From beside"}]}]})"));

  // Two hours of six: the others are never opened.
  auto first = importS3(place, "2026-03-02T06:00:00Z", "2026-03-02T08:00:00Z");
  QVERIFY2(first.ok(), first.ok() ? "" : first.error().text().c_str());
  VERIFY_IDENTITY(*first);
  QCOMPARE(first->lines, std::int64_t(5));
  QCOMPARE(first->accepted, std::int64_t(5));
  const std::string calls = aws.takeLog();
  for (const int hour : {4, 5, 8, 9}) QVERIFY2(calls.find(hourFolder(hour)) == std::string::npos, calls.c_str());
  QVERIFY(calls.find("s3 cp s3://logs/" + hourFolder(6)) != std::string::npos);
  {
    auto store = *LogStore::open(place.db());
    QVERIFY(store->files()->at(0).path.starts_with("s3://logs/acme/AWSLogs/"));
    const auto record = store->record(*store->findByRequestId(uuid(90)).value());
    QCOMPARE(messageText(record->messages[0]), std::string("From beside"));
    QVERIFY(!record->has(kBodyExternal));
  }
  // Again: nothing is fetched. A new object in a known hour: only it.
  auto again = importS3(place, "2026-03-02T06:00:00Z", "2026-03-02T08:00:00Z");
  QVERIFY(again.ok());
  QCOMPARE(again->lines, std::int64_t(0));
  QCOMPARE(again->unchangedFiles, std::int64_t(5));
  QVERIFY(aws.takeLog().find("s3 cp") == std::string::npos);
  aws.put(hourFolder(7) + "20260302T075900000Z_dddd.json.gz", gzip(at(91, 7)));
  again = importS3(place, "2026-03-02T06:00:00Z", "2026-03-02T08:00:00Z");
  QCOMPARE(again->lines, std::int64_t(1));
  QCOMPARE(again->accepted, std::int64_t(1));
  const std::string one = aws.takeLog();
  QVERIFY2(one.find("--include 20260302T075900000Z_dddd.json.gz") != std::string::npos && one.find("aaaa") == std::string::npos, one.c_str());
  // Without a range all the rest comes; a filter stores only what matches and accounts for the others.
  auto all = importS3(place, {}, {}, "@input_tokens < 12");
  QVERIFY2(all.ok(), all.ok() ? "" : all.error().text().c_str());
  VERIFY_IDENTITY(*all);
  QCOMPARE(all->accepted, std::int64_t(4));          // hours 4 and 5; 6 and 7 were complete under any filter
  QCOMPARE(all->filtered, std::int64_t(4));
  QCOMPARE(all->unchangedFiles, std::int64_t(6));
  QVERIFY(!std::filesystem::exists(place.root / "cache" / "s3"));
  // A place without anything.
  ImportOptions nothing;
  nothing.sources = {"s3://logs/none/"};
  nothing.checkSpace = false;
  const auto none = importLogs(place.db(), nothing);
  QVERIFY(none.ok());
  QCOMPARE(none->files, std::int64_t(0));
  QVERIFY(!none->notes.empty());
}

void TstImportRemote::awsFailsOrIsMissing() {
  const Place place;
  {
    const FakeAws aws(place);
    qputenv("FAKE_S3_FAIL", "1");
    const auto failed = importS3(place);
    QVERIFY(!failed.ok());
    QCOMPARE(failed.error().code, std::string("logs.s3.failed"));
    QVERIFY(failed.error().why.find("ExpiredToken") != std::string::npos);
  }
  const QByteArray path = qgetenv("PATH");
  qputenv("PATH", QByteArray::fromStdString(place.root.string()));
  const auto missing = importS3(place);
  qputenv("PATH", path);
  QVERIFY(!missing.ok());
  QCOMPARE(missing.error().code, std::string("logs.s3.noaws"));
}

void TstImportRemote::parquetThroughDuckDb() {
  const fs::path duckdb = fs::path(qEnvironmentVariable("RETORT_SOURCE", ".").toStdString()) / ".deps/python/bin/duckdb";
  const QByteArray path = qgetenv("PATH");
  const Place place;
  place.write("x.parquet", "PAR1 is no Parquet file");
  {
    qputenv("PATH", QByteArray::fromStdString(place.root.string()));
    const auto without = place.import();
    qputenv("PATH", path);
    QVERIFY(without.ok());
    QVERIFY(!without->notes.empty() && without->notes[0].find("duckdb was not found") != std::string::npos);
  }
  if (!std::filesystem::exists(duckdb)) QSKIP(".deps/python has no duckdb");
  qputenv("PATH", QByteArray::fromStdString(duckdb.parent_path().string()) + ":" + path);
  Command make;
  make.program = duckdb;
  make.args = {"-c", "COPY (SELECT i AS id, 'Question ' || i AS prompt, 'Answer ' || i AS response, 'gpt-4o' AS model, {'tenant': 't' || (i % 3)} AS metadata, TIMESTAMP '2026-03-02 06:00:00' AS timestamp "
                     "FROM range(1000) r(i)) TO '" + (place.root / "in" / "x.parquet").string() + "' (FORMAT parquet)"};
  const auto made = runCommand(make);
  QVERIFY2(made.ok() && made->exitCode == 0, made.ok() ? made->err.c_str() : made.error().text().c_str());
  const auto summary = place.import();
  // A filter and a range count what they leave out, as of any other source.
  ImportOptions some;
  some.sources = {place.root / "in"};
  some.checkSpace = false;
  some.where = *parseFilter("tenant = \"t1\"");
  some.sinceUs = parseIsoTime("2026-03-02T06:00:00Z");
  const Place others;
  const auto chosen = importLogs(others.db(), some);
  some.untilUs = some.sinceUs;
  const Place third;
  const auto none = importLogs(third.db(), some);
  qputenv("PATH", path);
  QVERIFY(chosen.ok() && none.ok());
  VERIFY_IDENTITY(*chosen);
  QCOMPARE(chosen->accepted, std::int64_t(333));
  QCOMPARE(chosen->filtered, std::int64_t(667));
  QCOMPARE(none->filtered, std::int64_t(1000));
  QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
  VERIFY_IDENTITY(*summary);
  QCOMPARE(summary->accepted, std::int64_t(1000));
  QCOMPARE(summary->format(), std::string("pairs"));
  auto store = *LogStore::open(place.db());
  const auto record = store->record(7);
  QCOMPARE(messageText(record->messages[0]), std::string("Question 7"));
  QCOMPARE(messageText(record->answer), std::string("Answer 7"));
  QCOMPARE(*record->metadataValue("tenant"), std::string("t1"));
  QCOMPARE(*record->timeUs, std::int64_t(1772431200000000));
  QCOMPARE(*store->count(*parseFilter("tenant = \"t2\"")), std::uint64_t(333));
}

/// While paused, what was read is in the store and no more comes; afterwards the rest.
void TstImportRemote::pausedImportsHoldStill() {
  Place place;
  GenerateOptions generate;
  generate.records = 8000;
  generate.seed = 4;
  std::filesystem::create_directories(place.root / "in");
  QVERIFY(generateLogs(place.root / "in" / "load.jsonl", generate).ok());
  std::atomic<int> asked{0};
  std::atomic<bool> paused{false};
  ImportOptions options;
  options.sources = {place.root / "in" / "load.jsonl"};
  options.checkSpace = false;
  options.isPaused = [&] {
    if (++asked == 2) paused = true;
    return paused.load();
  };
  Result<ImportSummary> result = Error{"x", "y", {}, {}, {}, {}, {}};
  std::thread import([&] { result = importLogs(place.db(), options); });
  while (!paused) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto before = (*LogStore::open(place.db()))->size();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto after = (*LogStore::open(place.db()))->size();
  paused = false;
  import.join();
  QVERIFY(before > 0 && before < 8000);
  QCOMPARE(after, before);
  QVERIFY2(result.ok(), result.ok() ? "" : result.error().text().c_str());
  QCOMPARE((*LogStore::open(place.db()))->size(), std::uint64_t(8000));
}

QTEST_GUILESS_MAIN(TstImportRemote)
#include "tst_import_remote.moc"
