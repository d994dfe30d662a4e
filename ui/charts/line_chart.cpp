// A live line chart over Series, drawn by QCustomPlot: see line_chart.h.
#include "ui/charts/line_chart.h"

#include <QFileDialog>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLocale>
#include <QMenu>
#include <QMouseEvent>
#include <QSaveFile>
#include <QSvgGenerator>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>
#include <qcustomplot.h>

#include "ui/shell/icons.h"
#include "ui/shell/theme.h"
#include "ui/widgets/plain_label.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kFrameMs = 33, kQuietMs = 250;

// Shorter numbers on axes than QCustomPlot's: 1.2 k, 3 M.
class ShortTicker : public QCPAxisTicker {
 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar, int) override {
    const double a = std::fabs(tick);
    if (a >= 1e6) return locale.toString(tick / 1e6, 'g', 4) + QStringLiteral(" M");
    if (a >= 1e4) return locale.toString(tick / 1e3, 'g', 4) + QStringLiteral(" k");
    if (a < 1e-12) return QStringLiteral("0");
    if (a < 1e-3) return locale.toString(tick, 'e', 1);
    return locale.toString(tick, 'g', 5);
  }
};

struct Line {
  QString name;
  LineChart::Style style;
  int series = 0;
  Series raw, smooth;
  Smoother smoother;
  bool visible = true;
  QCPGraph *faint = nullptr, *main = nullptr, *bad = nullptr;
  QCPItemText* last = nullptr;
  QToolButton* chip = nullptr;
};

struct Level {
  QString name;
  double y;
  int series;
  QCPItemStraightLine* line;
  QCPItemText* label;
};

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

struct LineChart::Private {
  LineChart* q;
  QCustomPlot* plot;
  PlainLabel *title, *readout;
  QHBoxLayout* chips;
  std::vector<std::unique_ptr<Line>> lines;
  std::vector<Level> levels;
  QTimer frame, quiet;
  QCPItemStraightLine* cross = nullptr;
  QCPItemRect* band = nullptr;
  double smoothing = 0.9, low = 0, high = 1;
  bool follow = true, dirty = true, logY = false, zero = false, smoothOn = true;
  double yLow = 0, yHigh = 1;          ///< axis range with hysteresis
  QPoint press;
  bool dragging = false, panning = false;
  double panX = 0, panLow = 0, panHigh = 0, crossX = kNan;

  void theme();
  void theme(Line& line, int index);
  void fill();
  void fit();
  void fitY();
  void labels();
  void readAt(double x);
  void schedule();
  void addToSmooth(Line& line, double x, double y);
  bool mouse(QMouseEvent* event, QEvent::Type type);
  void zoom(double centre, double factor);
  void menu(const QPoint& at);
  void save(const QString& kind);
  [[nodiscard]] double lastX() const;
  [[nodiscard]] double firstX() const;
};

double LineChart::Private::lastX() const {
  double x = -std::numeric_limits<double>::infinity();
  for (const auto& line : lines)
    if (!line->raw.empty()) x = std::max(x, line->raw.x(line->raw.size() - 1));
  return x;
}

double LineChart::Private::firstX() const {
  double x = std::numeric_limits<double>::infinity();
  for (const auto& line : lines)
    if (!line->raw.empty()) x = std::min(x, line->raw.x(0));
  return x;
}

LineChart::LineChart(const QString& title, const QString& xTitle, const QString& yTitle, QWidget* parent)
    : QWidget(parent), m(std::make_unique<Private>()) {
  m->q = this;
  setAccessibleName(title);
  setFocusPolicy(Qt::StrongFocus);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(2);
  auto* head = new QHBoxLayout;
  head->setSpacing(8);
  m->title = section(title, this);
  head->addWidget(m->title);
  m->chips = new QHBoxLayout;
  m->chips->setSpacing(2);
  head->addLayout(m->chips);
  head->addStretch();
  m->readout = new PlainLabel({}, Type::MonoCaption, this);
  m->readout->setMuted(true);
  m->readout->setObjectName(QStringLiteral("chartReadout"));
  head->addWidget(m->readout);
  auto* more = new QToolButton(this);
  more->setIcon(icon(QStringLiteral("more")));
  more->setAccessibleName(tr("Chart menu"));
  more->setToolTip(tr("Chart menu"));
  more->setObjectName(QStringLiteral("chartMenu"));
  connect(more, &QToolButton::clicked, this, [this, more] { m->menu(more->mapToGlobal(QPoint(0, more->height()))); });
  head->addWidget(more);
  column->addLayout(head);
  m->plot = new QCustomPlot(this);
  m->plot->setObjectName(QStringLiteral("plot"));
  m->plot->setFocusPolicy(Qt::NoFocus);
  m->plot->setAttribute(Qt::WA_OpaquePaintEvent, false);
  m->plot->setNotAntialiasedElements(QCP::aeAll);
  m->plot->xAxis->setLabel(xTitle);
  m->plot->yAxis->setLabel(yTitle);
  m->plot->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ShortTicker));
  m->plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ShortTicker));
  m->plot->yAxis->ticker()->setTickCount(5);
  m->plot->axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msTop);
  m->plot->axisRect()->setMargins(QMargins(0, 0, 64, 0));
  m->plot->axisRect()->setMinimumMargins(QMargins(52, 8, 0, 0));
  // The overlay is drawn into its own buffer, so that a moving crosshair does not redraw the lines.
  m->plot->addLayer(QStringLiteral("cursor"), m->plot->layer(QStringLiteral("overlay")), QCustomPlot::limAbove);
  m->plot->layer(QStringLiteral("cursor"))->setMode(QCPLayer::lmBuffered);
  m->cross = new QCPItemStraightLine(m->plot);
  m->cross->setLayer(QStringLiteral("cursor"));
  m->cross->setVisible(false);
  m->band = new QCPItemRect(m->plot);
  m->band->setLayer(QStringLiteral("cursor"));
  m->band->setVisible(false);
  m->plot->setMouseTracking(true);
  m->plot->installEventFilter(this);
  column->addWidget(m->plot, 1);
  m->frame.setSingleShot(true);
  m->frame.setInterval(kFrameMs);
  connect(&m->frame, &QTimer::timeout, this, [this] {
    if (isVisible()) m->fill();
  });
  m->quiet.setSingleShot(true);
  m->quiet.setInterval(kQuietMs);
  connect(&m->quiet, &QTimer::timeout, this, [this] {
    m->plot->setAntialiasedElements(QCP::aePlottables | QCP::aeScatters);
    if (isVisible() && !m->plot->size().isEmpty()) m->plot->replot(QCustomPlot::rpQueuedReplot);
  });
  connect(&Theme::instance(), &Theme::changed, this, [this] { m->theme(), m->schedule(); });
  m->theme();
}

LineChart::~LineChart() = default;

void LineChart::Private::theme(Line& line, int index) {
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
  for (Level& level : levels) {
    level.line->setPen(QPen(t.series(level.series), 1, Qt::DashLine));
    level.label->setColor(t.series(level.series));
    level.label->setFont(t.font(Type::Caption));
  }
}

int LineChart::addLine(const QString& name, Style style, int series) {
  auto line = std::make_unique<Line>();
  line->name = name;
  line->style = style;
  line->series = series;
  line->smoother.setWeight(m->smoothing);
  if (style == Style::Smoothed) line->faint = m->plot->addGraph();
  line->main = m->plot->addGraph();
  line->bad = m->plot->addGraph();
  line->bad->setLineStyle(QCPGraph::lsNone);
  for (QCPGraph* graph : {line->faint, line->main, line->bad})
    if (graph) graph->setAdaptiveSampling(false);
  line->last = new QCPItemText(m->plot);
  line->last->setClipToAxisRect(false);
  line->last->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  line->last->position->setTypeX(QCPItemPosition::ptPlotCoords);
  line->last->position->setTypeY(QCPItemPosition::ptAbsolute);
  line->last->setPadding(QMargins(6, 0, 0, 0));
  const int index = static_cast<int>(m->lines.size());
  line->chip = new QToolButton(this);
  line->chip->setText(name);
  line->chip->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  line->chip->setCheckable(true);
  line->chip->setChecked(true);
  line->chip->setProperty("legend", true);
  line->chip->setStyleSheet(QStringLiteral("QToolButton:checked { background: transparent; }"));
  line->chip->setAccessibleName(tr("Show %1").arg(name));
  line->chip->setToolTip(tr("Show or hide %1").arg(name));
  line->chip->setObjectName(QStringLiteral("legend%1").arg(index));
  connect(line->chip, &QToolButton::toggled, this, [this, index](bool on) { setLineVisible(index, on); });
  m->chips->addWidget(line->chip);
  m->theme(*line, index);
  m->lines.push_back(std::move(line));
  return index;
}

void LineChart::Private::addToSmooth(Line& line, double x, double y) {
  if (line.style == Style::Smoothed) line.smooth.append(x, line.smoother.add(y));
}

void LineChart::append(int line, double x, double y) {
  Line& l = *m->lines[static_cast<std::size_t>(line)];
  l.raw.append(x, y);
  m->addToSmooth(l, x, y);
  m->schedule();
}

void LineChart::truncateAfter(double x) {
  for (auto& line : m->lines) {
    if (line->raw.empty() || line->raw.x(line->raw.size() - 1) <= x) continue;
    line->raw.truncateAfter(x);
    line->smooth.clear();
    line->smoother.reset();
    for (std::size_t i = 0; i < line->raw.size(); ++i) m->addToSmooth(*line, line->raw.x(i), line->raw.y(i));
  }
  m->schedule();
}

void LineChart::clearData() {
  for (auto& line : m->lines) line->raw.clear(), line->smooth.clear(), line->smoother.reset();
  for (Level& level : m->levels) m->plot->removeItem(level.line), m->plot->removeItem(level.label);
  m->levels.clear();
  m->follow = true;
  m->yLow = 0, m->yHigh = 1;
  m->schedule();
}

const Series& LineChart::series(int line) const { return m->lines[static_cast<std::size_t>(line)]->raw; }
const Series& LineChart::smoothed(int line) const { return m->lines[static_cast<std::size_t>(line)]->smooth; }

void LineChart::setLevel(const QString& name, double y, int series) {
  auto it = std::find_if(m->levels.begin(), m->levels.end(), [&](const Level& level) { return level.name == name; });
  if (!std::isfinite(y)) {
    if (it != m->levels.end()) m->plot->removeItem(it->line), m->plot->removeItem(it->label), m->levels.erase(it);
    return m->schedule();
  }
  if (it == m->levels.end()) {
    Level level{name, y, series, new QCPItemStraightLine(m->plot), new QCPItemText(m->plot)};
    level.label->setPositionAlignment(Qt::AlignLeft | Qt::AlignBottom);
    level.label->position->setTypeX(QCPItemPosition::ptAxisRectRatio);
    level.label->setPadding(QMargins(4, 0, 0, 1));
    it = m->levels.insert(m->levels.end(), level);
  }
  it->y = y;
  it->label->setText(QStringLiteral("%1 %2").arg(name, significantText(y, 3)));
  it->line->point1->setCoords(0, y);
  it->line->point2->setCoords(1, y);
  it->label->position->setCoords(0, y);
  m->theme();
  m->schedule();
}

bool LineChart::hasLevel(const QString& name) const {
  return std::any_of(m->levels.begin(), m->levels.end(), [&](const Level& level) { return level.name == name; });
}

void LineChart::setSmoothing(double weight) {
  m->smoothing = std::clamp(weight, 0.0, 0.999);
  for (auto& line : m->lines) {
    if (line->style != Style::Smoothed) continue;
    line->smoother.setWeight(m->smoothing);
    line->smooth.clear();
    for (std::size_t i = 0; i < line->raw.size(); ++i) m->addToSmooth(*line, line->raw.x(i), line->raw.y(i));
  }
  m->schedule();
}

void LineChart::setLogY(bool on) {
  m->logY = on;
  m->plot->yAxis->setScaleType(on ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  if (on) m->plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new QCPAxisTickerLog));
  else m->plot->yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ShortTicker)), m->plot->yAxis->ticker()->setTickCount(5);
  QString label = m->plot->yAxis->label();
  const QString suffix = tr(", log scale");
  label.remove(suffix);
  m->plot->yAxis->setLabel(on ? label + suffix : label);
  m->yLow = 0, m->yHigh = 0;
  m->schedule();
}

void LineChart::setZeroIncluded(bool on) {
  m->zero = on;
  m->schedule();
}

void LineChart::setLineVisible(int index, bool visible) {
  Line& line = *m->lines[static_cast<std::size_t>(index)];
  line.visible = visible;
  if (line.chip->isChecked() != visible) line.chip->setChecked(visible);
  m->theme(line, index);
  m->schedule();
}

void LineChart::resetView() {
  m->follow = true;
  m->low = m->high = 0;   // so that the range is found anew
  m->schedule();
}

double LineChart::viewLow() const { return m->low; }
double LineChart::viewHigh() const { return m->high; }

void LineChart::setView(double low, double high) {
  if (!(high > low)) return;
  m->follow = false;
  m->low = low, m->high = high;
  m->schedule();
}

void LineChart::Private::schedule() {
  dirty = true;
  if (q->isVisible() && !frame.isActive()) frame.start();
}

void LineChart::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  m->schedule();
}

void LineChart::flush() { m->fill(); }

int LineChart::drawnPoints(int line) const {
  const Line& l = *m->lines[static_cast<std::size_t>(line)];
  return (l.faint ? l.faint : l.main)->dataCount();
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
  for (const Level& level : levels) lo = std::min(lo, level.y), hi = std::max(hi, level.y);
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
    yHigh = logY ? hi : hi + 0.06 * span;
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
  labels();
  plot->setAntialiasedElements(QCP::aeNone);
  if (plot->isVisible() && !plot->size().isEmpty()) plot->replot(QCustomPlot::rpQueuedReplot);
  quiet.start();
  if (std::isfinite(crossX)) readAt(crossX);
}

// The last value of each line at its end, moved apart where two would meet.
void LineChart::Private::labels() {
  struct Place {
    Line* line;
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
  list->addSeparator();
  for (const char* kind : {"png", "svg", "csv"})
    QObject::connect(list->addAction(LineChart::tr("Save as %1…").arg(QString::fromLatin1(kind).toUpper())), &QAction::triggered, q,
                     [this, kind] { save(QLatin1String(kind)); });
  list->popup(at);
}

void LineChart::Private::save(const QString& kind) {
  auto* dialog = new QFileDialog(q, LineChart::tr("Save chart"), {}, QStringLiteral("%1 (*.%2)").arg(kind.toUpper(), kind));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(kind);
  QObject::connect(dialog, &QFileDialog::fileSelected, q, [this, kind](const QString& path) {
    if (kind == QLatin1String("png")) q->exportPng(path);
    else if (kind == QLatin1String("svg")) q->exportSvg(path);
    else q->exportCsv(path);
  });
  dialog->open();
}

bool LineChart::exportPng(const QString& path, int width, int height) {
  m->fill();
  m->plot->setAntialiasedElements(QCP::aePlottables | QCP::aeScatters);
  return m->plot->savePng(path, width / 2, height / 2, 2);
}

bool LineChart::exportSvg(const QString& path, int width, int height) {
  m->fill();
  QSvgGenerator svg;
  svg.setFileName(path);
  svg.setSize({width, height});
  svg.setViewBox(QRect(0, 0, width, height));
  svg.setTitle(m->title->fullText());
  QCPPainter painter;
  if (!painter.begin(&svg)) return false;
  painter.setMode(QCPPainter::pmVectorized);
  m->plot->toPainter(&painter, width, height);
  return painter.end();
}

bool LineChart::exportCsv(const QString& path) const {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return false;
  file.write("line,x,y,smoothed\n");
  auto number = [](double v) { return std::isfinite(v) ? QByteArray::number(v, 'g', 17) : QByteArray(std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf"); };
  for (const auto& line : m->lines) {
    QByteArray name = line->name.toUtf8();
    name = '"' + name.replace('"', "\"\"") + '"';
    for (std::size_t i = 0; i < line->raw.size(); ++i)
      file.write(name + ',' + number(line->raw.x(i)) + ',' + number(line->raw.y(i)) + ',' +
                 (i < line->smooth.size() ? number(line->smooth.y(i)) : QByteArray()) + '\n');
  }
  return file.commit();
}

}  // namespace retort::ui
