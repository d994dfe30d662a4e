// A line of a run small enough for a table cell: see sparkline.h.
#include "ui/charts/sparkline.h"

#include <algorithm>
#include <cmath>

namespace retort::ui {

void paintSparkline(QPainter& painter, const QRectF& rect, const std::vector<double>& values, const QColor& colour) {
  std::vector<double> finite;
  for (double v : values)
    if (std::isfinite(v)) finite.push_back(v);
  if (finite.empty()) return;
  const auto [lo, hi] = std::minmax_element(finite.begin(), finite.end());
  const double span = std::max(*hi - *lo, 1e-12);
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  QPolygonF line;
  for (std::size_t i = 0; i < finite.size(); ++i) {
    const double x = finite.size() == 1 ? 1 : static_cast<double>(i) / static_cast<double>(finite.size() - 1);
    line << QPointF(rect.left() + x * rect.width(), rect.bottom() - (finite[i] - *lo) / span * rect.height());
  }
  painter.setPen(QPen(colour, 1.3));
  painter.drawPolyline(line);
  painter.setBrush(colour);
  painter.setPen(Qt::NoPen);
  painter.drawEllipse(line.back(), 2, 2);
  painter.restore();
}

}  // namespace retort::ui
