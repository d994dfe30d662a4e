// The main of a test program with windows: looks, words and pools as the program sets them up.
#pragma once
#include <QApplication>
#include <QLocale>
#include <QTest>

#include <functional>

#include "ui/models/async.h"
#include "ui/shell/main_window.h"
#include "ui/shell/theme.h"

namespace retort::tests {

/// Runs one test class; `prepare` is called once the application is there.
template <typename Test>
int runWindowTests(int argc, char** argv, const std::function<void()>& prepare = {}) {
  QApplication app(argc, argv);
  if (prepare) prepare();
  QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
  ui::installTranslations();
  ui::Theme::instance().install();
  int code = 0;
  {
    Test test;
    code = QTest::qExec(&test, argc, argv);
  }
  ui::finishPools();
  return code;
}

}  // namespace retort::tests
