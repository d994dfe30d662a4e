// Reports: the verdict, the models side by side with intervals, plots, and the rows where the student is wrong.
#pragma once
#include "report/report.h"
#include "ui/pages/page.h"

class QComboBox;

namespace retort::ui {

class EmptyState;
class IntervalPlot;
class JobBar;
class PlainTable;
class ScatterPlot;

class EvaluatePage : public Page {
  Q_OBJECT
 public:
  explicit EvaluatePage(Session* session, QWidget* parent = nullptr);
  /// A report's id, or "run:ID" to evaluate that run.
  void open(const QString& argument) override;

 Q_SIGNALS:
  void shown(const QString& reportId);

 private:
  struct Loaded {
    report::Report report;
    std::vector<report::RowAnswer> rows;
  };
  QWidget* makeReport();
  void refresh();
  void load(const QString& id);
  void show(const Loaded& loaded);
  void showRows(const Loaded& loaded);
  void newEvaluation(const QString& run);

  JobBar* m_job;
  QComboBox* m_choice;
  PlainTable *m_models, *m_rows;
  PlainLabel *m_verdict, *m_basis, *m_differences, *m_rowsTitle;
  IntervalPlot* m_intervals;
  ScatterPlot* m_scatter;
  EmptyState* m_empty;
  QWidget *m_skeleton, *m_body;
  QPushButton *m_html, *m_new;
  Latest m_query;
  QString m_shownId;
};

/// Colour of a model by its role: copper the student, blue the teacher, grey the base, others in order.
[[nodiscard]] int seriesOf(const std::string& role, int other);

}  // namespace retort::ui
