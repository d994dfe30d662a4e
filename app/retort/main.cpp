// The window's program: retort [WORKSPACE].
#include <QApplication>
#include <QCommandLineParser>

#include "ui/models/async.h"
#include "ui/shell/icons.h"
#include "ui/shell/main_window.h"
#include "ui/shell/theme.h"

int main(int argc, char** argv) {
  QApplication app(argc, argv);
  QApplication::setApplicationName(QStringLiteral("Retort"));
  QApplication::setApplicationVersion(QStringLiteral(RETORT_VERSION));
  QApplication::setDesktopFileName(QStringLiteral("retort"));
  QCommandLineParser parser;
  parser.setApplicationDescription(QCoreApplication::translate("main", "Distils small models from invocation logs."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("workspace"), QCoreApplication::translate("main", "The project's folder; without it, the one of last time."), QStringLiteral("[WORKSPACE]"));
  const QCommandLineOption sample(QStringLiteral("sample"), QCoreApplication::translate("main", "Open the sample project; on first need it is made and the demo runs in it."));
  const QCommandLineOption create(QStringLiteral("create"), QCoreApplication::translate("main", "Make the workspace where there is none yet."));
  parser.addOptions({sample, create});
  parser.process(app);
  retort::ui::installTranslations();
  retort::ui::Theme::instance().install();
  QApplication::setWindowIcon(QIcon(retort::ui::drawing(QStringLiteral("draw-still"), 96, retort::ui::Theme::instance().color(retort::ui::Role::Accent), 1)));
  int code = 0;
  {
    retort::ui::MainWindow window;
    if (!parser.positionalArguments().isEmpty()) window.openProject(parser.positionalArguments().first(), parser.isSet(create));
    else if (parser.isSet(sample)) window.openSample(true);
    else window.openLast();
    window.show();
    code = QApplication::exec();
  }
  retort::ui::finishPools();
  return code;
}
