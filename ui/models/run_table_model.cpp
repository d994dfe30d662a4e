// Runs of a session as a table: see run_table_model.h.
#include "ui/models/run_table_model.h"

#include <QDateTime>
#include <algorithm>

#include "ui/widgets/text.h"

namespace retort::ui {

double secondsTaken(const job::State& state) {
  if (state.started <= 0) return -1;
  const qint64 end = job::isFinal(state.phase) || state.phase == job::Phase::interrupted ? state.updated : QDateTime::currentMSecsSinceEpoch();
  return static_cast<double>(std::max<qint64>(0, end - state.started)) / 1000;
}

void RunTableModel::arrange(std::vector<RunEntry>& runs) const {
  if (m_sortColumn < 0) return;
  const auto number = [this](const RunEntry& r) -> double {
    const run::RunSummary& s = r.summary;
    switch (m_sortColumn) {
      case Phase: return static_cast<double>(s.state.phase);
      case Progress: return s.state.of > 0 ? static_cast<double>(s.state.step) / static_cast<double>(s.state.of) : 0;
      case BestNll:
      case Curve: return s.bestNll.value_or(1e300);
      case Time: return secondsTaken(s.state);
      case Started: return static_cast<double>(s.state.started);
      default: return 0;
    }
  };
  const auto words = [this](const RunEntry& r) -> const std::string& {
    static const std::string none;
    switch (m_sortColumn) {
      case Name: return r.summary.name;
      case Student: return r.summary.student;
      case Teacher: return r.summary.teacher;
      case Method: return r.summary.method;
      default: return none;
    }
  };
  const auto less = [&](const RunEntry& a, const RunEntry& b) {
    const double x = number(a), y = number(b);
    return x != y ? x < y : words(a) < words(b);
  };
  std::stable_sort(runs.begin(), runs.end(), [&](const RunEntry& a, const RunEntry& b) { return m_sortOrder == Qt::AscendingOrder ? less(a, b) : less(b, a); });
}

// The chosen rows stay chosen: what a view remembers moves with its run.
void RunTableModel::sort(int column, Qt::SortOrder order) {
  m_sortColumn = column;
  m_sortOrder = order;
  auto now = m_session->inventory().runs;
  arrange(now);
  Q_EMIT layoutAboutToBeChanged({}, VerticalSortHint);
  const QModelIndexList before = persistentIndexList();
  std::vector<std::string> ids;
  for (const QModelIndex& i : before) ids.push_back(i.row() < rowCount() ? m_runs[static_cast<std::size_t>(i.row())].summary.id : std::string());
  m_runs = std::move(now);
  for (qsizetype i = 0; i < before.size(); ++i) {
    const int row = rowOf(ids[static_cast<std::size_t>(i)]);
    changePersistentIndex(before[i], row >= 0 ? index(row, before[i].column()) : QModelIndex());
  }
  Q_EMIT layoutChanged({}, VerticalSortHint);
}

RunTableModel::RunTableModel(Session* session, QObject* parent) : QAbstractTableModel(parent), m_session(session) {
  connect(session, &Session::runsChanged, this, &RunTableModel::refresh);
  m_runs = session->inventory().runs;
}

// Same runs in the same order (the common case, once a tick): only the cells change, so selection and scroll stay.
void RunTableModel::refresh() {
  auto now = m_session->inventory().runs;
  arrange(now);
  bool same = now.size() == m_runs.size();
  for (std::size_t i = 0; same && i < now.size(); ++i) same = now[i].summary.id == m_runs[i].summary.id;
  if (same) {
    m_runs = now;
    if (!m_runs.empty()) Q_EMIT dataChanged(index(0, 0), index(static_cast<int>(m_runs.size()) - 1, Columns - 1));
    return;
  }
  // New runs come first: rows are inserted there when the rest is unchanged.
  const std::size_t added = now.size() > m_runs.size() ? now.size() - m_runs.size() : 0;
  bool tail = added > 0;
  for (std::size_t i = 0; tail && i < m_runs.size(); ++i) tail = now[i + added].summary.id == m_runs[i].summary.id;
  if (tail) {
    beginInsertRows({}, 0, static_cast<int>(added) - 1);
    m_runs = now;
    endInsertRows();
    if (m_runs.size() > added) Q_EMIT dataChanged(index(static_cast<int>(added), 0), index(static_cast<int>(m_runs.size()) - 1, Columns - 1));
    return;
  }
  beginResetModel();
  m_runs = now;
  endResetModel();
}

int RunTableModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : static_cast<int>(m_runs.size()); }
int RunTableModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : Columns; }
const RunEntry* RunTableModel::at(int row) const { return row >= 0 && row < rowCount() ? &m_runs[static_cast<std::size_t>(row)] : nullptr; }

int RunTableModel::rowOf(const std::string& id) const {
  for (std::size_t i = 0; i < m_runs.size(); ++i)
    if (m_runs[i].summary.id == id) return static_cast<int>(i);
  return -1;
}

QVariant RunTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return section == BestNll || section == Time ? int(Qt::AlignRight | Qt::AlignVCenter) : int(Qt::AlignLeft | Qt::AlignVCenter);
  if (role == Qt::ToolTipRole && section == Curve) return tr("Validation NLL over the steps");
  if (role == Qt::ToolTipRole && section == BestNll) return tr("Lowest validation NLL, nats per token");
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case Name: return tr("Name");
    case Phase: return tr("Phase");
    case Progress: return tr("Step");
    case BestNll: return tr("Best NLL");
    case Curve: return tr("Curve");
    case Student: return tr("Student");
    case Teacher: return tr("Teacher");
    case Method: return tr("Method");
    case Time: return tr("Time");
    case Started: return tr("Started");
    default: return {};
  }
}

QVariant RunTableModel::data(const QModelIndex& index, int role) const {
  const RunEntry* entry = index.isValid() ? at(index.row()) : nullptr;
  if (!entry) return {};
  const run::RunSummary& s = entry->summary;
  switch (role) {
    case PhaseRole: return static_cast<int>(s.state.phase);
    case IdRole: return qs(s.id);
    case ShareRole: return s.state.of > 0 ? static_cast<double>(s.state.step) / static_cast<double>(s.state.of) : 0.0;
    case CurveRole: {
      QVariantList values;
      for (double v : entry->curve) values << v;
      return values;
    }
    case Qt::TextAlignmentRole: return index.column() == BestNll || index.column() == Time ? int(Qt::AlignRight | Qt::AlignVCenter) : int(Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::FontRole: return index.column() == BestNll || index.column() == Time || index.column() == Progress ? Theme::instance().font(Type::Mono) : QVariant();
    case Qt::ToolTipRole: return s.error.empty() ? QVariant() : QVariant(qs(s.error).toHtmlEscaped());
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole: break;
    default: return {};
  }
  switch (index.column()) {
    case Name: return s.name.empty() ? qs(s.id) : qs(s.name);
    case Phase: return phaseLook(s.state.phase).text;
    case Progress: return s.state.of > 0 ? tr("%1 of %2").arg(countText(s.state.step), countText(s.state.of)) : countText(s.state.step);
    case BestNll: return s.bestNll ? numberText(*s.bestNll, 4) : QString();
    case Curve: return role == Qt::AccessibleTextRole && s.bestNll ? numberText(*s.bestNll, 4) : QString();
    case Student: return qs(s.student);
    case Teacher: return qs(s.teacher);
    case Method: return qs(s.method);
    case Time: return s.state.started > 0 ? durationText(secondsTaken(s.state)) : QString();
    case Started: return whenText(s.state.started);
    default: return {};
  }
}

}  // namespace retort::ui
