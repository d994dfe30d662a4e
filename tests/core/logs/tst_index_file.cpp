// logs.index: what is read from it equals what logs.db says, whatever happens to either; stores of the schema before it open as they did.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <thread>

#include "base/random.h"
#include "logs/index_file.h"
#include "logs/log_schema.h"
#include "logs/byte_source.h"
#include "logs/snapshot.h"
#include "tests/core/logs/log_fixture.h"
#include "tests/core/logs/random_filter.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

/// Lines with missing keys, a key of many values, failures and times that are no whole seconds.
std::string lines(int first, int end) {
  std::string text;
  for (int n = first; n < end; ++n) {
    std::string metadata = "{\"env\":\"" + std::string(n % 3 ? "prod" : "") + "\"";
    if (n % 2) metadata += ",\"app\":\"a" + std::to_string(n % 70) + "\"";
    if (n % 5 == 0) metadata += ",\"session\":\"s" + std::to_string(n) + "\"";
    text += line(n, "x" + std::to_string(n), metadata + "}") + "\n";
  }
  return text;
}

store::Database opened(const Place& place) { return *store::Database::open(place.db(), logsOpenOptions(store::OpenOptions::Mode::readWrite)); }

fs::path indexOf(const Place& place) { return indexFilePath(place.db()); }

void writeIndex(const Place& place) {
  auto db = opened(place);
  const auto written = writeIndexFile(db);
  QVERIFY2(written.ok(), written.ok() ? "" : written.error().text().c_str());
  QVERIFY(fs::exists(indexOf(place)));
}

/// Without the index file.
std::string plainDump(const Place& place) {
  const auto aside = place.root / "aside";
  std::error_code error;
  fs::rename(indexOf(place), aside, error);
  const auto text = dump(place.db(), place.root);
  if (!error) fs::rename(aside, indexOf(place));
  return text;
}

/// The hash of a changed file made right, so that what lies behind it must hold by itself.
void rehash(std::string& bytes) {
  if (bytes.size() < 64) return;
  const auto size = static_cast<std::uint64_t>(bytes.size());
  std::memcpy(bytes.data() + 16, &size, 8);
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, bytes.data() + 64, bytes.size() - 64);
  XXH3_64bits_update(&state, bytes.data() + 16, 48);
  const auto hash = XXH3_64bits_digest(&state);
  std::memcpy(bytes.data() + 8, &hash, 8);
}

void damage(std::string& bytes, Random& random) {
  switch (random.below(5)) {
    case 0: bytes.resize(random.below(bytes.size())); break;
    case 1: bytes += "more"; break;
    case 2: std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size() - 8)), 8, '\0'); break;
    default: {
      const auto near = random.chance(0.5) ? std::min<std::uint64_t>(bytes.size(), random.chance(0.3) ? 64 : 4096) : bytes.size();
      char& c = bytes[bytes.size() - 1 - random.below(near)];
      c = static_cast<char>(c + 1 + static_cast<char>(random.below(255)));
    }
  }
}

}  // namespace

class TstIndexFile : public QObject {
  Q_OBJECT

 private slots:
  void equalsTheDatabase() {
    Place place;
    place.write("a.jsonl", lines(0, 900));
    QVERIFY(place.import().ok());
    QVERIFY2(!fs::exists(indexOf(place)), "a small store needs none");
    const auto want = dump(place.db(), place.root);
    auto before = *LogStore::open(place.db());
    writeIndex(place);
    QVERIFY(dump(place.db(), place.root) == want);
    auto store = *LogStore::open(place.db());
    QVERIFY(!store->note());
    Random random(4);
    for (int i = 0; i < 800; ++i) {
      const auto filter = randomFilter(random);
      QVERIFY2(*store->ids(filter) == *before->ids(filter), printFilter(filter).c_str());
      QCOMPARE(*store->count(filter), *before->count(filter));
    }
    QVERIFY(store->timeRange() == before->timeRange());
    // The file is really read: the columns own no memory.
    QCOMPARE(store->snapshot()->columnBytes() < before->snapshot()->columnBytes(), true);
  }

  void appendsLieBehindIt() {
    Place place;
    place.write("a.jsonl", lines(0, 700));
    QVERIFY(place.import().ok());
    writeIndex(place);
    auto running = *LogStore::open(place.db());
    const auto kept = *readFile(indexOf(place));
    for (int part = 0; part < 3; ++part) {
      place.write("b" + std::to_string(part) + ".jsonl", lines(700 + part * 50, 750 + part * 50));
      QVERIFY(place.import().ok());
      QVERIFY(dump(place.db(), place.root) == plainDump(place));
      QVERIFY(*running->refresh());
      QCOMPARE(running->size(), std::uint64_t(750 + part * 50));
      QCOMPARE(*running->count(*parseFilter("env = \"prod\" and exists(session)")), *(*LogStore::open(place.db()))->count(*parseFilter("env = \"prod\" and exists(session)")));
    }
    QVERIFY(*readFile(indexOf(place)) == kept);
    auto db = opened(place);
    QVERIFY(renewIndexFile(db, 151).ok());
    QVERIFY(*readFile(indexOf(place)) == kept);
    QVERIFY(renewIndexFile(db, 150).ok());
    QVERIFY(*readFile(indexOf(place)) != kept);
    QVERIFY(dump(place.db(), place.root) == plainDump(place));
  }

  void keysThatOutgrowTheirListAreReadAnew() {
    Place place;
    std::string some, more;
    for (int n = 0; n < 4000; ++n) some += line(n, "x", R"({"session":"s)" + std::to_string(n) + R"("})") + "\n";
    for (int n = 4000; n < 4300; ++n) more += line(n, "x", R"({"session":"s)" + std::to_string(n) + R"("})") + "\n";
    place.write("a.jsonl", some);
    QVERIFY(place.import().ok());
    writeIndex(place);
    auto running = *LogStore::open(place.db());
    place.write("b.jsonl", more);
    QVERIFY(place.import().ok());
    QVERIFY(*running->refresh());
    auto store = *LogStore::open(place.db());
    for (const auto& s : {running, store}) {
      QCOMPARE(*s->count(*parseFilter("session = \"s4100\"")), std::uint64_t(1));
      QCOMPARE(*s->count(*parseFilter("exists(session)")), std::uint64_t(4300));
      QVERIFY((*s->facets({}, {"session"}))[0].isSampled);
    }
    writeIndex(place);
    QVERIFY(dump(place.db(), place.root) == plainDump(place));
    QCOMPARE(*(*LogStore::open(place.db()))->count(*parseFilter("session = \"s17\"")), std::uint64_t(1));
  }

  void damageIsSaidAndMended() {
    Place place;
    place.write("a.jsonl", lines(0, 400));
    QVERIFY(place.import().ok());
    const auto want = dump(place.db(), place.root);
    writeIndex(place);
    const auto good = *readFile(indexOf(place));
    Random random(12);
    for (int round = 0; round < 60; ++round) {
      std::string bad = good;
      damage(bad, random);
      if (bad == good) continue;
      QVERIFY(writeFileAtomically(indexOf(place), bad).ok());
      {
        const auto store = LogStore::open(place.db());
        QVERIFY2(store.ok(), store.ok() ? "" : store.error().text().c_str());
        QVERIFY2((*store)->note() && (*store)->note()->code == "logs.index.file", std::to_string(round).c_str());
      }
      QVERIFY2(*readFile(indexOf(place)) == good, std::to_string(round).c_str());
      if (round % 20 == 0) QVERIFY(dump(place.db(), place.root) == want);
    }
    QVERIFY(writeFileAtomically(indexOf(place), "").ok());
    QCOMPARE((*LogStore::open(place.db()))->note()->code, std::string("logs.index.file"));
    QVERIFY(!(*LogStore::open(place.db()))->note());
  }

  void whatAForeignFileSaysIsChecked() {
    // Damage with the right hash: some of it gives wrong answers, which no check can tell; none of it may reach beyond its bytes.
    Place place;
    place.write("a.jsonl", lines(0, 300));
    QVERIFY(place.import().ok());
    writeIndex(place);
    const auto good = *readFile(indexOf(place));
    Random random(13);
    for (int round = 0; round < 120; ++round) {
      std::string bad = good;
      damage(bad, random);
      rehash(bad);
      QVERIFY(writeFileAtomically(indexOf(place), bad).ok());
      auto store = LogStore::open(place.db());
      if (!store.ok()) continue;
      (void)(*store)->facets({});
      (void)(*store)->facets(*parseFilter("env = \"prod\""), {"app"});
      (void)(*store)->ids(*parseFilter("@input_tokens > 100 and not app = \"a1\""));
      (void)(*store)->timeRange();
    }
  }

  void ofAnotherStoreOrAnEarlierTime() {
    Place one, other;
    one.write("a.jsonl", lines(0, 300));
    other.write("a.jsonl", lines(100, 400));
    QVERIFY(one.import().ok() && other.import().ok());
    const auto want = dump(one.db(), one.root);
    writeIndex(other);
    fs::copy_file(indexOf(other), indexOf(one));
    QVERIFY(dump(one.db(), one.root) == want);
    QVERIFY(!(*LogStore::open(one.db()))->note());
    // A copy of the store that went another way
    writeIndex(one);
    const auto early = *readFile(one.db());
    one.write("b.jsonl", lines(300, 350));
    QVERIFY(one.import().ok());
    writeIndex(one);
    QVERIFY(writeFileAtomically(one.db(), early).ok());
    one.write("b.jsonl", lines(500, 600));
    QVERIFY(one.import().ok());
    QVERIFY(dump(one.db(), one.root) == plainDump(one));
    QCOMPARE((*LogStore::open(one.db()))->size(), std::uint64_t(400));
  }

  void recordsThatWereMovedMakeItVoid() {
    Place place;
    place.write("a.jsonl", lines(0, 300));
    QVERIFY(place.import().ok());
    writeIndex(place);
    auto db = opened(place);
    QVERIFY(db.exec("UPDATE meta SET value=value+1 WHERE name='generation'; UPDATE kv SET value='renamed' WHERE value='prod'").ok());
    const auto store = *LogStore::open(place.db());
    QCOMPARE(*store->count(*parseFilter("env = \"renamed\"")), std::uint64_t(200));
    QVERIFY(!store->note());
  }

  void whereItCannotBeWritten() {
    Place place;
    place.write("a.jsonl", lines(0, 300));
    QVERIFY(place.import().ok());
    QVERIFY(writeFileAtomically(indexOf(place), "damaged").ok());
    fs::create_directories(indexOf(place).string() + "." + std::to_string(getpid()) + ".part/taken");   // its place
    auto db = opened(place);
    QCOMPARE(writeIndexFile(db).error().code, std::string("logs.index.write"));
    const auto store = LogStore::open(place.db());
    QVERIFY(store.ok() && (*store)->note());
    QCOMPARE(*(*store)->count(*parseFilter("env = \"prod\"")), std::uint64_t(200));
    QCOMPARE(*readFile(indexOf(place)), std::string("damaged"));
  }

  void theSchemaBefore() {
    Place place;
    const auto source = (fs::path(__FILE__).parent_path().parent_path().parent_path() / "fixtures/logs/schema2.db.gz");
    const auto db = readWholeSource(source, 1u << 20);
    QVERIFY(db && writeFileAtomically(place.db(), *db).ok());
    const auto want = dump(place.db(), place.root);
    auto store = *LogStore::open(place.db());
    QCOMPARE(store->size(), std::uint64_t(24));
    QCOMPARE(*store->count(*parseFilter("env = \"\" and exists(app)")), std::uint64_t(4));
    QVERIFY(!store->note() && !fs::exists(indexOf(place)));
    // The next import takes the step; the records stay what they were.
    place.write("a.jsonl", lines(1000, 1010));
    QVERIFY(place.import().ok());
    QVERIFY(*store->refresh());
    QCOMPARE(store->size(), std::uint64_t(34));
    writeIndex(place);
    QVERIFY(dump(place.db(), place.root) == plainDump(place));
    const auto first = want.substr(0, want.find("@"));
    QVERIFY(dump(place.db(), place.root).starts_with(first.substr(0, first.rfind('\n'))));
  }

  void readersWhileAnImportRuns() {
    Place place;
    place.write("a.jsonl", lines(0, 500));
    QVERIFY(place.import().ok());
    writeIndex(place);
    auto store = *LogStore::open(place.db());
    std::atomic<bool> isDone = false;
    std::atomic<int> wrong = 0, looks = 0;
    const auto look = [&](int which) {
      Random random(static_cast<std::uint64_t>(which));
      std::uint64_t last = 0;
      while (!isDone) {
        if (which == 0 && !store->refresh().ok()) ++wrong;
        const auto all = *store->count({});
        const auto some = *store->count(*parseFilter("env = \"prod\"")), others = *store->count(*parseFilter("env != \"prod\""));
        if (all < last) ++wrong;
        if (which == 0 && some + others != all) ++wrong;       // only this thread changes the picture
        if (store->ids(*parseFilter("@input_tokens >= 0"))->size() < last) ++wrong;
        last = all;
        const auto facets = store->facets(*parseFilter("env = \"prod\""), {"app", "env"});
        if (!facets.ok() || (*facets)[0].values.empty()) ++wrong;
        if (!store->row(static_cast<std::uint32_t>(random.below(all))).ok()) ++wrong;
        ++looks;
      }
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) readers.emplace_back(look, i);
    for (int part = 0; part < 6; ++part) {
      place.write("b" + std::to_string(part) + ".jsonl", lines(1000 + part * 300, 1300 + part * 300));
      if (!place.import(2).ok()) ++wrong;
      auto db = opened(place);
      if (!renewIndexFile(db, 300).ok()) ++wrong;
    }
    isDone = true;
    for (auto& reader : readers) reader.join();
    QCOMPARE(wrong.load(), 0);
    QVERIFY(looks > 2);
    QVERIFY(store->refresh().ok());
    QCOMPARE(store->size(), std::uint64_t(2300));
    QVERIFY(dump(place.db(), place.root) == plainDump(place));
  }
};

QTEST_GUILESS_MAIN(TstIndexFile)
#include "tst_index_file.moc"
