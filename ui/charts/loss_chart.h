// The loss of one run over its steps, fed by the run's events: training, validation, KD, and where teacher and base model stand.
#pragma once
#include "job/job_folder.h"
#include "ui/charts/line_chart.h"

namespace retort::ui {

class LossChart : public LineChart {
  Q_OBJECT
 public:
  explicit LossChart(QWidget* parent = nullptr);
  /// A "metric", "eval", "level" or "restart" event, in the order of the file; others pass by.
  void take(const job::Event& event);
  /// Smooths over a tenth of the run, so that short runs are not drawn by their beginnings.
  void setSteps(std::int64_t steps);
  [[nodiscard]] int trainingLine() const { return m_training; }
  [[nodiscard]] int validationLine() const { return m_validation; }

 private:
  int m_training, m_validation, m_kd = -1;
};

/// The smoothing weight of a chart over `steps` steps.
[[nodiscard]] double smoothingFor(std::int64_t steps);
/// A number of an event, nan where there is none; "nan" and "inf" are what they say.
[[nodiscard]] double eventNumber(const job::Event& event, const char* key);

}  // namespace retort::ui
