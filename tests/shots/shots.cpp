// Pictures of every page, filled and empty, light and dark, in two sizes: shots OUT [WORKSPACE]. Waits for states, not for time.
#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QPushButton>
#include <QSettings>
#include <QTabBar>
#include <QTemporaryDir>
#include <QTimer>
#include <cstdio>
#include <functional>

#include "logs/derive.h"
#include "ui/charts/line_chart.h"
#include "ui/pages/distil/distil_page.h"
#include "ui/pages/evaluate/evaluate_page.h"
#include "ui/pages/logs/logs_page.h"
#include "ui/pages/runs/run_view.h"
#include "ui/pages/runs/runs_page.h"
#include "ui/shell/main_window.h"
#include "ui/widgets/tables.h"
#include "ui/sample_workspace.h"

using namespace retort;
using namespace retort::ui;

namespace {

bool waitFor(const std::function<bool()>& ready, int ms = 20'000) {
  QElapsedTimer clock;
  clock.start();
  while (!ready()) {
    if (clock.elapsed() > ms) return false;
    QEventLoop loop;
    QTimer::singleShot(20, &loop, &QEventLoop::quit);
    loop.exec();
  }
  return true;
}

void settle(int ms) {
  QElapsedTimer clock;
  clock.start();
  waitFor([&] { return clock.elapsed() > ms; }, ms + 1000);
}

struct Shooter {
  MainWindow& window;
  QDir out;
  /// A dialog of the window, in its own size, light and dark.
  void shootTop(const QString& objectName, const QString& name) {
    for (const ThemeMode mode : {ThemeMode::Light, ThemeMode::Dark}) {
      Theme::instance().setMode(mode);
      settle(200);
      if (auto* widget = window.findChild<QWidget*>(objectName)) widget->grab().save(out.filePath(QStringLiteral("%1-%2.png").arg(name, mode == ThemeMode::Dark ? QStringLiteral("dark") : QStringLiteral("light"))));
    }
  }
  void shoot(const QString& name) {
    for (const QSize size : {QSize(1280, 800), QSize(1920, 1080)})
      for (const ThemeMode mode : {ThemeMode::Light, ThemeMode::Dark}) {
        Theme::instance().setMode(mode);
        window.resize(size);
        settle(380);   // charts draw smooth lines after 250 ms of quiet
        const QString file = out.filePath(QStringLiteral("%1-%2-%3.png").arg(name).arg(size.width()).arg(mode == ThemeMode::Dark ? QStringLiteral("dark") : QStringLiteral("light")));
        if (!window.grab().save(file)) std::fprintf(stderr, "cannot write %s\n", qPrintable(file));
      }
  }
};

/// A job of the whole line under way: its run's folder is one of the workspace's.
Status addLine(const Workspace& workspace, const std::string& run, const std::string& dataset) {
  const auto folder = workspace.jobs() / "20260301-120000-abcd";
  RETORT_CHECK(makeFolders(folder));
  RETORT_CHECK(writeJsonFile(folder / "spec.json", {{"schema", "retort.job/1"}, {"kind", "distil"}, {"name", "desk student"},
                                                  {"params", {{"student", "SmolLM2-135M-Instruct"}, {"teacher", "anthropic.claude-3-5-haiku-20241022-v1:0"}, {"use", "responses"}}}}));
  RETORT_CHECK(writeJsonFile(folder / "progress.json", {{"schema", "retort.progress/1"}, {"steps", {{"import", {{"records", 900}, {"seconds", 0.1}}}, {"dataset", {{"dataset", dataset}, {"seconds", 1.4}}},
                                                                                                  {"student.started", {{"run", run}, {"seconds", 0.4}}}, {"evaluate", {{"report", "20260301-121500-abcd"}, {"seconds", 61.0}}},
                                                                                                  {"export", {{"seconds", 12.0}}}}}}));
  RETORT_TRY(auto job, job::JobFolder::open(folder));
  const auto figures = [](double accuracy, double low, double high, double p50, double bytes) {
    return Json{{"name", "m"}, {"accuracy", accuracy}, {"interval", {low, high}}, {"p50_ms", p50}, {"tokens_per_s", 20000 / p50}, {"bytes", bytes}};
  };
  Json summary = {{"teacher", figures(0.931, 0.905, 0.95, 210, 269e6)}, {"base", figures(0.127, 0.1, 0.16, 205, 269e6)}, {"student", figures(0.915, 0.886, 0.936, 118, 163e6)}, {"speedup_p50", 1.78},
                  {"verdict", {{"sentence", "As good as the teacher within 5 %."}}}, {"exports", Json::array()}};
  for (const char* format : {"hf", "gguf:f16", "gguf:q8_0"})
    summary["exports"].push_back({{"format", format}, {"path", (workspace.exports() / "20260301-123000-abcd" / format).string()}, {"sha256", std::string(64, '7')}, {"verified", true}});
  return job.finish(job::Phase::done, {}, summary);
}

int problem(const char* what, const Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.text().c_str());
  return 1;
}

int fill(const Workspace& workspace) {
  if (auto s = testing::addLogs(workspace); !s.ok()) return problem("logs", s.error());
  auto prices = providers::PriceTable::load(&workspace);
  if (!prices.ok()) return problem("prices", prices.error());
  if (auto s = logs::deriveFields(workspace.root(), *prices); !s.ok()) return problem("derived fields", s.error());
  std::string dataset = "20260301-000000-0000";
  auto store = logs::LogStore::open(workspace.logsDb());
  if (!store.ok()) return problem("store", store.error());
  const auto facets = (*store)->facets({}, {"@model"});
  if (facets.ok() && !facets->empty() && !facets->front().values.empty()) {
    auto built = testing::addDataset(workspace, facets->front().values.front().value);
    if (!built.ok()) return problem("dataset", built.error());
    dataset = built->id;
  }
  const auto fast = testing::addRun(workspace, "desk fast", 160, 160, job::Phase::done, dataset);
  if (!fast.ok()) return problem("run", fast.error());
  if (auto s = addLine(workspace, *fast, dataset); !s.ok()) return problem("line", s.error());
  if (auto r = testing::addRun(workspace, "desk too fast a rate", 40, 160, job::Phase::failed, dataset); !r.ok()) return problem("run", r.error());
  if (auto r = testing::addRun(workspace, "desk half depth", 108, 160, job::Phase::paused, dataset); !r.ok()) return problem("run", r.error());
  if (auto r = testing::addReport(workspace); !r.ok()) return problem("report", r.error());
  if (auto s = testing::addExport(workspace, true); !s.ok()) return problem("export", s.error());
  if (auto s = testing::addExport(workspace, false); !s.ok()) return problem("export", s.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("QT_FONT_DPI", "96");
  QApplication app(argc, argv);
  if (argc < 2) return std::fprintf(stderr, "usage: retort_shots OUT [WORKSPACE]\n"), 2;
  QDir out(QString::fromLocal8Bit(argv[1]));
  out.mkpath(QStringLiteral("."));
  QTemporaryDir temporary;
  QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, temporary.filePath(QStringLiteral("config")));
  QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
  installTranslations();
  Theme::instance().install();
  {
    MainWindow window;
    Shooter shooter{window, out};
    window.show();
    window.openLast();
    settle(200);
    shooter.shoot(QStringLiteral("start"));
    const std::filesystem::path root = temporary.path().toStdString();
    auto empty = testing::makeWorkspace(root / "empty");
    if (!empty.ok()) return problem("workspace", empty.error());
    auto open = [&](const std::filesystem::path& folder) {
      bool opened = false;
      QObject context;
      QObject::connect(&window, &MainWindow::projectOpened, &context, [&] { opened = true; });
      window.openProject(QString::fromStdString(folder.string()));
      return waitFor([&] { return opened && window.session()->isLoaded(); });
    };
    if (!open(root / "empty")) return std::fprintf(stderr, "the empty project did not open\n"), 1;
    for (const char* page : {"logs", "datasets", "distil", "runs", "evaluate", "export"}) {
      window.showPage(QLatin1String(page));
      settle(300);
      shooter.shoot(QStringLiteral("empty-") + QLatin1String(page));
    }
    std::filesystem::path filled = root / "filled";
    if (argc > 2) {
      filled = argv[2];
    } else {
      auto workspace = testing::makeWorkspace(filled);
      if (!workspace.ok()) return problem("workspace", workspace.error());
      if (const int code = fill(*workspace)) return code;
    }
    if (!open(filled)) return std::fprintf(stderr, "the project did not open\n"), 1;
    window.showPage(QStringLiteral("logs"));
    auto* logs = qobject_cast<LogsPage*>(window.page(QStringLiteral("logs")));
    waitFor([&] { return logs->model()->rowCount() > 0; });
    settle(600);
    shooter.shoot(QStringLiteral("worth"));
    logs->findChild<QTabBar*>(QStringLiteral("logsView"))->setCurrentIndex(1);
    settle(600);
    shooter.shoot(QStringLiteral("logs"));
    logs->open(QStringLiteral("env = \"prod\" and not @status = \"error\""));
    settle(800);
    shooter.shoot(QStringLiteral("logs-filtered"));
    window.showPage(QStringLiteral("datasets"));
    settle(600);
    shooter.shoot(QStringLiteral("datasets"));
    window.showPage(QStringLiteral("distil"));
    settle(2500);
    shooter.shoot(QStringLiteral("distil"));
    window.showPage(QStringLiteral("runs"));
    settle(600);
    shooter.shoot(QStringLiteral("runs"));
    if (!window.session()->inventory().runs.empty()) {
      window.showPage(QStringLiteral("runs"), QString::fromStdString(window.session()->inventory().runs.front().summary.id));
      auto* runs = qobject_cast<RunsPage*>(window.page(QStringLiteral("runs")));
      waitFor([&] { return runs->view()->feed()->isCaughtUp(); });
      shooter.shoot(QStringLiteral("run"));
    }
    window.showPage(QStringLiteral("evaluate"));
    settle(600);
    shooter.shoot(QStringLiteral("evaluate"));
    window.showPage(QStringLiteral("export"));
    settle(900);
    shooter.shoot(QStringLiteral("export"));
    window.showPage(QStringLiteral("distil"), QStringLiteral("job:20260301-120000-abcd"));
    settle(900);
    shooter.shoot(QStringLiteral("line"));
    window.showHelp(QStringLiteral("runs"));
    settle(200);
    shooter.shootTop(QStringLiteral("help"), QStringLiteral("help"));
    window.findChild<QWidget*>(QStringLiteral("help"))->close();
    window.openAssistant(QStringLiteral("env = \"prod\""));
    for (int step = 1; step <= 4; ++step) {
      settle(step == 3 ? 3000 : 700);
      shooter.shootTop(QStringLiteral("assistant"), QStringLiteral("assistant-%1").arg(step));
      if (auto* next = window.findChild<QPushButton*>(QStringLiteral("assistantNext")); next && step < 4) next->click();
    }
    if (auto* dialog = window.findChild<QWidget*>(QStringLiteral("assistant"))) dialog->close();
    window.findChild<QToolButton*>(QStringLiteral("toggleJobs"))->setChecked(true);
    window.showPage(QStringLiteral("logs"));
    settle(400);
    shooter.shoot(QStringLiteral("jobs-dock"));
  }
  finishPools();
  return 0;
}
