// Setting up a run: what is chosen on the left, what it gives and needs on the right, Start.
#pragma once
#include <QTimer>

#include "data/dataset.h"
#include "models/library.h"
#include "run/estimate.h"
#include "ui/pages/page.h"
#include "ui/widgets/forecast_parts.h"

class QButtonGroup;
class QComboBox;
class QLineEdit;
class QSpinBox;

namespace retort::ui {

class JobBar;
class LineView;

class DistilPage : public Page {
  Q_OBJECT
 public:
  explicit DistilPage(Session* session, QWidget* parent = nullptr);
  /// A dataset's id, or "job:ID" to watch a job of the whole line.
  void open(const QString& argument) override;
  [[nodiscard]] LineView* line() const { return m_line; }
  [[nodiscard]] bool isReady() const { return m_plan.has_value(); }

 Q_SIGNALS:
  void planned();              ///< the preview shows what the form says now

 private:
  struct Choices {
    std::vector<data::Dataset> datasets;
    std::vector<models::LibraryEntry> models;
  };
  struct Plan {
    job::RunSpec spec;
    run::Forecast forecast;
  };
  QWidget* makeForm();
  QWidget* makePreview();
  void showForm();
  void arrange();
  void reload();
  void fill(const Choices& choices);
  void edited();
  void plan();
  void show(const Plan& plan);
  void start();

  QComboBox *m_dataset, *m_student, *m_layers, *m_teacher;
  QButtonGroup* m_recipe;
  QLineEdit *m_name, *m_rate, *m_steps;
  QSpinBox *m_batch, *m_seed;
  ForecastParts m_needs;
  QPushButton *m_start, *m_assistant;
  QToolButton* m_back;
  JobBar* m_job;
  LineView* m_line;
  QWidget* m_body;
  QWidget* m_empty;
  QTimer m_typing;
  Latest m_loading, m_planning, m_starting;
  std::optional<Plan> m_plan;
  QString m_wanted;
  bool m_filling = false, m_inLine = false;
};

}  // namespace retort::ui
