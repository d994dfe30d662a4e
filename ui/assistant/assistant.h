// The Distil… assistant: four steps from records to a running job of the whole line.
#pragma once
#include <QDialog>

#include "ui/assistant/step.h"

class QStackedWidget;

namespace retort::ui {

class Banner;

class Assistant : public QDialog {
  Q_OBJECT
 public:
  Assistant(Session* session, const QString& filter, QWidget* parent);
  [[nodiscard]] int step() const { return m_at; }
  [[nodiscard]] line::DistilRequest request() const;

 Q_SIGNALS:
  void started(const QString& jobId);

 private:
  QWidget* makeSteps();
  void go(int to);
  void next();
  void start();
  Session* m_session;
  QList<AssistantStep*> m_steps;
  QList<QToolButton*> m_marks;
  QStackedWidget* m_stack;
  PlainLabel *m_title, *m_lead;
  Banner* m_banner;
  QPushButton *m_back, *m_next, *m_cancel;
  int m_at = 0;
};

}  // namespace retort::ui
