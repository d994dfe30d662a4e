// Step 3 of the assistant: student and recipe, and a dry run that counts rows, tokens, time, memory and disk.
#pragma once
#include <QTimer>

#include "models/library.h"
#include "ui/assistant/step.h"
#include "ui/widgets/forecast_parts.h"

class QButtonGroup;

namespace retort::ui {

class StudentStep : public AssistantStep {
  Q_OBJECT
 public:
  StudentStep(Session* session, QWidget* parent);
  void enter(const line::DistilRequest& request) override;
  void write(line::DistilRequest& request) const override;
  void check(Told then) override;
  [[nodiscard]] QWidget* firstField() const override;

 Q_SIGNALS:
  void planned();                ///< the dry run says what the form says now

 private:
  struct Plan {
    line::DryRun dry;
    std::vector<std::string> set;
  };
  QWidget* makeForm();
  QWidget* makePreview();
  void edited();
  void plan();
  void show(const Plan& plan);
  void showProblem(const Error& error);

  line::DistilRequest m_request;   ///< of the steps before
  QComboBox *m_student, *m_layers;
  QButtonGroup* m_recipe;
  QLineEdit* m_steps;
  ForecastParts m_needs;
  ProgressLine* m_progress;
  QTimer m_typing;
  Latest m_loading, m_planning;
  std::optional<Plan> m_plan;
  std::optional<Error> m_problem;
  Told m_waiting;                  ///< Next was pressed while the dry run was under way
  bool m_filling = false;
};

}  // namespace retort::ui
