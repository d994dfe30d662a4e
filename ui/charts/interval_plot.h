// Values with their intervals, one row a model: a point, its whiskers, the number in words.
#pragma once
#include <QList>
#include <QWidget>

namespace retort::ui {

/// A labelled line across a plot at the value of a model that others are held against (teacher, base model).
struct PlotLevel {
  QString name;
  double value;
  int series;
};

class IntervalPlot : public QWidget {
  Q_OBJECT
 public:
  struct Row {
    QString name;
    double value, low, high;
    QString text;            ///< "91.2 % [88.9, 93.1], n 480"
    int series;
  };
  explicit IntervalPlot(QWidget* parent = nullptr);
  /// `axis` is the title with its unit; values are drawn between `least` and `most` (widened where rows lie outside).
  void setRows(QList<Row> rows, const QString& axis, double least, double most, bool percent);
  [[nodiscard]] const QList<Row>& rows() const { return m_rows; }
  void setLevels(QList<PlotLevel> levels);
  [[nodiscard]] const QList<PlotLevel>& levels() const { return m_levels; }
  [[nodiscard]] QSize sizeHint() const override;
  [[nodiscard]] QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  [[nodiscard]] int head() const;    ///< room above the rows for the levels' names
  QList<Row> m_rows;
  QList<PlotLevel> m_levels;
  QString m_axis;
  double m_least = 0, m_most = 1;
  bool m_percent = true;
};

/// Points in two dimensions with names (latency against quality, bubble = size).
class ScatterPlot : public QWidget {
  Q_OBJECT
 public:
  struct Dot {
    QString name;
    double x, y, size;       ///< size 0 to 1, the bubble's area
    int series;
    double low, high;        ///< interval of y; equal for none
  };
  explicit ScatterPlot(QWidget* parent = nullptr);
  void setDots(QList<Dot> dots, const QString& xAxis, const QString& yAxis, bool yPercent);
  [[nodiscard]] const QList<Dot>& dots() const { return m_dots; }
  /// Across the plot at these y.
  void setLevels(QList<PlotLevel> levels);
  [[nodiscard]] QSize sizeHint() const override { return {360, 260}; }
  [[nodiscard]] QSize minimumSizeHint() const override { return {240, 180}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QList<Dot> m_dots;
  QList<PlotLevel> m_levels;
  QString m_xAxis, m_yAxis;
  bool m_yPercent = true;
};

}  // namespace retort::ui
