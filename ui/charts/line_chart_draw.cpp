// What a chart draws: colours by the theme, axes that move in steps, decimated lines, labels at the line ends.
#include <QToolButton>
#include <algorithm>
#include <array>
#include <cmath>

#include "ui/charts/line_chart_private.h"
#include "ui/shell/theme.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

Qt::PenStyle dash(int index) {
  constexpr std::array<Qt::PenStyle, 4> styles{Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
  return styles[static_cast<std::size_t>(index) % styles.size()];
}

QCPScatterStyle::ScatterShape shape(int index) {
  constexpr std::array<QCPScatterStyle::ScatterShape, 4> shapes{QCPScatterStyle::ssDisc, QCPScatterStyle::ssSquare,
                                                               QCPScatterStyle::ssDiamond, QCPScatterStyle::ssTriangle};
  return shapes[static_cast<std::size_t>(index) % shapes.size()];
}

}  // namespace

void LineChart::Private::theme(ChartLine& line, int index) {
  const Theme& t = Theme::instance();
  const QColor colour = t.series(line.series);
  if (line.faint) line.faint->setPen(QPen(t.faint(colour, 0.25), 1));
  QPen pen(colour, 1.4, dash(index));
  if (line.style == Style::Markers) {
    line.main->setScatterStyle(QCPScatterStyle(shape(index), QPen(colour, 1), QBrush(colour), 6));
    pen = QPen(t.faint(colour, 0.6), 1);
  }
  line.main->setPen(pen);
  line.bad->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCross, QPen(t.color(Role::Bad), 2), Qt::NoBrush, 9));
  line.last->setColor(colour);
  line.last->setFont(t.font(Type::MonoCaption));
  QPixmap swatch(QSize(14, 14) * q->devicePixelRatioF());
  swatch.setDevicePixelRatio(q->devicePixelRatioF());
  swatch.fill(Qt::transparent);
  QPainter p(&swatch);
  p.setRenderHint(QPainter::Antialiasing);
  if (line.style == Style::Markers) p.setBrush(colour), p.setPen(Qt::NoPen), p.drawEllipse(QRectF(3, 3, 8, 8));
  else p.setPen(QPen(line.visible ? colour : t.color(Role::Muted), 2, dash(index))), p.drawLine(QPointF(0, 7), QPointF(14, 7));
  p.end();
  line.chip->setIcon(QIcon(swatch));
  line.chip->setFont(t.font(Type::Caption));
}

void LineChart::Private::theme() {
  const Theme& t = Theme::instance();
  plot->setBackground(QBrush(t.color(Role::Surface)));
  for (QCPAxis* axis : {plot->xAxis, plot->yAxis}) {
    axis->setBasePen(axis == plot->xAxis ? QPen(t.color(Role::Border), 1) : QPen(Qt::NoPen));
    axis->setTickPen(Qt::NoPen);
    axis->setSubTickPen(Qt::NoPen);
    axis->setTickLabelColor(t.color(Role::Muted));
    axis->setTickLabelFont(t.font(Type::MonoCaption));
    axis->setLabelColor(t.color(Role::Muted));
    axis->setLabelFont(t.font(Type::Caption));
    axis->setTickLabelPadding(6);
    axis->setLabelPadding(4);
  }
  plot->xAxis->grid()->setVisible(false);
  plot->yAxis->grid()->setPen(QPen(t.color(Role::Sunken), 1));
  plot->yAxis->grid()->setZeroLinePen(QPen(t.color(Role::Border), 1));
  cross->setPen(QPen(t.color(Role::Muted), 1));
  band->setPen(Qt::NoPen);
  QColor wash = t.color(Role::Accent);
  wash.setAlphaF(0.12F);
  band->setBrush(wash);
  for (std::size_t i = 0; i < lines.size(); ++i) theme(*lines[i], static_cast<int>(i));
  for (ChartLevel& level : levels) {
    level.line->setPen(QPen(t.series(level.series), 1, Qt::DashLine));
    level.label->setColor(t.series(level.series));
    level.label->setFont(t.font(Type::Caption));
  }
}

// The x axis moves in steps outward, so that a live line does not drag the picture with every point.
void LineChart::Private::fit() {
  if (!follow) return;
  const double first = firstX(), last = lastX();
  if (!std::isfinite(first)) {
    low = 0, high = 1;
    return;
  }
  low = std::min(first, 0.0) < first && first < 2 ? 0 : first;
  const double span = std::max(last - low, 1e-9);
  if (last > high || span < (high - low) * 0.55) {
    const double step = std::pow(10, std::floor(std::log10(span))) / 2;
    high = low + std::max(std::ceil(span / step) * step, 1e-9);
  }
}

void LineChart::Private::fitY() {
  double lo = std::numeric_limits<double>::infinity(), hi = -lo;
  for (const auto& line : lines) {
    if (!line->visible) continue;
    const std::size_t first = line->raw.lowerBound(low), last = line->raw.lowerBound(std::nextafter(high, high + 1));
    double a, b;
    if (line->raw.range(first, last, a, b)) lo = std::min(lo, a), hi = std::max(hi, b);
  }
  for (const ChartLevel& level : levels) lo = std::min(lo, level.y), hi = std::max(hi, level.y);
  if (!std::isfinite(lo)) lo = 0, hi = 1;
  if (zero) lo = std::min(0.0, lo), hi = std::max(0.0, hi);
  if (logY) {
    lo = lo > 0 ? lo / 1.1 : std::max(hi, 1e-6) * 1e-4;
    hi = hi > 0 ? hi * 1.1 : 1;
  } else if (hi - lo < 1e-12) {
    const double pad = std::max(std::fabs(hi) * 0.1, 0.1);
    lo -= zero && lo == 0 ? 0 : pad, hi += pad;
  }
  const double span = hi - lo;
  if (lo < yLow || hi > yHigh || span < 0.6 * (yHigh - yLow)) {
    yLow = logY || (zero && lo == 0) ? lo : lo - 0.06 * span;
    yHigh = logY ? hi : hi + (levels.empty() ? 0.06 : 0.16) * span;   // a level's name stands above its line
  }
  plot->yAxis->setRange(yLow, yHigh);
}

void LineChart::Private::fill() {
  dirty = false;
  fit();
  fitY();
  plot->xAxis->setRange(low, high);
  const int pixels = std::max(plot->axisRect()->width(), 50);
  for (auto& line : lines) {
    auto set = [&](QCPGraph* graph, const std::vector<Point>& points) {
      QVector<QCPGraphData> data;
      data.reserve(static_cast<qsizetype>(points.size()));
      for (const Point& p : points) data.append(QCPGraphData(p.x, p.y));
      graph->data()->set(data, true);
      graph->setVisible(line->visible);
    };
    if (line->faint) set(line->faint, line->raw.query(low, high, pixels));
    set(line->main, (line->style == Style::Smoothed ? line->smooth : line->raw).query(low, high, pixels));
    std::vector<Point> bad;
    for (std::size_t i : line->raw.nonFinite())
      if (line->raw.x(i) >= low && line->raw.x(i) <= high && bad.size() < 500) bad.push_back({line->raw.x(i), yHigh - 0.03 * (yHigh - yLow)});
    set(line->bad, bad);
  }
  // A level's name stands where a falling curve does not: at the right end above the middle, at the left end below it.
  for (ChartLevel& level : levels) {
    const bool above = level.y > (yLow + yHigh) / 2;
    level.label->setPositionAlignment((above ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignBottom);
    level.label->position->setCoords(above ? 1 : 0, level.y);
  }
  labels();
  plot->setAntialiasedElements(QCP::aeNone);
  if (plot->isVisible() && !plot->size().isEmpty()) plot->replot(QCustomPlot::rpQueuedReplot);
  quiet.start();
  if (std::isfinite(crossX)) readAt(crossX);
}

// The last value of each line at its end, moved apart where two would meet.
void LineChart::Private::labels() {
  struct Place {
    ChartLine* line;
    double pixel, x;
  };
  std::vector<Place> places;
  for (auto& line : lines) {
    const Series& s = line->style == Style::Smoothed ? line->smooth : line->raw;
    std::size_t i = s.size();
    while (i > 0 && !std::isfinite(s.y(i - 1))) --i;
    line->last->setVisible(line->visible && i > 0);
    if (i == 0) continue;
    line->last->setText(significantText(s.y(i - 1), 4));
    places.push_back({line.get(), plot->yAxis->coordToPixel(s.y(i - 1)), s.x(i - 1)});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.pixel < b.pixel; });
  const double gap = QFontMetrics(Theme::instance().font(Type::MonoCaption)).height();
  for (std::size_t i = 1; i < places.size(); ++i)
    if (places[i].line->last->visible()) places[i].pixel = std::max(places[i].pixel, places[i - 1].pixel + gap);
  const double bottom = plot->axisRect()->bottom() - gap / 2;
  for (std::size_t i = places.size(); i-- > 0;) {
    const double limit = i + 1 < places.size() ? places[i + 1].pixel - gap : bottom;
    places[i].pixel = std::min(places[i].pixel, limit);
    places[i].line->last->position->setCoords(std::clamp(places[i].x, low, high), places[i].pixel);
  }
}

}  // namespace retort::ui
