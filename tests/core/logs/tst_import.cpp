// Imports: every line accounted for, any way files are packed, cut, spread, grown or killed in between.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "logs/document_reader.h"
#include "logs/export_bedrock.h"
#include "logs/generate.h"
#include "tests/core/logs/log_fixture.h"

// The class stands first: the meta-object compiler counts braces inside raw strings.
class TstImport : public QObject {
  Q_OBJECT

 private slots:
  void everyLineIsAccountedFor();
  void anotherImportFindsOnlyWhatIsNew();
  void grownFilesGoOn();
  void otherFilterReadsAnew();
  void sinceAndUntil();
  void packings_data();
  void packings();
  void everyCutOfAGzipKeepsWholeLines();
  void longLinesAreSkippedByOffset();
  void spilledBodiesAreFoundOrNot();
  void foldersSkipWhatIsNoLog();
  void theSameStoreForAnyNumberOfWorkers();
  void dirtyTreesGiveTheirManifest();
  void killedImportsGoOn();
  void cancelKeepsWhatWasCommittedAndIsQuick();
  void oneImporterAtATime();
  void readersSeeCommitsWhileOpen();
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

#define VERIFY_IDENTITY(s) QCOMPARE((s).accepted + (s).duplicates + (s).rejected + (s).filtered, (s).lines)

std::vector<Reject> rejectsOf(const Place& place) { return *(*LogStore::open(place.db()))->rejects(); }

/// "line:byte:reason" of every rejected line.
std::string rejectWords(const Place& place) {
  std::string out;
  for (const auto& r : rejectsOf(place)) out += std::to_string(r.line) + ":" + std::to_string(r.byteOffset) + ":" + std::string(rejectWord(r.reason)) + " ";
  return out;
}

std::string lines(int from, int to, std::string_view end = "\n") {
  std::string out;
  for (int n = from; n < to; ++n) out += line(n) + std::string(end);
  return out;
}

}  // namespace

void TstImport::everyLineIsAccountedFor() {
  Place place;
  const std::string bad = "not json", foreign = R"({"level":"info"})", other = line(1, "Other text");
  place.write("a.jsonl", line(1) + "\n\n" + bad + "\n" + line(2) + "\n" + line(1) + "\n" + other + "\n   \n" + foreign + "\n" + line(3, "caf\xE9") + "\n");
  const auto s = place.import(1, "not @input_tokens = 2");
  QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
  QCOMPARE(s->lines, 7);
  QCOMPARE(s->accepted, 2);
  QCOMPARE(s->duplicates, 1);
  QCOMPARE(s->rejected, 3);
  QCOMPARE(s->filtered, 1);
  QCOMPARE(s->repaired, 1);
  VERIFY_IDENTITY(*s);
  const auto l = line(1).size();
  const auto byte3 = l + 2, byte6 = byte3 + bad.size() + 1 + 2 * (l + 1), byte8 = byte6 + other.size() + 1 + 4;
  QCOMPARE(rejectWords(place), "3:" + std::to_string(byte3) + ":not-json 6:" + std::to_string(byte6) + ":conflict 8:" + std::to_string(byte8) + ":no-schema ");
  QCOMPARE(rejectsOf(place)[0].head, bad);
  QCOMPARE(rejectsOf(place)[1].head, other);
  auto store = *LogStore::open(place.db());
  QCOMPARE(*store->rawLine(0), line(1));
  QCOMPARE(*store->rawLine(1), line(3, "caf\xE9"));      // the source, not its repair
  QCOMPARE(messageText(store->record(1)->messages[0]), std::string("caf\xEF\xBF\xBD"));
}

void TstImport::anotherImportFindsOnlyWhatIsNew() {
  Place place;
  place.write("a.jsonl", lines(0, 5));
  QCOMPARE(place.import()->accepted, 5);
  auto again = place.import();
  QCOMPARE(again->lines, 0);
  QCOMPARE(again->unchangedFiles, 1);
  place.write("b.jsonl.gz", gzip(lines(3, 8)));
  again = place.import();
  QCOMPARE(again->accepted, 3);
  QCOMPARE(again->duplicates, 2);
  QCOMPARE((*LogStore::open(place.db()))->size(), std::uint64_t(8));
}

void TstImport::grownFilesGoOn() {
  Place place;
  const std::string next = line(3);
  const auto path = place.write("a.jsonl", lines(0, 3) + next.substr(0, 100));
  auto s = place.import();
  QCOMPARE(s->accepted, 3);
  QCOMPARE(s->rejected, 1);
  QVERIFY(rejectWords(place).find("4:") == 0);
  std::ofstream(path, std::ios::app) << next.substr(100) << "\n" << line(4) << "\n";
  s = place.import();
  QCOMPARE(s->lines, 2);
  QCOMPARE(s->accepted, 2);
  QCOMPARE(rejectWords(place), std::string());               // the cut line is whole now
  QCOMPARE(*(*LogStore::open(place.db()))->rejectCount(), std::uint64_t(0));
  // Shrunk and rewritten: read anew, and said so.
  place.write("a.jsonl", lines(10, 12));
  s = place.import();
  QCOMPARE(s->accepted, 2);
  QCOMPARE(s->notes.size(), std::size_t(1));
  QVERIFY(s->notes[0].find("read anew") != std::string::npos);
}

void TstImport::otherFilterReadsAnew() {
  Place place;
  place.write("a.jsonl", lines(0, 10));
  QCOMPARE(place.import(1, "@input_tokens < 4")->accepted, 4);
  const auto s = place.import(1, "@input_tokens < 6");
  QCOMPARE(s->accepted, 2);
  QCOMPARE(s->duplicates, 4);
  QCOMPARE(s->filtered, 4);
  QCOMPARE(place.import(1, "@input_tokens < 6")->lines, 0);
}

void TstImport::sinceAndUntil() {
  Place place;
  place.write("a.jsonl", lines(0, 10) + R"({"prompt":"no time"})" + "\n");
  ImportOptions options;
  options.sources = {place.root / "in"};
  options.checkSpace = false;
  const std::int64_t start = 1772431200000000;
  options.sinceUs = start + 2'000'000;
  options.untilUs = start + 5'000'000;
  const auto s = importLogs(place.db(), options);
  QCOMPARE(s->accepted, 3);
  QCOMPARE(s->filtered, 8);
}

void TstImport::packings_data() {
  QTest::addColumn<QByteArray>("bytes");
  QTest::addColumn<int>("accepted");
  QTest::addColumn<QString>("rejects");
  QTest::addColumn<int>("cut");
  const auto all = lines(0, 40);
  const auto raw = [](const std::string& text) { return QByteArray::fromStdString(text); };
  QTest::newRow("plain") << raw(all) << 40 << "" << 0;
  QTest::newRow("no newline at the end") << raw(all.substr(0, all.size() - 1)) << 40 << "" << 0;
  QTest::newRow("crlf") << raw(lines(0, 40, "\r\n")) << 40 << "" << 0;
  QTest::newRow("byte order mark") << raw("\xEF\xBB\xBF" + all) << 40 << "" << 0;
  QTest::newRow("gzip") << raw(gzip(all)) << 40 << "" << 0;
  QTest::newRow("two members") << raw(gzip(lines(0, 17)) + gzip(lines(17, 40))) << 40 << "" << 0;
  QTest::newRow("a line over two members") << raw(gzip(all.substr(0, 1000)) + gzip(all.substr(1000))) << 40 << "" << 0;
  QTest::newRow("padding behind") << raw(gzip(all) + std::string(700, '\0')) << 40 << "" << 0;
  std::string cut = gzip(all);
  QTest::newRow("trailer cut") << raw(cut.substr(0, cut.size() - 5)) << 40 << "" << 1;
  QTest::newRow("garbage behind") << raw(cut + "garbage") << 40 << "" << 1;
  std::string flipped = cut;
  flipped[flipped.size() - 6] ^= 1;                         // the checksum
  QTest::newRow("wrong checksum") << raw(flipped) << 40 << "" << 1;
  QTest::newRow("empty file") << QByteArray("") << 0 << "" << 0;
  QTest::newRow("only blanks") << QByteArray("\n \n\r\n") << 0 << "" << 0;
  QTest::newRow("head of gzip only") << raw(cut.substr(0, 5)) << 0 << "" << 1;
  QTest::newRow("cloudwatch") << raw(R"({"message":)" + dumpJson(Json(line(0))) + R"(})" + "\n") << 1 << "" << 0;
  std::string array = "[\n", pretty;
  for (int n = 0; n < 40; ++n) {
    array += (n ? ",\n" : "") + line(n);
    pretty += Json::parse(line(n)).dump(2) + "\n";
  }
  QTest::newRow("one array") << raw(array + "\n]\n") << 40 << "" << 0;
  QTest::newRow("array in a line") << raw("[" + line(0) + "," + line(1) + "]") << 2 << "" << 0;
  QTest::newRow("pretty array") << raw(Json::parse(array + "]").dump(2)) << 40 << "" << 0;
  QTest::newRow("pretty records") << raw(pretty) << 40 << "" << 0;
  QTest::newRow("pretty with bom") << raw("\xEF\xBB\xBF" + pretty) << 40 << "" << 0;
  QTest::newRow("array with strangers") << raw("[\n" + line(0) + ",\n17,\n{\"a\":1},\n\"text\",\n" + line(1) + "]") << 2 << "3:no-schema 4:no-schema 5:no-schema" << 0;
  QTest::newRow("array cut") << raw("[" + line(0) + "," + line(1).substr(0, 50)) << 1 << "1:truncated" << 0;
  QTest::newRow("lines of arrays") << QByteArray("[{\"generation\":\"a\",\"stop_reason\":\"stop\"}]\n[{\"generation\":\"b\",\"stop_reason\":\"stop\"}]\n") << 2 << "" << 0;
  const std::string first = Json::parse(line(0)).dump(2);
  QTest::newRow("pretty, one cut") << raw(first.substr(0, 200) + "\n" + Json::parse(line(1)).dump(2) + "\n") << 1 << "1:truncated" << 0;
}
void TstImport::packings() {
  QFETCH(QByteArray, bytes);
  QFETCH(int, accepted);
  QFETCH(QString, rejects);
  QFETCH(int, cut);
  for (const int workers : {1, 2}) {
    Place place;
    place.write("a.json", bytes.toStdString());
    const auto s = place.import(workers);
    QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
    QCOMPARE(s->accepted, accepted);
    QCOMPARE(s->truncatedFiles, cut);
    QCOMPARE(int(s->notes.size()), cut);
    VERIFY_IDENTITY(*s);
    QStringList words;
    for (const auto& r : rejectsOf(place)) words << QString::number(r.line) + ":" + QString::fromUtf8(rejectWord(r.reason).data());
    QCOMPARE(words.join(' '), rejects);
  }
}

void TstImport::everyCutOfAGzipKeepsWholeLines() {
  const std::string all = lines(0, 30);
  const std::string packed = gzip(all);
  for (std::size_t size = 20; size < packed.size(); size += 23) {
    Place place;
    place.write("a.json.gz", std::string_view(packed).substr(0, size));
    const auto s = place.import();
    QVERIFY(s.ok());
    VERIFY_IDENTITY(*s);
    QCOMPARE(s->truncatedFiles, 1);
    auto store = *LogStore::open(place.db());
    QCOMPARE(std::int64_t(store->size()), s->accepted);
    for (std::uint32_t id = 0; id < s->accepted; ++id) QCOMPARE(*store->rawLine(id), line(int(id)));
    for (const auto& r : rejectsOf(place)) {
      QCOMPARE(r.reason, RejectReason::truncated);
      QVERIFY(all.substr(std::size_t(r.byteOffset), r.head.size()) == r.head);
    }
  }
}

void TstImport::longLinesAreSkippedByOffset() {
  Place place;
  const std::string start = line(0) + "\n", huge(kMaxLine + (3u << 20), 'x');
  place.write("a.jsonl", start + huge + "\n" + line(1) + "\n");
  const auto s = place.import();
  QCOMPARE(s->accepted, 2);
  QCOMPARE(rejectWords(place), "2:" + std::to_string(start.size()) + ":too-long ");
  QCOMPARE(rejectsOf(place)[0].length, std::int64_t(huge.size()));
  QCOMPARE(rejectsOf(place)[0].head.size(), std::size_t(4096));
}

void TstImport::spilledBodiesAreFoundOrNot() {
  Place place;
  const std::string body = R"({"messages":[{"role":"user","content":[{"text":"From afar"}]}]})";
  const auto spilled = [](int n, const std::string& path) {
    return R"({"schemaType":"ModelInvocationLog","timestamp":"2026-03-02T06:00:00Z","requestId":")" + uuid(n) + R"(","operation":"Converse","modelId":"m.x","input":{"inputBodyS3Path":")" + path + R"("},"output":{}})" + "\n";
  };
  place.write("p/AWSLogs/h/a.json", spilled(0, "s3://b/p/AWSLogs/h/data/x_input.json.gz") + spilled(1, "s3://b/gone/data/y_input.json.gz") + spilled(2, "s3://b/k/p/AWSLogs/other/data/z_input.json") +
                                        spilled(3, "s3://b/../../../../etc/passwd") + spilled(4, "s3://b"));
  place.write("p/AWSLogs/h/data/x_input.json.gz", gzip(body));
  place.write("p/AWSLogs/other/data/z_input.json", body);
  const auto s = place.import();
  QCOMPARE(s->accepted, 5);
  auto store = *LogStore::open(place.db());
  for (const auto& [n, isFound] : {std::pair(0, true), {1, false}, {2, true}, {3, false}, {4, false}}) {
    const auto id = *store->findByRequestId(uuid(n));
    QVERIFY(id);
    QCOMPARE(store->record(*id)->has(kBodyExternal), !isFound);
    if (isFound) QCOMPARE(messageText(store->record(*id)->messages[0]), std::string("From afar"));
  }
  // Out again, spilled bodies beside the file, and in again: the same bodies.
  const auto target = place.root / "out" / "export.jsonl";
  std::filesystem::create_directories(target.parent_path());
  const auto ids = *store->ids({});
  const auto written = exportBedrock(*store, ids, target);
  QVERIFY(written.ok());
  QCOMPARE(written->records + written->skipped, std::int64_t(ids.size()));
  QCOMPARE(written->spilledBodies, 2);
  ImportOptions options;
  options.sources = {place.root / "out"};
  options.checkSpace = false;
  QVERIFY(importLogs(place.root / "second.db", options).ok());
  auto second = *LogStore::open(place.root / "second.db");
  for (int n = 0; n < 5; ++n) {
    auto a = *store->record(**store->findByRequestId(uuid(n))), b = *second->record(**second->findByRequestId(uuid(n)));
    a.id = b.id = 0;
    QCOMPARE(dumpJson(a.toJson()), dumpJson(b.toJson()));
  }
}

void TstImport::foldersSkipWhatIsNoLog() {
  Place place;
  place.write("h/a.json", lines(0, 1));
  place.write("h/data/x_output.json.gz", gzip("{}"));
  place.write("h/amazon-bedrock-logs-permission-check", "");
  place.write("h/permission-check.json", "{}");
  place.write("h/.hidden.json", "garbage");
  place.write("h/.git/b.json", "garbage");
  place.write("h/notes.txt", "garbage");
  QCOMPARE(place.import()->lines, 1);
  Place empty;
  std::filesystem::create_directories(empty.root / "in");
  QCOMPARE(empty.import().error().code, std::string("logs.source.empty"));
  ImportOptions options;
  options.sources = {empty.root / "gone"};
  QCOMPARE(importLogs(empty.db(), options).error().code, std::string("logs.source.missing"));
}

void TstImport::theSameStoreForAnyNumberOfWorkers() {
  Place one, two;
  GenerateOptions options;
  options.records = 1500;
  options.seed = 4;
  options.isTree = true;
  options.dirty = 0.05;
  QVERIFY(generateLogs(one.root / "in", options).ok());
  std::filesystem::copy(one.root / "in", two.root / "in", std::filesystem::copy_options::recursive);
  const auto a = one.import(1), b = two.import(3);
  QVERIFY(a.ok() && b.ok());
  VERIFY_IDENTITY(*a);
  QVERIFY(a->rejected > 20);
  QVERIFY(dump(one.db(), one.root) == dump(two.db(), two.root));
}

/// What must be rejected is rejected, at its line and byte, for its reason; nothing else is. And every accepted line is its source.
void TstImport::dirtyTreesGiveTheirManifest() {
  for (const std::uint64_t seed : {1u, 2u}) {
    Place place;
    GenerateOptions options;
    options.records = 1200;
    options.seed = seed;
    options.isTree = true;
    options.dirty = 0.08;
    const auto made = generateLogs(place.root / "in", options);
    QVERIFY(made.ok());
    const auto s = place.import(2);
    QVERIFY(s.ok());
    VERIFY_IDENTITY(*s);
    std::vector<std::string> want, got;
    const std::string manifest = *readFile(made->manifestFile);
    for (const auto text : splitView(manifest, '\n')) {
      if (text.empty()) continue;
      const Json m = Json::parse(text);
      want.push_back(m["file"].get<std::string>() + " " + m["line"].dump() + " " + m["byte"].dump() + " " + m["reason"].get<std::string>());
    }
    for (const auto& r : rejectsOf(place))
      got.push_back(fs::path(r.file).lexically_relative(place.root / "in").string() + " " + std::to_string(r.line) + " " + std::to_string(r.byteOffset) + " " + std::string(rejectWord(r.reason)));
    std::sort(want.begin(), want.end());
    std::sort(got.begin(), got.end());
    QVERIFY(!want.empty());
    QCOMPARE(QString::fromStdString(join(got, "\n")), QString::fromStdString(join(want, "\n")));
  }
}

/// SIGKILL of the importing process at many moments, then a second call: the store of an uninterrupted import.
void TstImport::killedImportsGoOn() {
  Place whole;
  GenerateOptions options;
  options.records = 3000;
  options.seed = 9;
  options.dirty = 0.01;
  const fs::path source = whole.root / "in" / "load.jsonl";
  std::filesystem::create_directories(source.parent_path());
  QVERIFY(generateLogs(source, options).ok());
  for (const char* side : {".gold.jsonl", ".golden.jsonl", ".manifest.jsonl", ".tolerated.jsonl"}) std::filesystem::remove(source.string() + side);
  for (const char* side : {"load.gold.jsonl", "load.golden.jsonl", "load.manifest.jsonl", "load.tolerated.jsonl"}) std::filesystem::remove(source.parent_path() / side);
  const auto began = std::chrono::steady_clock::now();
  QVERIFY(whole.import(1).ok());
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count();
  const std::string expected = dump(whole.db(), whole.root);
  Random random(3);
  int interrupted = 0;
  for (int round = 0; round < 8; ++round) {
    Place place;
    std::filesystem::create_directories(place.root / "in");
    std::filesystem::copy_file(source, place.root / "in" / "load.jsonl");
    for (int kill = 0; kill < 2; ++kill) {
      const pid_t child = ::fork();
      if (child == 0) {
        (void)place.import(1);
        ::_exit(0);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random.below(static_cast<std::uint64_t>(took) + 1)));
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      interrupted += WIFSIGNALED(status);
      if (fs::exists(place.db())) {
        store::OpenOptions open;
        open.mode = store::OpenOptions::Mode::readWrite;
        if (auto db = store::Database::open(place.db(), open); db.ok()) QVERIFY(db->quickCheck().ok());
      }
    }
    const auto s = place.import(1);
    QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
    QVERIFY(dump(place.db(), place.root) == expected);
  }
  QVERIFY2(interrupted >= 4, "the machine is too fast for these moments");
}

void TstImport::cancelKeepsWhatWasCommittedAndIsQuick() {
  Place place;
  GenerateOptions options;
  options.records = 20000;
  options.seed = 2;
  const fs::path source = place.root / "in" / "load.jsonl";
  std::filesystem::create_directories(source.parent_path());
  QVERIFY(generateLogs(source, options).ok());
  std::stop_source stop;
  std::atomic<double> asked{0};
  ImportOptions import;
  import.sources = {source};
  import.checkSpace = false;
  int chunks = 0;
  import.isPaused = [&] {   // asked after every chunk
    if (++chunks == 2) {
      asked = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
      stop.request_stop();
    }
    return false;
  };
  const auto result = importLogs(place.db(), import, stop.get_token());
  QVERIFY(!result.ok());
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count() - asked;
  QVERIFY(isCancelled(result.error()));
  QVERIFY2(took < 1.0, "stopping took too long");
  QVERIFY(importLogs(place.db(), import).ok());
  QCOMPARE((*LogStore::open(place.db()))->size(), std::uint64_t(20000));
}

void TstImport::oneImporterAtATime() {
  Place place;
  place.write("a.jsonl", lines(0, 2));
  QVERIFY(place.import().ok());
  auto lock = FileLock::tryLock(place.db().string() + ".lock");
  QVERIFY(lock.ok() && *lock);
  place.write("b.jsonl", lines(2, 4));
  QCOMPARE(place.import().error().code, std::string("logs.import.busy"));
}

void TstImport::readersSeeCommitsWhileOpen() {
  Place place;
  place.write("a.jsonl", lines(0, 3));
  QVERIFY(place.import().ok());
  auto store = *LogStore::open(place.db());
  QVERIFY(!*store->refresh());
  place.write("b.jsonl", lines(3, 5));
  QVERIFY(place.import().ok());
  QCOMPARE(store->size(), std::uint64_t(3));
  QVERIFY(*store->refresh());
  QCOMPARE(store->size(), std::uint64_t(5));
  QCOMPARE(*store->count(*parseFilter("env = \"prod\"")), std::uint64_t(5));
}

QTEST_GUILESS_MAIN(TstImport)
#include "tst_import.moc"
