// Step 4 of the assistant: name, files and their place, and everything that was chosen, before it starts.
#pragma once
#include "ui/assistant/step.h"

class QCheckBox;

namespace retort::ui {

class ReviewStep : public AssistantStep {
  Q_OBJECT
 public:
  ReviewStep(Session* session, QWidget* parent);
  void enter(const line::DistilRequest& request) override;
  void write(line::DistilRequest& request) const override;
  void check(Told then) override;
  [[nodiscard]] QWidget* firstField() const override;

 private:
  QLineEdit *m_name, *m_out;
  QList<QCheckBox*> m_formats;
  KeyValues* m_facts;
  Latest m_checking;
};

}  // namespace retort::ui
