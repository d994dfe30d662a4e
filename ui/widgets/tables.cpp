// Tables of one look: see tables.h.
#include "ui/widgets/tables.h"

#include <QApplication>
#include <QHeaderView>
#include <QKeyEvent>
#include <QPainter>

#include "ui/charts/sparkline.h"
#include "ui/models/run_table_model.h"
#include "ui/shell/icons.h"
#include "ui/widgets/text.h"

namespace retort::ui {

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
    if (widths[i] > 0) setColumnWidth(i, widths[i]);
    else horizontalHeader()->setSectionResizeMode(i, QHeaderView::Stretch);
  }
}

void TableView::setStretchColumn(int column, int least) {
  m_stretch = column;
  m_least = least;
  spread();
}

void TableView::spread() {
  if (m_stretch < 0 || !model()) return;
  int others = 0;
  for (int c = 0; c < model()->columnCount(); ++c)
    if (c != m_stretch) others += columnWidth(c);
  setColumnWidth(m_stretch, std::max(m_least, viewport()->width() - others));
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
