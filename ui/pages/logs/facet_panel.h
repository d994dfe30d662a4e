// The keys of the logs with their commonest values and counts, as check boxes that write the filter.
#pragma once
#include <QWidget>

#include "logs/log_store.h"
#include "ui/models/async.h"

class QTreeWidget;
class QTreeWidgetItem;

namespace retort::ui {

class FacetPanel : public QWidget {
  Q_OBJECT
 public:
  explicit FacetPanel(QWidget* parent = nullptr);
  void query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter);

 Q_SIGNALS:
  void filterChosen(const retort::logs::Filter& filter);

 private:
  void fill(const std::vector<logs::Facet>& facets);
  void chosen(QTreeWidgetItem* item);
  QTreeWidget* m_tree;
  std::shared_ptr<logs::LogStore> m_store;
  logs::Filter m_filter;
  Latest m_query;
  bool m_filling = false;
};

/// The values that `filter` asks of `key` by = or in at its top level (joined by and).
[[nodiscard]] std::vector<std::string> chosenValues(const logs::Filter& filter, const std::string& key);
/// The filter with exactly `values` asked of `key`; none removes the clause. Other clauses stay as they are.
[[nodiscard]] logs::Filter withValues(logs::Filter filter, const std::string& key, const std::vector<std::string>& values);

}  // namespace retort::ui
