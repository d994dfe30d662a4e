// Filters on the index against a separate program in Python that parses the same text and tries every line. RETORT_ORACLE_FILTERS=10000 for the long run.
#include <QProcess>

#include "base/random.h"
#include "tests/core/logs/log_fixture.h"
#include "tests/core/logs/oracle_line.h"
#include "tests/core/logs/random_filter.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

FilterNode wideTest(Random& random, int wide) {
  FilterNode node;
  node.kind = FilterNode::Kind::test;
  node.field = "wide";
  const auto value = [&] { return FilterValue{"w" + std::to_string(random.below(static_cast<std::uint64_t>(wide) + 2)), false}; };
  switch (random.below(6)) {
    case 0: node.op = FilterOp::exists; break;
    case 1: node.op = FilterOp::notEqual; node.values = {value()}; break;
    case 2: node.op = FilterOp::in; node.values = {value(), value(), value()}; break;
    case 3: node.op = FilterOp::prefix; node.values = {{"w" + std::to_string(random.below(70)), false}}; break;
    default: node.op = FilterOp::equal; node.values = {value()};
  }
  return node;
}

int filtersWanted() { return std::max(1, qEnvironmentVariable("RETORT_ORACLE_FILTERS", "600").toInt()); }

}  // namespace

class TstFilterOracle : public QObject {
  Q_OBJECT

  QString m_python;

  /// Every filter by the index and by the program; the number of filters that tell records apart.
  int compare(const Place& place, const std::string& lines, const std::vector<Filter>& filters) {
    const auto file = place.write("a.jsonl", lines);
    const auto summary = place.import(2);
    if (!summary.ok() || summary->rejected > 0 || summary->accepted != summary->lines) {
      QTest::qFail("the records could not be imported", __FILE__, __LINE__);
      return 0;
    }
    auto store = *LogStore::open(place.db());
    std::string texts;
    for (const auto& filter : filters) texts += dumpJson(Json(printFilter(filter))) + "\n";
    if (!writeFileAtomically(place.root / "filters.jsonl", texts).ok()) return 0;
    QProcess oracle;
    oracle.start(m_python, {QString::fromStdString((fs::path(__FILE__).parent_path() / "filter_oracle.py").string()), QString::fromStdString(file.string()),
                            QString::fromStdString((place.root / "filters.jsonl").string())});
    oracle.waitForFinished(-1);
    const std::string out = oracle.readAllStandardOutput().toStdString();
    if (oracle.exitCode() != 0) {
      QTest::qFail(oracle.readAllStandardError().constData(), __FILE__, __LINE__);
      return 0;
    }
    const auto answers = splitView(out, '\n');
    int some = 0;
    for (std::size_t i = 0; i < filters.size(); ++i) {
      const auto ids = store->ids(filters[i]);
      if (!ids.ok()) {
        QTest::qFail(ids.error().text().c_str(), __FILE__, __LINE__);
        return 0;
      }
      std::string mine;
      for (const auto id : *ids) mine += (mine.empty() ? "" : " ") + std::to_string(id);
      const auto count = store->count(filters[i]);
      if (mine != answers[i] || *count != ids->size()) {
        QTest::qFail((printFilter(filters[i]) + "\n here  " + mine.substr(0, 400) + "\n there " + std::string(answers[i].substr(0, 400))).c_str(), __FILE__, __LINE__);
        return 0;
      }
      some += !ids->empty() && ids->size() < store->size();
    }
    return some;
  }

 private slots:
  void initTestCase() {
    m_python = QString::fromLocal8Bit(qgetenv("RETORT_SOURCE")) + "/.deps/python/bin/python";
    if (!QFile::exists(m_python)) QSKIP(qPrintable("needs " + m_python));
  }

  void smallStores() {
    Random random(qEnvironmentVariable("RETORT_ORACLE_SEED", "31").toULongLong());
    int some = 0;
    for (int done = 0; done < filtersWanted(); done += 200) {
      Place place;
      std::string lines;
      for (int n = 0; n < 300; ++n) lines += oracleLine(random, n, 0);
      std::vector<Filter> filters;
      for (int i = 0; i < 200; ++i) filters.push_back(randomFilter(random));
      for (const char* text : {"@text contains \"n12\"", "@text regex \"n[0-3]9\" or env = \"\"", "not @text contains \"ok\" and @status = \"ok\"", "exists(@text) missing(absent)"})
        filters.push_back(*parseFilter(text));
      some += compare(place, lines, filters);
      if (QTest::currentTestFailed()) return;
    }
    QVERIFY2(some * 3 > filtersWanted(), std::to_string(some).c_str());
  }

  void manyValues_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("wide");
    for (const int wide : {4096, 4097, 65'535, 65'536}) QTest::addRow("%d values", wide) << wide + 3000 << wide;
    // Enough rows that the number of values alone decides.
    if (filtersWanted() >= 10'000)
      for (const int wide : {65'536, 65'537}) QTest::addRow("%d values of many rows", wide) << 8 * wide + 8 << wide;
  }
  void manyValues() {
    QFETCH(int, rows);
    QFETCH(int, wide);
    Random random(static_cast<std::uint64_t>(wide));
    Place place;
    std::string lines;
    for (int n = 0; n < rows; ++n) lines += oracleLine(random, n, wide);
    std::vector<Filter> filters;
    const int n = rows > 100'000 ? 6 : std::min(24, filtersWanted() / 50);
    for (int i = 0; i < n; ++i) {
      Filter filter;
      filter.root.kind = random.chance(0.5) ? FilterNode::Kind::andNode : FilterNode::Kind::orNode;
      filter.root.children = {wideTest(random, wide), randomTest(random)};
      if (random.chance(0.4)) filter.missing = Missing::absent;
      filters.push_back(std::move(filter));
    }
    compare(place, lines, filters);
  }
};

QTEST_GUILESS_MAIN(TstFilterOracle)
#include "tst_filter_oracle.moc"
