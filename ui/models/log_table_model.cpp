// Records under a filter as a table over ids: see log_table_model.h.
#include "ui/models/log_table_model.h"

#include <algorithm>

#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

struct Answer {
  std::shared_ptr<const std::vector<std::uint32_t>> ids;
  quint64 total = 0;
  std::optional<Error> error;
};

QString timeText(std::optional<std::int64_t> us) {
  if (!us) return QStringLiteral("–");
  return QDateTime::fromMSecsSinceEpoch(*us / 1000, Qt::UTC).toString(QStringLiteral("MM-dd HH:mm:ss"));
}
QString optionalCount(std::optional<std::int64_t> n) { return n ? countText(*n) : QStringLiteral("–"); }

}  // namespace

LogTableModel::LogTableModel(QObject* parent) : QAbstractTableModel(parent), m_pages(64) {}

void LogTableModel::query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter) {
  if (!store) return clear();
  m_query.ask(this, [store, filter](std::stop_token stop) {
    Answer answer;
    auto ids = store->ids(filter, stop);
    if (ids.ok()) answer.ids = std::make_shared<const std::vector<std::uint32_t>>(std::move(*ids));
    else answer.error = ids.error();
    answer.total = store->size();
    return answer;
  }, [this, store](Answer answer) {
    if (answer.error) {
      if (!isCancelled(*answer.error)) Q_EMIT failed(*answer.error);
      return;
    }
    const bool same = m_store == store && m_ids && *m_ids == *answer.ids;
    if (!same) {
      beginResetModel();
      m_store = store;
      m_ids = std::move(answer.ids);
      m_pages.clear();
      m_asked.clear();
      ++m_generation;
      endResetModel();
    }
    Q_EMIT counted(matches(), answer.total);
  });
}

void LogTableModel::clear() {
  m_query.cancel();
  beginResetModel();
  m_store.reset();
  m_ids.reset();
  m_pages.clear();
  m_asked.clear();
  ++m_generation;
  endResetModel();
}

void LogTableModel::setNewestFirst(bool on) {
  if (on == m_newestFirst) return;
  beginResetModel();
  m_newestFirst = on;
  m_pages.clear();
  m_asked.clear();
  ++m_generation;
  endResetModel();
}

std::size_t LogTableModel::place(int row) const {
  const auto i = static_cast<std::size_t>(row);
  return m_newestFirst ? m_ids->size() - 1 - i : i;
}

std::optional<std::uint32_t> LogTableModel::idAt(int row) const {
  if (row < 0 || row >= rowCount()) return {};
  return (*m_ids)[place(row)];
}

int LogTableModel::rowNear(std::uint32_t id) const {
  if (!m_ids || m_ids->empty()) return -1;
  auto at = static_cast<std::size_t>(std::lower_bound(m_ids->begin(), m_ids->end(), id) - m_ids->begin());
  at = std::min(at, m_ids->size() - 1);
  const std::size_t row = m_newestFirst ? m_ids->size() - 1 - at : at;
  return row < static_cast<std::size_t>(rowCount()) ? static_cast<int>(row) : -1;
}

int LogTableModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_ids ? 0 : static_cast<int>(std::min<std::size_t>(m_ids->size(), kMaxRows));
}
int LogTableModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : Columns; }

const logs::Row* LogTableModel::cached(int row) const {
  const int page = row / kPage;
  if (const std::vector<logs::Row>* rows = m_pages.object(page)) {
    const auto i = static_cast<std::size_t>(row % kPage);
    return i < rows->size() ? &(*rows)[i] : nullptr;
  }
  fetch(page);
  return nullptr;
}

void LogTableModel::fetch(int page) const {
  if (m_asked.contains(page) || !m_store) return;
  m_asked.insert(page);
  const int first = page * kPage, last = std::min(rowCount(), first + kPage);
  std::vector<std::uint32_t> ids;
  for (int row = first; row < last; ++row) ids.push_back((*m_ids)[place(row)]);
  auto* self = const_cast<LogTableModel*>(this);
  runAsync(queryPool(), self, [store = m_store, ids = std::move(ids)] { return store->rows(ids); },
           [self, page, first, last, generation = m_generation](Result<std::vector<logs::Row>> rows) {
             if (generation != self->m_generation) return;
             self->m_asked.remove(page);
             if (!rows.ok()) {
               Q_EMIT self->failed(rows.error());
               self->m_pages.insert(page, new std::vector<logs::Row>);   // not asked for again at every repaint
               return;
             }
             self->m_pages.insert(page, new std::vector<logs::Row>(std::move(*rows)));
             Q_EMIT self->dataChanged(self->index(first, 0), self->index(last - 1, Columns - 1));
           });
}

QVariant LogTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  const bool number = section == InTokens || section == OutTokens || section == Latency;
  if (role == Qt::TextAlignmentRole) return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  if (role == Qt::ToolTipRole && section == Time) return tr("Month, day and time of the request, UTC; the whole time stands in the record");
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case Time: return tr("Time, UTC");
    case Model: return tr("Model");
    case InTokens: return tr("In, tok");
    case OutTokens: return tr("Out, tok");
    case Latency: return tr("Latency, ms");
    case Status: return tr("Status");
    case Prompt: return tr("Prompt");
    default: return {};
  }
}

QVariant LogTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const int column = index.column();
  const bool number = column == InTokens || column == OutTokens || column == Latency;
  if (role == Qt::TextAlignmentRole) return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  if (role == Qt::FontRole) return number || column == Time ? QVariant(Theme::instance().font(Type::Mono)) : QVariant();
  if (role != Qt::DisplayRole && role != Qt::ForegroundRole) return {};
  const logs::Row* row = cached(index.row());
  if (role == Qt::ForegroundRole) {
    if (!row) return {};
    if (column == Status && row->status == "error") return Theme::instance().color(Role::Bad);
    if (column == Status && row->status == "incomplete") return Theme::instance().color(Role::Caution);
    return column == Prompt ? QVariant() : QVariant(Theme::instance().color(Role::Muted));
  }
  if (!row) return column == Prompt ? QVariant(QStringLiteral("…")) : QVariant();
  switch (column) {
    case Time: return timeText(row->timeUs);
    case Model: return qs(row->model);
    case InTokens: return optionalCount(row->inputTokens);
    case OutTokens: return optionalCount(row->outputTokens);
    case Latency: return optionalCount(row->latencyMs);
    case Status: return qs(row->status);
    case Prompt: return qs(row->preview).simplified();
    default: return {};
  }
}

}  // namespace retort::ui
