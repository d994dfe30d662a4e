// The window: rail, project switcher, pages, jobs dock, status line; remembers its shape. Closing it leaves work going.
#pragma once
#include <QMainWindow>
#include <QPointer>
#include <functional>
#include <memory>

#include "ui/models/session.h"
#include "ui/pages/page.h"

class QActionGroup;
class QSettings;
class QStackedWidget;

namespace retort::ui {

class Assistant;
class Chip;
class HelpWindow;
class JobsDock;
class StartPage;

class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Opens a workspace (makes one in an empty or absent folder when `create`); an error is shown on the start page.
  void openProject(const QString& path, bool create = false);
  /// The project of last time, or the start page.
  void openLast();
  /// The sample project in the user's data folder, made on first need; `withDemo` runs the whole line in it where nothing was done there yet:
  /// with the real model where that is on this machine, else with the built-in tiny one.
  void openSample(bool withDemo = false);
  void showPage(const QString& name, const QString& argument = {});
  /// The Distil… assistant on the open project, or on a new one among the user's projects.
  void openAssistant(const QString& filter);
  void showHelp(const QString& page);
  [[nodiscard]] Session* session() const { return m_session; }
  [[nodiscard]] Page* page(const QString& name) const;
  [[nodiscard]] QString currentPage() const;

 Q_SIGNALS:
  void projectOpened();

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  struct Entry {
    QString name, title, icon;
    QToolButton* button = nullptr;
    QAction* action = nullptr;
    QPointer<Page> page;
  };
  void build();
  QWidget* makeRail();
  QWidget* makeTop();
  QWidget* makeStatus();
  void makeActions();
  QAction* addCommand(const QString& text, const QKeySequence& keys, std::function<void()> run);
  void walkPanes(int by);
  void startDemo(bool real);
  void openSession(Workspace workspace);
  Page* makePage(const QString& name);
  void showStart(const std::optional<Error>& error = {});
  void chooseFolder();
  void showPalette();
  void refreshStatus();
  void fillSwitcher();
  void setTheme(int mode);
  void remember(const QString& path);
  [[nodiscard]] QStringList recent() const;

  QList<Entry> m_entries;
  Session* m_session = nullptr;
  QStackedWidget* m_stack;
  QFrame *m_rail, *m_statusLine;
  QPushButton* m_project;
  QToolButton *m_theme, *m_jobsButton, *m_search;
  JobsDock* m_dock = nullptr;
  QToolButton* m_running;
  PlainLabel *m_timeLeft, *m_readOnly;
  QPointer<StartPage> m_start;
  Latest m_opening;
  QPointer<Assistant> m_assistant;
  QPointer<HelpWindow> m_help;
  bool m_wantsDemo = false, m_wantsAssistant = false;
};

/// Loads the words for the user's language (plural forms, at least) from the program's own resources.
void installTranslations();

/// Where the window keeps its shape and the projects opened before.
[[nodiscard]] std::unique_ptr<QSettings> settings();

}  // namespace retort::ui
