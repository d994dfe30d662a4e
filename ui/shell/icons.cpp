// Icons tinted by the theme: see icons.h.
#include "ui/shell/icons.h"

#include <QFile>
#include <QHash>
#include <QIconEngine>
#include <QPainter>
#include <QSvgRenderer>

namespace retort::ui {
namespace {

QByteArray source(const QString& name) {
  static QHash<QString, QByteArray> cache;
  auto it = cache.constFind(name);
  if (it != cache.constEnd()) return *it;
  QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
  QByteArray bytes;
  if (file.open(QIODevice::ReadOnly)) bytes = file.readAll();
  cache.insert(name, bytes);
  return bytes;
}

void paintSvg(QPainter* painter, const QRectF& rect, const QString& name, const QColor& colour) {
  QByteArray bytes = source(name);
  bytes.replace("currentColor", colour.name().toLatin1());
  QSvgRenderer renderer(bytes);
  renderer.render(painter, rect);
}

class ThemedIcon : public QIconEngine {
 public:
  ThemedIcon(QString name, Role role, Role active) : m_name(std::move(name)), m_role(role), m_active(active) {}
  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override {
    const bool on = state == QIcon::On || mode == QIcon::Active || mode == QIcon::Selected;
    QColor colour = Theme::instance().color(mode == QIcon::Disabled ? Role::Muted : on ? m_active : m_role);
    painter->save();
    if (mode == QIcon::Disabled) painter->setOpacity(0.6);
    paintSvg(painter, rect, m_name, colour);
    painter->restore();
  }
  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
    QPixmap map(size);
    map.fill(Qt::transparent);
    QPainter painter(&map);
    paint(&painter, QRect(QPoint(0, 0), size), mode, state);
    return map;
  }
  [[nodiscard]] QIconEngine* clone() const override { return new ThemedIcon(*this); }

 private:
  QString m_name;
  Role m_role, m_active;
};

}  // namespace

QIcon icon(const QString& name, Role role, Role active) { return QIcon(new ThemedIcon(name, role, active)); }

QPixmap drawing(const QString& name, int size, const QColor& colour, qreal pixelRatio) {
  QPixmap map(QSize(size, size) * pixelRatio);
  map.setDevicePixelRatio(pixelRatio);
  map.fill(Qt::transparent);
  QPainter painter(&map);
  paintSvg(&painter, QRectF(0, 0, size, size), name, colour);
  return map;
}

}  // namespace retort::ui
