// The form that starts an evaluation: dataset, student, teacher, base.
#pragma once
#include <QDialog>

#include "data/dataset.h"
#include "models/library.h"
#include "ui/models/session.h"

class QComboBox;
class QPushButton;
class QSpinBox;

namespace retort::ui {

class Banner;

class EvaluateDialog : public QDialog {
  Q_OBJECT
 public:
  /// `run`: the id of a run whose student is to be judged, or empty.
  EvaluateDialog(Session* session, const QString& run, QWidget* parent);

 Q_SIGNALS:
  void started(const QString& jobId);

 private:
  void fill(const std::vector<data::Dataset>& datasets, const std::vector<models::LibraryEntry>& models);
  void suggest();
  void start();
  Session* m_session;
  QString m_run;
  Banner* m_banner;
  QComboBox *m_dataset, *m_student, *m_teacher, *m_base;
  QSpinBox* m_rows;
  QPushButton* m_start;
};

}  // namespace retort::ui
