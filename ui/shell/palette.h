// The command palette (Ctrl+K): every action, page and run by a few letters.
#pragma once
#include <QDialog>
#include <functional>

class QLineEdit;
class QListWidget;

namespace retort::ui {

class CommandPalette : public QDialog {
  Q_OBJECT
 public:
  struct Command {
    QString text, hint;
    std::function<void()> run;
  };
  CommandPalette(QList<Command> commands, QWidget* parent);

 protected:
  bool eventFilter(QObject* object, QEvent* event) override;

 private:
  void filter(const QString& text);
  void choose();
  QList<Command> m_commands;
  QLineEdit* m_box;
  QListWidget* m_list;
};

}  // namespace retort::ui
