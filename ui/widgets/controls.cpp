// Small controls of one look: see controls.h.
#include "ui/widgets/controls.h"

#include <QHBoxLayout>

#include <QPainter>
#include <QPainterPath>
#include <QStyle>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/icons.h"

namespace retort::ui {

void repolish(QWidget* widget) {
  widget->style()->unpolish(widget);
  widget->style()->polish(widget);
  widget->update();
}

QPushButton* button(const QString& text, const QString& objectName, const QString& iconName, QWidget* parent) {
  auto* b = new QPushButton(iconName.isEmpty() ? text : QLatin1Char(' ') + text, parent);   // style sheets know no gap behind an icon
  b->setObjectName(objectName);
  b->setAccessibleName(QString(text).remove(QLatin1Char('&')));   // the mnemonic's mark is not spoken
  if (!iconName.isEmpty()) b->setIcon(icon(iconName, Role::Text));
  b->setIconSize({16, 16});
  b->setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
  return b;
}

QPushButton* primaryButton(const QString& text, const QString& objectName, const QString& iconName, QWidget* parent) {
  QPushButton* b = button(text, objectName, iconName, parent);
  b->setProperty("primary", true);
  if (!iconName.isEmpty()) b->setIcon(icon(iconName, Role::OnAccent, Role::OnAccent));
  return b;
}

QPushButton* linkButton(const QString& text, const QString& objectName, QWidget* parent) {
  QPushButton* b = button(text, objectName, {}, parent);
  b->setProperty("link", true);
  b->setCursor(Qt::PointingHandCursor);
  return b;
}

QToolButton* iconButton(const QString& iconName, const QString& name, const QString& objectName, QWidget* parent) {
  auto* b = new QToolButton(parent);
  b->setObjectName(objectName);
  b->setAccessibleName(name);
  b->setToolTip(name);
  b->setIcon(icon(iconName));
  b->setIconSize({16, 16});
  b->setFocusPolicy(Qt::StrongFocus);
  return b;
}

Card::Card(QWidget* parent) : QFrame(parent) {
  setProperty("card", true);
}

QFrame* hairline(QWidget* parent, Qt::Orientation orientation) {
  auto* line = new QFrame(parent);
  line->setObjectName(QStringLiteral("hairline"));
  if (orientation == Qt::Horizontal) line->setFixedHeight(1);
  else line->setFixedWidth(1);
  return line;
}

Chip::Chip(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
  setFont(Theme::instance().font(Type::Caption));
}

void Chip::set(const QString& text, const QString& iconName, Role role) {
  if (text == m_text && iconName == m_icon && role == m_role) return;
  m_text = text, m_icon = iconName, m_role = role;
  setAccessibleName(text);
  updateGeometry();
  update();
}

QSize Chip::sizeHint() const {
  const QFontMetrics metrics(font());
  return {metrics.horizontalAdvance(m_text) + 18 + (m_icon.isEmpty() ? 0 : 16), std::max(22, metrics.height() + 6)};
}

void Chip::paintEvent(QPaintEvent*) {
  if (m_text.isEmpty()) return;
  const Theme& theme = Theme::instance();
  QPainter p(this);
  p.setRenderHint(QPainter::Antialiasing);
  const QColor colour = theme.color(m_role);
  const QRectF box = QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5);
  p.setPen(QPen(theme.faint(colour, 0.55), 1));
  p.setBrush(theme.faint(colour, 0.07));
  p.drawRoundedRect(box, box.height() / 2, box.height() / 2);
  int x = 9;
  if (!m_icon.isEmpty()) {
    p.drawPixmap(x, (height() - 12) / 2, drawing(m_icon, 12, colour, devicePixelRatioF()));
    x += 16;
  }
  p.setPen(colour);
  p.drawText(QRect(x, 0, width() - x, height()), Qt::AlignVCenter | Qt::AlignLeft, m_text);
}

KeyValues::KeyValues(QWidget* parent) : QWidget(parent), m_grid(new QGridLayout(this)) {
  m_grid->setContentsMargins(0, 0, 0, 0);
  m_grid->setHorizontalSpacing(16);
  m_grid->setVerticalSpacing(6);
  m_grid->setColumnStretch(1, 1);
}

PlainLabel* KeyValues::add(const QString& key, const QString& value, bool mono) {
  const int row = static_cast<int>(m_rows.size());
  auto* k = new PlainLabel(key, Type::Body, this);
  k->setMuted(true);
  k->setAlignment(Qt::AlignTop | Qt::AlignLeft);
  auto* v = new PlainLabel(value, mono ? Type::Mono : Type::Body, this);
  v->setSelectable();
  v->setAccessibleName(key);
  // A hash or a path is one word that cannot wrap: it is shortened in its middle, the tooltip has it whole.
  if (mono && value.size() > 36 && !value.contains(QLatin1Char(' '))) v->setElided(Qt::ElideMiddle);
  else v->setWordWrap(true);
  m_grid->addWidget(k, row, 0);
  m_grid->addWidget(v, row, 1);
  m_rows.append({key, v});
  return v;
}

void KeyValues::set(const QString& key, const QString& value) {
  for (auto& [name, label] : m_rows)
    if (name == key) return label->setText(value);
  add(key, value);
}

void KeyValues::clear() {
  while (QLayoutItem* item = m_grid->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  m_rows.clear();
}

NumberTile::NumberTile(const QString& name, const QString& objectName, QWidget* parent) : QWidget(parent) {
  setObjectName(objectName);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addWidget(caption(name, this));
  auto* row = new QHBoxLayout;
  row->setSpacing(6);
  m_value = new PlainLabel(QStringLiteral("–"), Type::BigNumber, this);
  m_value->setObjectName(objectName + QStringLiteral("Value"));
  m_value->setAccessibleName(name);
  m_unit = caption({}, this);
  row->addWidget(m_value, 0, Qt::AlignBaseline);
  row->addWidget(m_unit, 0, Qt::AlignBaseline);
  row->addStretch();
  column->addLayout(row);
}

void NumberTile::setValue(const QString& value, const QString& unit) {
  m_value->setText(value.isEmpty() ? QStringLiteral("–") : value);
  m_unit->setText(unit);
}

QString NumberTile::value() const { return m_value->fullText(); }

ProgressLine::ProgressLine(QWidget* parent) : QWidget(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(4);
  m_bar = new QProgressBar(this);
  m_bar->setTextVisible(false);
  m_bar->setRange(0, 1000);
  m_text = caption({}, this);
  column->addWidget(m_bar);
  column->addWidget(m_text);
}

void ProgressLine::set(qint64 done, qint64 of, const QString& text) {
  m_bar->setRange(0, of > 0 ? 1000 : 0);
  if (of > 0) m_bar->setValue(static_cast<int>(std::clamp<qint64>(done * 1000 / of, 0, 1000)));
  m_text->setText(text);
  m_bar->setAccessibleName(text);
}

ShareBar::ShareBar(QWidget* parent) : QWidget(parent) {
  QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  policy.setHeightForWidth(true);
  setSizePolicy(policy);
  setFont(Theme::instance().font(Type::Caption));
}

void ShareBar::setParts(QList<Part> parts, double whole) {
  m_parts = std::move(parts);
  double sum = 0;
  QStringList words;
  for (const Part& part : m_parts) {
    sum += part.amount;
    words << part.name + QLatin1Char(' ') + part.amountText;
  }
  m_whole = std::max(whole, sum);
  setAccessibleName(words.join(QStringLiteral(", ")));
  setFixedHeight(heightForWidth(std::max(width(), 120)));
  updateGeometry();
  update();
}

int ShareBar::legend(int width, QPainter* painter) const {
  const QFontMetrics metrics(font());
  const Theme& theme = Theme::instance();
  int x = 0, y = 0;
  for (const Part& part : m_parts) {
    const int w = 14 + metrics.horizontalAdvance(part.name + QLatin1Char(' ') + part.amountText) + 16;
    if (x > 0 && x + w - 16 > width) x = 0, y += metrics.height() + 4;
    if (painter) {
      const int top = 18 + y;
      painter->setPen(Qt::NoPen);
      painter->setBrush(theme.series(part.series));
      painter->drawRoundedRect(QRectF(x, top + (metrics.height() - 8) / 2.0, 8, 8), 2, 2);
      painter->setPen(theme.color(Role::Muted));
      painter->drawText(x + 14, top + metrics.ascent(), part.name);
      painter->setPen(theme.color(Role::Text));
      painter->drawText(x + 14 + metrics.horizontalAdvance(part.name + QLatin1Char(' ')), top + metrics.ascent(), part.amountText);
    }
    x += w;
  }
  return m_parts.isEmpty() ? 0 : y + metrics.height();
}

int ShareBar::heightForWidth(int width) const { return 18 + legend(width, nullptr); }
QSize ShareBar::sizeHint() const { return {240, heightForWidth(std::max(width(), 240))}; }
QSize ShareBar::minimumSizeHint() const { return {120, 18}; }

void ShareBar::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  const int wanted = heightForWidth(width());
  if (wanted != height()) setFixedHeight(wanted);
}

void ShareBar::paintEvent(QPaintEvent*) {
  QPainter p(this);
  p.setRenderHint(QPainter::Antialiasing);
  const Theme& theme = Theme::instance();
  QPainterPath clip;
  clip.addRoundedRect(QRectF(0, 0, width(), 10), 3, 3);
  p.save();
  p.setClipPath(clip);
  p.fillRect(QRectF(0, 0, width(), 10), theme.color(Role::Sunken));
  double x = 0;
  for (const Part& part : m_parts) {
    const double w = m_whole > 0 ? part.amount / m_whole * width() : 0;
    p.fillRect(QRectF(x, 0, std::max(0.0, w - 1), 10), theme.series(part.series));
    x += w;
  }
  p.restore();
  (void)legend(width(), &p);
}

PhaseRow phaseRow(const QString& chipName, QWidget* parent) {
  PhaseRow out{new QHBoxLayout, new Chip(parent), new PlainLabel({}, Type::Body, parent)};
  out.row->setSpacing(8);
  out.phase->setObjectName(chipName);
  out.row->addWidget(out.phase);
  out.about->setMuted(true);
  out.about->setElided(Qt::ElideRight);
  out.about->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  out.row->addWidget(out.about, 1);
  return out;
}

}  // namespace retort::ui
