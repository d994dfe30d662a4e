// The command palette: see palette.h.
#include "ui/shell/palette.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

namespace retort::ui {
namespace {

/// All words of `typed` occur in `text`, in any order.
bool fits(const QString& text, const QString& typed) {
  for (const QString& word : typed.split(QLatin1Char(' '), Qt::SkipEmptyParts))
    if (!text.contains(word, Qt::CaseInsensitive)) return false;
  return true;
}

}  // namespace

CommandPalette::CommandPalette(QList<Command> commands, QWidget* parent) : QDialog(parent, Qt::Dialog | Qt::FramelessWindowHint), m_commands(std::move(commands)) {
  setObjectName(QStringLiteral("palette"));
  setWindowTitle(tr("Commands"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(560, 380);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(12, 12, 12, 12);
  column->setSpacing(8);
  m_box = new QLineEdit(this);
  m_box->setObjectName(QStringLiteral("paletteBox"));
  m_box->setAccessibleName(tr("Find a command, page or run"));
  m_box->setPlaceholderText(tr("Find a command, page or run"));
  m_list = new QListWidget(this);
  m_list->setObjectName(QStringLiteral("paletteList"));
  m_list->setAccessibleName(tr("Commands"));
  m_list->setFocusPolicy(Qt::NoFocus);
  column->addWidget(m_box);
  column->addWidget(m_list);
  m_box->installEventFilter(this);
  connect(m_box, &QLineEdit::textChanged, this, &CommandPalette::filter);
  connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::choose);
  filter({});
  m_box->setFocus();
}

void CommandPalette::filter(const QString& text) {
  m_list->clear();
  for (int i = 0; i < m_commands.size(); ++i) {
    if (!fits(m_commands[i].text + QLatin1Char(' ') + m_commands[i].hint, text)) continue;
    auto* item = new QListWidgetItem(m_commands[i].hint.isEmpty() ? m_commands[i].text : m_commands[i].text + QStringLiteral("    ") + m_commands[i].hint, m_list);
    item->setData(Qt::UserRole, i);
  }
  m_list->setCurrentRow(0);
}

void CommandPalette::choose() {
  const QListWidgetItem* item = m_list->currentItem();
  if (!item) return;
  const auto run = m_commands[item->data(Qt::UserRole).toInt()].run;
  accept();
  run();
}

bool CommandPalette::eventFilter(QObject* object, QEvent* event) {
  if (object == m_box && event->type() == QEvent::KeyPress) {
    auto* key = static_cast<QKeyEvent*>(event);
    const int row = m_list->currentRow();
    if (key->key() == Qt::Key_Down) return m_list->setCurrentRow(std::min(row + 1, m_list->count() - 1)), true;
    if (key->key() == Qt::Key_Up) return m_list->setCurrentRow(std::max(row - 1, 0)), true;
    if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) return choose(), true;
  }
  return QDialog::eventFilter(object, event);
}

}  // namespace retort::ui
