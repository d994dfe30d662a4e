// Tables of one look: row height 26, no grid, whole rows, header by content never measured over all rows.
#pragma once
#include <QMap>
#include <QStyledItemDelegate>
#include <QTableView>

namespace retort::ui {

class TableView : public QTableView {
  Q_OBJECT
 public:
  /// `name` is the accessible name.
  TableView(const QString& name, const QString& objectName, QWidget* parent = nullptr);
  /// Widths in pixels by column; the last column given as 0 stretches.
  void setWidths(const QList<int>& widths);
  /// This column takes the room that the others leave, but never less than `least` pixels.
  void setStretchColumn(int column, int least);
  /// Columns that hide, in this order, while the table is too narrow for all; the header's menu shows and hides any column for good.
  void setGivingWay(QList<int> columns);
  /// A click on a column's header (or S on its cell) sorts by it, again the other way round, a third time as at first.
  void setSortable();

 Q_SIGNALS:
  void rowActivated(int row);       ///< Enter or double click
  void rowShown(int row);           ///< current row changed by mouse or keys, J and K included; -1 for none

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;

 private:
  void spread();
  void sortBy(int column);
  void columnMenu(const QPoint& at);
  [[nodiscard]] int widthOf(int column) const;
  int m_stretch = -1, m_least = 0, m_sortColumn = -1;
  Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
  QList<int> m_givingWay;
  QMap<int, int> m_widths;
  QMap<int, bool> m_chosen;         ///< columns that the user shows or hides
};

/// Paints a run's phase (icon and word), its progress as a thin bar under the step, or its curve, by the model's roles.
class RunCellDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace retort::ui
