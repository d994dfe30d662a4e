// The window: see main_window.h.
#include "ui/shell/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QButtonGroup>
#include <QCloseEvent>
#include <QMenu>
#include <QSettings>
#include <QStackedWidget>
#include <QTranslator>

#include "ui/assistant/assistant.h"
#include "ui/pages/datasets/datasets_page.h"
#include "ui/pages/distil/distil_page.h"
#include "ui/pages/evaluate/evaluate_page.h"
#include "ui/pages/export/export_page.h"
#include "ui/pages/logs/logs_page.h"
#include "ui/pages/runs/runs_page.h"
#include "ui/pages/start/start_page.h"
#include "ui/shell/help.h"
#include "ui/shell/icons.h"
#include "ui/shell/jobs_dock.h"
#include "ui/widgets/text.h"

namespace retort::ui {
void installTranslations() {
  for (const QString& language : {QStringLiteral("en"), QLocale().name().section(QLatin1Char('_'), 0, 0)}) {
    auto* translator = new QTranslator(qApp);
    if (translator->load(QStringLiteral(":/i18n/retort_%1.qm").arg(language))) QCoreApplication::installTranslator(translator);
    else delete translator;
  }
}

std::unique_ptr<QSettings> settings() {
  return std::make_unique<QSettings>(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("retort"), QStringLiteral("window"));
}

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent) {
  setObjectName(QStringLiteral("mainWindow"));
  setWindowTitle(tr("Retort"));
  setMinimumSize(1024, 640);
  m_entries = {{QStringLiteral("logs"), tr("Logs"), QStringLiteral("logs"), nullptr, nullptr, {}},
               {QStringLiteral("datasets"), tr("Datasets"), QStringLiteral("datasets"), nullptr, nullptr, {}},
               {QStringLiteral("distil"), tr("Distil"), QStringLiteral("distil"), nullptr, nullptr, {}},
               {QStringLiteral("runs"), tr("Runs"), QStringLiteral("runs"), nullptr, nullptr, {}},
               {QStringLiteral("evaluate"), tr("Evaluate"), QStringLiteral("evaluate"), nullptr, nullptr, {}},
               {QStringLiteral("export"), tr("Export"), QStringLiteral("export"), nullptr, nullptr, {}}};
  build();
  makeActions();
  const auto s = settings();
  setTheme(s->value(QStringLiteral("theme"), 0).toInt());
  if (!restoreGeometry(s->value(QStringLiteral("geometry")).toByteArray())) resize(1280, 800);
  restoreState(s->value(QStringLiteral("state")).toByteArray());
}

MainWindow::~MainWindow() = default;

void MainWindow::build() {
  auto* central = new QWidget(this);
  auto* outer = new QVBoxLayout(central);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->setSpacing(0);
  outer->addWidget(makeTop());
  auto* row = new QHBoxLayout;
  row->setSpacing(0);
  row->addWidget(makeRail());
  m_stack = new QStackedWidget(central);
  m_stack->setObjectName(QStringLiteral("pages"));
  row->addWidget(m_stack, 1);
  outer->addLayout(row, 1);
  outer->addWidget(makeStatus());
  setCentralWidget(central);
  m_dock = new JobsDock(this);
  addDockWidget(Qt::RightDockWidgetArea, m_dock);
  m_dock->hide();
  connect(m_dock, &JobsDock::navigate, this, &MainWindow::showPage);
  connect(m_dock, &QDockWidget::visibilityChanged, this, [this](bool on) {
    if (!isMinimized()) m_jobsButton->setChecked(on);
  });
}

QWidget* MainWindow::makeRail() {
  m_rail = new QFrame(this);
  m_rail->setObjectName(QStringLiteral("rail"));
  m_rail->setAccessibleName(tr("Pages"));
  m_rail->setFixedWidth(148);
  auto* column = new QVBoxLayout(m_rail);
  column->setContentsMargins(8, 12, 8, 12);
  column->setSpacing(4);
  auto* group = new QButtonGroup(this);
  int n = 1;
  for (Entry& entry : m_entries) {
    auto* b = new QToolButton(m_rail);
    b->setObjectName(QStringLiteral("nav_") + entry.name);
    b->setText(QStringLiteral("  ") + entry.title);
    b->setAccessibleName(entry.title);
    b->setToolTip(tr("%1 (Ctrl+%2)").arg(entry.title).arg(n));
    b->setIcon(icon(entry.icon, Role::Muted, Role::Accent));
    b->setIconSize({16, 16});
    b->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    b->setCheckable(true);
    b->setFocusPolicy(Qt::StrongFocus);
    b->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    group->addButton(b);
    column->addWidget(b);
    entry.button = b;
    connect(b, &QToolButton::clicked, this, [this, name = entry.name] { showPage(name); });
    ++n;
  }
  column->addStretch();
  return m_rail;
}

QWidget* MainWindow::makeTop() {
  auto* bar = new QFrame(this);
  bar->setObjectName(QStringLiteral("topbar"));
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(12, 6, 12, 6);
  row->setSpacing(8);
  m_project = new QPushButton(bar);
  m_project->setObjectName(QStringLiteral("projectSwitcher"));
  m_project->setProperty("link", true);
  m_project->setStyleSheet(QStringLiteral("QPushButton#projectSwitcher { color: palette(text); font-weight: 600; padding-left: 4px; padding-right: 28px; }"));
  m_project->setIcon(icon(QStringLiteral("folder")));
  m_project->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
  auto* menu = new QMenu(m_project);
  connect(menu, &QMenu::aboutToShow, this, &MainWindow::fillSwitcher);
  m_project->setMenu(menu);
  row->addWidget(m_project);
  m_readOnly = caption({}, bar);
  row->addWidget(m_readOnly);
  row->addStretch();
  auto* help = iconButton(QStringLiteral("question"), tr("Help (F1)"), QStringLiteral("openHelp"), bar);
  m_search = iconButton(QStringLiteral("search"), tr("Find a command, page or run (Ctrl+K)"), QStringLiteral("openPalette"), bar);
  m_jobsButton = iconButton(QStringLiteral("jobs"), tr("Jobs (Ctrl+J)"), QStringLiteral("toggleJobs"), bar);
  m_jobsButton->setCheckable(true);
  m_theme = iconButton(QStringLiteral("auto"), tr("Theme"), QStringLiteral("themeButton"), bar);
  m_theme->setPopupMode(QToolButton::InstantPopup);
  auto* themes = new QMenu(m_theme);
  auto* group = new QActionGroup(themes);
  const QString names[] = {tr("As the system"), tr("Light"), tr("Dark")};
  const QString icons[] = {QStringLiteral("auto"), QStringLiteral("sun"), QStringLiteral("moon")};
  for (int i = 0; i < 3; ++i) {
    QAction* action = themes->addAction(icon(icons[i]), names[i], this, [this, i] { setTheme(i); });
    action->setCheckable(true);
    action->setData(i);
    group->addAction(action);
  }
  m_theme->setMenu(themes);
  for (QToolButton* b : {m_search, m_jobsButton, m_theme, help}) row->addWidget(b);
  connect(help, &QToolButton::clicked, this, [this] { showHelp(currentPage()); });
  connect(m_search, &QToolButton::clicked, this, &MainWindow::showPalette);
  connect(m_jobsButton, &QToolButton::toggled, this, [this](bool on) { m_dock->setVisible(on); });
  return bar;
}

QWidget* MainWindow::makeStatus() {
  m_statusLine = new QFrame(this);
  m_statusLine->setObjectName(QStringLiteral("statusline"));
  auto* row = new QHBoxLayout(m_statusLine);
  row->setContentsMargins(12, 2, 12, 2);
  row->setSpacing(10);
  m_running = new QToolButton(m_statusLine);
  m_running->setObjectName(QStringLiteral("runningChip"));
  m_running->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_running->setFont(Theme::instance().font(Type::Caption));
  m_running->setFocusPolicy(Qt::StrongFocus);
  row->addWidget(m_running);
  m_timeLeft = caption({}, m_statusLine);
  m_timeLeft->setObjectName(QStringLiteral("timeLeft"));
  row->addWidget(m_timeLeft);
  row->addStretch();
  auto* words = caption(tr("Everything stays on this machine"), m_statusLine);
  row->addWidget(words);
  connect(m_running, &QToolButton::clicked, this, [this] { m_jobsButton->setChecked(true); });
  return m_statusLine;
}

void MainWindow::setTheme(int mode) {
  Theme::instance().setMode(static_cast<ThemeMode>(mode));
  settings()->setValue(QStringLiteral("theme"), mode);
  const QString icons[] = {QStringLiteral("auto"), QStringLiteral("sun"), QStringLiteral("moon")};
  m_theme->setIcon(icon(icons[std::clamp(mode, 0, 2)]));
  for (QAction* action : m_theme->menu()->actions()) action->setChecked(action->data().toInt() == mode);
}

void MainWindow::showStart(const std::optional<Error>& error) {
  if (m_start) m_start->deleteLater();
  m_start = new StartPage(recent(), this);
  connect(m_start, &StartPage::sampleWanted, this, [this] { openSample(); });
  connect(m_start, &StartPage::distilWanted, this, [this] { openAssistant({}); });
  connect(m_start, &StartPage::folderWanted, this, &MainWindow::chooseFolder);
  connect(m_start, &StartPage::projectWanted, this, [this](const QString& path) { openProject(path); });
  m_stack->addWidget(m_start);
  m_stack->setCurrentWidget(m_start);
  if (auto* sample = m_start->findChild<QPushButton*>(QStringLiteral("openSample"))) sample->setFocus(Qt::OtherFocusReason);
  if (!m_session) {
    m_rail->hide();
    m_project->setText(tr("No project"));
    m_project->setAccessibleName(tr("No project"));
  }
  if (error) {
    m_start->banner()->show(*error);
    if (error->code.starts_with("base.workspace")) m_start->banner()->setAction(tr("Choose another folder"), [this] { chooseFolder(); });
  }
  refreshStatus();
}

Page* MainWindow::makePage(const QString& name) {
  if (name == QLatin1String("logs")) return new LogsPage(m_session, this);
  if (name == QLatin1String("datasets")) return new DatasetsPage(m_session, this);
  if (name == QLatin1String("distil")) return new DistilPage(m_session, this);
  if (name == QLatin1String("runs")) return new RunsPage(m_session, this);
  if (name == QLatin1String("evaluate")) return new EvaluatePage(m_session, this);
  return new ExportPage(m_session, this);
}

Page* MainWindow::page(const QString& name) const {
  for (const Entry& entry : m_entries)
    if (entry.name == name) return entry.page;
  return nullptr;
}

QString MainWindow::currentPage() const { return m_stack->currentWidget() ? m_stack->currentWidget()->objectName() : QString(); }

void MainWindow::showPage(const QString& name, const QString& argument) {
  if (name == QLatin1String("assistant")) return openAssistant(argument);
  if (name == QLatin1String("help")) return showHelp(argument);
  if (!m_session) return;
  for (Entry& entry : m_entries) {
    if (entry.name != name) continue;
    if (!entry.page) {
      entry.page = makePage(name);
      m_stack->addWidget(entry.page);
      connect(entry.page, &Page::navigate, this, &MainWindow::showPage);
    }
    m_stack->setCurrentWidget(entry.page);
    entry.page->takeFocus();
    entry.button->setChecked(true);
    if (!argument.isEmpty()) entry.page->open(argument);
    settings()->setValue(QStringLiteral("page"), name);
    return;
  }
  if (!m_entries.isEmpty()) showPage(m_entries.front().name, argument);
}

void MainWindow::refreshStatus() {
  QString text, left;
  int active = 0;
  double share = -1;
  if (m_session) {
    auto look = [&](const QString& name, const job::State& state) {
      if (!job::isActive(state.phase)) return;
      if (active++ > 0) return;
      text = name;
      if (state.of > 0) share = static_cast<double>(state.step) / static_cast<double>(state.of);
      if (state.secondsLeft >= 0) left = tr("%1 left").arg(durationText(state.secondsLeft));
    };
    for (const auto& r : m_session->inventory().runs) look(r.summary.name.empty() ? qs(r.summary.id) : qs(r.summary.name), r.summary.state);
    for (const auto& j : m_session->inventory().jobs) look(jobTitle(j), j.state);
  }
  if (active == 0) {
    m_running->setIcon(icon(QStringLiteral("tick")));
    m_running->setText(QLatin1Char(' ') + tr("Nothing is running"));
    m_timeLeft->setText({});
  } else {
    m_running->setIcon(icon(QStringLiteral("play"), Role::Accent));
    if (share >= 0) text += QStringLiteral(" · ") + percentText(share, 0);
    if (active > 1) text += QStringLiteral("  ") + tr("and %n more", nullptr, active - 1);
    m_running->setText(text);
    m_timeLeft->setText(left);
  }
  m_running->setAccessibleName(m_running->text());
}

void MainWindow::closeEvent(QCloseEvent* event) {
  const auto s = settings();
  s->setValue(QStringLiteral("geometry"), saveGeometry());
  s->setValue(QStringLiteral("state"), saveState());
  event->accept();
}

}  // namespace retort::ui
