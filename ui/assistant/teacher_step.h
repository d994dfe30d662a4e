// Step 2 of the assistant: whose answers the student learns, golden examples, labels, system prompt.
#pragma once
#include "models/library.h"
#include "ui/assistant/step.h"

class QRadioButton;

namespace retort::ui {

class TeacherStep : public AssistantStep {
  Q_OBJECT
 public:
  TeacherStep(Session* session, QWidget* parent);
  void enter(const line::DistilRequest& request) override;
  void write(line::DistilRequest& request) const override;
  void check(Told then) override;
  [[nodiscard]] QWidget* firstField() const override;

 private:
  void arrange();
  QRadioButton *m_useLogged, *m_useLocal;
  QComboBox *m_logged, *m_local, *m_system;
  QLineEdit *m_golden, *m_references, *m_systemText;
  Latest m_asking, m_checking;
};

}  // namespace retort::ui
