// The pages by mouse and keys: open a project, make sample logs, filter, read a record, build a dataset, follow a run, read a report.
#include <QApplication>
#include <QComboBox>
#include <QLineEdit>
#include <QSettings>
#include <QTabBar>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTreeWidget>
#include <QtTest>

#include "tests/ui/sample_workspace.h"
#include "tests/ui/window_main.h"
#include "run/metric_series.h"
#include "ui/charts/loss_chart.h"
#include "ui/pages/distil/distil_page.h"
#include "ui/pages/evaluate/evaluate_page.h"
#include "ui/pages/logs/logs_page.h"
#include "ui/pages/runs/run_view.h"
#include "ui/pages/runs/runs_page.h"
#include "ui/shell/main_window.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

using namespace retort;
using namespace retort::ui;

class PagesTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    QVERIFY(m_temporary.isValid());
    if (!testing::usePrograms()) QSKIP("retort-cli is not in RETORT_BIN");
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_temporary.filePath(QStringLiteral("config")));
    m_root = std::filesystem::path(m_temporary.path().toStdString()) / "project";
    QVERIFY(testing::makeWorkspace(m_root).ok());
    m_window = new MainWindow;
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window));
  }
  void cleanupTestCase() { delete m_window; }

  void startPageComesFirst() {
    m_window->openLast();
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("start"));
    QVERIFY(find<QPushButton>("openSample")->isVisible());
    QVERIFY(find<QPushButton>("openFolder")->isVisible());
  }
  void aBrokenFolderIsExplainedInPlace() {
    m_window->openProject(m_temporary.filePath(QStringLiteral("nothing")));
    QTRY_VERIFY(m_window->findChild<Banner*>(QStringLiteral("banner"))->isVisible());
    QCOMPARE(m_window->currentPage(), QStringLiteral("start"));
  }
  void pluralsAreWords() {
    QCOMPARE(QCoreApplication::translate("retort::ui::RunsPage", "%n run(s)", nullptr, 1), QStringLiteral("1 run"));
    QCOMPARE(QCoreApplication::translate("retort::ui::RunsPage", "%n run(s)", nullptr, 3), QStringLiteral("3 runs"));
  }
  void openingShowsLogsEmpty() {
    m_window->openProject(qs(m_root.string()));
    QTRY_VERIFY(m_window->session() && m_window->session()->isLoaded());
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("logs"));
    QTRY_VERIFY(visible("emptyState"));
  }
  void sampleLogsComeByOneClick() {
    for (auto* link : m_window->page(QStringLiteral("logs"))->findChildren<QPushButton*>(QStringLiteral("emptyLink")))
      if (link->isVisible()) QTest::mouseClick(link, Qt::LeftButton);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->session()->isImporting() || m_window->session()->logs(), 20'000);
    QTRY_VERIFY_WITH_TIMEOUT(logs()->model()->rowCount() > 0, 60'000);
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->session()->isImporting(), 60'000);
    QTRY_VERIFY(find<QLabel>("bannerWhat")->isVisible());
    QTRY_COMPARE_WITH_TIMEOUT(static_cast<quint64>(logs()->model()->rowCount()), static_cast<quint64>(m_window->session()->logs()->size()), 10'000);
  }
  void typingAFilterCountsLive() {
    auto* box = find<QLineEdit>("filterBox");
    box->setFocus();
    QTest::keyClicks(box, QStringLiteral("env = \"prod\""));
    const auto filter = logs::parseFilter("env = \"prod\"");
    const auto expected = m_window->session()->logs()->count(*filter);
    QVERIFY(expected.ok());
    QTRY_COMPARE(static_cast<quint64>(logs()->model()->matches()), static_cast<quint64>(*expected));
    QTRY_VERIFY(logs()->findChild<PlainLabel*>(QStringLiteral("pageState"))->fullText().startsWith(countText(static_cast<qint64>(*expected))));
    QTest::keyClicks(box, QStringLiteral(" and ("));
    QTRY_VERIFY(box->property("invalid").toBool());
    QVERIFY(logs()->findChild<PlainLabel*>(QStringLiteral("filterReading"))->isVisible());
    QCOMPARE(static_cast<quint64>(logs()->model()->matches()), static_cast<quint64>(*expected));   // the last good rows stay
    box->selectAll();
    QTest::keyClick(box, Qt::Key_Delete);
    QTRY_COMPARE(static_cast<quint64>(logs()->model()->matches()), static_cast<quint64>(m_window->session()->logs()->size()));
  }
  void facetsTickTheFilter() {
    auto* views = find<QTabBar>("logsView");
    QVERIFY(views->isVisible());
    QTest::mouseClick(views, Qt::LeftButton, {}, views->tabRect(1).center());
    auto* tree = find<QTreeWidget>("facets");
    QTRY_VERIFY(tree->topLevelItemCount() > 0);
    QTreeWidgetItem* value = nullptr;
    for (int i = 0; i < tree->topLevelItemCount(); ++i)
      if (tree->topLevelItem(i)->text(0) == QLatin1String("env")) value = tree->topLevelItem(i)->child(0);
    QVERIFY(value);
    auto env = [tree]() -> QTreeWidgetItem* {
      for (int i = 0; i < tree->topLevelItemCount(); ++i)
        if (tree->topLevelItem(i)->text(0) == QLatin1String("env")) return tree->topLevelItem(i)->child(0);
      return nullptr;
    };
    QTRY_VERIFY(env() && env()->checkState(0) == Qt::Unchecked);   // the counts under the emptied filter have come
    value = env();
    tree->scrollToItem(value);
    tree->setCurrentItem(value);
    tree->setFocus();
    QTest::keyClick(tree, Qt::Key_Space);
    QTRY_VERIFY(find<QLineEdit>("filterBox")->text().contains(QLatin1String("env = ")));
    QTRY_VERIFY(logs()->model()->matches() < m_window->session()->logs()->size());
    find<QLineEdit>("filterBox")->clear();
    QTRY_COMPARE(static_cast<quint64>(logs()->model()->matches()), static_cast<quint64>(m_window->session()->logs()->size()));
  }
  void keysWalkTheRecords() {
    auto* table = find<TableView>("recordTable");
    QTRY_VERIFY(table->currentIndex().isValid());
    table->setFocus();
    const int before = table->currentIndex().row();
    QTest::keyClick(table, Qt::Key_J);
    QCOMPARE(table->currentIndex().row(), before + 1);
    const auto id = logs()->model()->idAt(before + 1);
    const auto row = m_window->session()->logs()->row(*id);
    QTRY_COMPARE(find<PlainLabel>("recordId")->fullText(), qs(row->requestId));
    QTest::keyClick(table, Qt::Key_K);
    QCOMPARE(table->currentIndex().row(), before);
  }
  void datasetIsBuiltFromTheForm() {
    QTest::mouseClick(find<QPushButton>("buildDataset"), Qt::LeftButton);
    QTRY_VERIFY(visible("buildPanel"));
    auto* teacher = find<QComboBox>("datasetTeacher");
    QTRY_VERIFY(teacher->count() > 0);
    auto* name = find<QLineEdit>("datasetName");
    name->selectAll();
    QTest::keyClicks(name, QStringLiteral("from the form"));
    QTest::mouseClick(find<QPushButton>("startBuild"), Qt::LeftButton);
    auto* table = find<QTableWidget>("datasetTable");
    QTRY_COMPARE_WITH_TIMEOUT(table->rowCount(), 1, 60'000);
    QCOMPARE(table->item(0, 0)->text(), QStringLiteral("from the form"));
    const auto datasets = data::listDatasets(m_window->session()->workspace());
    QCOMPARE(datasets.size(), std::size_t(1));
    QCOMPARE(table->item(0, 1)->text(), countText(datasets[0].train));
    m_dataset = datasets[0].id;
  }
  void distilSaysWhatItNeedsOrWhyNot() {
    QTest::mouseClick(find<QPushButton>("distilDataset"), Qt::LeftButton);
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("distil"));
    auto* page = qobject_cast<DistilPage*>(m_window->page(QStringLiteral("distil")));
    auto* box = page->findChild<QComboBox*>(QStringLiteral("distilDatasetBox"));
    QTRY_COMPARE(box->currentData().toString(), qs(m_dataset));
    if (page->findChild<QComboBox*>(QStringLiteral("studentBox"))->count() == 0) QSKIP("no model in the library of this machine");
    QSignalSpy planned(page, &DistilPage::planned);
    auto* rate = page->findChild<QLineEdit*>(QStringLiteral("learningRate"));
    rate->setFocus();
    QTest::keyClicks(rate, QStringLiteral("abc"));
    QTRY_VERIFY(rate->property("invalid").toBool());
    QVERIFY(!page->findChild<QPushButton*>(QStringLiteral("startRun"))->isEnabled());
    rate->selectAll();
    QTest::keyClicks(rate, QStringLiteral("1e-4"));
    QTRY_VERIFY_WITH_TIMEOUT(planned.count() > 0, 60'000);
  }
  void aRunOpensByEnterAndItsChartIsWhole() {
    const auto id = testing::addRun(m_window->session()->workspace(), "watched", 120, 200, job::Phase::stopped, m_dataset);
    QVERIFY2(id.ok(), id.ok() ? "" : id.error().text().c_str());
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
    QTest::keyClick(m_window, Qt::Key_4, Qt::ControlModifier);
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("runs"));
    auto* table = find<TableView>("runTable");
    QTRY_COMPARE(table->model()->rowCount(), 1);
    table->setFocus();
    table->setCurrentIndex(table->model()->index(0, 0));
    QTest::keyClick(table, Qt::Key_Return);
    auto* view = qobject_cast<RunsPage*>(m_window->page(QStringLiteral("runs")))->view();
    QTRY_VERIFY(view->isVisible());
    QTRY_COMPARE(view->lossChart()->series(0).size(), std::size_t(120));
    QCOMPARE(view->lossChart()->series(1).size(), std::size_t(7));   // validation, at step 0 too
    QVERIFY(view->lossChart()->hasLevel(QStringLiteral("Teacher")) && view->lossChart()->hasLevel(QStringLiteral("Base model")));
    const auto metrics = run::readMetrics(m_window->session()->workspace().runs() / *id);
    QVERIFY(metrics.ok());
    const double last = metrics->at("loss").back().value;
    QTRY_COMPARE(find<PlainLabel>("tileLossValue")->fullText(), significantText(last, 4));
    QVERIFY(find<QPushButton>("resumeRun")->isVisible());
    QVERIFY(!find<QPushButton>("pauseRun")->isVisible());
    QVERIFY(find<QTableWidget>("samplesTable")->rowCount() > 0);
    // Zoom by keys, reset by double click.
    view->lossChart()->setFocus();
    view->lossChart()->flush();
    const double whole = view->lossChart()->viewHigh() - view->lossChart()->viewLow();
    QTest::keyClick(view->lossChart(), Qt::Key_Plus);
    QVERIFY(view->lossChart()->viewHigh() - view->lossChart()->viewLow() < whole);
    QTest::keyClick(view->lossChart(), Qt::Key_Home);
    view->lossChart()->flush();
    QCOMPARE(view->lossChart()->viewHigh() - view->lossChart()->viewLow(), whole);
    const QString csv = m_temporary.filePath(QStringLiteral("loss.csv"));
    QVERIFY(view->lossChart()->exportCsv(csv));
    QFile file(csv);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QCOMPARE(file.readAll().count('\n'), 1 + 120 + 7 + 120);
    QVERIFY(view->lossChart()->exportPng(m_temporary.filePath(QStringLiteral("loss.png"))));
    QVERIFY(view->lossChart()->exportSvg(m_temporary.filePath(QStringLiteral("loss.svg"))));
  }
  void theReportsNumbersAreOnTheScreen() {
    const auto id = testing::addReport(m_window->session()->workspace());
    QVERIFY2(id.ok(), id.ok() ? "" : id.error().text().c_str());
    QTest::mouseClick(find<QToolButton>("nav_evaluate"), Qt::LeftButton);
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("evaluate"));
    auto* table = find<QTableWidget>("modelTable");
    QTRY_COMPARE(table->rowCount(), 3);
    const auto report = report::loadReport(m_window->session()->workspace(), *id);
    QVERIFY(report.ok());
    for (int r = 0; r < 3; ++r) QCOMPARE(table->item(r, 2)->text(), percentText(report->models[static_cast<std::size_t>(r)].accuracy));
    QCOMPARE(find<PlainLabel>("verdict")->fullText(), qs(report->verdict->sentence));
  }
  void exportsShowRedAndGreen() {
    QVERIFY(testing::addExport(m_window->session()->workspace(), true).ok());
    QVERIFY(testing::addExport(m_window->session()->workspace(), false).ok());
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
    QTest::keyClick(m_window, Qt::Key_6, Qt::ControlModifier);
    QTRY_COMPARE(m_window->currentPage(), QStringLiteral("export"));
    auto words = [this] {
      QStringList out;
      for (auto* chip : m_window->page(QStringLiteral("export"))->findChildren<Chip*>(QStringLiteral("verifiedChip"))) out << chip->text();
      out.sort();
      return out;
    };
    QTRY_COMPARE(words(), (QStringList{QStringLiteral("Not verified"), QStringLiteral("Verified")}));
  }
  void everyWidgetHasANameAndEveryButtonAKey() {
    for (const char* page : {"logs", "datasets", "distil", "runs", "evaluate", "export"}) {
      m_window->showPage(QLatin1String(page));
      for (auto* widget : m_window->findChildren<QWidget*>()) {
        const bool asks = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QLineEdit*>(widget) || qobject_cast<QComboBox*>(widget) || qobject_cast<QAbstractItemView*>(widget);
        if (!asks || !widget->isVisible() || widget->objectName().startsWith(QLatin1String("qt_")) || widget->parent()->inherits("QComboBox") || widget->parent()->inherits("QAbstractSpinBox") ||
            widget->parent()->inherits("QLineEdit") || widget->inherits("QHeaderView") || widget->inherits("QTableCornerButton") || widget->parent()->inherits("QTabBar") || widget->parent()->inherits("QTableView"))
          continue;
        QVERIFY2(!widget->accessibleName().isEmpty() || (qobject_cast<QAbstractButton*>(widget) && !qobject_cast<QAbstractButton*>(widget)->text().isEmpty()), qPrintable(QLatin1String(page) + QLatin1Char(' ') + widget->objectName() + QLatin1Char(' ') + QLatin1String(widget->metaObject()->className())));
      }
    }
  }

 private:
  template <typename T>
  T* find(const char* name) {
    auto* widget = m_window->findChild<T*>(QLatin1String(name));
    if (!widget) qFatal("no widget named %s", name);
    return widget;
  }
  bool visible(const char* name) {
    for (auto* widget : m_window->findChildren<QWidget*>(QLatin1String(name)))
      if (widget->isVisible()) return true;
    return false;
  }
  LogsPage* logs() { return qobject_cast<LogsPage*>(m_window->page(QStringLiteral("logs"))); }

  QTemporaryDir m_temporary;
  std::filesystem::path m_root;
  MainWindow* m_window = nullptr;
  std::string m_dataset;
};

int main(int argc, char** argv) { return tests::runWindowTests<PagesTest>(argc, argv); }
#include "tst_pages.moc"
