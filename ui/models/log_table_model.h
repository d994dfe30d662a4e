// Records of the log store under a filter, as a table over ids: rows are fetched a page at a time, off the GUI thread.
#pragma once
#include <QAbstractTableModel>
#include <QCache>
#include <QSet>
#include <memory>
#include <optional>
#include <vector>

#include "logs/log_store.h"
#include "ui/models/async.h"

namespace retort::ui {

class LogTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Time, Prompt, Model, InTokens, OutTokens, Latency, Status, Columns };
  static constexpr int kMaxRows = 1'000'000;   ///< a table view counts pixels in int
  explicit LogTableModel(QObject* parent = nullptr);

  /// Takes another store or filter: ids are asked for on a thread, then rows appear; `kept` records stay where they are.
  void query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter);
  void clear();
  [[nodiscard]] quint64 matches() const { return m_ids ? m_ids->size() : 0; }
  [[nodiscard]] std::optional<std::uint32_t> idAt(int row) const;
  /// Row of the record `id`, or of the first one behind it; -1 when there is none.
  [[nodiscard]] int rowNear(std::uint32_t id) const;
  /// By a column's values, on a thread; -1: the newest import first, as at the beginning.
  void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 Q_SIGNALS:
  void counted(quint64 matches, quint64 total);
  void failed(const retort::Error& error);

 private:
  static constexpr int kPage = 128;
  [[nodiscard]] const logs::Row* cached(int row) const;
  void fetch(int page) const;
  [[nodiscard]] std::uint32_t idOf(int row) const;

  std::shared_ptr<logs::LogStore> m_store;
  std::shared_ptr<const std::vector<std::uint32_t>> m_ids;      ///< rising
  std::shared_ptr<const std::vector<std::uint32_t>> m_order;    ///< as shown, where sorted by a column; else null
  logs::Filter m_filter;
  int m_sortColumn = -1;
  Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
  Latest m_query;
  mutable QCache<int, std::vector<logs::Row>> m_pages;
  mutable QSet<int> m_asked;
  quint64 m_generation = 0;
};

}  // namespace retort::ui
