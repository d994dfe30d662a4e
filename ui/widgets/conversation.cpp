// A conversation as its messages: see conversation.h.
#include "ui/widgets/conversation.h"

#include <QScrollBar>
#include <QVBoxLayout>

#include "job/row.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kMaxMessages = 200, kMaxText = 40'000;

QString roleText(const QString& role) {
  if (role == QLatin1String("system")) return ConversationView::tr("System");
  if (role == QLatin1String("user")) return ConversationView::tr("User");
  if (role == QLatin1String("assistant")) return ConversationView::tr("Assistant");
  if (role == QLatin1String("tool")) return ConversationView::tr("Tool result");
  return role;
}

QString textOf(const Json& message) {
  QString text = qs(job::contentText(message));
  if (message.contains("tool_calls") && message["tool_calls"].is_array())
    for (const auto& call : message["tool_calls"]) text += (text.isEmpty() ? QString() : QStringLiteral("\n")) + qs(dumpJson(call));
  if (text.size() > kMaxText) text = text.left(kMaxText) + QLatin1Char('\n') + ConversationView::tr("… cut here; Raw JSON has all of it");
  return text;
}

}  // namespace

ConversationView::ConversationView(QWidget* parent) : QScrollArea(parent) {
  setObjectName(QStringLiteral("conversation"));
  setAccessibleName(tr("Conversation"));
  setWidgetResizable(true);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* inner = new QWidget(this);
  m_column = new QVBoxLayout(inner);
  m_column->setContentsMargins(12, 12, 12, 12);
  m_column->setSpacing(12);
  m_column->addStretch();
  setWidget(inner);
}

void ConversationView::clear() {
  while (m_column->count() > 1) {
    QLayoutItem* item = m_column->takeAt(0);
    delete item->widget();
    delete item;
  }
}

void ConversationView::add(const QString& role, const QString& text, bool answer) {
  auto* block = new QWidget(widget());
  auto* column = new QVBoxLayout(block);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(3);
  auto* who = caption(answer ? tr("%1 · logged answer").arg(roleText(role)) : roleText(role), block);
  if (answer) {
    QFont font = who->font();
    font.setWeight(QFont::DemiBold);
    who->setFont(font);
  }
  column->addWidget(who);
  auto* words = new PlainLabel(text.isEmpty() ? tr("(empty)") : text, Type::Body, block);
  words->setWordWrap(true);
  words->setSelectable();
  words->setMinimumWidth(40);
  words->setMuted(role == QLatin1String("system") || text.isEmpty());
  words->setObjectName(answer ? QStringLiteral("loggedAnswer") : QStringLiteral("message"));
  column->addWidget(words);
  m_column->insertWidget(m_column->count() - 1, block);
}

void ConversationView::show(const Json& messages, const Json& answer) {
  clear();
  int n = 0;
  if (messages.is_array())
    for (const auto& message : messages) {
      if (++n > kMaxMessages) {
        add(tr("Not shown"), tr("%n further message(s)", nullptr, static_cast<int>(messages.size()) - kMaxMessages), false);
        break;
      }
      add(qs(message.is_object() ? message.value("role", std::string("?")) : std::string("?")), textOf(message), false);
    }
  if (answer.is_object()) add(qs(answer.value("role", std::string("assistant"))), textOf(answer), true);
  verticalScrollBar()->setValue(0);
}

}  // namespace retort::ui
