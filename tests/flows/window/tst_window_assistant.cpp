// The Distil… assistant by mouse and keys, from an empty project to verified files; what it says when something is missing.
#include "flows/window/window_tools.h"

#include "ui/assistant/assistant.h"
#include "ui/charts/loss_chart.h"
#include "ui/pages/distil/distil_page.h"
#include "ui/pages/distil/line_view.h"
#include "ui/widgets/plain_table.h"

using namespace retort;
using namespace retort::ui;

class TestWindowAssistant : public QObject {
  Q_OBJECT
  flow::Hands m_hands;
  QString m_job;
  Assistant* assistant() { return m_hands.find<Assistant>("assistant"); }
  fs::path project() { return m_hands.window->session()->workspace().root(); }
  bool arrives(int step, int ms = 20'000) {
    return flow::until([&] { return m_hands.window->findChild<Assistant*>() && m_hands.window->findChild<Assistant*>()->step() == step; }, ms);
  }

 private Q_SLOTS:
  void initTestCase() {
    if (!flow::hasPrograms()) QSKIP("retort-cli and retort-worker are not in RETORT_BIN");
    m_hands.open();
  }
  void cleanupTestCase() {
    if (m_hands.window) m_hands.close();
  }

  void itOpensByKeysFromTheStartPage() {
    QVERIFY(flow::until([this] { return m_hands.window->currentPage() == QLatin1String("start"); }, 10'000));
    QTest::keyClick(m_hands.window, Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(arrives(0));
    QVERIFY(m_hands.find<QPushButton>("stepSample"));
  }
  void withoutRecordsItSaysWhatToDo() {
    QVERIFY(flow::until([this] { return m_hands.window->session()->isLoaded(); }, 10'000));
    QVERIFY(m_hands.click("assistantNext"));
    auto* banner = m_hands.find<Banner>("assistantBanner");
    QVERIFY(banner);
    QVERIFY(banner->what().contains(QLatin1String("no records")) && banner->what().contains(QLatin1String("Records")));   // the thing, and its place
    QVERIFY(banner->accessibleDescription().contains(QLatin1String("Import")));                                            // the next step
    QCOMPARE(assistant()->step(), 0);
  }
  void recordsAreCountedUnderAFilter() {
    QVERIFY(m_hands.click("stepSample"));
    QVERIFY(flow::until([this] { return m_hands.window->session()->logs() && !m_hands.window->session()->isImporting(); }, 90'000));
    QVERIFY(flow::until([this] { return m_hands.find<QLineEdit>("stepFilter")->isEnabled(); }, 10'000));
    QVERIFY(m_hands.type("stepFilter", QStringLiteral("env = ")));
    QVERIFY(flow::until([this] { return m_hands.find<QLineEdit>("stepFilter")->property("invalid").toBool(); }, 5'000));
    QVERIFY(m_hands.click("assistantNext"));
    QCOMPARE(assistant()->step(), 0);
    QVERIFY(m_hands.type("stepFilter", QStringLiteral("env = \"prod\"")));
    const auto matches = flow::cliJson({"-w", project().string(), "logs", "count", "env = \"prod\""})["count"].get<qint64>();
    QVERIFY(flow::until([&] { return m_hands.find<PlainLabel>("stepCount")->fullText().startsWith(countText(matches)); }, 10'000));
    QTest::keyClick(m_hands.find<QLineEdit>("stepFilter"), Qt::Key_Return);   // Enter is Next
    QVERIFY(arrives(1));
  }
  void theTeacherIsChosen() {
    QVERIFY(m_hands.choose("loggedTeacher", QStringLiteral("anthropic.claude-3-5-haiku-20241022-v1:0")));
    QVERIFY(flow::until([this] { return !m_hands.find<QLineEdit>("stepReferences")->text().isEmpty(); }, 5'000));   // the sample's own
    QVERIFY(m_hands.type("stepGolden", QStringLiteral("/nowhere/golden.jsonl")));
    QVERIFY(m_hands.click("assistantNext"));
    QVERIFY(flow::until([this] { return m_hands.find<Banner>("assistantBanner") != nullptr; }, 5'000));
    QVERIFY(m_hands.find<Banner>("assistantBanner")->what().contains(QLatin1String("/nowhere/golden.jsonl")));
    QVERIFY(m_hands.type("stepGolden", {}));
    QVERIFY(m_hands.choose("stepSystem", QStringLiteral("text")));
    QVERIFY(m_hands.type("stepSystemText", QStringLiteral("Name the service.")));
    QVERIFY(m_hands.click("assistantNext"));
    QVERIFY(arrives(2));
  }
  void theDryRunCounts() {
    QVERIFY(m_hands.choose("stepStudent", QStringLiteral("tiny")));
    QVERIFY(m_hands.type("stepSteps", QStringLiteral("30")));
    QVERIFY(flow::until([this] { return m_hands.find<Chip>("dryRunChip")->text() == QLatin1String("Ready"); }, 60'000));
    QVERIFY(m_hands.click("assistantNext"));
    QVERIFY(arrives(3));
    const auto request = assistant()->request();
    QCOMPARE(request.where, std::string("env = \"prod\""));
    QCOMPARE(request.student, std::string("tiny"));
    QVERIFY(std::find(request.set.begin(), request.set.end(), "methods.0.steps=30") != request.set.end());
  }
  void itStartsAndIsShownLive() {
    QVERIFY(m_hands.type("stepName", QString()));
    QVERIFY(m_hands.click("assistantNext"));
    QVERIFY(m_hands.find<Banner>("assistantBanner")->what().contains(QLatin1String("no name")));
    QVERIFY(m_hands.type("stepName", QStringLiteral("desk student")));
    QVERIFY(m_hands.click("assistantNext"));
    QVERIFY(flow::until([this] { return m_hands.window->currentPage() == QLatin1String("distil"); }, 20'000));
    auto* line = qobject_cast<DistilPage*>(m_hands.window->page(QStringLiteral("distil")))->line();
    QVERIFY(flow::until([&] { return line->isVisible(); }, 10'000));
    m_job = qs(line->jobId());
    QVERIFY(flow::until([&] { return line->isDone(); }, 180'000));
    QVERIFY(flow::until([&] { return line->chart()->series(0).size() == 30; }, 10'000));
  }
  void theEndIsWhatTheCommandLinePrints() {
    auto* table = m_hands.find<PlainTable>("lineModels");
    QVERIFY(table);
    const Json job = flow::cliJson({"-w", project().string(), "job", "status", m_job.toStdString()});
    const Json& state = job.contains("state") ? job["state"] : job;
    const Json& summary = state["extra"];
    int row = 0;
    for (const char* role : {"teacher", "base", "student"}) {
      if (!summary[role].is_object()) continue;
      QCOMPARE(table->item(row, 1)->text(), percentText(summary[role]["accuracy"].get<double>()));
      ++row;
    }
    QVERIFY(row >= 2);
    QCOMPARE(table->rowCount(), row);
    int verified = 0;
    for (Chip* chip : m_hands.window->findChildren<Chip*>(QStringLiteral("lineFile"))) {
      QCOMPARE(chip->text(), QStringLiteral("Verified"));
      ++verified;
    }
    QCOMPARE(verified, 3);
    for (const auto& e : summary["exports"]) QVERIFY(e["verified"].get<bool>());
  }
};

int main(int argc, char** argv) { return flow::runWindowTest<TestWindowAssistant>(argc, argv); }
#include "tst_window_assistant.moc"
