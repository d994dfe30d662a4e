// A live line chart over Series, drawn by QCustomPlot: see line_chart.h.
#include "ui/charts/line_chart.h"

#include <QHBoxLayout>
#include <QLocale>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/charts/line_chart_private.h"
#include "ui/shell/icons.h"
#include "ui/shell/theme.h"
#include "ui/widgets/plain_label.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

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

}  // namespace

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
  auto* values = new QToolButton(this);
  values->setIcon(icon(QStringLiteral("table")));
  values->setAccessibleName(tr("Values as a table"));
  values->setToolTip(tr("Values as a table (T)"));
  values->setObjectName(QStringLiteral("chartValues"));
  connect(values, &QToolButton::clicked, this, &LineChart::showValues);
  head->addWidget(values);
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

int LineChart::addLine(const QString& name, Style style, int series) {
  auto line = std::make_unique<ChartLine>();
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

void LineChart::Private::addToSmooth(ChartLine& line, double x, double y) {
  if (line.style == Style::Smoothed) line.smooth.append(x, line.smoother.add(y));
}

void LineChart::append(int line, double x, double y) {
  ChartLine& l = *m->lines[static_cast<std::size_t>(line)];
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
  for (ChartLevel& level : m->levels) m->plot->removeItem(level.line), m->plot->removeItem(level.label);
  m->levels.clear();
  m->follow = true;
  m->yLow = 0, m->yHigh = 1;
  m->schedule();
}

const Series& LineChart::series(int line) const { return m->lines[static_cast<std::size_t>(line)]->raw; }
const Series& LineChart::smoothed(int line) const { return m->lines[static_cast<std::size_t>(line)]->smooth; }

void LineChart::setLevel(const QString& name, double y, int series) {
  auto it = std::find_if(m->levels.begin(), m->levels.end(), [&](const ChartLevel& level) { return level.name == name; });
  if (!std::isfinite(y)) {
    if (it != m->levels.end()) m->plot->removeItem(it->line), m->plot->removeItem(it->label), m->levels.erase(it);
    return m->schedule();
  }
  if (it == m->levels.end()) {
    ChartLevel level{name, y, series, new QCPItemStraightLine(m->plot), new QCPItemText(m->plot)};
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
  return std::any_of(m->levels.begin(), m->levels.end(), [&](const ChartLevel& level) { return level.name == name; });
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
  ChartLine& line = *m->lines[static_cast<std::size_t>(index)];
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
  const ChartLine& l = *m->lines[static_cast<std::size_t>(line)];
  return (l.faint ? l.faint : l.main)->dataCount();
}

}  // namespace retort::ui
