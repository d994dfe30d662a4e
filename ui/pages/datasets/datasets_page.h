// Datasets as a list with the card of one beside it.
#pragma once
#include "data/dataset.h"
#include "ui/pages/page.h"

namespace retort::ui {

class EmptyState;
class JobBar;
class PlainTable;

class DatasetsPage : public Page {
  Q_OBJECT
 public:
  explicit DatasetsPage(Session* session, QWidget* parent = nullptr);
  /// A dataset's id, or "build:FILTER" to open the form.
  void open(const QString& argument) override;

 private:
  QWidget* makeCard();
  void reload();
  void fill(std::vector<data::Dataset> datasets);
  void show(int row);
  void build(const QString& filter);
  void built(const job::State& state);

  std::vector<data::Dataset> m_datasets;
  PlainTable* m_table;
  EmptyState* m_empty;
  QWidget *m_skeleton, *m_list, *m_card;
  PlainLabel *m_name, *m_notes;
  ShareBar* m_split;
  KeyValues* m_facts;
  QPushButton *m_new, *m_distil;
  Latest m_query;
  JobBar* m_job;
  QString m_wanted;
};

}  // namespace retort::ui
