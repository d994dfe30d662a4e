// How a chart answers mouse and keys: crosshair with values, zoom, pan, menu.
#include <QLocale>
#include <QMenu>
#include <QMouseEvent>
#include <algorithm>
#include <cmath>

#include "ui/charts/line_chart_private.h"
#include "ui/widgets/plain_label.h"
#include "ui/widgets/text.h"

namespace retort::ui {

void LineChart::Private::readAt(double x) {
  QStringList words;
  double shown = x;
  for (const auto& line : lines) {
    if (!line->visible || line->raw.empty()) continue;
    const std::size_t i = line->raw.nearest(x);
    if (words.isEmpty()) shown = line->raw.x(i);
    const double y = line->style == Style::Smoothed && i < line->smooth.size() && std::isfinite(line->smooth.y(i)) ? line->smooth.y(i) : line->raw.y(i);
    words << QStringLiteral("%1 %2").arg(line->name, significantText(y, 4));
  }
  if (words.isEmpty()) return readout->setText({});
  readout->setText(QStringLiteral("%1 %2   %3").arg(plot->xAxis->label().toLower(), QLocale().toString(shown, 'g', 7), words.join(QStringLiteral("   "))));
}

void LineChart::showCrosshair(double x) {
  m->crossX = x;
  const bool on = std::isfinite(x);
  m->cross->setVisible(on);
  if (on) {
    m->cross->point1->setCoords(x, 0);
    m->cross->point2->setCoords(x, 1);
    m->readAt(x);
  } else {
    m->readout->setText({});
  }
  if (isVisible() && !m->plot->size().isEmpty()) m->plot->layer(QStringLiteral("cursor"))->replot();
}

void LineChart::Private::zoom(double centre, double factor) {
  const double a = centre - (centre - low) * factor, b = centre + (high - centre) * factor;
  if (a <= firstX() && b >= lastX()) return q->resetView();
  if (b - a > 1e-9) q->setView(a, b);
}

bool LineChart::Private::mouse(QMouseEvent* event, QEvent::Type type) {
  const QPoint at = event->pos();
  const double x = plot->xAxis->pixelToCoord(at.x());
  if (type == QEvent::MouseButtonDblClick) return q->resetView(), dragging = false, true;
  if (type == QEvent::MouseButtonPress) {
    q->setFocus(Qt::MouseFocusReason);
    if (event->button() == Qt::RightButton) return menu(event->globalPosition().toPoint()), true;
    press = at;
    panning = event->button() == Qt::MiddleButton || event->modifiers().testFlag(Qt::ShiftModifier);
    dragging = !panning && event->button() == Qt::LeftButton;
    panX = at.x(), panLow = low, panHigh = high;
    return true;
  }
  if (type == QEvent::MouseMove) {
    if (panning) {
      const double shift = (panX - at.x()) / std::max(1, plot->axisRect()->width()) * (panHigh - panLow);
      q->setView(panLow + shift, panHigh + shift);
    } else if (dragging && std::abs(at.x() - press.x()) > 4) {
      band->setVisible(true);
      band->topLeft->setCoords(plot->xAxis->pixelToCoord(press.x()), yHigh);
      band->bottomRight->setCoords(x, yLow);
    }
    q->showCrosshair(x >= low && x <= high ? x : kNan);
    Q_EMIT q->crosshairMoved(crossX);
    return true;
  }
  if (type == QEvent::MouseButtonRelease) {
    if (dragging && band->visible()) {
      const double a = plot->xAxis->pixelToCoord(press.x());
      q->setView(std::max(std::min(a, x), firstX()), std::max(a, x));
    }
    band->setVisible(false);
    plot->layer(QStringLiteral("cursor"))->replot();
    dragging = panning = false;
    return true;
  }
  return false;
}

bool LineChart::eventFilter(QObject* object, QEvent* event) {
  if (object == m->plot) {
    switch (event->type()) {
      case QEvent::MouseButtonPress:
      case QEvent::MouseButtonRelease:
      case QEvent::MouseMove:
      case QEvent::MouseButtonDblClick:
        if (m->mouse(static_cast<QMouseEvent*>(event), event->type())) return true;
        break;
      case QEvent::Leave:
        showCrosshair(kNan);
        Q_EMIT crosshairMoved(kNan);
        break;
      case QEvent::Wheel: {
        auto* wheel = static_cast<QWheelEvent*>(event);
        if (!wheel->modifiers().testFlag(Qt::ControlModifier)) return false;
        m->zoom(m->plot->xAxis->pixelToCoord(wheel->position().x()), wheel->angleDelta().y() > 0 ? 0.8 : 1.25);
        return true;
      }
      case QEvent::Resize: m->schedule(); break;
      default: break;
    }
  }
  return QWidget::eventFilter(object, event);
}

void LineChart::keyPressEvent(QKeyEvent* event) {
  const double span = m->high - m->low, centre = std::isfinite(m->crossX) ? m->crossX : (m->low + m->high) / 2;
  switch (event->key()) {
    case Qt::Key_Plus:
    case Qt::Key_Equal: return m->zoom(centre, 0.8);
    case Qt::Key_Minus: return m->zoom(centre, 1.25);
    case Qt::Key_Home:
    case Qt::Key_0: return resetView();
    case Qt::Key_T: return showValues();
    case Qt::Key_L: return setLogY(!m->logY);
    case Qt::Key_Left:
    case Qt::Key_Right: {
      const double step = (event->key() == Qt::Key_Left ? -1 : 1) * span / (event->modifiers().testFlag(Qt::ShiftModifier) ? 10 : 100);
      showCrosshair(std::clamp(centre + step, m->low, m->high));
      Q_EMIT crosshairMoved(m->crossX);
      return;
    }
    case Qt::Key_Escape:
      if (std::isfinite(m->crossX)) return showCrosshair(kNan);
      break;
    default: break;
  }
  QWidget::keyPressEvent(event);
}

void LineChart::Private::menu(const QPoint& at) {
  auto* list = new QMenu(q);
  list->setAttribute(Qt::WA_DeleteOnClose);
  QAction* log = list->addAction(LineChart::tr("Log scale"));
  log->setCheckable(true);
  log->setChecked(logY);
  QObject::connect(log, &QAction::toggled, q, [this](bool on) { q->setLogY(on); });
  QObject::connect(list->addAction(LineChart::tr("Reset zoom")), &QAction::triggered, q, [this] { q->resetView(); });
  QObject::connect(list->addAction(LineChart::tr("Values as a table")), &QAction::triggered, q, [this] { q->showValues(); });
  list->addSeparator();
  for (const char* kind : {"png", "svg", "csv"})
    QObject::connect(list->addAction(LineChart::tr("Save as %1…").arg(QString::fromLatin1(kind).toUpper())), &QAction::triggered, q,
                     [this, kind] { save(QLatin1String(kind)); });
  list->popup(at);
}

}  // namespace retort::ui
