// What a page shows when it has nothing: see empty_state.h.
#include "ui/widgets/empty_state.h"

#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/icons.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

EmptyState::EmptyState(const QString& drawingName, const QString& sentence, const QString& hint, const QString& action, const QString& link,
                       QWidget* parent)
    : QWidget(parent), m_drawing(drawingName) {
  setObjectName(QStringLiteral("emptyState"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(24, 24, 24, 48);
  column->setSpacing(8);
  column->addStretch(1);
  m_space = new QWidget(this);
  m_space->setFixedSize(96, 96);
  column->addWidget(m_space, 0, Qt::AlignHCenter);
  column->addSpacing(8);
  m_sentence = section(sentence, this);
  m_sentence->setAlignment(Qt::AlignCenter);
  m_sentence->setWordWrap(true);
  column->addWidget(m_sentence);
  m_hint = new PlainLabel(hint, Type::Body, this);
  m_hint->setMuted(true);
  m_hint->setAlignment(Qt::AlignCenter);
  m_hint->setWordWrap(true);
  m_hint->setVisible(!hint.isEmpty());
  m_hint->setFixedWidth(440);
  m_hint->setMinimumHeight(std::max(0, m_hint->heightForWidth(440)));
  column->addWidget(m_hint, 0, Qt::AlignHCenter);
  column->addSpacing(8);
  m_action = primaryButton(action, QStringLiteral("emptyAction"), {}, this);
  m_action->setVisible(!action.isEmpty());
  column->addWidget(m_action, 0, Qt::AlignHCenter);
  m_link = linkButton(link, QStringLiteral("emptyLink"), this);
  m_link->setVisible(!link.isEmpty());
  column->addWidget(m_link, 0, Qt::AlignHCenter);
  column->addStretch(2);
  connect(m_action, &QPushButton::clicked, this, &EmptyState::actionTriggered);
  connect(m_link, &QPushButton::clicked, this, &EmptyState::linkTriggered);
}

void EmptyState::setWords(const QString& sentence, const QString& hint) {
  m_sentence->setText(sentence);
  m_hint->setText(hint);
  m_hint->setMinimumHeight(std::max(0, m_hint->heightForWidth(440)));   // -1 without words
  m_hint->setVisible(!hint.isEmpty());
}

void EmptyState::paintEvent(QPaintEvent*) {
  QPainter p(this);
  p.drawPixmap(m_space->pos(), drawing(m_drawing, 96, Theme::instance().color(Role::Muted), devicePixelRatioF()));
}

}  // namespace retort::ui
