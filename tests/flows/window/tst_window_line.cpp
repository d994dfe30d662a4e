// The whole line in the window, by mouse and keys: logs, filter, dataset, run (the window closed and opened meanwhile), evaluation,
// export; the numbers on the screen are those that the command line prints.
#include <QTabBar>

#include "flows/window/window_tools.h"

#include "data/dataset.h"
#include "run/metric_series.h"
#include "ui/charts/loss_chart.h"
#include "ui/pages/logs/logs_page.h"
#include "ui/pages/runs/run_view.h"
#include "ui/pages/runs/runs_page.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/tables.h"

using namespace retort;
using namespace retort::ui;

class TestWindowLine : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  flow::Hands m_hands;
  std::string m_dataset, m_run;
  fs::path at(const char* name) const { return fs::path(m_dir.path().toStdString()) / name; }
  Json cli(std::vector<std::string> args) {
    args.insert(args.begin(), {"-w", at("project").string()});
    return flow::cliJson(std::move(args));
  }
  LogsPage* logs() { return qobject_cast<LogsPage*>(m_hands.window->page(QStringLiteral("logs"))); }
  RunView* view() { return qobject_cast<RunsPage*>(m_hands.window->page(QStringLiteral("runs")))->view(); }

 private Q_SLOTS:
  void initTestCase() {
    if (!flow::hasPrograms()) QSKIP("retort-cli and retort-worker are not in RETORT_BIN");
    QCOMPARE(flow::cli({"logs", "generate", at("logs").string(), "--tree", "--records", "900", "--seed", "5", "--dirty", "0.02"}).exitCode, 0);
    m_hands.open();
  }
  void cleanupTestCase() {
    if (m_hands.window) m_hands.close();
  }

  void aFolderBecomesAProject() {
    QVERIFY(m_hands.click("openFolder"));
    fs::create_directories(at("project"));
    QVERIFY(m_hands.answerFileDialog(qs(at("project").string())));
    QVERIFY(flow::until([this] { return m_hands.window->currentPage() == QLatin1String("logs"); }, 20'000));
  }

  void logsAreImportedByAJob() {
    QVERIFY(m_hands.chooseMenu("importLogs", QStringLiteral("Folder")));
    QVERIFY(m_hands.answerFileDialog(qs(at("logs").string())));
    QVERIFY(flow::until([this] { return logs()->banner()->isVisible() && !m_hands.window->session()->isImporting(); }, 60'000));
    QVERIFY(logs()->banner()->what().startsWith(QLatin1String("Imported in")));
    Json jobs = cli({"job", "list"});
    std::erase_if(jobs.get_ref<Json::array_t&>(), [](const Json& job) { return job["kind"] == "derive"; });   // follows by itself
    QCOMPARE(jobs.size(), std::size_t{1});
    QCOMPARE(jobs[0]["kind"].get<std::string>(), std::string("import"));
    const Json counted = cli({"logs", "count"});
    const auto total = counted["count"].get<qint64>();
    QCOMPARE(jobs[0]["state"]["extra"]["accepted"].get<qint64>(), total);
    QVERIFY(flow::until([&] { return static_cast<qint64>(logs()->model()->matches()) == total; }, 20'000));
    QCOMPARE(m_hands.find<PlainLabel>("pageState")->fullText(), QStringLiteral("%1 records").arg(countText(total)));
  }

  void theFilterCountsAsTheCommandLineDoes() {
    QVERIFY(m_hands.type("filterBox", QStringLiteral("env = \"prod\"")));
    const auto matches = cli({"logs", "count", "env = \"prod\""})["count"].get<qint64>();
    QVERIFY(matches > 0);
    QVERIFY(flow::until([&] { return static_cast<qint64>(logs()->model()->matches()) == matches; }, 20'000));
    QVERIFY(flow::until([&] { return m_hands.find<PlainLabel>("pageState")->fullText().startsWith(countText(matches)); }, 5'000));
    auto* views = m_hands.find<QTabBar>("logsView");
    QVERIFY(views);
    QTest::mouseClick(views, Qt::LeftButton, {}, views->tabRect(1).center());
    QVERIFY(!m_hands.find<TableView>("recordTable")->horizontalScrollBar()->isVisible());   // at 1280 px nothing lies beyond the edge
  }

  void aDatasetIsBuilt() {
    QVERIFY(m_hands.click("buildDataset"));
    QVERIFY(m_hands.choose("datasetTeacher", QStringLiteral("anthropic.claude-3-5-haiku-20241022-v1:0")));
    QVERIFY(m_hands.type("datasetName", QStringLiteral("desk")));
    QVERIFY(m_hands.type("datasetReferences", qs(at("logs.gold.jsonl").string())));
    QVERIFY(m_hands.type("datasetSplit", QStringLiteral("60/10/30")));
    QVERIFY(m_hands.click("startBuild"));
    auto* table = m_hands.find<PlainTable>("datasetTable", 60'000);
    QVERIFY(table && flow::until([&] { return table->rowCount() == 1; }, 60'000));
    const Json list = cli({"dataset", "list"})["datasets"];
    QCOMPARE(list.size(), std::size_t{1});
    m_dataset = list[0]["id"].get<std::string>();
    QCOMPARE(table->item(0, 0)->text(), QStringLiteral("desk"));
    QCOMPARE(table->item(0, 1)->text(), countText(list[0]["counts"]["train"].get<qint64>()));
    QCOMPARE(table->item(0, 2)->text(), countText(list[0]["counts"]["test"].get<qint64>()));
  }

  void aRunIsStarted() {
    QVERIFY(m_hands.click("distilDataset"));
    QVERIFY(m_hands.choose("studentBox", QStringLiteral("tiny")));
    QVERIFY(m_hands.type("steps", QStringLiteral("160")));
    QVERIFY(m_hands.click("startRun", 60'000));
    QVERIFY(flow::until([this] { return m_hands.window->currentPage() == QLatin1String("runs"); }, 20'000));
    const Json runs = cli({"run", "list"});
    QCOMPARE(runs.size(), std::size_t{1});
    m_run = runs[0]["id"].get<std::string>();
    QVERIFY(flow::until([this] { return view()->lossChart()->series(0).size() >= 3; }, 60'000));   // the curve is live
    QVERIFY(!job::isFinal(view()->feed()->state().phase));
  }

  void theWindowMayCloseAndTheCurveStaysWhole() {
    m_hands.close();
    const auto between = run::readMetrics(at("project") / "runs" / m_run);
    QVERIFY(between.ok());
    QTest::qWait(800);
    m_hands.open();
    QVERIFY(flow::until([this] { return m_hands.window->session() && m_hands.window->session()->isLoaded(); }, 20'000));
    QTest::keyClick(m_hands.window, Qt::Key_4, Qt::ControlModifier);
    auto* table = m_hands.find<TableView>("runTable");
    QVERIFY(table && flow::until([&] { return table->model()->rowCount() == 1; }, 20'000));
    QTest::keyClick(table, Qt::Key_Down);
    QTest::keyClick(table, Qt::Key_Return);
    QVERIFY(flow::until([this] { return view()->isVisible() && view()->feed() && view()->feed()->isCaughtUp(); }, 20'000));
    const auto& series = view()->lossChart()->series(view()->lossChart()->trainingLine());
    QVERIFY(series.size() >= between->at("loss").size());
    QVERIFY2(!job::isFinal(view()->feed()->state().phase), "the run ended before the window was open again: more steps are needed for this test");
    QVERIFY(flow::until([this] { return view()->feed()->state().phase == job::Phase::done; }, 200'000));
    QVERIFY(flow::until([&] { return series.size() == 160; }, 5'000));
    for (std::size_t i = 0; i < series.size(); ++i) QCOMPARE(series.x(i), static_cast<double>(i + 1));
    const auto metrics = run::readMetrics(at("project") / "runs" / m_run);
    QCOMPARE(m_hands.find<PlainLabel>("tileLossValue")->fullText(), significantText(metrics->at("loss").back().value, 4));
    QVERIFY(view()->lossChart()->hasLevel(QStringLiteral("Base model")));
  }

  void itIsEvaluated() {
    QVERIFY(m_hands.click("evaluateRun"));
    QVERIFY(m_hands.choose("evalBase", QStringLiteral("tiny")));
    QVERIFY(m_hands.click("startEvaluate"));
    // Base, student, and the teacher's logged answers, which are known without asking anybody.
    auto* table = m_hands.find<PlainTable>("modelTable", 90'000);
    QVERIFY(table && flow::until([&] { return table->rowCount() == 3; }, 20'000));
    const Json reports = cli({"report", "list"});
    const Json& list = reports.is_array() ? reports : reports["reports"];
    QCOMPARE(list.size(), std::size_t{1});
    const Json report = cli({"report", "show", list[0].is_string() ? list[0].get<std::string>() : list[0]["id"].get<std::string>()});
    QCOMPARE(report["models"].size(), std::size_t{3});
    QVERIFY(report["models"][1]["path"].get<std::string>().find(m_run) != std::string::npos);   // the student is the run's
    QVERIFY(report["models"][1]["sha256"] != report["models"][0]["sha256"]);
    for (int row = 0; row < 3; ++row) {
      const Json& m = report["models"][static_cast<std::size_t>(row)];
      QCOMPARE(table->item(row, 2)->text(), percentText(m["accuracy"].get<double>()));
      QCOMPARE(table->item(row, 3)->text(), QStringLiteral("%1 to %2").arg(numberText(m["interval"][0].get<double>() * 100, 1), numberText(m["interval"][1].get<double>() * 100, 1)));
      if (m["logged"].get<bool>()) continue;
      QCOMPARE(table->item(row, 6)->text(), numberText(m["latency"]["request_ms"]["p50"].get<double>(), 1));
      QCOMPARE(table->item(row, 9)->text(), bytesText(m["bytes"].get<double>()));
    }
  }

  void itIsExportedAndVerified() {
    m_hands.window->activateWindow();   // the dialog had the keyboard
    QVERIFY(QTest::qWaitForWindowActive(m_hands.window));
    QTest::keyClick(m_hands.window, Qt::Key_6, Qt::ControlModifier);
    QVERIFY(m_hands.choose("exportSource", qs(m_run)));
    QVERIFY(m_hands.click("startExport", 30'000));
    auto* chip = m_hands.find<Chip>("verifiedChip", 90'000);
    QVERIFY(chip);
    QCOMPARE(chip->text(), QStringLiteral("Verified"));
    const auto exported = m_hands.window->session()->inventory().exports;
    QCOMPARE(exported.size(), std::size_t{1});
    QCOMPARE(flow::cli({"-w", at("project").string(), "export", "verify", (at("project") / "exports" / exported[0]).string()}).exitCode, 0);
  }
};

int main(int argc, char** argv) { return flow::runWindowTest<TestWindowLine>(argc, argv); }
#include "tst_window_line.moc"
