// A line of a run small enough for a table cell.
#pragma once
#include <QPainter>
#include <QRect>
#include <vector>

#include "ui/shell/theme.h"

namespace retort::ui {

/// Draws values left to right scaled to their own range; one value is a dot, none draws nothing.
void paintSparkline(QPainter& painter, const QRectF& rect, const std::vector<double>& values, const QColor& colour);

}  // namespace retort::ui
