// The sums of what matches the filter as one row: records, tokens, cost, errors, latencies and repeats, as `logs stats` prints them.
#pragma once
#include <memory>

#include "logs/stats.h"
#include "ui/models/async.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

class PlainTable;

class StatsStrip : public Card {
  Q_OBJECT
 public:
  explicit StatsStrip(QWidget* parent = nullptr);
  /// Sums on a thread, at once where the strip is seen, else when it comes into view; a sum still under way is dropped.
  void query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter);

 Q_SIGNALS:
  void failed(const retort::Error& error);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void ask();
  void fill(const logs::StatsRow& sums);

  std::shared_ptr<logs::LogStore> m_store;
  logs::Filter m_filter;
  Latest m_query;
  bool m_isAsked = false;
  PlainTable* m_table;
};

}  // namespace retort::ui
