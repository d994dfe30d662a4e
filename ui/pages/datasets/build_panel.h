// The form that makes a dataset from the records under a filter, with the count as it is typed.
#pragma once
#include <QDialog>

#include "data/dataset_build.h"
#include "ui/models/session.h"

class QComboBox;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace retort::ui {

class Banner;
class PlainLabel;
class ProgressLine;

class BuildPanel : public QDialog {
  Q_OBJECT
 public:
  BuildPanel(Session* session, const QString& filter, QWidget* parent);
  ~BuildPanel() override;

 Q_SIGNALS:
  void built(const QString& id);

 private:
  void count();
  void build();
  [[nodiscard]] data::BuildOptions options() const;

  Session* m_session;
  Banner* m_banner;
  QLineEdit *m_name, *m_filter, *m_golden, *m_split, *m_group;
  QComboBox *m_teacher, *m_use;
  QSpinBox* m_seed;
  PlainLabel* m_count;
  ProgressLine* m_progress;
  QPushButton *m_build, *m_cancel;
  Latest m_counting, m_building;
  bool m_busy = false;
};

}  // namespace retort::ui
