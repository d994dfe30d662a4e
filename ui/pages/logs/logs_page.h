// The log browser: filter box, the families worth distilling or facets, records and one record in full; import by button and by drop.
#pragma once
#include <QTimer>

#include "logs/filter.h"
#include "ui/models/log_table_model.h"
#include "ui/pages/page.h"

class QLineEdit;
class QSplitter;
class QTabBar;

namespace retort::ui {

class EmptyState;
class FacetPanel;
class JobBar;
class RecordPane;
class StatsStrip;
class TableView;
class WorthView;

class LogsPage : public Page {
  Q_OBJECT
 public:
  LogsPage(Session* session, QWidget* parent = nullptr);
  void open(const QString& filterText) override;
  [[nodiscard]] LogTableModel* model() const { return m_model; }
  void importPaths(const QStringList& paths);

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  void build();
  void buildRecords();
  void showView(int view);
  void chooseFiles(bool folder);
  void importSample();
  void follow(const Result<std::string>& job);
  void importEnded(const job::State& state);
  void textEdited();
  void setFilter(const logs::Filter& filter);
  void query();
  void refresh();
  void showRejects();

  QLineEdit* m_box;
  PlainLabel* m_reading;
  QPushButton *m_import, *m_dataset, *m_distil;
  JobBar* m_job;
  QToolButton* m_rejects;
  LogTableModel* m_model;
  TableView* m_table;
  FacetPanel* m_facets;
  RecordPane* m_pane;
  QSplitter* m_split;
  QTabBar* m_views;
  QStackedWidget* m_lists;
  WorthView* m_worth;
  StatsStrip* m_stats;
  EmptyState* m_empty;
  QWidget *m_skeleton, *m_browser;
  logs::Filter m_filter;
  QTimer m_typing;
  std::optional<std::uint32_t> m_shownId;
};

}  // namespace retort::ui
