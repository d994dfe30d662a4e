// The window's project: opened, made, remembered, switched; the sample project and the assistant.
#include <QDir>
#include <QFileDialog>
#include <QMenu>
#include <QSettings>

#include "base/ids.h"
#include "base/paths.h"
#include "line/demo.h"
#include "models/library.h"
#include "ui/assistant/assistant.h"
#include "ui/pages/start/start_page.h"
#include "ui/shell/icons.h"
#include "ui/shell/jobs_dock.h"
#include "ui/shell/main_window.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
constexpr int kRecent = 6;
}

QStringList MainWindow::recent() const { return settings()->value(QStringLiteral("recent")).toStringList(); }

void MainWindow::remember(const QString& path) {
  QStringList list = recent();
  list.removeAll(path);
  list.prepend(path);
  while (list.size() > kRecent) list.removeLast();
  settings()->setValue(QStringLiteral("recent"), list);
}

void MainWindow::fillSwitcher() {
  QMenu* menu = m_project->menu();
  menu->clear();
  for (const QString& path : recent()) menu->addAction(icon(QStringLiteral("folder")), QDir::toNativeSeparators(path), this, [this, path] { openProject(path); });
  menu->addSeparator();
  menu->addAction(tr("Open a folder…"), this, &MainWindow::chooseFolder);
  menu->addAction(tr("Start page"), this, [this] { showStart(); });
}

void MainWindow::chooseFolder() {
  auto* dialog = new QFileDialog(this, tr("Open a project folder"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) { openProject(path, true); });
  dialog->open();
}

void MainWindow::openSample(bool withDemo) {
  m_wantsDemo = withDemo;
  openProject(QDir(qs(userDataFolder().string())).filePath(QStringLiteral("sample-project")), true);
}

void MainWindow::openLast() {
  const QStringList list = recent();
  if (list.isEmpty()) showStart();
  else openProject(list.front());
}

void MainWindow::openProject(const QString& path, bool create) {
  const std::filesystem::path root = ss(QDir(path).absolutePath());
  struct Opened {
    Result<Workspace> workspace;
    bool isNew = false, hasModel = false;   ///< no job yet; the real demo's model is on this machine
  };
  m_opening.ask(this, [root, create](std::stop_token) -> Opened {
    std::error_code ignored;
    Opened out{Workspace::open(root)};
    if (create && !std::filesystem::exists(root / "workspace.json", ignored)) {
      const auto parents = makeFolders(root.parent_path());
      out.workspace = parents.ok() ? Workspace::create(root, root.filename().string()) : Result<Workspace>(parents.error());
    }
    if (!out.workspace.ok()) return out;
    out.isNew = listProducts(out.workspace->jobs()).empty() && !out.workspace->isReadOnly();
    if (const auto preset = line::readDemoPreset("real"); preset.ok()) out.hasModel = models::Library(root).resolve(preset->model).ok();
    return out;
  }, [this](Opened opened) {
    const bool demo = std::exchange(m_wantsDemo, false), assistant = std::exchange(m_wantsAssistant, false);
    if (!opened.workspace.ok()) return showStart(opened.workspace.error());
    openSession(std::move(*opened.workspace));
    if (demo && opened.isNew) startDemo(opened.hasModel);
    if (assistant) openAssistant({});
  });
}

void MainWindow::startDemo(bool real) {
  m_session->startJob("demo", ss(tr("Demo")), {{"fast", !real}}, this, [this](Result<std::string> id) {
    if (!m_session) return;
    if (id.ok()) showPage(QStringLiteral("distil"), QStringLiteral("job:") + qs(*id));
    else showStart(id.error());
  });
}

void MainWindow::openAssistant(const QString& filter) {
  if (!m_session) {
    m_wantsAssistant = true;
    return openProject(qs((userDataFolder() / "projects" / newId()).string()), true);
  }
  if (m_assistant) return m_assistant->activateWindow();
  m_assistant = new Assistant(m_session, filter, this);
  connect(m_assistant, &Assistant::started, this, [this](const QString& job) { showPage(QStringLiteral("distil"), QStringLiteral("job:") + job); });
  m_assistant->open();
}

void MainWindow::openSession(Workspace workspace) {
  for (Entry& entry : m_entries)
    if (entry.page) delete entry.page;
  if (m_start) m_start->deleteLater();
  delete m_assistant;
  m_dock->setSession(nullptr);
  delete m_session;
  m_session = new Session(std::move(workspace), this);
  m_dock->setSession(m_session);
  const Workspace& w = m_session->workspace();
  const QString name = w.name().empty() ? qs(w.root().filename().string()) : qs(w.name());
  m_project->setText(QLatin1Char(' ') + name);
  m_project->setAccessibleName(tr("Project %1").arg(name));
  m_project->setToolTip(qs(w.root().string()).toHtmlEscaped());
  m_readOnly->setText(w.isReadOnly() ? tr("read-only: %1").arg(qs(w.whyReadOnly())) : QString());
  setWindowTitle(tr("%1 – Retort").arg(name));
  remember(qs(w.root().string()));
  connect(m_session, &Session::runsChanged, this, &MainWindow::refreshStatus);
  connect(m_session, &Session::jobsChanged, this, &MainWindow::refreshStatus);
  m_rail->show();
  refreshStatus();
  showPage(settings()->value(QStringLiteral("page"), QStringLiteral("logs")).toString());
  Q_EMIT projectOpened();
}

}  // namespace retort::ui
