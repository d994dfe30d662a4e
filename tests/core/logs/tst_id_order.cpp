// Orders and histograms against plain sorting and dividing of what the rows say.
#include <numeric>

#include "base/random.h"
#include "logs/id_order.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

class TstIdOrder : public QObject {
  Q_OBJECT

  Place m_place;
  std::shared_ptr<LogStore> m_store;
  std::vector<std::uint32_t> m_ids;
  std::vector<Row> m_rows;
  std::vector<std::string> m_apps;               ///< empty: no such key

 private slots:
  void initTestCase() {
    Random random(2);
    std::string text;
    for (int n = 0; n < 6000; ++n) {
      std::string metadata = "{}";
      m_apps.emplace_back();
      if (random.chance(0.7)) metadata = "{\"app\":\"" + (m_apps.back() = "app" + std::to_string(random.below(30))) + "\"}";
      std::string one = line(static_cast<int>(random.below(60)), "x", metadata);   // seconds in no order
      one.replace(one.find(uuid(0).substr(8)) - 8, 36, uuid(n));
      if (random.chance(0.2)) one.erase(one.find("\"timestamp\""), one.find("\"accountId\"") - one.find("\"timestamp\""));
      text += one + "\n";
    }
    m_place.write("a.jsonl", text);
    QCOMPARE(m_place.import()->accepted, 6000);
    m_store = *LogStore::open(m_place.db());
    m_ids = *m_store->ids({});
    m_rows = *m_store->rows(m_ids);
  }

  void equalsAStableSort() {
    const auto number = [](const std::optional<std::int64_t>& v) { return v.value_or(INT64_MIN); };
    std::vector<std::uint32_t> some;
    for (const auto id : m_ids)
      if (id % 3 != 1) some.push_back(id);
    for (const auto& ids : {m_ids, some, std::vector<std::uint32_t>{}})
      for (const bool isDescending : {false, true}) {
        const auto compare = [&](const char* field, const auto& keyOf) {
          auto want = ids;
          std::stable_sort(want.begin(), want.end(), [&](std::uint32_t a, std::uint32_t b) { return isDescending ? keyOf(b) < keyOf(a) : keyOf(a) < keyOf(b); });
          const auto sorted = sortedIds(*m_store, ids, field, isDescending);
          QVERIFY2(sorted.ok() && *sorted == want, field);
        };
        compare("@time", [&](std::uint32_t id) { return number(m_rows[id].timeUs); });
        compare("@input_tokens", [&](std::uint32_t id) { return number(m_rows[id].inputTokens); });
        compare("@latency", [&](std::uint32_t id) { return number(m_rows[id].latencyMs); });
        compare("@model", [&](std::uint32_t id) { return m_rows[id].model; });
        compare("app", [&](std::uint32_t id) { return m_apps[id]; });
      }
    QCOMPARE(sortedIds(*m_store, m_ids, "apq", false).error().code, std::string("logs.key.unknown"));
  }

  void barsEqualDivision() {
    const auto range = *m_store->timeRange();
    for (const std::size_t bars : {std::size_t(1), std::size_t(7), std::size_t(60), std::size_t(1000)}) {
      const auto end = range.second + 1;
      std::vector<std::uint64_t> want(bars, 0);
      for (const auto& row : m_rows)
        if (row.timeUs) ++want[static_cast<std::size_t>((*row.timeUs - range.first) * static_cast<std::int64_t>(bars) / (end - range.first))];
      QVERIFY(timeHistogram(*m_store, m_store->universe(), range.first, end, bars) == want);
    }
    QVERIFY(timeHistogram(*m_store, m_store->universe(), 5, 5, 3) == std::vector<std::uint64_t>(3, 0));
  }
};

QTEST_GUILESS_MAIN(TstIdOrder)
#include "tst_id_order.moc"
