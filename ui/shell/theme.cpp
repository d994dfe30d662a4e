// Colours by role, type scale and modes: see theme.h.
#include "ui/shell/theme.h"

#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QEvent>
#include <QFile>
#include <QFontDatabase>
#include <QPalette>
#include <QStyle>
#include <QStyleFactory>
#include <algorithm>
#include <array>
#include <cmath>

namespace retort::ui {
namespace {

struct RoleColour {
  const char* name;
  QRgb light, dark;
};

// In the order of Role; names are the style sheet's @words.
constexpr std::array<RoleColour, kRoles> kColours{{
    {"window", 0xFFF6F5F2, 0xFF17191C},
    {"surface", 0xFFFFFFFF, 0xFF1F2226},
    {"sunken", 0xFFEDEBE6, 0xFF121416},
    {"border", 0xFFD3CFC7, 0xFF3A3F46},
    {"text", 0xFF1F2328, 0xFFE8E6E1},
    {"muted", 0xFF5C6470, 0xFFA3ABB5},
    {"accent", 0xFFA6461D, 0xFFE8935F},
    {"onaccent", 0xFFFFFFFF, 0xFF1A1410},
    {"selection", 0xFFF3DDD0, 0xFF4A2F20},
    {"link", 0xFF0B5CAD, 0xFF7FB6F2},
    {"good", 0xFF177040, 0xFF62C98A},
    {"caution", 0xFF8A5A00, 0xFFE0B04C},
    {"bad", 0xFFB3261E, 0xFFFF8A80},
}};

constexpr std::array<QRgb, 8> kSeriesLight{0xFFA6461D, 0xFF1F6FB2, 0xFF2E8540, 0xFF7A4FA3, 0xFF9A6A00, 0xFF0F7F86, 0xFFB0355E, 0xFF5C6470};
constexpr std::array<QRgb, 8> kSeriesDark{0xFFE8935F, 0xFF6FB1EA, 0xFF6CC58A, 0xFFB99AE0, 0xFFE0B04C, 0xFF5CC4CB, 0xFFF08CAE, 0xFFA3ABB5};

double luminance(const QColor& c) {
  auto linear = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
  return 0.2126 * linear(c.redF()) + 0.7152 * linear(c.greenF()) + 0.0722 * linear(c.blueF());
}

QString firstInstalled(std::initializer_list<const char*> names, const QString& otherwise) {
  const QStringList families = QFontDatabase::families();
  for (const char* name : names)
    if (families.contains(QLatin1String(name))) return QLatin1String(name);
  return otherwise;
}

QPalette paletteFor(bool dark) {
  auto c = [dark](Role role) { return Theme::color(role, dark); };
  QPalette p;
  p.setColor(QPalette::Window, c(Role::Window));
  p.setColor(QPalette::WindowText, c(Role::Text));
  p.setColor(QPalette::Base, c(Role::Surface));
  p.setColor(QPalette::AlternateBase, c(Role::Window));
  p.setColor(QPalette::Text, c(Role::Text));
  p.setColor(QPalette::Button, c(Role::Surface));
  p.setColor(QPalette::ButtonText, c(Role::Text));
  p.setColor(QPalette::BrightText, c(Role::Bad));
  p.setColor(QPalette::Highlight, c(Role::Selection));
  p.setColor(QPalette::HighlightedText, c(Role::Text));
  p.setColor(QPalette::Link, c(Role::Link));
  p.setColor(QPalette::LinkVisited, c(Role::Link));
  p.setColor(QPalette::ToolTipBase, c(Role::Surface));
  p.setColor(QPalette::ToolTipText, c(Role::Text));
  p.setColor(QPalette::PlaceholderText, c(Role::Muted));
  p.setColor(QPalette::Light, c(Role::Surface));
  p.setColor(QPalette::Midlight, c(Role::Sunken));
  p.setColor(QPalette::Mid, c(Role::Border));
  p.setColor(QPalette::Dark, c(Role::Border));
  p.setColor(QPalette::Shadow, c(Role::Border));
  for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    p.setColor(QPalette::Disabled, role, c(Role::Muted));
  return p;
}

}  // namespace

Theme& Theme::instance() {
  static Theme theme;
  return theme;
}

QColor Theme::color(Role role, bool dark) {
  const RoleColour& c = kColours[static_cast<std::size_t>(role)];
  return QColor::fromRgb(dark ? c.dark : c.light);
}

QColor Theme::series(int index, bool dark) {
  const auto i = static_cast<std::size_t>(std::max(index, 0)) % kSeriesLight.size();
  return QColor::fromRgb(dark ? kSeriesDark[i] : kSeriesLight[i]);
}

QColor Theme::faint(const QColor& colour, double share) const {
  const QColor base = color(Role::Surface);
  auto mix = [share](double a, double b) { return static_cast<float>(a * share + b * (1 - share)); };
  return QColor::fromRgbF(mix(colour.redF(), base.redF()), mix(colour.greenF(), base.greenF()), mix(colour.blueF(), base.blueF()));
}

double Theme::contrast(const QColor& a, const QColor& b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

QFont Theme::font(Type type) const {
  QFont font(m_uiFamily);
  font.setPointSizeF(m_base);
  switch (type) {
    case Type::Caption: font.setPointSizeF(m_base - 1); break;
    case Type::Body: break;
    case Type::Section: font.setPointSizeF(m_base + 1), font.setWeight(QFont::DemiBold); break;
    case Type::Title: font.setPointSizeF(m_base + 4), font.setWeight(QFont::DemiBold); break;
    // Inter's digits have different widths and Qt 6.4 cannot ask for its tabular ones; the mono face keeps live numbers still.
    case Type::BigNumber: font.setFamily(m_monoFamily), font.setPointSizeF(m_base + 12), font.setWeight(QFont::Light); break;
    case Type::Mono: font.setFamily(m_monoFamily), font.setPointSizeF(m_base - 0.5), font.setStyleHint(QFont::Monospace); break;
    case Type::MonoCaption: font.setFamily(m_monoFamily), font.setPointSizeF(m_base - 1), font.setStyleHint(QFont::Monospace); break;
  }
  return font;
}

bool Theme::systemIsDark() const {
  if (m_portal >= 0) return m_portal == 1;
  return m_platformDark;
}

void Theme::install() {
  if (!m_installed) {
    m_installed = true;
    const QFont platform = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
    m_base = std::clamp(platform.pointSizeF(), 10.0, 16.0);
    m_uiFamily = firstInstalled({"Inter"}, platform.family());
    m_monoFamily = firstInstalled({"JetBrains Mono"}, QFontDatabase::systemFont(QFontDatabase::FixedFont).family());
    const QPalette p = qApp->palette();
    m_platformDark = p.color(QPalette::Window).lightnessF() < p.color(QPalette::WindowText).lightnessF();
    qApp->setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    qApp->installEventFilter(this);
    askPortal();
  }
  apply();
}

void Theme::setMode(ThemeMode mode) {
  m_mode = mode;
  apply();
}

void Theme::apply() {
  m_dark = m_mode == ThemeMode::Dark || (m_mode == ThemeMode::System && systemIsDark());
  if (!m_installed) return;
  m_applying = true;
  qApp->setFont(font(Type::Body));
  qApp->setPalette(paletteFor(m_dark));
  QFile file(QStringLiteral(":/style/style.qss"));
  QString sheet;
  if (file.open(QIODevice::ReadOnly)) sheet = QString::fromUtf8(file.readAll());
  for (std::size_t i = 0; i < kColours.size(); ++i)
    sheet.replace(QLatin1Char('@') + QLatin1String(kColours[i].name) + QLatin1Char('@'), color(static_cast<Role>(i)).name());
  sheet.replace(QLatin1String("@theme@"), m_dark ? QLatin1String("dark") : QLatin1String("light"));
  qApp->setStyleSheet(sheet);
  m_applying = false;
  Q_EMIT changed();
}

// The desktop's own choice, asked over D-Bus without waiting; no bus or no portal leaves the platform's palette to decide.
void Theme::askPortal() {
  QDBusConnection bus = QDBusConnection::sessionBus();
  if (!bus.isConnected()) return;
  const QString service = QStringLiteral("org.freedesktop.portal.Desktop"), path = QStringLiteral("/org/freedesktop/portal/desktop"),
                interface = QStringLiteral("org.freedesktop.portal.Settings");
  bus.connect(service, path, interface, QStringLiteral("SettingChanged"), this, SLOT(portalSettingChanged(QString, QString)));
  QDBusMessage call = QDBusMessage::createMethodCall(service, path, interface, QStringLiteral("Read"));
  call << QStringLiteral("org.freedesktop.appearance") << QStringLiteral("color-scheme");
  auto* watcher = new QDBusPendingCallWatcher(bus.asyncCall(call, 2000), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
    const QDBusPendingReply<QDBusVariant> reply = *watcher;
    watcher->deleteLater();
    if (reply.isError()) return;
    QVariant value = reply.value().variant();
    if (value.canConvert<QDBusVariant>()) value = value.value<QDBusVariant>().variant();
    m_portal = value.toInt();
    if (m_mode == ThemeMode::System && systemIsDark() != m_dark) apply();
  });
}

void Theme::portalSettingChanged(const QString& space, const QString& key) {
  if (space == QLatin1String("org.freedesktop.appearance") && key == QLatin1String("color-scheme")) askPortal();
}

bool Theme::eventFilter(QObject* object, QEvent* event) {
  if (object == qApp && event->type() == QEvent::ApplicationPaletteChange && !m_applying) {
    const QPalette now = qApp->palette();
    const bool foreign = now.color(QPalette::Window) != color(Role::Window);
    if (foreign) {
      m_platformDark = now.color(QPalette::Window).lightnessF() < now.color(QPalette::WindowText).lightnessF();
      QMetaObject::invokeMethod(this, [this] { apply(); }, Qt::QueuedConnection);
    }
  }
  return QObject::eventFilter(object, event);
}

}  // namespace retort::ui
