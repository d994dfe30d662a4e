// Colours by role, type scale and the light, dark and system modes; the only place that knows a colour's value.
#pragma once
#include <QColor>
#include <QFont>
#include <QObject>
#include <QString>

namespace retort::ui {

enum class Role { Window, Surface, Sunken, Border, Text, Muted, Accent, OnAccent, Selection, Link, Good, Caution, Bad };
inline constexpr int kRoles = 13;

enum class ThemeMode { System, Light, Dark };

/// Places in the series order with a fixed meaning everywhere: copper is the student, blue its teacher, grey the base model.
inline constexpr int kStudentSeries = 0;
inline constexpr int kTeacherSeries = 1;
inline constexpr int kBaseSeries = 7;

enum class Type { Caption, Body, Section, Title, BigNumber, Mono, MonoCaption };

class Theme : public QObject {
  Q_OBJECT
 public:
  static Theme& instance();

  /// Sets fonts, style, palette and style sheet of the application; call once after QApplication exists.
  void install();
  void setMode(ThemeMode mode);
  [[nodiscard]] ThemeMode mode() const { return m_mode; }
  [[nodiscard]] bool isDark() const { return m_dark; }

  [[nodiscard]] QColor color(Role role) const { return color(role, m_dark); }
  [[nodiscard]] static QColor color(Role role, bool dark);
  /// Colour of a data series; numbers beyond the eight begin again.
  [[nodiscard]] QColor series(int index) const { return series(index, m_dark); }
  [[nodiscard]] static QColor series(int index, bool dark);
  /// `role` laid over the surface at `share` strength, as an opaque colour (raw lines, bands).
  [[nodiscard]] QColor faint(const QColor& colour, double share) const;

  [[nodiscard]] QFont font(Type type) const;
  [[nodiscard]] static double contrast(const QColor& a, const QColor& b);   ///< WCAG 2 ratio, 1 to 21

 Q_SIGNALS:
  void changed();

 protected:
  bool eventFilter(QObject* object, QEvent* event) override;

 private Q_SLOTS:
  void portalSettingChanged(const QString& space, const QString& key);

 private:
  Theme() = default;
  void apply();
  void askPortal();
  [[nodiscard]] bool systemIsDark() const;

  ThemeMode m_mode = ThemeMode::System;
  bool m_dark = false, m_installed = false, m_applying = false;
  int m_portal = -1;            ///< what the desktop portal answered: 1 dark, 0 or 2 light, -1 nothing
  bool m_platformDark = false;  ///< of the palette that the platform gave us
  QString m_uiFamily, m_monoFamily;
  double m_base = 10;           ///< points
};

}  // namespace retort::ui
