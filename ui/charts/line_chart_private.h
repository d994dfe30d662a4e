// The inside of LineChart, shared by its drawing, its input and its exports; nobody else includes it.
#pragma once
#include <QPoint>
#include <QTimer>
#include <limits>
#include <memory>
#include <vector>
#include <qcustomplot.h>

#include "ui/charts/line_chart.h"

class QHBoxLayout;
class QMouseEvent;
class QToolButton;

namespace retort::ui {

class PlainLabel;

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// One line of a chart with what is drawn of it.
struct ChartLine {
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

/// A labelled horizontal line.
struct ChartLevel {
  QString name;
  double y;
  int series;
  QCPItemStraightLine* line;
  QCPItemText* label;
};

struct LineChart::Private {
  LineChart* q;
  QCustomPlot* plot;
  PlainLabel *title, *readout;
  QHBoxLayout* chips;
  std::vector<std::unique_ptr<ChartLine>> lines;
  std::vector<ChartLevel> levels;
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
  void theme(ChartLine& line, int index);
  void fill();
  void fit();
  void fitY();
  void labels();
  void readAt(double x);
  void schedule();
  void addToSmooth(ChartLine& line, double x, double y);
  bool mouse(QMouseEvent* event, QEvent::Type type);
  void zoom(double centre, double factor);
  void menu(const QPoint& at);
  void save(const QString& kind);
  [[nodiscard]] double lastX() const;
  [[nodiscard]] double firstX() const;
};

}  // namespace retort::ui
