// What the window can be told by keys and by the palette: one list of actions, help, and the walk through the panes.
#include <QAction>
#include <QApplication>
#include <QStackedWidget>

#include "ui/shell/help.h"
#include "ui/shell/jobs_dock.h"
#include "ui/shell/main_window.h"
#include "ui/shell/palette.h"
#include "ui/widgets/text.h"

namespace retort::ui {

/// An action of the window; with a text it stands in the palette.
QAction* MainWindow::addCommand(const QString& text, const QKeySequence& keys, std::function<void()> run) {
  auto* action = new QAction(text, this);
  action->setShortcut(keys);
  addAction(action);
  connect(action, &QAction::triggered, this, [run = std::move(run)] { run(); });
  return action;
}

void MainWindow::makeActions() {
  for (int i = 0; i < m_entries.size(); ++i)
    m_entries[i].action = addCommand(tr("Go to %1").arg(m_entries[i].title), QKeySequence(static_cast<int>(Qt::CTRL) | (Qt::Key_1 + i)), [this, name = m_entries[i].name] { showPage(name); });
  addCommand(tr("Distil… (the whole line in four steps)"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_D), [this] { openAssistant({}); });
  addCommand(tr("Show or hide jobs"), QKeySequence(Qt::CTRL | Qt::Key_J), [this] { m_jobsButton->toggle(); });
  addCommand(tr("Open a folder…"), QKeySequence(QKeySequence::Open), [this] { chooseFolder(); });
  addCommand(tr("Open the sample project"), {}, [this] { openSample(); });
  addCommand(tr("Light theme"), {}, [this] { setTheme(1); });
  addCommand(tr("Dark theme"), {}, [this] { setTheme(2); });
  addCommand(tr("Theme as the system"), {}, [this] { setTheme(0); });
  addCommand(tr("Start page"), {}, [this] { showStart(); });
  addCommand(tr("Help for this page"), QKeySequence(Qt::Key_F1), [this] { showHelp(currentPage()); });
  addCommand(tr("Keyboard shortcuts"), QKeySequence(Qt::CTRL | Qt::Key_Slash), [this] { showHelp(QStringLiteral("shortcuts")); });
  addCommand(tr("Close the window; work goes on"), QKeySequence(QKeySequence::Quit), [this] { close(); });
  // Not in the palette itself.
  addCommand({}, QKeySequence(Qt::CTRL | Qt::Key_K), [this] { showPalette(); });
  addCommand({}, QKeySequence(Qt::Key_F6), [this] { walkPanes(1); });
  addCommand({}, QKeySequence(Qt::SHIFT | Qt::Key_F6), [this] { walkPanes(-1); });
}

void MainWindow::showPalette() {
  QList<CommandPalette::Command> commands;
  for (QAction* action : actions())
    if (!action->text().isEmpty()) commands << CommandPalette::Command{action->text(), action->shortcut().toString(QKeySequence::NativeText), [action] { action->trigger(); }};
  if (m_session)
    for (const auto& r : m_session->inventory().runs) {
      const QString id = qs(r.summary.id);
      commands << CommandPalette::Command{tr("Run: %1").arg(r.summary.name.empty() ? id : qs(r.summary.name)), phaseLook(r.summary.state.phase).text, [this, id] { showPage(QStringLiteral("runs"), id); }};
    }
  auto* dialog = new CommandPalette(commands, this);
  dialog->move(mapToGlobal(QPoint((width() - dialog->width()) / 2, 80)));
  dialog->open();
}

void MainWindow::showHelp(const QString& page) {
  if (!m_help) m_help = new HelpWindow(this);
  m_help->showPage(page);
}

/// F6: rail, page, jobs, status line, and round again; what is hidden is passed over.
void MainWindow::walkPanes(int by) {
  const QList<QWidget*> panes{m_rail, m_stack, m_dock, m_statusLine};
  qsizetype at = 0;
  for (qsizetype i = 0; i < panes.size(); ++i)
    if (panes[i]->isAncestorOf(QApplication::focusWidget())) at = i;
  for (qsizetype tried = 0; tried < panes.size(); ++tried) {
    at = (at + by + panes.size()) % panes.size();
    if (!panes[at]->isVisible()) continue;
    QWidget* first = nullptr;
    if (panes[at] == m_rail) {
      for (const Entry& entry : m_entries)
        if (entry.button->isChecked()) first = entry.button;
    } else if (auto* page = panes[at] == m_stack ? qobject_cast<Page*>(m_stack->currentWidget()) : nullptr) {
      return page->takeFocus();
    } else {
      for (QWidget* w : panes[at]->findChildren<QWidget*>())
        if (!first && w->isVisible() && w->isEnabled() && w->focusPolicy() & Qt::TabFocus) first = w;
    }
    if (!first) continue;
    first->setFocus(Qt::TabFocusReason);
    return;
  }
}

}  // namespace retort::ui
