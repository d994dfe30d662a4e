// A message in place: see banner.h.
#include "ui/widgets/banner.h"

#include <QAccessible>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>

#include "ui/shell/icons.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
Role roleOf(Banner::Kind kind) {
  switch (kind) {
    case Banner::Kind::Info: return Role::Link;
    case Banner::Kind::Good: return Role::Good;
    case Banner::Kind::Caution: return Role::Caution;
    case Banner::Kind::Bad: return Role::Bad;
  }
  return Role::Link;
}
QString iconOf(Banner::Kind kind) {
  switch (kind) {
    case Banner::Kind::Info: return QStringLiteral("info");
    case Banner::Kind::Good: return QStringLiteral("tick");
    case Banner::Kind::Caution: return QStringLiteral("caution");
    case Banner::Kind::Bad: return QStringLiteral("bad");
  }
  return QStringLiteral("info");
}
}  // namespace

Banner::Banner(QWidget* parent) : QFrame(parent) {
  setObjectName(QStringLiteral("banner"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(40, 10, 8, 10);
  row->setSpacing(12);
  auto* words = new QVBoxLayout;
  words->setSpacing(2);
  m_what = new PlainLabel({}, Type::Body, this);
  m_what->setObjectName(QStringLiteral("bannerWhat"));
  QFont strong = m_what->font();
  strong.setWeight(QFont::DemiBold);
  m_what->setFont(strong);
  m_what->setWordWrap(true);
  m_what->setSelectable();
  m_why = new PlainLabel({}, Type::Body, this);
  m_why->setObjectName(QStringLiteral("bannerWhy"));
  m_why->setWordWrap(true);
  m_why->setSelectable();
  words->addWidget(m_what);
  words->addWidget(m_why);
  row->addLayout(words, 1);
  m_button = button({}, QStringLiteral("bannerAction"), {}, this);
  m_button->hide();
  row->addWidget(m_button, 0, Qt::AlignVCenter);
  m_close = iconButton(QStringLiteral("cross"), tr("Dismiss"), QStringLiteral("bannerClose"), this);
  row->addWidget(m_close, 0, Qt::AlignTop);
  m_icon = nullptr;
  connect(m_button, &QPushButton::clicked, this, [this] {
    if (m_action) m_action();
  });
  connect(m_close, &QToolButton::clicked, this, &Banner::clear);
  hide();
}

void Banner::show(Kind kind, const QString& what, const QString& why) {
  const bool news = isHidden() || what != m_what->fullText();
  m_kind = kind;
  m_what->setText(what);
  m_why->setText(why);
  m_why->setVisible(!why.isEmpty());
  m_button->hide();
  m_action = nullptr;
  setAccessibleName(what);
  setAccessibleDescription(why);
  QFrame::show();
  update();
  if (news && kind != Kind::Info) {
    QAccessibleEvent event(this, QAccessible::Alert);
    QAccessible::updateAccessibility(&event);
  }
}

void Banner::show(const Error& error) {
  const ErrorWords words = errorWords(error);
  QString why = words.why;
  if (!words.next.isEmpty()) why += (why.isEmpty() ? QString() : QStringLiteral("\n")) + words.next;
  show(isCancelled(error) ? Kind::Info : Kind::Bad, words.what, why);
}

void Banner::setAction(const QString& text, std::function<void()> action) {
  m_action = std::move(action);
  m_button->setText(text);
  m_button->setAccessibleName(text);
  m_button->setVisible(!text.isEmpty());
}

void Banner::clear() { hide(); }

void Banner::paintEvent(QPaintEvent*) {
  QPainter p(this);
  p.setRenderHint(QPainter::Antialiasing);
  const Theme& theme = Theme::instance();
  const QColor colour = theme.color(roleOf(m_kind));
  p.setPen(QPen(theme.faint(colour, 0.5), 1));
  p.setBrush(theme.faint(colour, 0.06));
  p.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6);
  p.drawPixmap(14, 12, drawing(iconOf(m_kind), 16, colour, devicePixelRatioF()));
}

}  // namespace retort::ui
