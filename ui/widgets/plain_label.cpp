// A label whose text is never markup: see plain_label.h.
#include "ui/widgets/plain_label.h"

#include <QStyle>

namespace retort::ui {
namespace {
void repolish(QWidget* w) { w->style()->unpolish(w), w->style()->polish(w); }
}  // namespace

PlainLabel::PlainLabel(const QString& text, Type type, QWidget* parent) : QLabel(parent) {
  setTextFormat(Qt::PlainText);
  setOpenExternalLinks(false);
  setType(type);
  setText(text);
}

void PlainLabel::setType(Type type) {
  setFont(Theme::instance().font(type));
  refresh();
}

void PlainLabel::setText(const QString& text) {
  if (m_full == text && !QLabel::text().isNull()) return;
  m_full = text;
  refresh();
}

void PlainLabel::setMuted(bool muted) {
  setProperty("muted", muted);
  repolish(this);
}

void PlainLabel::setTint(Role role) {
  const char* name = role == Role::Bad ? "bad" : role == Role::Good ? "good" : role == Role::Caution ? "caution" : "";
  setProperty("role", QLatin1String(name));
  setProperty("muted", role == Role::Muted);
  repolish(this);
}

void PlainLabel::setElided(Qt::TextElideMode mode) {
  m_elide = mode;
  setWordWrap(false);
  setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  refresh();
}

void PlainLabel::setSelectable() {
  setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
}

QSize PlainLabel::sizeHint() const {
  if (m_elide == Qt::ElideNone) return QLabel::sizeHint();
  const QFontMetrics metrics(font());
  return {metrics.horizontalAdvance(m_full) + 4, metrics.height()};
}

QSize PlainLabel::minimumSizeHint() const {
  if (m_elide == Qt::ElideNone) return QLabel::minimumSizeHint();
  return {24, QFontMetrics(font()).height()};
}

void PlainLabel::resizeEvent(QResizeEvent* event) {
  QLabel::resizeEvent(event);
  if (m_elide != Qt::ElideNone) refresh();
}

void PlainLabel::refresh() {
  if (m_elide == Qt::ElideNone) {
    QLabel::setText(m_full);
    return;
  }
  QString line = m_full;
  line.replace(QLatin1Char('\n'), QLatin1Char(' '));
  const QString cut = QFontMetrics(font()).elidedText(line, m_elide, width());
  QLabel::setText(cut);
  setToolTip(cut == line ? QString() : m_full.toHtmlEscaped());
}

PlainLabel* caption(const QString& text, QWidget* parent) {
  auto* label = new PlainLabel(text, Type::Caption, parent);
  label->setMuted(true);
  return label;
}

PlainLabel* section(const QString& text, QWidget* parent) { return new PlainLabel(text, Type::Section, parent); }

}  // namespace retort::ui
