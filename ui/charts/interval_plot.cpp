// Intervals and scatter, painted by hand: see interval_plot.h.
#include "ui/charts/interval_plot.h"

#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "ui/charts/series.h"
#include "ui/shell/theme.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kRow = 30, kFoot = 40, kHead = 20;

QString tickText(double value, bool percent) { return percent ? percentText(value, 0) : significantText(value, 3); }

void marker(QPainter& p, QPointF at, double radius, int series) {
  switch (series % 4) {
    case 1: p.drawRect(QRectF(at.x() - radius * 0.9, at.y() - radius * 0.9, radius * 1.8, radius * 1.8)); break;
    case 3: p.drawPolygon(QPolygonF({at + QPointF(0, -radius * 1.2), at + QPointF(radius * 1.2, 0), at + QPointF(0, radius * 1.2), at - QPointF(radius * 1.2, 0)})); break;
    default: p.drawEllipse(at, radius, radius);
  }
}

}  // namespace

IntervalPlot::IntervalPlot(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void IntervalPlot::setRows(QList<Row> rows, const QString& axis, double least, double most, bool percent) {
  m_rows = std::move(rows);
  m_axis = axis;
  m_percent = percent;
  m_least = least, m_most = most;
  QStringList words;
  for (const Row& row : m_rows) {
    m_least = std::min(m_least, row.low);
    m_most = std::max(m_most, row.high);
    words << row.name + QStringLiteral(": ") + row.text;
  }
  setAccessibleName(axis + QStringLiteral(". ") + words.join(QStringLiteral("; ")));
  updateGeometry();
  update();
}

void IntervalPlot::setLevels(QList<PlotLevel> levels) {
  m_levels = std::move(levels);
  updateGeometry();
  update();
}

int IntervalPlot::head() const { return m_levels.isEmpty() ? 0 : kHead; }
QSize IntervalPlot::sizeHint() const { return {480, head() + static_cast<int>(m_rows.size()) * kRow + kFoot}; }
QSize IntervalPlot::minimumSizeHint() const { return {300, head() + static_cast<int>(m_rows.size()) * kRow + kFoot}; }

void IntervalPlot::paintEvent(QPaintEvent*) {
  if (m_rows.isEmpty()) return;
  const Theme& theme = Theme::instance();
  QPainter p(this);
  p.setRenderHint(QPainter::Antialiasing);
  const QFont body = theme.font(Type::Body), mono = theme.font(Type::MonoCaption);
  int nameWidth = 60, textWidth = 60;
  for (const Row& row : m_rows) {
    nameWidth = std::max(nameWidth, QFontMetrics(body).horizontalAdvance(row.name));
    textWidth = std::max(textWidth, QFontMetrics(mono).horizontalAdvance(row.text));
  }
  nameWidth = std::min(nameWidth, width() / 3);
  const double left = nameWidth + 16, right = std::max(left + 60, width() - textWidth - 20.0), top = head(), bottom = top + static_cast<double>(m_rows.size()) * kRow;
  auto x = [&](double v) { return left + (v - m_least) / std::max(m_most - m_least, 1e-12) * (right - left); };
  p.setFont(mono);
  for (double tick : niceTicks(m_least, m_most, std::max(2, static_cast<int>((right - left) / 70)))) {
    p.setPen(QPen(theme.color(Role::Sunken), 1));
    p.drawLine(QPointF(x(tick), top), QPointF(x(tick), bottom));
    p.setPen(theme.color(Role::Muted));
    p.drawText(QRectF(x(tick) - 40, bottom + 2, 80, 16), Qt::AlignCenter, tickText(tick, m_percent));
  }
  p.setFont(theme.font(Type::Caption));
  p.drawText(QRectF(left, bottom + 18, right - left, 18), Qt::AlignCenter, m_axis);
  double taken = -1e9;   // right end of the label before: two labels that would meet stand on one line each side
  for (const PlotLevel& level : m_levels) {
    const QColor colour = theme.series(level.series);
    p.setPen(QPen(colour, 1, Qt::DashLine));
    p.drawLine(QPointF(x(level.value), top - 3), QPointF(x(level.value), bottom));
    const double w = QFontMetrics(p.font()).horizontalAdvance(level.name);
    double at = std::clamp(x(level.value) - w / 2, left, std::max(left, static_cast<double>(width()) - w));
    if (at < taken + 8) at = taken + 8;
    taken = at + w;
    p.setPen(colour);
    p.drawText(QPointF(at, top - 7), level.name);
  }
  double y = top + kRow / 2.0;
  for (const Row& row : m_rows) {
    const QColor colour = theme.series(row.series);
    p.setFont(body);
    p.setPen(theme.color(Role::Text));
    p.drawText(QRectF(0, y - kRow / 2.0, nameWidth, kRow), Qt::AlignVCenter | Qt::AlignLeft, QFontMetrics(body).elidedText(row.name, Qt::ElideRight, nameWidth));
    p.setPen(QPen(colour, 1.5));
    if (row.high > row.low) {
      p.drawLine(QPointF(x(row.low), y), QPointF(x(row.high), y));
      p.drawLine(QPointF(x(row.low), y - 5), QPointF(x(row.low), y + 5));
      p.drawLine(QPointF(x(row.high), y - 5), QPointF(x(row.high), y + 5));
    }
    p.setBrush(colour);
    marker(p, {x(row.value), y}, 4.5, row.series);
    p.setFont(mono);
    p.setPen(theme.color(Role::Text));
    p.drawText(QRectF(right + 12, y - kRow / 2.0, width() - right - 12, kRow), Qt::AlignVCenter | Qt::AlignRight, row.text);
    y += kRow;
  }
}

ScatterPlot::ScatterPlot(QWidget* parent) : QWidget(parent) {
  connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void ScatterPlot::setDots(QList<Dot> dots, const QString& xAxis, const QString& yAxis, bool yPercent) {
  m_dots = std::move(dots);
  m_xAxis = xAxis, m_yAxis = yAxis, m_yPercent = yPercent;
  QStringList words;
  for (const Dot& dot : m_dots) words << QStringLiteral("%1: %2, %3").arg(dot.name, significantText(dot.x, 3), tickText(dot.y, yPercent));
  setAccessibleName(QStringLiteral("%1 / %2. %3").arg(xAxis, yAxis, words.join(QStringLiteral("; "))));
  update();
}

void ScatterPlot::setLevels(QList<PlotLevel> levels) {
  m_levels = std::move(levels);
  update();
}

void ScatterPlot::paintEvent(QPaintEvent*) {
  if (m_dots.isEmpty()) return;
  const Theme& theme = Theme::instance();
  QPainter p(this);
  p.setRenderHint(QPainter::Antialiasing);
  double xHigh = 0, yLow = 1e300, yHigh = -1e300;
  for (const Dot& dot : m_dots) xHigh = std::max(xHigh, dot.x), yLow = std::min({yLow, dot.low, dot.y}), yHigh = std::max({yHigh, dot.high, dot.y});
  const double pad = std::max((yHigh - yLow) * 0.15, 0.01);
  yLow = m_yPercent ? std::max(0.0, yLow - pad) : yLow - pad;
  yHigh = m_yPercent ? std::min(1.0, yHigh + pad) : yHigh + pad;
  xHigh = xHigh > 0 ? xHigh * 1.25 : 1;
  const QRectF box(64, 10, width() - 64 - 24, height() - 10 - 46);
  auto at = [&](double x, double y) {
    return QPointF(box.left() + x / xHigh * box.width(), box.bottom() - (y - yLow) / std::max(yHigh - yLow, 1e-12) * box.height());
  };
  p.setFont(theme.font(Type::MonoCaption));
  for (double tick : niceTicks(yLow, yHigh, 4)) {
    p.setPen(QPen(theme.color(Role::Sunken), 1));
    p.drawLine(at(0, tick), at(xHigh, tick));
    p.setPen(theme.color(Role::Muted));
    p.drawText(QRectF(0, at(0, tick).y() - 8, box.left() - 8, 16), Qt::AlignRight | Qt::AlignVCenter, tickText(tick, m_yPercent));
  }
  for (double tick : niceTicks(0, xHigh, 4)) {
    p.setPen(theme.color(Role::Muted));
    p.drawText(QRectF(at(tick, yLow).x() - 40, box.bottom() + 4, 80, 16), Qt::AlignCenter, QLocale().toString(tick, 'g', 4));
  }
  p.setPen(QPen(theme.color(Role::Border), 1));
  p.drawLine(box.bottomLeft(), box.bottomRight());
  p.setFont(theme.font(Type::Caption));
  p.setPen(theme.color(Role::Muted));
  p.drawText(QRectF(box.left(), box.bottom() + 24, box.width(), 18), Qt::AlignCenter, m_xAxis);
  p.save();
  p.translate(10, box.center().y());
  p.rotate(-90);
  p.drawText(QRectF(-box.height() / 2, -9, box.height(), 18), Qt::AlignCenter, m_yAxis);
  p.restore();
  for (const PlotLevel& level : m_levels) {
    p.setPen(QPen(theme.series(level.series), 1, Qt::DashLine));
    p.drawLine(at(0, level.value), at(xHigh, level.value));
  }
  for (const Dot& dot : m_dots) {
    const QColor colour = theme.series(dot.series);
    const QPointF where = at(dot.x, dot.y);
    p.setPen(QPen(colour, 1.2));
    if (dot.high > dot.low) p.drawLine(at(dot.x, dot.low), at(dot.x, dot.high));
    p.setBrush(theme.faint(colour, 0.7));
    const double radius = 4 + 9 * std::sqrt(std::clamp(dot.size, 0.0, 1.0));
    marker(p, where, radius, dot.series);
    p.setPen(theme.color(Role::Text));
    p.setFont(theme.font(Type::Caption));
    const int w = QFontMetrics(p.font()).horizontalAdvance(dot.name);
    const bool leftSide = where.x() + radius + 6 + w > width();
    const double base = where.y() - 4;   // above a level line that goes through the dot
    p.drawText(leftSide ? QPointF(where.x() - radius - 6 - w, base) : QPointF(where.x() + radius + 6, base), dot.name);
  }
}

}  // namespace retort::ui
