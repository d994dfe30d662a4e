// The Logs page by mouse and keys: families worked out and ranked as `logs worth` ranks them, one click to their records, sums as `logs stats` prints them.
#include <QApplication>
#include <QDoubleSpinBox>
#include <QLineEdit>
#include <QSettings>
#include <QTabBar>
#include <QTemporaryDir>
#include <QtTest>

#include "flows/flow_tools.h"
#include "tests/ui/sample_workspace.h"
#include "tests/ui/window_main.h"
#include "ui/pages/logs/logs_page.h"
#include "ui/shell/main_window.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

using namespace retort;
using namespace retort::ui;

class LogsPageTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(m_temporary.isValid());
    if (!testing::usePrograms()) QSKIP("retort-cli is not in RETORT_BIN");
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_temporary.filePath(QStringLiteral("config")));
    m_root = std::filesystem::path(m_temporary.path().toStdString()) / "project";
    auto workspace = testing::makeWorkspace(m_root);
    QVERIFY(workspace.ok());
    QVERIFY(testing::addLogs(*workspace, 600).ok());
    m_window = new MainWindow;
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window));
    m_window->openProject(qs(m_root.string()));
    QTRY_VERIFY(m_window->session() && m_window->session()->isLoaded());
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("logs"));
  }
  void cleanupTestCase() { delete m_window; }

  void familiesAreWorkedOutFromThePage() {
    QVERIFY(seen<QTabBar>("logsView"));
    QCOMPARE(seen<QTabBar>("logsView")->currentIndex(), 0);
    auto* work = seen<QPushButton>("emptyAction");
    QVERIFY(work && work->isEnabled());
    QVERIFY(!seen<PlainTable>("worthTable", 0));
    QTest::mouseClick(work, Qt::LeftButton);
    QTRY_VERIFY(!work->isVisible());
    QVERIFY(seen<PlainTable>("worthTable", 60'000));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->session()->unfinished({"derive"}), 20'000);
    QTRY_VERIFY(!seen<PlainLabel>("worthPartly", 0));
  }
  void theRankingIsTheCommandLines() {
    const Json worth = cli({"logs", "worth", "--limit", "50"});
    QTRY_COMPARE(seen<PlainTable>("worthTable")->rowCount(), static_cast<int>(worth["families"].size()));
    QVERIFY(worth["families"].size() > 1);
    compareWith(worth);
  }
  void theStudentsPriceIsEditable() {
    auto* price = seen<QDoubleSpinBox>("studentOutput");
    QTest::mouseClick(price, Qt::LeftButton);
    QTest::keyClick(price, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClicks(price, QStringLiteral("3.50"));
    QTest::keyClick(price, Qt::Key_Return);
    const Json dear = cli({"logs", "worth", "--limit", "50", "--student-output", "3.5"});
    const QString saving = numberText(dear["families"][0]["saving"].get<double>(), 2);
    QTRY_COMPARE(seen<PlainTable>("worthTable")->item(0, kSaving)->text(), saving);
    compareWith(dear);
  }
  void theFilterHoldsForTheFamiliesToo() {
    auto* box = seen<QLineEdit>("filterBox");
    QTest::mouseClick(box, Qt::LeftButton);
    QTest::keyClicks(box, QStringLiteral("env = \"prod\""));
    const Json prod = cli({"logs", "worth", "env = \"prod\"", "--limit", "50", "--student-output", "3.5"});
    QTRY_COMPARE(seen<PlainTable>("worthTable")->item(0, kCalls)->text(), numberText(prod["families"][0]["per_month"].get<double>(), 0));
    compareWith(prod);
    QTest::keyClick(box, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(box, Qt::Key_Delete);
    const Json all = cli({"logs", "worth", "--limit", "50", "--student-output", "3.5"});
    QTRY_COMPARE(seen<PlainTable>("worthTable")->item(0, kCalls)->text(), numberText(all["families"][0]["per_month"].get<double>(), 0));
  }
  void aClickShowsTheFamilysRecords() {
    const Json family = cli({"logs", "worth", "--limit", "50", "--student-output", "3.5"})["families"][1];
    auto* table = seen<PlainTable>("worthTable");
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualItemRect(table->item(1, 0)).center());
    QTRY_COMPARE(seen<QLineEdit>("filterBox")->text(), qs(family["filter"].get<std::string>()));
    QVERIFY(seen<TableView>("recordTable"));
    QTRY_COMPARE(static_cast<qint64>(logs()->model()->matches()), family["records"].get<qint64>());
  }
  void enterDoesSoToo() {
    seen<QLineEdit>("filterBox")->setFocus();
    QTest::keyClick(seen<QLineEdit>("filterBox"), Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(seen<QLineEdit>("filterBox"), Qt::Key_Delete);
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
    QTest::keyClick(m_window, Qt::Key_W, Qt::AltModifier);
    const Json family = cli({"logs", "worth", "--limit", "50", "--student-output", "3.5"})["families"][2];
    auto* table = seen<PlainTable>("worthTable");
    QVERIFY(table);
    QTRY_COMPARE(table->rowCount(), 3);
    table->setFocus();
    table->setCurrentCell(0, 0);
    QTest::keyClick(table, Qt::Key_Down);
    QTest::keyClick(table, Qt::Key_Down);
    QTest::keyClick(table, Qt::Key_Return);
    QTRY_COMPARE(seen<QLineEdit>("filterBox")->text(), qs(family["filter"].get<std::string>()));
    QTRY_COMPARE(static_cast<qint64>(logs()->model()->matches()), family["records"].get<qint64>());
    QVERIFY(seen<TableView>("recordTable")->hasFocus());
  }
  void theSumsAreTheCommandLines() {
    compareSums(ss(seen<QLineEdit>("filterBox")->text()));   // of the family that Enter chose
    auto* box = seen<QLineEdit>("filterBox");
    for (const char* filter : {"@status = \"error\"", "env = \"prod\"", "env = \"no such place\""}) {
      QTest::mouseClick(box, Qt::LeftButton);
      QTest::keyClick(box, Qt::Key_A, Qt::ControlModifier);
      QTest::keyClicks(box, QLatin1String(filter));
      compareSums(filter);
    }
  }

 private:
  static constexpr int kCalls = 1, kCost = 2, kSaving = 3, kAnswer = 4, kRepeats = 5;

  /// The visible widget of this name, waited for; null when it never comes.
  template <typename T>
  T* seen(const char* name, int ms = 5'000) {
    QElapsedTimer clock;
    clock.start();
    do {
      for (T* widget : logs()->findChildren<T*>(QLatin1String(name)))
        if (widget->isVisible()) return widget;
      if (ms > 0) QTest::qWait(20);
    } while (clock.elapsed() < ms);
    return nullptr;
  }
  Json cli(std::vector<std::string> words) {
    words.insert(words.begin(), {"-w", m_root.string()});
    return flow::cliJson(words);
  }
  void compareWith(const Json& worth) {
    auto* table = seen<PlainTable>("worthTable");
    QVERIFY(table);
    QCOMPARE(table->rowCount(), static_cast<int>(worth["families"].size()));
    for (int r = 0; r < table->rowCount(); ++r) {
      const Json& family = worth["families"][static_cast<std::size_t>(r)];
      QCOMPARE(table->item(r, 0)->text(), qs(family["name"].get<std::string>()).simplified());
      QCOMPARE(table->item(r, kCalls)->text(), numberText(family["per_month"].get<double>(), 0));
      QCOMPARE(table->item(r, kCost)->text(), family["cost"].is_null() ? QStringLiteral("–") : numberText(family["cost"].get<double>(), 2));
      QCOMPARE(table->item(r, kSaving)->text(), family["cost"].is_null() ? QStringLiteral("–") : numberText(family["saving"].get<double>(), 2));
      QCOMPARE(table->item(r, kAnswer)->text(), countText(family["p50_output_tokens"].get<qint64>()));
      QVERIFY(table->item(r, kRepeats)->text().startsWith(countText(family["repeats"].get<qint64>())));
    }
  }
  void compareSums(const std::string& filter) {
    const Json sums = cli({"logs", "stats", filter})["rows"][0];
    auto* table = seen<PlainTable>("statsTable");
    QVERIFY(table);
    const auto number = [&](const char* key) { return sums[key].is_null() ? QStringLiteral("–") : countText(sums[key].get<qint64>()); };
    const QStringList wanted{number("records"), number("input_tokens"), number("cached_tokens"), number("output_tokens"), sums["cost"].is_null() ? QStringLiteral("–") : numberText(sums["cost"].get<double>(), 2),
                             number("errors"), number("p50_latency_ms"), number("p95_latency_ms"), number("repeats")};
    const auto shown = [&] {
      QStringList out;
      for (int c = 0; c < table->columnCount(); ++c) out << (table->item(0, c) ? table->item(0, c)->text().section(QLatin1Char(' '), 0, 0) : QString());   // a share stands behind the repeats
      return out;
    };
    QTRY_COMPARE(shown(), wanted);
  }
  LogsPage* logs() { return qobject_cast<LogsPage*>(m_window->page(QStringLiteral("logs"))); }

  QTemporaryDir m_temporary;
  std::filesystem::path m_root;
  MainWindow* m_window = nullptr;
};

int main(int argc, char** argv) { return tests::runWindowTests<LogsPageTest>(argc, argv); }
#include "tst_logs_page.moc"
