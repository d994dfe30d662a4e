// The form that makes a dataset from the records under a filter, with the count as it is typed.
#pragma once
#include <QDialog>

#include "data/dataset_build.h"
#include "ui/models/session.h"

class QComboBox;
class QFormLayout;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace retort::ui {

class Banner;
class PlainLabel;
class BuildPanel : public QDialog {
  Q_OBJECT
 public:
  BuildPanel(Session* session, const QString& filter, QWidget* parent);
  ~BuildPanel() override;

 Q_SIGNALS:
  void started(const QString& jobId);

 private:
  QLineEdit* addPath(QFormLayout* form, const QString& name, const QString& objectName, const QString& hint);
  void count();
  void build();
  [[nodiscard]] data::BuildOptions options() const;
  bool isRight(const data::BuildOptions& options);

  Session* m_session;
  Banner* m_banner;
  QLineEdit *m_name, *m_filter, *m_golden, *m_references, *m_split, *m_group;
  QComboBox *m_teacher, *m_use;
  QSpinBox* m_seed;
  PlainLabel* m_count;
  QPushButton *m_build, *m_cancel;
  Latest m_counting, m_checking;
  bool m_busy = false;
};

}  // namespace retort::ui
