// Runs of a session as a table: name, phase, progress, best NLL, curve, student, method, time.
#pragma once
#include <QAbstractTableModel>

#include "ui/models/session.h"

namespace retort::ui {

class RunTableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Name, Phase, Progress, BestNll, Curve, Student, Teacher, Method, Time, Started, Columns };
  enum { PhaseRole = Qt::UserRole + 1, CurveRole, IdRole, ShareRole };
  explicit RunTableModel(Session* session, QObject* parent = nullptr);
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;   ///< -1: newest first
  [[nodiscard]] const RunEntry* at(int row) const;
  [[nodiscard]] int rowOf(const std::string& id) const;

 private:
  void refresh();
  Session* m_session;
  void arrange(std::vector<RunEntry>& runs) const;
  std::vector<RunEntry> m_runs;
  int m_sortColumn = -1;
  Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
};

/// Seconds that a run or job has taken so far, or took.
[[nodiscard]] double secondsTaken(const job::State& state);

}  // namespace retort::ui
