// Records under a filter as a table over ids: see log_table_model.h.
#include "ui/models/log_table_model.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <tuple>

#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

struct Answer {
  std::shared_ptr<const std::vector<std::uint32_t>> ids, order;
  quint64 total = 0;
  std::optional<Error> error;
};

/// What a row is sorted by in `column`: a number, or words.
struct Key {
  std::int64_t number = 0;
  std::string words;
};
Key keyOf(const logs::Row& row, int column) {
  constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();   // what is missing comes first
  switch (column) {
    case LogTableModel::Time: return {row.timeUs.value_or(kNone), {}};
    case LogTableModel::InTokens: return {row.inputTokens.value_or(kNone), {}};
    case LogTableModel::OutTokens: return {row.outputTokens.value_or(kNone), {}};
    case LogTableModel::Latency: return {row.latencyMs.value_or(kNone), {}};
    case LogTableModel::Model: return {0, row.model};
    case LogTableModel::Status: return {0, row.status};
    default: return {0, row.preview.substr(0, 40)};
  }
}

/// The ids in the order of a column's values; only the keys are kept, so a million rows stay small.
Result<std::vector<std::uint32_t>> ordered(const logs::LogStore& store, const std::vector<std::uint32_t>& ids, int column, Qt::SortOrder order, std::stop_token stop) {
  constexpr std::size_t kBatch = 4096;
  std::vector<Key> keys;
  keys.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); i += kBatch) {
    if (stop.stop_requested()) return cancelledError("Sorting");
    RETORT_TRY(const auto rows, store.rows(std::span(ids).subspan(i, std::min(kBatch, ids.size() - i))));
    for (const auto& row : rows) keys.push_back(keyOf(row, column));
  }
  std::vector<std::uint32_t> at(ids.size());
  std::iota(at.begin(), at.end(), 0u);
  const auto less = [&](std::uint32_t a, std::uint32_t b) { return std::tie(keys[a].number, keys[a].words) < std::tie(keys[b].number, keys[b].words); };
  std::stable_sort(at.begin(), at.end(), [&](std::uint32_t a, std::uint32_t b) { return order == Qt::AscendingOrder ? less(a, b) : less(b, a); });
  for (auto& i : at) i = ids[i];
  return at;
}

QString timeText(std::optional<std::int64_t> us) {
  if (!us) return QStringLiteral("–");
  return QDateTime::fromMSecsSinceEpoch(*us / 1000, Qt::UTC).toString(QStringLiteral("MM-dd HH:mm:ss"));
}
QString optionalCount(std::optional<std::int64_t> n) { return n ? countText(*n) : QStringLiteral("–"); }

}  // namespace

LogTableModel::LogTableModel(QObject* parent) : QAbstractTableModel(parent), m_pages(64) {}

void LogTableModel::query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter) {
  if (!store) return clear();
  m_filter = filter;
  m_query.ask(this, [store, filter, column = m_sortColumn, sorted = m_sortOrder](std::stop_token stop) {
    Answer answer;
    answer.total = store->size();
    auto ids = store->ids(filter, stop);
    if (!ids.ok()) {
      answer.error = ids.error();
      return answer;
    }
    answer.ids = std::make_shared<const std::vector<std::uint32_t>>(std::move(*ids));
    if (column < 0) return answer;
    auto order = ordered(*store, *answer.ids, column, sorted, stop);
    if (order.ok()) answer.order = std::make_shared<const std::vector<std::uint32_t>>(std::move(*order));
    else answer.error = order.error();
    return answer;
  }, [this, store](Answer answer) {
    if (answer.error) {
      if (!isCancelled(*answer.error)) Q_EMIT failed(*answer.error);
      return;
    }
    const bool same = m_store == store && m_ids && *m_ids == *answer.ids && bool(m_order) == bool(answer.order) && (!m_order || *m_order == *answer.order);
    if (!same) {
      beginResetModel();
      m_store = store;
      m_ids = std::move(answer.ids);
      m_order = std::move(answer.order);
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
  m_order.reset();
  m_pages.clear();
  m_asked.clear();
  ++m_generation;
  endResetModel();
}

void LogTableModel::sort(int column, Qt::SortOrder order) {
  if (column == m_sortColumn && order == m_sortOrder) return;
  m_sortColumn = column;
  m_sortOrder = order;
  if (m_store) query(m_store, m_filter);
}

std::uint32_t LogTableModel::idOf(int row) const {
  const auto i = static_cast<std::size_t>(row);
  return m_order ? (*m_order)[i] : (*m_ids)[m_ids->size() - 1 - i];
}

std::optional<std::uint32_t> LogTableModel::idAt(int row) const {
  if (row < 0 || row >= rowCount()) return {};
  return idOf(row);
}

int LogTableModel::rowNear(std::uint32_t id) const {
  if (!m_ids || m_ids->empty()) return -1;
  auto at = static_cast<std::size_t>(std::lower_bound(m_ids->begin(), m_ids->end(), id) - m_ids->begin());
  at = std::min(at, m_ids->size() - 1);
  std::size_t row = m_ids->size() - 1 - at;
  if (m_order) row = static_cast<std::size_t>(std::find(m_order->begin(), m_order->end(), (*m_ids)[at]) - m_order->begin());
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
  for (int row = first; row < last; ++row) ids.push_back(idOf(row));
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
