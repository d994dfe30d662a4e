// What a page shows when it has nothing: a drawing, one sentence, one button, one link.
#pragma once
#include <QWidget>

class QPushButton;

namespace retort::ui {

class PlainLabel;

class EmptyState : public QWidget {
  Q_OBJECT
 public:
  EmptyState(const QString& drawingName, const QString& sentence, const QString& hint, const QString& action, const QString& link,
             QWidget* parent = nullptr);
  void setWords(const QString& sentence, const QString& hint);
  [[nodiscard]] QPushButton* action() const { return m_action; }

 Q_SIGNALS:
  void actionTriggered();
  void linkTriggered();

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QString m_drawing;
  QWidget* m_space;
  PlainLabel *m_sentence, *m_hint;
  QPushButton *m_action, *m_link;
};

}  // namespace retort::ui
