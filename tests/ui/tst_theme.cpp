// The palette keeps text readable in both themes; the series can be told from the surface; modes switch live.
#include <QApplication>
#include <QtTest>

#include "ui/shell/icons.h"
#include "ui/shell/theme.h"

using namespace retort::ui;

class ThemeTest : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void textIsReadable() {
    for (bool dark : {false, true}) {
      for (Role ground : {Role::Window, Role::Surface, Role::Sunken, Role::Selection})
        for (Role words : {Role::Text, Role::Muted}) check(words, ground, dark, 4.5);
      for (Role ground : {Role::Window, Role::Surface})
        for (Role words : {Role::Accent, Role::Link, Role::Good, Role::Caution, Role::Bad}) check(words, ground, dark, 4.5);
      check(Role::OnAccent, Role::Accent, dark, 4.5);
      check(Role::Text, Role::Surface, dark, 9);
    }
  }
  void seriesStandOutFromTheSurface() {
    for (bool dark : {false, true})
      for (int i = 0; i < 8; ++i)
        QVERIFY2(Theme::contrast(Theme::series(i, dark), Theme::color(Role::Surface, dark)) >= 4.5, qPrintable(QString::number(i)));
  }
  void knownRatios() {
    QVERIFY(std::abs(Theme::contrast(Qt::black, Qt::white) - 21) < 1e-9);
    QVERIFY(std::abs(Theme::contrast(QColor(0x77, 0x77, 0x77), Qt::white) - 4.478) < 0.01);
  }
  void modeSwitchesLive() {
    QSignalSpy changed(&Theme::instance(), &Theme::changed);
    Theme::instance().setMode(ThemeMode::Dark);
    QCOMPARE(changed.count(), 1);
    QVERIFY(Theme::instance().isDark());
    QCOMPARE(qApp->palette().color(QPalette::Window), Theme::color(Role::Window, true));
    QVERIFY(qApp->styleSheet().contains(Theme::color(Role::Accent, true).name()));
    QVERIFY(!qApp->styleSheet().contains(QLatin1Char('@')));
    Theme::instance().setMode(ThemeMode::Light);
    QCOMPARE(qApp->palette().color(QPalette::Window), Theme::color(Role::Window, false));
  }
  void iconsTakeTheThemesColour() {
    Theme::instance().setMode(ThemeMode::Light);
    const QImage light = drawing(QStringLiteral("tick"), 64, Theme::instance().color(Role::Good), 1).toImage();
    bool found = false;
    for (int y = 0; y < 64 && !found; ++y)
      for (int x = 0; x < 64 && !found; ++x) found = light.pixelColor(x, y) == Theme::color(Role::Good, false);
    QVERIFY(found);
  }

 private:
  static void check(Role words, Role ground, bool dark, double least) {
    const double ratio = Theme::contrast(Theme::color(words, dark), Theme::color(ground, dark));
    QVERIFY2(ratio >= least, qPrintable(QStringLiteral("role %1 on %2, %3: %4").arg(int(words)).arg(int(ground)).arg(dark ? QStringLiteral("dark") : QStringLiteral("light")).arg(ratio)));
  }
};

int main(int argc, char** argv) {
  QApplication app(argc, argv);
  Theme::instance().install();
  ThemeTest test;
  return QTest::qExec(&test, argc, argv);
}
#include "tst_theme.moc"
