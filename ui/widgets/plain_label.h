// A label whose text is never markup, in one style of the type scale; may shorten its text with an ellipsis.
#pragma once
#include <QLabel>

#include "ui/shell/theme.h"

namespace retort::ui {

class PlainLabel : public QLabel {
  Q_OBJECT
 public:
  explicit PlainLabel(const QString& text = {}, Type type = Type::Body, QWidget* parent = nullptr);
  void setText(const QString& text);
  [[nodiscard]] QString fullText() const { return m_full; }
  void setType(Type type);
  void setMuted(bool muted);
  void setTint(Role role);                       ///< Text removes the tint
  void setElided(Qt::TextElideMode mode);        ///< one line, cut to the width, the whole text in the tooltip
  void setSelectable();
  [[nodiscard]] QSize minimumSizeHint() const override;
  [[nodiscard]] QSize sizeHint() const override;

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void refresh();
  QString m_full;
  Qt::TextElideMode m_elide = Qt::ElideNone;
};

/// Shorthands for the commonest labels.
[[nodiscard]] PlainLabel* caption(const QString& text, QWidget* parent = nullptr);
[[nodiscard]] PlainLabel* section(const QString& text, QWidget* parent = nullptr);

}  // namespace retort::ui
