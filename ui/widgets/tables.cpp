// Tables of one look: see tables.h.
#include "ui/widgets/tables.h"

#include <QApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>

#include "ui/charts/sparkline.h"
#include "ui/models/run_table_model.h"
#include "ui/shell/icons.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
constexpr int kLeast = 60;
}

TableView::TableView(const QString& name, const QString& objectName, QWidget* parent) : QTableView(parent) {
  setObjectName(objectName);
  setAccessibleName(name);
  setSelectionBehavior(SelectRows);
  setSelectionMode(SingleSelection);
  setShowGrid(false);
  setWordWrap(false);
  setTabKeyNavigation(false);
  setEditTriggers(NoEditTriggers);
  setVerticalScrollMode(ScrollPerPixel);
  setHorizontalScrollMode(ScrollPerPixel);
  setCornerButtonEnabled(false);
  verticalHeader()->hide();
  verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);   // never by content: that would read every row
  verticalHeader()->setDefaultSectionSize(28);
  horizontalHeader()->setHighlightSections(false);
  horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  horizontalHeader()->setMinimumSectionSize(40);
  setFrameShape(QFrame::NoFrame);
  connect(this, &QTableView::doubleClicked, this, [this](const QModelIndex& index) { Q_EMIT rowActivated(index.row()); });
}

void TableView::setWidths(const QList<int>& widths) {
  for (int i = 0; i < widths.size(); ++i) {
    m_widths[i] = widths[i];
    if (widths[i] > 0) setColumnWidth(i, widths[i]);
    else horizontalHeader()->setSectionResizeMode(i, QHeaderView::Stretch);
  }
}

/// A hidden column's own width, which the header no longer tells.
int TableView::widthOf(int column) const { return isColumnHidden(column) ? m_widths.value(column, 0) : columnWidth(column); }

void TableView::setStretchColumn(int column, int least) {
  m_stretch = column;
  m_least = least;
  spread();
}

void TableView::setGivingWay(QList<int> columns) {
  m_givingWay = std::move(columns);
  horizontalHeader()->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(horizontalHeader(), &QWidget::customContextMenuRequested, this, &TableView::columnMenu);
  spread();
}

void TableView::columnMenu(const QPoint& at) {
  auto* menu = new QMenu(this);
  menu->setAttribute(Qt::WA_DeleteOnClose);
  for (int c = 0; c < model()->columnCount(); ++c) {
    QAction* action = menu->addAction(model()->headerData(c, Qt::Horizontal).toString());
    action->setCheckable(true);
    action->setChecked(!isColumnHidden(c));
    action->setEnabled(c != m_stretch);
    connect(action, &QAction::toggled, this, [this, c](bool on) {
      m_chosen[c] = on;
      spread();
    });
  }
  menu->popup(horizontalHeader()->mapToGlobal(at));
}

void TableView::setSortable() {
  horizontalHeader()->setSectionsClickable(true);
  connect(horizontalHeader(), &QHeaderView::sectionClicked, this, &TableView::sortBy);
}

void TableView::sortBy(int column) {
  if (m_sortColumn != column) m_sortColumn = column, m_sortOrder = Qt::AscendingOrder;
  else if (m_sortOrder == Qt::AscendingOrder) m_sortOrder = Qt::DescendingOrder;
  else m_sortColumn = -1;
  horizontalHeader()->setSortIndicatorShown(m_sortColumn >= 0);
  if (m_sortColumn >= 0) horizontalHeader()->setSortIndicator(m_sortColumn, m_sortOrder);
  model()->sort(m_sortColumn, m_sortOrder);
}

void TableView::spread() {
  if (m_stretch < 0 || !model()) return;
  const int count = model()->columnCount();
  auto shown = [this](int c) { return m_chosen.value(c, true); };
  int others = 0;
  for (int c = 0; c < count; ++c)
    if (c != m_stretch && shown(c)) others += widthOf(c);
  QList<int> hidden;
  int room = viewport()->width() - m_least - others;
  for (int c : m_givingWay) {
    if (room >= 0) break;
    if (m_chosen.contains(c)) continue;   // the user wants it there, or gone
    room += widthOf(c);
    hidden << c;
  }
  others = 0;
  for (int c = 0; c < count; ++c) {
    const bool hide = !shown(c) || hidden.contains(c);
    if (isColumnHidden(c) != hide) setColumnHidden(c, hide);
    if (c != m_stretch && !hide) others += columnWidth(c);
  }
  // Where nothing more can give way, the stretched column does: better a short text than one beyond the edge.
  setColumnWidth(m_stretch, std::max(m_givingWay.isEmpty() ? m_least : kLeast, viewport()->width() - others));
}

void TableView::resizeEvent(QResizeEvent* event) {
  QTableView::resizeEvent(event);
  spread();
}

void TableView::keyPressEvent(QKeyEvent* event) {
  if (event->modifiers() == Qt::NoModifier && model()) {
    const int row = currentIndex().row(), last = model()->rowCount() - 1;
    switch (event->key()) {
      case Qt::Key_J: return setCurrentIndex(model()->index(std::min(row + 1, last), 0));
      case Qt::Key_K: return setCurrentIndex(model()->index(std::max(row - 1, 0), 0));
      case Qt::Key_S:
        if (currentIndex().isValid() && horizontalHeader()->sectionsClickable() && model()->rowCount() > 0) sortBy(currentIndex().column());
        return;
      case Qt::Key_Return:
      case Qt::Key_Enter:
        if (row >= 0) Q_EMIT rowActivated(row);
        return;
      default: break;
    }
  }
  QTableView::keyPressEvent(event);
}

void TableView::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
  QTableView::currentChanged(current, previous);
  if (current.row() != previous.row() || !previous.isValid()) Q_EMIT rowShown(current.isValid() ? current.row() : -1);
}

void RunCellDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const Theme& theme = Theme::instance();
  const int column = index.column();
  if (column != RunTableModel::Phase && column != RunTableModel::Progress && column != RunTableModel::Curve)
    return QStyledItemDelegate::paint(painter, option, index);
  QStyleOptionViewItem empty(option);
  initStyleOption(&empty, index);
  const QString text = empty.text;
  empty.text.clear();
  const QWidget* widget = option.widget;
  (widget ? widget->style() : QApplication::style())->drawControl(QStyle::CE_ItemViewItem, &empty, painter, widget);
  painter->save();
  QRect box = option.rect.adjusted(8, 0, -8, 0);
  if (column == RunTableModel::Phase) {
    const PhaseLook look = phaseLook(static_cast<job::Phase>(index.data(RunTableModel::PhaseRole).toInt()));
    const qreal ratio = painter->device()->devicePixelRatioF();
    painter->drawPixmap(box.left(), box.center().y() - 6, drawing(look.icon, 13, theme.color(look.role), ratio));
    painter->setFont(option.font);
    painter->setPen(theme.color(look.role));
    painter->drawText(box.adjusted(20, 0, 0, 0), Qt::AlignVCenter | Qt::AlignLeft, look.text);
  } else if (column == RunTableModel::Progress) {
    painter->setFont(theme.font(Type::Mono));
    painter->setPen(theme.color(Role::Text));
    painter->drawText(box.adjusted(0, 0, 0, -4), Qt::AlignVCenter | Qt::AlignLeft, text);
    const QRectF bar(box.left(), box.bottom() - 4, box.width(), 2);
    painter->fillRect(bar, theme.color(Role::Sunken));
    const auto phase = static_cast<job::Phase>(index.data(RunTableModel::PhaseRole).toInt());
    const double share = std::clamp(index.data(RunTableModel::ShareRole).toDouble(), 0.0, 1.0);
    painter->fillRect(QRectF(bar.left(), bar.top(), bar.width() * share, bar.height()), theme.color(job::isFinal(phase) ? Role::Muted : Role::Accent));
  } else {
    std::vector<double> values;
    for (const QVariant& v : index.data(RunTableModel::CurveRole).toList()) values.push_back(v.toDouble());
    paintSparkline(*painter, QRectF(box).adjusted(0, 6, -4, -7), values, theme.series(kStudentSeries));
  }
  painter->restore();
}

}  // namespace retort::ui
