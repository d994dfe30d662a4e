// A small table of text cells of one look: right-aligned numbers in tabular figures, sorted by a click on a column or its key.
#pragma once
#include <QTableWidget>

namespace retort::ui {

class PlainTable : public QTableWidget {
  Q_OBJECT
 public:
  /// `name` is the accessible name. Rows are chosen whole, cells are not edited, Tab leaves the table.
  PlainTable(const QStringList& headers, const QString& name, const QString& objectName, QWidget* parent = nullptr);
  /// These columns hold numbers: right-aligned, tabular figures, header too.
  void setNumeric(const QList<int>& columns);
  /// Widths in pixels by column; 0 stretches.
  void setWidths(const QList<int>& widths);
  /// Fills one cell; `key` decides its place when sorted (a number for numbers), else its text does. The whole text is the tooltip.
  QTableWidgetItem* set(int row, int column, const QString& text, const QVariant& key = {});
  /// A number that stays with the row of `set(row, 0, …)` when the table is sorted, for finding what it stands for.
  void setRowTag(int row, int tag);
  [[nodiscard]] int rowTag(int row) const;
  /// Sorts again as the user chose, after cells were filled anew.
  void resort();
  /// Just as high as its rows; no scroll bar of its own.
  void fitRows();

 Q_SIGNALS:
  void rowEntered(int row);         ///< Enter on a row

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void sortBy(int column);
  QList<int> m_numeric;
  int m_column = -1;
  Qt::SortOrder m_order = Qt::AscendingOrder;
};

}  // namespace retort::ui
