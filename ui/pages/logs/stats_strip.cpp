// The sums of what matches: see stats_strip.h.
#include "ui/pages/logs/stats_strip.h"

#include <QHeaderView>
#include <QVBoxLayout>

#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

enum Column { Records, Input, Cached, Output, Cost, Errors, Half, Most, Repeats, Columns };

QString milliseconds(std::optional<std::int64_t> ms) { return ms ? countText(*ms) : QStringLiteral("–"); }

}  // namespace

StatsStrip::StatsStrip(QWidget* parent) : Card(parent) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(1, 1, 1, 1);
  m_table = new PlainTable({tr("Records"), tr("Input, tok"), tr("Cached, tok"), tr("Output, tok"), tr("Cost, $"), tr("Errors"), tr("p50, ms"), tr("p95, ms"), tr("Repeats")}, tr("Sums of the records that match"),
                           QStringLiteral("statsTable"), this);
  m_table->setNumeric({Records, Input, Cached, Output, Cost, Errors, Half, Most, Repeats});
  m_table->setWidths(QList<int>(Columns, 0));
  m_table->horizontalHeaderItem(Half)->setToolTip(tr("Half of the answers came within this latency"));
  m_table->horizontalHeaderItem(Most)->setToolTip(tr("95 of 100 answers came within this latency"));
  m_table->horizontalHeader()->setSectionsClickable(false);
  m_table->setSelectionMode(QAbstractItemView::NoSelection);
  m_table->setRowCount(1);
  m_table->fitRows();
  column->addWidget(m_table);
}

void StatsStrip::query(std::shared_ptr<logs::LogStore> store, const logs::Filter& filter) {
  m_store = std::move(store);
  m_filter = filter;
  m_isAsked = false;
  m_query.cancel();
  if (isVisible()) ask();
}

void StatsStrip::showEvent(QShowEvent* event) {
  Card::showEvent(event);
  if (!m_isAsked) ask();
}

void StatsStrip::ask() {
  if (!m_store) return;
  m_isAsked = true;
  m_query.ask(this, [store = m_store, filter = m_filter](std::stop_token stop) { return logs::statistics(*store, filter, {}, stop); }, [this](const Result<std::vector<logs::StatsRow>>& rows) {
    if (rows.ok() && !rows->empty()) return fill(rows->front());
    if (!rows.ok() && !isCancelled(rows.error())) Q_EMIT failed(rows.error());
  });
}

void StatsStrip::fill(const logs::StatsRow& sums) {
  const auto count = [&](Column column, auto n) { m_table->set(0, column, countText(static_cast<qint64>(n))); };
  count(Records, sums.records);
  count(Input, sums.inputTokens);
  count(Cached, sums.cachedTokens);
  count(Output, sums.outputTokens);
  count(Errors, sums.errors);
  m_table->set(0, Cost, sums.costKnown ? numberText(sums.cost, 2) : QStringLiteral("–"));
  if (sums.costKnown < sums.records) m_table->item(0, Cost)->setToolTip(tr("The price of %1 of %2 records is known").arg(countText(static_cast<qint64>(sums.costKnown)), countText(static_cast<qint64>(sums.records))));
  m_table->set(0, Half, milliseconds(sums.p50LatencyMs));
  m_table->set(0, Most, milliseconds(sums.p95LatencyMs));
  const auto repeats = countText(static_cast<qint64>(sums.repeats));
  m_table->set(0, Repeats, sums.repeats ? tr("%1 · %2").arg(repeats, percentText(static_cast<double>(sums.repeats) / static_cast<double>(sums.records), 0)) : repeats);
  if (m_store->derivedProgress().done == 0) m_table->set(0, Repeats, QStringLiteral("–"))->setToolTip(tr("Known when the derived fields are worked out"));
}

}  // namespace retort::ui
