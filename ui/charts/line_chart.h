// A live line chart over Series: raw faint and smoothed lines, markers, labelled levels, crosshair, zoom, pan, export.
#pragma once
#include <QWidget>
#include <functional>
#include <memory>

#include "ui/charts/series.h"

namespace retort::ui {

class LineChart : public QWidget {
  Q_OBJECT
 public:
  enum class Style {
    Smoothed,   ///< the raw points faint, their bias-corrected moving average above
    Plain,      ///< the points joined
    Markers,    ///< few points (validation): marker shapes, joined thinly
  };
  /// `title` is also the accessible name; axis titles carry units.
  LineChart(const QString& title, const QString& xTitle, const QString& yTitle, QWidget* parent = nullptr);
  ~LineChart() override;

  /// Adds a line in a series colour of the theme; returns its number. Dash patterns follow the order of the lines.
  int addLine(const QString& name, Style style, int series);
  void append(int line, double x, double y);
  void truncateAfter(double x);               ///< on all lines
  void clearData();
  [[nodiscard]] const Series& series(int line) const;
  [[nodiscard]] const Series& smoothed(int line) const;
  /// A labelled horizontal line (the teacher, the base model); nan removes it.
  void setLevel(const QString& name, double y, int series);
  [[nodiscard]] bool hasLevel(const QString& name) const;

  void setSmoothing(double weight);           ///< 0 to 0.999
  void setLogY(bool on);
  void setZeroIncluded(bool on);              ///< where length means quantity
  void setLineVisible(int line, bool visible);
  void resetView();
  [[nodiscard]] double viewLow() const;       ///< shown x range
  [[nodiscard]] double viewHigh() const;
  void setView(double low, double high);
  /// Draws what is pending now instead of on the next frame; for pictures and tests.
  void flush();
  [[nodiscard]] int drawnPoints(int line) const;

  /// All points side by side in a table of its own, for reading without seeing the curve.
  void showValues();
  bool exportPng(const QString& path, int width = 1600, int height = 900);
  bool exportSvg(const QString& path, int width = 1200, int height = 675);
  /// All points of all lines: line, x, y, smoothed; C locale.
  bool exportCsv(const QString& path) const;

  [[nodiscard]] QSize sizeHint() const override { return {480, 240}; }
  [[nodiscard]] QSize minimumSizeHint() const override { return {220, 140}; }

 Q_SIGNALS:
  void crosshairMoved(double x);              ///< shared with other charts of a page

 public:
  void showCrosshair(double x);               ///< nan hides it

 protected:
  bool eventFilter(QObject* object, QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  struct Private;
  std::unique_ptr<Private> m;
};

}  // namespace retort::ui
