// Icons drawn for Retort as SVG, tinted by the theme at the moment of painting.
#pragma once
#include <QIcon>
#include <QPixmap>
#include <QString>

#include "ui/shell/theme.h"

namespace retort::ui {

/// The icon `name` of resources/icons in the colour of `role`; disabled icons take the muted colour.
[[nodiscard]] QIcon icon(const QString& name, Role role = Role::Muted, Role active = Role::Text);
/// A drawing as a pixmap of `size` logical pixels, for labels.
[[nodiscard]] QPixmap drawing(const QString& name, int size, const QColor& colour, qreal pixelRatio);

}  // namespace retort::ui
