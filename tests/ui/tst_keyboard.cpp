// The window without a mouse: every page is walked by Tab, focus is seen, shortcuts are listed, F1 and F6 work, tables sort by key,
// charts tell their values as a table.
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QHeaderView>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QSettings>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTextBrowser>
#include <QtTest>

#include "tests/ui/sample_workspace.h"
#include "tests/ui/window_main.h"
#include "ui/assistant/assistant.h"
#include "ui/charts/loss_chart.h"
#include "ui/pages/runs/run_view.h"
#include "ui/pages/runs/runs_page.h"
#include "ui/shell/help.h"
#include "ui/shell/main_window.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

using namespace retort;
using namespace retort::ui;

class KeyboardTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, m_temporary.filePath(QStringLiteral("config")));
    const auto root = std::filesystem::path(m_temporary.path().toStdString()) / "project";
    auto workspace = testing::makeWorkspace(root);
    QVERIFY(workspace.ok());
    QVERIFY(testing::addLogs(*workspace, 300, 0.02).ok());
    auto dataset = testing::addDataset(*workspace, "anthropic.claude-3-5-haiku-20241022-v1:0");
    QVERIFY2(dataset.ok(), dataset.ok() ? "" : dataset.error().text().c_str());
    QVERIFY(testing::addDataset(*workspace, "anthropic.claude-3-5-haiku-20241022-v1:0", "another").ok());
    const auto run = testing::addRun(*workspace, "desk fast", 60, 60, job::Phase::done, dataset->id);
    QVERIFY(run.ok());
    m_run = *run;
    QVERIFY(testing::addRun(*workspace, "a slow one", 20, 60, job::Phase::stopped, dataset->id).ok());
    QVERIFY(testing::addReport(*workspace).ok());
    QVERIFY(testing::addExport(*workspace, true).ok());
    m_window = new MainWindow;
    m_window->resize(1280, 800);
    m_window->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_window));
    m_window->openProject(qs(root.string()));
    QTRY_VERIFY(m_window->session() && m_window->session()->isLoaded());
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
  }
  void cleanupTestCase() { delete m_window; }

  void tabReachesEverything_data() {
    QTest::addColumn<QString>("page");
    for (const char* page : {"logs", "datasets", "distil", "runs", "run", "evaluate", "export"}) QTest::newRow(page) << QString::fromLatin1(page);
  }
  void tabReachesEverything() {
    QFETCH(QString, page);
    if (page == QLatin1String("run")) m_window->showPage(QStringLiteral("runs"), qs(m_run));
    else m_window->showPage(page);
    QTest::qWait(600);   // what the page asked for has come
    const QSet<QWidget*> walked = walk(m_window);
    for (auto* widget : m_window->findChildren<QWidget*>()) {
      if (!widget->isVisible() || !widget->isEnabled() || !(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy() || isInside(widget)) continue;
      if (auto* radio = qobject_cast<QRadioButton*>(widget); radio && !radio->isChecked()) continue;   // one stop a group
      QVERIFY2(walked.contains(widget), qPrintable(page + QStringLiteral(": Tab never reaches ") + widget->objectName() + QLatin1Char(' ') + QLatin1String(widget->metaObject()->className())));
    }
  }

  void focusIsSeen() {
    m_window->showPage(QStringLiteral("distil"));
    QTest::qWait(600);
    int checked = 0;
    for (auto* widget : m_window->findChildren<QWidget*>()) {
      const bool asks = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QLineEdit*>(widget) || qobject_cast<QComboBox*>(widget);
      if (!asks || !widget->isVisible() || !widget->isEnabled() || !(widget->focusPolicy() & Qt::TabFocus) || isInside(widget)) continue;
      m_window->setFocus();
      const QImage without = widget->grab().toImage();
      widget->setFocus(Qt::TabFocusReason);
      const QImage with = widget->grab().toImage();
      QVERIFY2(without != with, qPrintable(QStringLiteral("focus is not seen on ") + widget->objectName()));
      ++checked;
    }
    QVERIFY(checked > 10);
  }

  void everyShortcutIsListed() {
    const QString text = helpText(QStringLiteral("shortcuts"));
    QVERIFY(!text.isEmpty());
    for (const QAction* action : m_window->actions()) {
      QString keys = action->shortcut().toString(QKeySequence::PortableText);
      if (keys.isEmpty()) continue;
      if (keys >= QLatin1String("Ctrl+1") && keys <= QLatin1String("Ctrl+9") && keys.size() == 6) keys = QStringLiteral("Ctrl+1 … Ctrl+6");
      QVERIFY2(text.contains(keys), qPrintable(keys + QStringLiteral(" is not in shortcuts.md")));
    }
    // No two actions answer to the same keys.
    QStringList all;
    for (const QAction* action : m_window->actions())
      if (!action->shortcut().isEmpty()) all << action->shortcut().toString();
    QCOMPARE(QSet<QString>(all.begin(), all.end()).size(), all.size());
  }

  void helpFollowsThePage() {
    for (const QString& page : helpPages()) QVERIFY2(helpText(page).startsWith(QLatin1String("# ")), qPrintable(page));
    for (const char* page : {"logs", "datasets", "distil", "runs", "evaluate", "export"}) {
      m_window->activateWindow();
      QVERIFY(QTest::qWaitForWindowActive(m_window));
      m_window->showPage(QLatin1String(page));
      QTest::keyClick(m_window, Qt::Key_F1);
      auto* help = m_window->findChild<HelpWindow*>(QStringLiteral("help"));
      QVERIFY(help && help->isVisible());
      QCOMPARE(help->page(), QLatin1String(page));
      QVERIFY(help->findChild<QTextBrowser*>()->toPlainText().size() > 200);
      QTest::keyClick(help, Qt::Key_Escape);
      QVERIFY(!help->isVisible());
    }
  }

  void f6WalksThePanes() {
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
    m_window->showPage(QStringLiteral("logs"));
    QTest::qWait(300);
    QSet<QString> seen;
    for (int i = 0; i < 3; ++i) {
      QTest::keyClick(m_window, Qt::Key_F6);
      QWidget* focus = QApplication::focusWidget();
      for (const char* pane : {"rail", "pages", "statusline"}) {
        auto* box = m_window->findChild<QWidget*>(QLatin1String(pane));
        if (box && focus && box->isAncestorOf(focus)) seen.insert(QLatin1String(pane));
      }
    }
    QCOMPARE(seen.size(), 3);
  }

  void tablesSortByClickAndKey() {
    m_window->showPage(QStringLiteral("datasets"));
    auto* table = m_window->findChild<PlainTable*>(QStringLiteral("datasetTable"));
    QTRY_COMPARE(table->rowCount(), 2);
    QHeaderView* header = table->horizontalHeader();
    QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, QPoint(header->sectionViewportPosition(0) + 20, header->height() / 2));
    QCOMPARE(table->item(0, 0)->text(), QStringLiteral("another"));
    table->setCurrentCell(0, 0);
    table->setFocus();
    QTest::keyClick(table, Qt::Key_S);
    QCOMPARE(table->item(0, 0)->text(), QStringLiteral("desk"));
    QCOMPARE(table->rowTag(0) + table->rowTag(1), 1);   // the rows still know what they stand for
    m_window->showPage(QStringLiteral("runs"));
    auto* page = qobject_cast<RunsPage*>(m_window->page(QStringLiteral("runs")));
    if (auto* back = page->findChild<QToolButton*>(QStringLiteral("backToRuns")); back->isVisible()) back->click();
    auto* runs = page->findChild<TableView*>(QStringLiteral("runTable"));
    QTRY_COMPARE(runs->model()->rowCount(), 2);
    header = runs->horizontalHeader();
    for (const QString& first : {QStringLiteral("a slow one"), QStringLiteral("desk fast")}) {
      QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, QPoint(header->sectionViewportPosition(0) + 20, header->height() / 2));
      QCOMPARE(runs->model()->index(0, 0).data().toString(), first);
    }
  }

  void aChartTellsItsValues() {
    m_window->showPage(QStringLiteral("runs"), qs(m_run));
    auto* view = qobject_cast<RunsPage*>(m_window->page(QStringLiteral("runs")))->view();
    QTRY_COMPARE(view->lossChart()->series(0).size(), std::size_t(60));
    view->lossChart()->setFocus();
    QTest::keyClick(view->lossChart(), Qt::Key_T);
    auto* values = m_window->findChild<TableView*>(QStringLiteral("chartValuesTable"));
    QVERIFY(values && values->isVisible());
    QCOMPARE(values->model()->rowCount(), 61);   // step 0 was measured before training
    QCOMPARE(values->model()->index(60, 1).data().toString(), significantText(view->lossChart()->series(0).y(59), 6));
    QTest::keyClick(values->window(), Qt::Key_Escape);
    QTRY_VERIFY(!m_window->findChild<TableView*>(QStringLiteral("chartValuesTable")));
  }

  void theAssistantIsReachedAndWalked() {
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window));
    QTest::keyClick(m_window, Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
    QTRY_VERIFY(m_window->findChild<Assistant*>());
    auto* assistant = m_window->findChild<Assistant*>();
    QVERIFY(QTest::qWaitForWindowActive(assistant));
    QTest::qWait(400);
    const QSet<QWidget*> walked = walk(assistant);
    for (const char* name : {"stepFiles", "stepFolder", "stepSample", "stepFilter", "assistantNext", "assistantCancel"}) QVERIFY2(walked.contains(assistant->findChild<QWidget*>(QLatin1String(name))), name);
    QTest::keyClick(assistant, Qt::Key_N, Qt::AltModifier);   // &Next
    QTRY_COMPARE(assistant->step(), 1);
    QTest::keyClick(assistant, Qt::Key_B, Qt::AltModifier);
    QTRY_COMPARE(assistant->step(), 0);
    QTest::keyClick(assistant, Qt::Key_Escape);
    QTRY_VERIFY(!m_window->findChild<Assistant*>());
  }

 private:
  /// Parts of a compound control, which has one stop for all of them.
  static bool isInside(QWidget* widget) {
    if (widget->objectName().startsWith(QLatin1String("qt_"))) return true;
    for (QWidget* up = widget->parentWidget(); up; up = up->parentWidget())
      if (up->inherits("QComboBox") || up->inherits("QAbstractSpinBox") || up->inherits("QTabBar") || up->inherits("QLineEdit") || (up->inherits("QAbstractItemView") && !widget->inherits("QAbstractItemView"))) return true;
    return false;
  }
  /// Everything that Tab reaches in one round.
  static QSet<QWidget*> walk(QWidget* window) {
    QSet<QWidget*> walked;
    window->activateWindow();
    (void)QTest::qWaitForWindowActive(window);
    if (!QApplication::focusWidget()) window->setFocus();
    for (int i = 0; i < 120; ++i) {
      QWidget* focus = QApplication::focusWidget();
      if (focus) walked.insert(focus);
      QTest::keyClick(focus ? focus : window, Qt::Key_Tab);
    }
    return walked;
  }

  QTemporaryDir m_temporary;
  MainWindow* m_window = nullptr;
  std::string m_run;
};

int main(int argc, char** argv) { return tests::runWindowTests<KeyboardTest>(argc, argv); }
#include "tst_keyboard.moc"
