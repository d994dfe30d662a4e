// A small table of text cells of one look: see plain_table.h.
#include "ui/widgets/plain_table.h"

#include <QHeaderView>
#include <QKeyEvent>

#include "ui/shell/theme.h"

namespace retort::ui {
namespace {

constexpr int kSortRole = Qt::UserRole + 7, kTagRole = Qt::UserRole + 8;

class Cell : public QTableWidgetItem {
 public:
  using QTableWidgetItem::QTableWidgetItem;
  bool operator<(const QTableWidgetItem& other) const override {
    const QVariant a = data(kSortRole), b = other.data(kSortRole);
    if (a.isValid() && b.isValid()) return a.toDouble() < b.toDouble();
    if (a.isValid() != b.isValid()) return b.isValid();   // what has no number comes first
    return text().localeAwareCompare(other.text()) < 0;
  }
};

}  // namespace

PlainTable::PlainTable(const QStringList& headers, const QString& name, const QString& objectName, QWidget* parent)
    : QTableWidget(0, static_cast<int>(headers.size()), parent) {
  setObjectName(objectName);
  setAccessibleName(name);
  setHorizontalHeaderLabels(headers);
  horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setStretchLastSection(true);
  horizontalHeader()->setSectionsClickable(true);
  verticalHeader()->hide();
  verticalHeader()->setDefaultSectionSize(28);
  setShowGrid(false);
  setWordWrap(false);
  setEditTriggers(NoEditTriggers);
  setSelectionBehavior(SelectRows);
  setSelectionMode(SingleSelection);
  setHorizontalScrollMode(ScrollPerPixel);
  setTabKeyNavigation(false);
  setCornerButtonEnabled(false);
  setFrameShape(QFrame::NoFrame);
  connect(horizontalHeader(), &QHeaderView::sectionClicked, this, &PlainTable::sortBy);
}

void PlainTable::setNumeric(const QList<int>& columns) {
  m_numeric = columns;
  for (int c : columns) horizontalHeaderItem(c)->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
}

void PlainTable::setWidths(const QList<int>& widths) {
  horizontalHeader()->setStretchLastSection(false);
  for (int i = 0; i < widths.size() && i < columnCount(); ++i) {
    if (widths[i] > 0) setColumnWidth(i, widths[i]);
    else horizontalHeader()->setSectionResizeMode(i, QHeaderView::Stretch);
  }
}

QTableWidgetItem* PlainTable::set(int row, int column, const QString& text, const QVariant& key) {
  auto* cell = new Cell(text);
  if (m_numeric.contains(column)) cell->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter), cell->setFont(Theme::instance().font(Type::Mono));
  if (key.isValid()) cell->setData(kSortRole, key);
  cell->setToolTip(text.toHtmlEscaped());
  setItem(row, column, cell);
  return cell;
}

void PlainTable::setRowTag(int row, int tag) {
  if (item(row, 0)) item(row, 0)->setData(kTagRole, tag);
}

int PlainTable::rowTag(int row) const { return row >= 0 && item(row, 0) ? item(row, 0)->data(kTagRole).toInt() : -1; }

void PlainTable::sortBy(int column) {
  m_order = m_column == column && m_order == Qt::AscendingOrder ? Qt::DescendingOrder : Qt::AscendingOrder;
  m_column = column;
  horizontalHeader()->setSortIndicatorShown(true);
  horizontalHeader()->setSortIndicator(column, m_order);
  resort();
}

void PlainTable::resort() {
  if (m_column >= 0) sortItems(m_column, m_order);
}

void PlainTable::fitRows() {
  setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setFixedHeight(horizontalHeader()->sizeHint().height() + rowCount() * verticalHeader()->defaultSectionSize() + 4);
}

// Ctrl with left and right walks the columns; S sorts by the current one.
void PlainTable::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_S && event->modifiers() == Qt::NoModifier && currentColumn() >= 0) return sortBy(currentColumn());
  if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && currentRow() >= 0) Q_EMIT rowEntered(currentRow());
  QTableWidget::keyPressEvent(event);
}

}  // namespace retort::ui
