// The index against the plain test of each record; sets of ids; facets; keys of very many values; sources of truth for rows.
#include "base/random.h"
#include "logs/generate.h"
#include "logs/id_set.h"
#include "logs/log_schema.h"
#include "tests/core/logs/log_fixture.h"
#include "tests/core/logs/oracle_line.h"
#include "tests/core/logs/random_filter.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

constexpr double kBroken = 0.05;   ///< share of lines that an import has to mend

std::vector<Record> allRecords(const LogStore& store) {
  std::vector<Record> records;
  for (const auto id : store.universe().toVector()) records.push_back(*store.record(id));
  return records;
}

void compareWithPlainTest(const LogStore& store, const std::vector<Record>& records, const Filter& filter) {
  const auto ids = store.ids(filter);
  QVERIFY2(ids.ok(), ids.ok() ? "" : ids.error().text().c_str());
  const auto matcher = RecordMatcher::create(filter);
  QVERIFY(matcher.ok());
  std::vector<std::uint32_t> want;
  for (const auto& record : records)
    if (matcher->matches(record)) want.push_back(record.id);
  QVERIFY2(*ids == want, printFilter(filter).c_str());
}

}  // namespace

class TstLogStore : public QObject {
  Q_OBJECT

 private slots:
  void setsOfIds() {
    Random random(2);
    for (int round = 0; round < 30; ++round) {
      std::vector<std::uint32_t> a, b;
      for (int i = 0; i < 3000; ++i) {
        a.push_back(static_cast<std::uint32_t>(random.below(round < 10 ? 5000 : 3'000'000)));
        b.push_back(static_cast<std::uint32_t>(random.below(round < 10 ? 5000 : 3'000'000)));
      }
      for (auto* v : {&a, &b}) {
        std::sort(v->begin(), v->end());
        v->erase(std::unique(v->begin(), v->end()), v->end());
      }
      const auto sa = IdSet::of(a), sb = IdSet::of(b);
      std::vector<std::uint32_t> both, any, only;
      std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
      std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(any));
      std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
      QVERIFY((sa & sb).toVector() == both);
      QVERIFY((sa | sb).toVector() == any);
      QVERIFY((sa - sb).toVector() == only);
      QCOMPARE(IdSet::commonSize(sa, sb), std::uint64_t(both.size()));
      const auto back = IdSet::fromBytes(sa.toBytes());
      QVERIFY(back && *back == sa);
    }
    // Edges of containers and segments, in runs too
    for (const std::uint32_t edge : {65'535u, 65'536u, (1u << 20) - 1, 1u << 20}) {
      IdSet set = IdSet::range(edge - 5, edge + 5);
      set.optimise();
      QCOMPARE(set.size(), std::uint64_t(10));
      QVERIFY(set.contains(edge) && !set.contains(edge + 5));
      QVERIFY(*IdSet::fromBytes(set.toBytes()) == set);
    }
    QVERIFY(IdSet().isEmpty() && IdSet::fromBytes(IdSet().toBytes())->isEmpty());
  }

  void damagedSetsAreRefusedOrHarmless() {
    Random random(4);
    std::vector<IdSet> sets;
    IdSet mixed = IdSet::range(10, 9000);
    mixed |= IdSet::range(70'000, 70'100);
    for (int i = 0; i < 3000; ++i) mixed.add(static_cast<std::uint32_t>(random.below(200'000)));
    sets.push_back(mixed);
    mixed.optimise();
    sets.push_back(mixed);
    for (const auto& set : sets) {
      const auto good = set.toBytes();
      for (int round = 0; round < 3000; ++round) {
        std::string bad = good;
        if (random.chance(0.3)) bad.resize(random.below(bad.size()));
        else for (std::uint64_t i = 0; i <= random.below(4); ++i) bad[random.below(std::min<std::size_t>(bad.size(), round % 2 ? 64 : bad.size()))] = static_cast<char>(random.next());
        const auto loaded = IdSet::fromBytes(bad);
        if (!loaded) continue;
        const auto list = loaded->toVector();             // whatever was taken is a sound set
        QVERIFY(std::is_sorted(list.begin(), list.end()) && std::adjacent_find(list.begin(), list.end()) == list.end());
        QCOMPARE(loaded->size(), std::uint64_t(list.size()));
      }
    }
  }

  void columnsAndDeltasComeBack() {
    Random random(6);
    Delta delta;
    delta.first = 77;
    delta.postings.push_back({3, IdSet::range(77, 90)});
    delta.postings.push_back({-2, IdSet::range(80, 81)});
    for (auto& column : delta.columns.values)
      for (int i = 0; i < 100; ++i) column.push_back(random.chance(0.2) ? kNoValue : static_cast<std::int64_t>(random.next() >> 20));
    const auto bytes = packDelta(delta);
    const auto back = unpackDelta(*bytes);
    QVERIFY(back.ok());
    QCOMPARE(back->first, delta.first);
    QVERIFY(back->postings[1].kv == -2 && back->postings[0].ids == delta.postings[0].ids);
    for (int c = 0; c < kColumns; ++c) QVERIFY(back->columns.values[c] == delta.columns.values[c]);
    for (std::size_t size = 0; size < bytes->size(); size += 7) QVERIFY(!unpackDelta(std::string_view(*bytes).substr(0, size)).ok());
  }

  void indexEqualsPlainTest() {
    Place place;
    Random random(8);
    std::string text;
    for (int n = 0; n < 700; ++n) text += oracleLine(random, n, 0, kBroken);
    place.write("a.jsonl", text);
    QCOMPARE(place.import()->accepted, 700);
    auto store = *LogStore::open(place.db());
    const auto records = allRecords(*store);
    QCOMPARE(records.size(), std::size_t(700));
    int some = 0;
    for (int i = 0; i < 4000; ++i) {
      const Filter filter = randomFilter(random);
      compareWithPlainTest(*store, records, filter);
      if (QTest::currentTestFailed()) return;
      const auto n = *store->count(filter);
      some += n > 0 && n < 700;
    }
    QVERIFY2(some > 1000, std::to_string(some).c_str());  // the filters tell records apart
    for (const char* search : {"@text contains \"n12\"", "@text regex \"n[0-3]9$\" or env = \"dev\"", "not @text contains \"ok\" and @status = \"ok\"", "exists(@text)"}) {
      compareWithPlainTest(*store, records, *parseFilter(search));
      if (QTest::currentTestFailed()) return;
    }
    std::stop_source stop;
    stop.request_stop();
    QVERIFY(isCancelled(store->count(*parseFilter("@text contains \"x\""), stop.get_token()).error()));
  }

  void importFilterEqualsStoreFilter() {
    Random random(21);
    std::string text;
    for (int n = 0; n < 150; ++n) text += oracleLine(random, n, 0, kBroken);
    Place all;
    all.write("a.jsonl", text);
    QVERIFY(all.import().ok());
    auto store = *LogStore::open(all.db());
    for (int i = 0; i < 12; ++i) {
      Place some;
      some.write("a.jsonl", text);
      const Filter filter = i ? randomFilter(random) : *parseFilter("@text contains \"n1\"");
      const auto s = some.import(1, printFilter(filter));
      QVERIFY(s.ok());
      QCOMPARE(std::uint64_t(s->accepted), *store->count(filter));
      QCOMPARE(s->accepted + s->filtered, s->lines);
    }
  }

  void deletedRecordsAreInNoResult() {
    Place place;
    place.write("a.jsonl", line(0) + "\n" + line(1) + "\n" + line(2) + "\n");
    QVERIFY(place.import().ok());
    {
      auto db = store::Database::open(place.db(), logsOpenOptions(store::OpenOptions::Mode::readWrite));
      auto put = db->prepare("INSERT INTO tomb(seg,b) VALUES(0,?)");
      QVERIFY(put->bindBlob(1, IdSet::range(1, 2).toBytes()).run().ok());
    }
    auto store = *LogStore::open(place.db());
    QCOMPARE(store->size(), std::uint64_t(2));
    QVERIFY(*store->ids({}) == (std::vector<std::uint32_t>{0, 2}));
    QCOMPARE(*store->count(*parseFilter("env != \"x\" and not env = \"y\" or env = \"prod\"")), std::uint64_t(2));
    QVERIFY(!*store->findByRequestId(uuid(1)));
    QCOMPARE((*store->facets({}, {"env"}))[0].values[0].count, std::uint64_t(2));
  }

  void facetsLeaveTheirOwnClauseOut() {
    Place place;
    std::string text;
    for (int n = 0; n < 12; ++n) text += line(n, "x", n % 3 == 0 ? R"({"env":"prod","app":"a"})" : n % 3 == 1 ? R"({"env":"dev","app":"b"})" : R"({"app":"a"})") + "\n";
    place.write("a.jsonl", text);
    QVERIFY(place.import().ok());
    auto store = *LogStore::open(place.db());
    const auto facets = store->facets(*parseFilter("env = \"prod\" and @turns = 1"), {"env", "app"});
    QVERIFY(facets.ok());
    const auto text2 = [](const Facet& f) {
      std::string out = f.key + " missing " + std::to_string(f.missing);
      for (const auto& v : f.values) out += ", " + v.value + " " + std::to_string(v.count);
      return out;
    };
    QCOMPARE(text2((*facets)[0]), std::string("env missing 4, dev 4, prod 4"));
    QCOMPARE(text2((*facets)[1]), std::string("app missing 0, a 4"));
    QCOMPARE(text2((*store->facets({}, {"app"}, 1))[0]), std::string("app missing 0, a 8"));
    QCOMPARE((*store->facets({}, {"app"}, 1))[0].distinct, std::uint64_t(2));
    QCOMPARE(store->facets({}, {"apq"}).error().code, std::string("logs.key.unknown"));
    const auto every = store->facets({});
    for (const auto& facet : *every) {
      std::uint64_t sum = facet.missing;
      for (const auto& value : facet.values) sum += value.count;
      if (facet.key != "@flags") QCOMPARE(sum, std::uint64_t(12));
    }
  }

  void keysOfVeryManyValues() {
    Place place;
    Random random(3);
    std::string first, second;
    for (int n = 0; n < 4600; ++n) first += line(n, "x", R"({"env":"prod","session":"s)" + std::to_string(n) + R"("})") + "\n";
    for (int n = 4600; n < 5000; ++n) second += line(n, "x", n % 2 ? R"({"env":"dev"})" : R"({"session":"s7"})") + "\n";
    place.write("a.jsonl", first);
    QCOMPARE(place.import()->accepted, 4600);
    auto store = *LogStore::open(place.db());
    const auto session = [&] {
      for (const auto& key : store->keys())
        if (key.name == "session") return key;
      return KeyInfo{};
    };
    QVERIFY(session().isHighCardinality);
    QCOMPARE(session().values, std::uint64_t(4600));
    place.write("b.jsonl", second);
    QCOMPARE(place.import()->accepted, 400);
    QVERIFY(*store->refresh());
    QCOMPARE(session().records, std::uint64_t(4800));
    QCOMPARE(*store->count(*parseFilter("session = \"s7\"")), std::uint64_t(201));
    QCOMPARE(*store->count(*parseFilter("session in (\"s7\", \"s8\", \"gone\")")), std::uint64_t(202));
    QCOMPARE(*store->count(*parseFilter("session != \"s7\"")), std::uint64_t(4799));
    QCOMPARE(*store->count(*parseFilter("session != \"s7\" missing(absent)")), std::uint64_t(4599));
    QCOMPARE(*store->count(*parseFilter("not exists(session)")), std::uint64_t(200));
    QCOMPARE(*store->count(*parseFilter("session prefix \"s459\" and env = \"prod\"")), std::uint64_t(11));
    const auto facet = (*store->facets({}, {"session"}))[0];
    QVERIFY(facet.isSampled);
    QCOMPARE(facet.missing, std::uint64_t(200));
    QCOMPARE(facet.values[0].value, std::string("s7"));
    const auto env = (*store->facets({}, {"env"}))[0];
    QVERIFY(!env.isSampled);
  }

  void rowsAndRecordsAgree() {
    Place place;
    GenerateOptions options;
    options.records = 300;
    options.seed = 5;
    options.isTree = true;
    QVERIFY(generateLogs(place.root / "in", options).ok());
    QVERIFY(place.import(2).ok());
    auto store = *LogStore::open(place.db());
    const auto ids = *store->ids({});
    QCOMPARE(ids.size(), std::size_t(300));
    const auto rows = *store->rows(ids);
    const auto keys = *store->requestKeys(ids);
    for (const auto id : ids) {
      const auto record = *store->record(id);
      const Row& row = rows[id];
      QCOMPARE(row.requestId, record.requestId);
      QCOMPARE(row.model, record.model);
      QCOMPARE(row.operation, record.operation);
      QCOMPARE(row.status, record.status);
      QCOMPARE(row.stop, record.stop);
      QVERIFY(row.timeUs == record.timeUs && row.inputTokens == record.inputTokens && row.outputTokens == record.outputTokens && row.latencyMs == record.latencyMs);
      QCOMPARE(row.flags, record.flags);
      QCOMPARE(row.turns, record.turns);
      QVERIFY(store->findByRequestId(record.requestId)->value() == id);
      QCOMPARE(keys[id].size(), std::size_t(16));
    }
    const auto range = store->timeRange();
    QVERIFY(range && range->first <= range->second);
    QCOMPARE(store->row(4000).error().code, std::string("logs.record.unknown"));
    QCOMPARE(store->record(4000).error().code, std::string("logs.record.unknown"));
    QVERIFY(!*store->findByRequestId("nobody"));
  }

  void otherIdsAreFoundToo() {
    Place place;
    std::string odd = line(0);
    odd.replace(odd.find(uuid(0)), 36, "req/1");
    const std::string bare = R"([{"generation":"a","stop_reason":"stop"}])";
    place.write("a.jsonl", odd + "\n" + bare + "\n" + bare + "\n");
    const auto s = place.import();
    QCOMPARE(s->accepted, 2);
    QCOMPARE(s->duplicates, 1);
    auto store = *LogStore::open(place.db());
    QVERIFY(store->findByRequestId("req/1")->value() == 0);
    QVERIFY(store->findByRequestId(store->row(0)->requestId)->value() == 0);
    QVERIFY(store->findByRequestId(store->record(1)->requestId)->value() == 1);
  }

  void storesThatAreNotThereOrNotOurs() {
    Place place;
    QCOMPARE(LogStore::open(place.db()).error().code, std::string("logs.none"));
    QVERIFY(writeFileAtomically(place.db(), std::string(50000, 'x')).ok());
    QCOMPARE(LogStore::open(place.db()).error().code, std::string("store.open.notdb"));
    place.write("a.jsonl", line(0) + "\n");
    QVERIFY(!place.import().ok());
    QCOMPARE(*readFile(place.db()), std::string(50000, 'x'));
    Place newer;
    newer.write("a.jsonl", line(0) + "\n");
    QVERIFY(newer.import().ok());
    {
      auto db = store::Database::open(newer.db(), logsOpenOptions(store::OpenOptions::Mode::readWrite));
      QVERIFY(db->exec("PRAGMA user_version=99").ok());
    }
    QCOMPARE(LogStore::open(newer.db()).error().code, std::string("store.newer"));
  }

  void damagedStoresGiveErrors() {
    Place place;
    std::string text;
    Random random(9);
    for (int n = 0; n < 300; ++n) text += oracleLine(random, n, 0, kBroken);
    place.write("a.jsonl", text);
    QVERIFY(place.import().ok());
    const std::string good = *readFile(place.db());
    for (int round = 0; round < 40; ++round) {
      std::string bad = good;
      for (int i = 0; i < 30; ++i) bad[100 + random.below(bad.size() - 100)] = static_cast<char>(random.next());
      Place other;
      QVERIFY(writeFileAtomically(other.db(), bad).ok());
      auto store = LogStore::open(other.db());
      if (!store.ok()) {
        QVERIFY(!store.error().code.empty());
        continue;
      }
      (void)(*store)->facets({});
      const auto ids = (*store)->ids(*parseFilter("env = \"prod\""));
      if (ids.ok())
        for (const auto id : *ids) (void)(*store)->record(id);
      (void)(*store)->rejects();
    }
  }
};

QTEST_GUILESS_MAIN(TstLogStore)
#include "tst_log_store.moc"
