// What the window's flow tests share: real programs, a window on the screen that nobody sees, and hands that only use mouse and keys.
#pragma once
#include <QApplication>
#include <QComboBox>
#include <QElapsedTimer>
#include <QFileDialog>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QPushButton>
#include <QScrollBar>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include "flows/flow_tools.h"
#include "tests/ui/window_main.h"
#include "ui/models/async.h"
#include "ui/shell/main_window.h"
#include "ui/shell/theme.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/text.h"

namespace retort::flow {

inline bool hasPrograms() {
  std::error_code error;
  for (const char* name : {"retort-cli", "retort-worker"})
    if (!fs::exists(bin(name), error)) return false;
  qputenv("PATH", qgetenv("RETORT_BIN") + ':' + qgetenv("PATH"));
  return true;
}

/// The window under test and ways to reach into it as a user does.
class Hands {
 public:
  ui::MainWindow* window = nullptr;

  void open() {
    window = new ui::MainWindow;
    window->resize(1280, 800);
    window->show();
    (void)QTest::qWaitForWindowExposed(window);
    window->activateWindow();
    (void)QTest::qWaitForWindowActive(window);
    window->openLast();
  }
  void close() {
    window->close();
    delete window;
    window = nullptr;
  }
  /// The visible widget of this name, waited for.
  template <typename T>
  T* find(const char* name, int ms = 20'000) {
    QElapsedTimer clock;
    clock.start();
    while (true) {
      for (QWidget* top : QApplication::topLevelWidgets())
        for (T* widget : top->findChildren<T*>(QLatin1String(name)))
          if (widget->isVisible()) return widget;
      if (clock.elapsed() > ms) break;
      QTest::qWait(30);
    }
    qWarning("no visible widget named %s on page %s", name, qPrintable(window->currentPage()));
    return nullptr;
  }
  /// Clicks it when it can be clicked; false when that never comes.
  bool click(const char* name, int ms = 20'000) {
    auto* widget = find<QAbstractButton>(name, ms);
    if (!widget) return false;
    QElapsedTimer clock;
    clock.start();
    while (!widget->isEnabled()) {
      if (clock.elapsed() > ms) return qWarning("%s is never enabled: %s", name, qPrintable(widget->toolTip())), false;
      QTest::qWait(30);
    }
    QTest::mouseClick(widget, Qt::LeftButton);
    return true;
  }
  bool type(const char* name, const QString& text) {
    auto* edit = find<QLineEdit>(name);
    if (!edit) return false;
    QTest::mouseClick(edit, Qt::LeftButton);
    QTest::keyClick(edit, Qt::Key_A, Qt::ControlModifier);
    if (text.isEmpty()) QTest::keyClick(edit, Qt::Key_Delete);
    QTest::keyClicks(edit, text);
    return edit->text() == text;
  }
  /// Chooses the entry whose data is `data` by the arrow keys.
  bool choose(const char* name, const QVariant& data, int ms = 20'000) {
    auto* box = find<QComboBox>(name, ms);
    if (!box) return false;
    QElapsedTimer clock;
    clock.start();
    while (box->findData(data) < 0) {
      if (clock.elapsed() > ms) return qWarning("%s never offers %s", name, qPrintable(data.toString())), false;
      QTest::qWait(30);
    }
    box->setFocus();
    for (int tries = 0; box->currentData() != data && tries < 2 * box->count(); ++tries) QTest::keyClick(box, box->currentIndex() < box->findData(data) ? Qt::Key_Down : Qt::Key_Up);
    return box->currentData() == data;
  }
  /// Writes a path into the file dialog that is open and takes it.
  bool answerFileDialog(const QString& path) {
    QElapsedTimer clock;
    clock.start();
    QFileDialog* dialog = nullptr;
    while (!dialog && clock.elapsed() < 10'000) {
      for (QWidget* top : QApplication::topLevelWidgets())
        if (top->isVisible())
          if (auto* d = qobject_cast<QFileDialog*>(top)) dialog = d;
      QTest::qWait(30);
    }
    if (!dialog) return false;
    auto* edit = dialog->findChild<QLineEdit*>(QStringLiteral("fileNameEdit"));
    if (!edit) return false;
    edit->setFocus();
    QTest::keyClick(edit, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClicks(edit, path);
    QTest::keyClick(edit, Qt::Key_Return);
    return true;
  }
  /// Clicks an entry of the button's menu.
  bool chooseMenu(const char* name, const QString& words) {
    auto* button = find<QPushButton>(name);
    if (!button || !button->menu()) return false;
    // A button that opens its menu waits for the choice: it is made while the menu is there.
    QMenu* menu = button->menu();
    bool done = false;
    QTimer::singleShot(200, menu, [&] {
      for (QAction* action : menu->actions())
        if (action->text().startsWith(words)) {
          done = true;
          QTest::mouseClick(menu, Qt::LeftButton, {}, menu->actionGeometry(action).center());
        }
      if (!done) menu->close();
    });
    QTest::mouseClick(button, Qt::LeftButton);
    QElapsedTimer clock;
    clock.start();
    while (menu->isVisible() && clock.elapsed() < 5'000) QTest::qWait(30);
    return done;
  }
};

/// Waits until `ready` holds.
template <typename Ready>
bool until(Ready ready, int ms) {
  QElapsedTimer clock;
  clock.start();
  while (!ready()) {
    if (clock.elapsed() > ms) return false;
    QTest::qWait(50);
  }
  return true;
}

/// main() of a window flow: settings and data in a temporary folder, so that nothing of the user's is touched.
template <typename Test>
int runWindowTest(int argc, char** argv) {
  QTemporaryDir home;
  qputenv("RETORT_DATA_HOME", home.filePath(QStringLiteral("data")).toLocal8Bit());
  return tests::runWindowTests<Test>(argc, argv, [&] { QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, home.filePath(QStringLiteral("config"))); });
}

}  // namespace retort::flow
