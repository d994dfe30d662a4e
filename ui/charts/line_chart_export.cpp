// A chart as something else: a picture, a file of numbers, a table on the screen.
#include <QAbstractTableModel>
#include <QDialog>
#include <QFileDialog>
#include <QHeaderView>
#include <QLocale>
#include <QSaveFile>
#include <QSvgGenerator>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/charts/line_chart_private.h"
#include "ui/shell/theme.h"
#include "ui/widgets/plain_label.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

/// The lines' points side by side, one row an x; a copy, so that it stays as it was when it was asked for.
class ValuesModel : public QAbstractTableModel {
 public:
  ValuesModel(QStringList names, std::vector<double> x, std::vector<std::vector<double>> columns, QObject* parent)
      : QAbstractTableModel(parent), m_names(std::move(names)), m_x(std::move(x)), m_columns(std::move(columns)) {}
  int rowCount(const QModelIndex& parent) const override { return parent.isValid() ? 0 : static_cast<int>(m_x.size()); }
  int columnCount(const QModelIndex& parent) const override { return parent.isValid() ? 0 : static_cast<int>(m_names.size()); }
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
    if (orientation == Qt::Horizontal && role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
    return orientation == Qt::Horizontal && role == Qt::DisplayRole ? QVariant(m_names[section]) : QVariant();
  }
  QVariant data(const QModelIndex& index, int role) const override {
    if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
    if (role == Qt::FontRole) return Theme::instance().font(Type::Mono);
    if (role != Qt::DisplayRole || !index.isValid()) return {};
    const auto row = static_cast<std::size_t>(index.row());
    if (index.column() == 0) return QLocale().toString(m_x[row], 'g', 9);
    const double y = m_columns[static_cast<std::size_t>(index.column()) - 1][row];
    return m_has[static_cast<std::size_t>(index.column()) - 1][row] ? significantText(y, 6) : QStringLiteral("–");
  }
  std::vector<std::vector<bool>> m_has;

 private:
  QStringList m_names;
  std::vector<double> m_x;
  std::vector<std::vector<double>> m_columns;
};

}  // namespace

void LineChart::showValues() {
  std::vector<double> xs;
  QStringList names{m->plot->xAxis->label()};
  for (const auto& line : m->lines) {
    names << line->name;
    for (std::size_t i = 0; i < line->raw.size(); ++i) xs.push_back(line->raw.x(i));
  }
  std::sort(xs.begin(), xs.end());
  xs.erase(std::unique(xs.begin(), xs.end()), xs.end());
  std::vector<std::vector<double>> columns;
  std::vector<std::vector<bool>> has;
  for (const auto& line : m->lines) {
    std::vector<double> column(xs.size(), kNan);
    std::vector<bool> there(xs.size(), false);
    std::size_t row = 0;
    for (std::size_t i = 0; i < line->raw.size(); ++i) {   // both rise
      while (row < xs.size() && xs[row] < line->raw.x(i)) ++row;
      if (row < xs.size()) column[row] = line->raw.y(i), there[row] = true;
    }
    columns.push_back(std::move(column));
    has.push_back(std::move(there));
  }
  auto* dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setObjectName(QStringLiteral("chartValuesDialog"));
  dialog->setWindowTitle(tr("%1, values").arg(m->title->fullText()));
  dialog->resize(160 + 110 * static_cast<int>(names.size()), 480);
  auto* column = new QVBoxLayout(dialog);
  QStringList levels;
  for (const ChartLevel& level : m->levels) levels << QStringLiteral("%1 %2").arg(level.name, significantText(level.y, 4));
  if (!levels.isEmpty()) column->addWidget(caption(levels.join(QStringLiteral(" · ")), dialog));
  auto* table = new TableView(dialog->windowTitle(), QStringLiteral("chartValuesTable"), dialog);
  auto* model = new ValuesModel(names, std::move(xs), std::move(columns), dialog);
  model->m_has = std::move(has);
  table->setModel(model);
  column->addWidget(table);
  dialog->open();
  table->setFocus(Qt::OtherFocusReason);
  if (model->rowCount({}) > 0) table->setCurrentIndex(model->index(model->rowCount({}) - 1, 0));   // the newest
}

void LineChart::Private::save(const QString& kind) {
  auto* dialog = new QFileDialog(q, LineChart::tr("Save chart"), {}, QStringLiteral("%1 (*.%2)").arg(kind.toUpper(), kind));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(kind);
  QObject::connect(dialog, &QFileDialog::fileSelected, q, [this, kind](const QString& path) {
    if (kind == QLatin1String("png")) q->exportPng(path);
    else if (kind == QLatin1String("svg")) q->exportSvg(path);
    else q->exportCsv(path);
  });
  dialog->open();
}

bool LineChart::exportPng(const QString& path, int width, int height) {
  m->fill();
  m->plot->setAntialiasedElements(QCP::aePlottables | QCP::aeScatters);
  return m->plot->savePng(path, width / 2, height / 2, 2);
}

bool LineChart::exportSvg(const QString& path, int width, int height) {
  m->fill();
  QSvgGenerator svg;
  svg.setFileName(path);
  svg.setSize({width, height});
  svg.setViewBox(QRect(0, 0, width, height));
  svg.setTitle(m->title->fullText());
  QCPPainter painter;
  if (!painter.begin(&svg)) return false;
  painter.setMode(QCPPainter::pmVectorized);
  m->plot->toPainter(&painter, width, height);
  return painter.end();
}

bool LineChart::exportCsv(const QString& path) const {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return false;
  file.write("line,x,y,smoothed\n");
  auto number = [](double v) { return std::isfinite(v) ? QByteArray::number(v, 'g', 17) : QByteArray(std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf"); };
  for (const auto& line : m->lines) {
    QByteArray name = line->name.toUtf8();
    name = '"' + name.replace('"', "\"\"") + '"';
    for (std::size_t i = 0; i < line->raw.size(); ++i)
      file.write(name + ',' + number(line->raw.x(i)) + ',' + number(line->raw.y(i)) + ',' +
                 (i < line->smooth.size() ? number(line->smooth.y(i)) : QByteArray()) + '\n');
  }
  return file.commit();
}

}  // namespace retort::ui
