// What every page is made of: see page.h.
#include "ui/pages/page.h"

#include <QPainter>


namespace retort::ui {

Page::Page(Session* session, const QString& objectName, const QString& title, QWidget* parent) : QWidget(parent), m_session(session) {
  setObjectName(objectName);
  setAccessibleName(title);
  setFocusPolicy(Qt::ClickFocus);
  m_column = new QVBoxLayout(this);
  m_column->setContentsMargins(24, 16, 24, 16);
  m_column->setSpacing(12);
  auto* head = new QHBoxLayout;
  head->setSpacing(12);
  m_leading = new QHBoxLayout;
  m_leading->setSpacing(4);
  head->addLayout(m_leading);
  m_title = new PlainLabel(title, Type::Title, this);
  m_title->setObjectName(QStringLiteral("pageTitle"));
  head->addWidget(m_title);
  m_state = new PlainLabel({}, Type::Body, this);
  m_state->setObjectName(QStringLiteral("pageState"));
  m_state->setMuted(true);
  m_state->setElided(Qt::ElideRight);
  m_state->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  head->addWidget(m_state, 1);
  m_actions = new QHBoxLayout;
  m_actions->setSpacing(8);
  head->addLayout(m_actions);
  m_column->addLayout(head);
  m_banner = new Banner(this);
  m_column->addWidget(m_banner);
  m_bodies = new QStackedWidget(this);
  m_column->addWidget(m_bodies, 1);
}

void Page::takeFocus() {
  if (m_first && m_first->isVisibleTo(this)) m_first->setFocus(Qt::OtherFocusReason);
  else setFocus(Qt::OtherFocusReason);
}

void Page::setBody(QWidget* body) {
  if (m_bodies->currentWidget() != body) m_bodies->setCurrentWidget(body);
}

Skeleton::Skeleton(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("skeleton"));
  setAccessibleName(tr("Loading"));
}

void Skeleton::paintEvent(QPaintEvent*) {
  QPainter p(this);
  const Theme& theme = Theme::instance();
  p.setPen(Qt::NoPen);
  p.setBrush(theme.color(Role::Sunken));
  for (int y = 12, i = 0; y + 12 < height() && i < 12; y += 26, ++i) {
    p.drawRoundedRect(12, y, 120, 10, 3, 3);
    p.drawRoundedRect(160, y, 80 + (i * 37) % 60, 10, 3, 3);
    p.drawRoundedRect(320, y, std::max(40, width() - 420 - (i * 71) % 160), 10, 3, 3);
  }
}

}  // namespace retort::ui
