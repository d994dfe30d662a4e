// All runs as a table; opening one shows it live.
#pragma once
#include "ui/models/run_table_model.h"
#include "ui/pages/page.h"

namespace retort::ui {

class EmptyState;
class RunView;
class TableView;

class RunsPage : public Page {
  Q_OBJECT
 public:
  explicit RunsPage(Session* session, QWidget* parent = nullptr);
  void open(const QString& runId) override;
  [[nodiscard]] RunView* view() const { return m_view; }

 private:
  void refresh();
  void showList();
  RunTableModel* m_model;
  TableView* m_table;
  RunView* m_view;
  EmptyState* m_empty;
  QWidget *m_skeleton, *m_list;
  QToolButton* m_back;
  QPushButton* m_new;
  bool m_inRun = false;
};

}  // namespace retort::ui
