// Item models keep the rules of QAbstractItemModel while their data changes; the log table shows the store's rows; facets write filters.
#include <QAbstractItemModelTester>
#include <QApplication>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/ui/sample_workspace.h"
#include "ui/models/log_table_model.h"
#include "ui/models/run_feed.h"
#include "ui/models/run_table_model.h"
#include "ui/pages/logs/facet_panel.h"
#include "ui/shell/theme.h"
#include "ui/widgets/text.h"

using namespace retort;
using namespace retort::ui;

class ModelsTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(m_temporary.isValid());
    m_root = m_temporary.path().toStdString();
    auto workspace = testing::makeWorkspace(m_root / "project");
    QVERIFY2(workspace.ok(), workspace.ok() ? "" : workspace.error().text().c_str());
    const auto logs = testing::addLogs(*workspace, 400);
    QVERIFY2(logs.ok(), logs.ok() ? "" : logs.error().text().c_str());
    m_session = new Session(*workspace, this);
    QTRY_VERIFY(m_session->isLoaded());
    QTRY_VERIFY(m_session->logs() != nullptr);
  }
  void logTableShowsTheStore() {
    LogTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QSignalSpy counted(&model, &LogTableModel::counted);
    model.query(m_session->logs(), {});
    QTRY_COMPARE(counted.count(), 1);
    QCOMPARE(static_cast<quint64>(model.rowCount()), static_cast<quint64>(m_session->logs()->size()));
    const auto filter = logs::parseFilter("env = \"prod\"");
    QVERIFY(filter.ok());
    model.query(m_session->logs(), *filter);
    QTRY_COMPARE(counted.count(), 2);
    const auto expected = m_session->logs()->count(*filter);
    QVERIFY(expected.ok() && *expected > 0);
    QCOMPARE(static_cast<quint64>(model.rowCount()), static_cast<quint64>(*expected));
    // A cell is asked for, comes from a thread, and is the store's own.
    const auto row = m_session->logs()->row(*model.idAt(3));
    QVERIFY(row.ok());
    QTRY_COMPARE(model.index(3, LogTableModel::Prompt).data().toString(), qs(row->preview).simplified());
    QCOMPARE(model.index(3, LogTableModel::Model).data().toString(), qs(row->model));
    // Newest first: ids fall.
    QVERIFY(*model.idAt(0) > *model.idAt(1));
    QCOMPARE(model.rowNear(*model.idAt(5)), 5);
    // By a column's values, both ways, and back to the order of import.
    const auto tokens = [&](int r) { return m_session->logs()->row(*model.idAt(r))->outputTokens.value_or(-1); };
    for (const Qt::SortOrder order : {Qt::AscendingOrder, Qt::DescendingOrder}) {
      model.sort(LogTableModel::OutTokens, order);
      QTRY_COMPARE(counted.count(), order == Qt::AscendingOrder ? 3 : 4);
      QCOMPARE(static_cast<quint64>(model.rowCount()), static_cast<quint64>(*expected));
      for (int r = 1; r < model.rowCount(); ++r) QVERIFY(order == Qt::AscendingOrder ? tokens(r - 1) <= tokens(r) : tokens(r - 1) >= tokens(r));
      QCOMPARE(model.rowNear(*model.idAt(5)), 5);
    }
    model.sort(-1);
    QTRY_COMPARE(counted.count(), 5);
    QVERIFY(*model.idAt(0) > *model.idAt(1));
    model.clear();
    QCOMPARE(model.rowCount(), 0);
  }
  void onlyTheLastQuestionIsAnswered() {
    LogTableModel model;
    QSignalSpy counted(&model, &LogTableModel::counted);
    const auto filter = logs::parseFilter("env = \"dev\"");
    for (int i = 0; i < 20; ++i) model.query(m_session->logs(), {});
    model.query(m_session->logs(), *filter);
    QTRY_VERIFY(counted.count() >= 1);
    QTest::qWait(100);
    QCOMPARE(counted.count(), 1);
    QCOMPARE(counted[0][0].toULongLong(), static_cast<quint64>(*m_session->logs()->count(*filter)));
  }
  void runsAppearAndChange() {
    RunTableModel model(m_session);
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    QCOMPARE(model.rowCount(), 0);
    const auto first = testing::addRun(m_session->workspace(), "first", 60, 100, job::Phase::done);
    QVERIFY2(first.ok(), first.ok() ? "" : first.error().text().c_str());
    QTRY_COMPARE(model.rowCount(), 1);
    QCOMPARE(model.index(0, RunTableModel::Name).data().toString(), QStringLiteral("first"));
    QCOMPARE(model.index(0, RunTableModel::Phase).data().toString(), phaseLook(job::Phase::done).text);
    QCOMPARE(model.at(0)->summary.id, *first);
    QVERIFY(model.at(0)->summary.bestNll.has_value());
    QVERIFY(model.at(0)->curve.size() >= 2);
    QTest::qWait(1100);   // ids hold the second: the next one must sort behind
    const auto second = testing::addRun(m_session->workspace(), "second", 10, 100, job::Phase::stopped);
    QVERIFY(second.ok());
    QTRY_COMPARE(model.rowCount(), 2);
    QCOMPARE(model.index(0, RunTableModel::Name).data().toString(), QStringLiteral("second"));   // newest first
    QCOMPARE(model.rowOf(*first), 1);
  }
  void feedDeliversEveryEventInOrder() {
    const auto id = testing::addRun(m_session->workspace(), "fed", 100, 100, job::Phase::done);
    QVERIFY(id.ok());
    RunFeed feed(m_session->workspace().runs() / *id);
    std::vector<job::Event> got;
    connect(&feed, &RunFeed::events, this, [&](const std::vector<job::Event>& events) { got.insert(got.end(), events.begin(), events.end()); });
    QTRY_VERIFY(feed.isCaughtUp());
    const auto expected = job::readEvents(m_session->workspace().runs() / *id);
    QVERIFY(expected.ok());
    QCOMPARE(got.size(), expected->size());
    for (std::size_t i = 0; i < got.size(); ++i) QCOMPARE(got[i].seq, (*expected)[i].seq);
    QCOMPARE(feed.state().phase, job::Phase::done);
  }
  void facetsWriteTheFilter() {
    const auto base = logs::parseFilter("@input_tokens > 5 and env = \"prod\"");
    QVERIFY2(base.ok(), base.ok() ? "" : base.error().text().c_str());
    QCOMPARE(chosenValues(*base, "env"), std::vector<std::string>{"prod"});
    const auto two = withValues(*base, "env", {"prod", "dev"});
    QCOMPARE(chosenValues(two, "env"), (std::vector<std::string>{"prod", "dev"}));
    const auto again = logs::parseFilter(logs::printFilter(two));
    QVERIFY(again.ok());
    QCOMPARE(logs::printFilter(*again), logs::printFilter(two));
    const auto none = withValues(two, "env", {});
    QVERIFY(chosenValues(none, "env").empty());
    QVERIFY(!none.matchesAll());
    QVERIFY(withValues(withValues({}, "env", {"a"}), "env", {}).matchesAll());
    // A disjunction is kept whole beside the new clause.
    const auto either = logs::parseFilter("env = \"prod\" or env = \"dev\"");
    const auto both = withValues(*either, "team", {"x"});
    QVERIFY(both.root.kind == logs::FilterNode::Kind::andNode);
    QCOMPARE(both.root.children.size(), std::size_t(2));
  }
  void wordsAndNumbers() {
    QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
    QCOMPARE(durationText(130), QStringLiteral("2 min 10 s"));
    QCOMPARE(bytesText(92'900'000), QStringLiteral("92.9 MB"));
    QCOMPARE(percentText(0.912), QStringLiteral("91.2 %"));
    QCOMPARE(significantText(0.41502, 4), QStringLiteral("0.4150"));
    QCOMPARE(significantText(0.000196, 3), QStringLiteral("1.96e-4"));
    QCOMPARE(significantText(std::nan("")), QStringLiteral("not a number"));
    QCOMPARE(progressText(340, 1200, QStringLiteral("steps"), 130), QStringLiteral("340 of 1,200 steps · 2 min 10 s left"));
  }

 private:
  QTemporaryDir m_temporary;
  std::filesystem::path m_root;
  Session* m_session = nullptr;
};

int main(int argc, char** argv) {
  QApplication app(argc, argv);
  Theme::instance().install();
  int code = 0;
  {
    ModelsTest test;
    code = QTest::qExec(&test, argc, argv);
  }
  finishPools();
  return code;
}
#include "tst_models.moc"
