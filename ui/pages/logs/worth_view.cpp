// Families ranked by what distilling them would save: see worth_view.h.
#include "ui/pages/logs/worth_view.h"

#include <QDoubleSpinBox>
#include <QHBoxLayout>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/pages/job_bar.h"
#include "ui/pages/page.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

enum Column { Family, Calls, Cost, Saving, OutTokens, Repeats, Note };

/// Dollars per million tokens.
QDoubleSpinBox* priceBox(const QString& name, const QString& objectName, double dollars, QWidget* parent) {
  auto* box = new QDoubleSpinBox(parent);
  box->setObjectName(objectName);
  box->setAccessibleName(name);
  box->setToolTip(name);
  box->setRange(0, 1000);
  box->setDecimals(2);
  box->setSingleStep(0.05);
  box->setValue(dollars);
  box->setButtonSymbols(QAbstractSpinBox::NoButtons);
  box->setAlignment(Qt::AlignRight);
  box->setFont(Theme::instance().font(Type::Mono));
  box->setFixedWidth(64);
  return box;
}

QString noteOf(const logs::WorthRow& row) {
  QStringList parts;
  if (row.withTools) parts << WorthView::tr("%1 with tools or images").arg(countText(static_cast<qint64>(row.withTools)));
  if (row.costKnown < row.records) parts << WorthView::tr("%1 of unknown price").arg(countText(static_cast<qint64>(row.records - row.costKnown)));
  return parts.join(QStringLiteral(", "));
}

}  // namespace

WorthView::WorthView(Session* session, QWidget* parent) : QWidget(parent), m_session(session) {
  build();
  connect(m_session, &Session::jobsChanged, this, &WorthView::followDerive);
  connect(m_job, &JobBar::ended, this, [this](const job::State& state) {
    if (state.error.is_object()) Q_EMIT failed(job::errorFromJson(state.error));
    m_session->refresh();   // the store takes in what was worked out
  });
  connect(m_missing, &EmptyState::actionTriggered, this, &WorthView::startDerive);
  connect(m_rest, &QPushButton::clicked, this, &WorthView::startDerive);
  for (QDoubleSpinBox* box : {m_input, m_output}) connect(box, &QDoubleSpinBox::valueChanged, this, &WorthView::ask);
  const auto choose = [this](int row) {
    const int at = m_table->rowTag(row);
    if (m_worth && at >= 0 && static_cast<std::size_t>(at) < m_worth->rows.size()) Q_EMIT familyChosen(m_worth->rows[static_cast<std::size_t>(at)].family);
  };
  connect(m_table, &PlainTable::cellClicked, this, choose);
  connect(m_table, &PlainTable::rowEntered, this, choose);
}

void WorthView::build() {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  m_job = new JobBar(m_session, {"derive"}, this);
  column->addWidget(m_job);
  m_bodies = new QStackedWidget(this);
  column->addWidget(m_bodies, 1);
  m_skeleton = new Skeleton(this);
  m_bodies->addWidget(m_skeleton);
  m_missing = new EmptyState(QStringLiteral("draw-logs"), {}, {}, tr("Work out the families"), {}, this);
  m_bodies->addWidget(m_missing);

  m_found = new QWidget(this);
  auto* inside = new QVBoxLayout(m_found);
  inside->setContentsMargins(0, 0, 0, 0);
  inside->setSpacing(8);
  auto* tools = new QHBoxLayout;
  tools->setSpacing(8);
  m_summary = caption({}, m_found);
  m_summary->setObjectName(QStringLiteral("worthSummary"));
  m_summary->setElided(Qt::ElideRight);
  tools->addWidget(m_summary, 1);
  tools->addWidget(caption(tr("Student's price, $ a million tokens:"), m_found));
  const logs::WorthOptions usual;
  m_input = priceBox(tr("Price of a million input tokens, $"), QStringLiteral("studentInput"), usual.studentInput, m_found);
  m_output = priceBox(tr("Price of a million output tokens, $"), QStringLiteral("studentOutput"), usual.studentOutput, m_found);
  tools->addWidget(caption(tr("in"), m_found));
  tools->addWidget(m_input);
  tools->addWidget(caption(tr("out"), m_found));
  tools->addWidget(m_output);
  inside->addLayout(tools);
  auto* rest = new QHBoxLayout;
  rest->setSpacing(8);
  m_partly = caption({}, m_found);
  m_partly->setObjectName(QStringLiteral("worthPartly"));
  m_partly->setTint(Role::Caution);
  m_rest = linkButton(tr("Work out the rest"), QStringLiteral("deriveRest"), m_found);
  rest->addWidget(m_partly);
  rest->addWidget(m_rest);
  rest->addStretch(1);
  inside->addLayout(rest);
  m_table = new PlainTable({tr("Prompt family"), tr("Calls a month"), tr("Cost, $ a month"), tr("Saving, $ a month"), tr("Answer, tok"), tr("Repeats"), tr("Note")}, tr("Families worth distilling"),
                           QStringLiteral("worthTable"), m_found);
  m_table->setNumeric({Calls, Cost, Saving, OutTokens, Repeats});
  m_table->setWidths({0, 128, 136, 150, 108, 104, 176});
  m_table->horizontalHeaderItem(Saving)->setToolTip(tr("What is paid now, less what the student would cost, for answers that came in full; exact repeats and calls with tools or images are left out"));
  m_table->horizontalHeaderItem(OutTokens)->setToolTip(tr("Half of the answers are no longer than this"));
  m_table->horizontalHeaderItem(Repeats)->setToolTip(tr("Exact repeats of an earlier prompt, which a cache would answer"));
  auto* card = new Card(m_found);
  auto* frame = new QVBoxLayout(card);
  frame->setContentsMargins(1, 1, 1, 1);
  frame->addWidget(m_table);
  inside->addWidget(card, 1);
  m_bodies->addWidget(m_found);
}

QWidget* WorthView::list() const { return m_table; }

void WorthView::query(const logs::Filter& filter) {
  m_filter = filter;
  m_isAsked = false;
  if (isVisible()) ask();
  else m_query.cancel();
}

void WorthView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (!m_isAsked) ask();
}

void WorthView::ask() {
  const auto store = m_session->logs();
  if (!store) return;
  m_isAsked = true;
  logs::WorthOptions options;
  options.studentInput = m_input->value();
  options.studentOutput = m_output->value();
  m_query.ask(this, [store, filter = m_filter, options](std::stop_token stop) { return logs::worth(*store, filter, options, stop); }, [this](Result<logs::Worth> worth) {
    if (worth.ok()) {
      m_worth = std::move(*worth);
    } else if (worth.error().code == "logs.derived.none") {
      m_worth.reset();
    } else {
      if (!isCancelled(worth.error())) Q_EMIT failed(worth.error());
      return;
    }
    fill();
  });
}

void WorthView::fill() {
  followDerive();
  if (!m_worth) return m_bodies->setCurrentWidget(m_missing);
  const int before = m_table->rowTag(m_table->currentRow());
  const auto count = static_cast<int>(m_worth->rows.size());
  m_table->setRowCount(count);
  for (int r = 0; r < count; ++r) {
    const logs::WorthRow& row = m_worth->rows[static_cast<std::size_t>(r)];
    const auto repeats = static_cast<qint64>(row.repeats);
    const QString unknown = QStringLiteral("–");
    const QString name = qs(row.name).simplified();
    m_table->set(r, Family, name)->setToolTip(tr("%1 (family %2)").arg(name, qs(row.family)).toHtmlEscaped());
    m_table->set(r, Calls, numberText(row.perMonth, 0), row.perMonth);
    m_table->set(r, Cost, row.costKnown ? numberText(row.cost, 2) : unknown, row.cost);
    m_table->set(r, Saving, row.costKnown ? numberText(row.saving, 2) : unknown, row.saving);
    m_table->set(r, OutTokens, countText(row.p50Output), QVariant::fromValue(qint64(row.p50Output)));
    m_table->set(r, Repeats, repeats ? tr("%1 · %2").arg(countText(repeats), percentText(static_cast<double>(row.repeats) / static_cast<double>(row.records), 0)) : QStringLiteral("0"), repeats);
    m_table->set(r, Note, noteOf(row));
    m_table->setRowTag(r, r);
  }
  m_table->resort();
  for (int r = 0; r < count; ++r)
    if (m_table->rowTag(r) == std::clamp(before, 0, count - 1)) m_table->setCurrentCell(r, 0);
  const QString days = numberText(m_worth->days, 1);
  QStringList words{tr("Families: %1").arg(countText(count)), m_worth->isShort ? tr("%1 days of records: a month is a bold guess").arg(days) : tr("%1 days of records").arg(days)};
  if (m_worth->withoutCost) words << tr("%1 records without a known price").arg(countText(static_cast<qint64>(m_worth->withoutCost)));
  m_summary->setText(words.join(QStringLiteral(" · ")));
  m_bodies->setCurrentWidget(m_found);
}

// How far the derived fields are, and the button that works them out where no job does.
void WorthView::followDerive() {
  const auto store = m_session->logs();
  const auto progress = store ? store->derivedProgress() : logs::DerivedProgress{};
  const bool busy = m_isStarting || m_session->unfinished({"derive"}) || m_session->isImporting();
  const bool readOnly = m_session->workspace().isReadOnly();
  const QString share = tr("%1 of %2 records are worked out").arg(countText(static_cast<qint64>(progress.done)), countText(static_cast<qint64>(progress.of)));
  m_missing->setWords(busy ? tr("Families are being worked out") : tr("Families are not worked out yet"),
                      busy ? share + QStringLiteral(". ") + tr("They appear here by themselves.") : share + QStringLiteral(". ") + tr("A family is a group of prompts made from one template; the job reads every record once."));
  m_missing->action()->setVisible(!busy);
  m_missing->action()->setEnabled(!readOnly);
  m_missing->action()->setToolTip(readOnly ? tr("The project is opened for reading only") : QString());
  m_partly->setText(share);
  m_partly->setVisible(progress.done < progress.of);
  m_rest->setVisible(progress.done < progress.of && !busy && !readOnly);
}

void WorthView::startDerive() {
  if (m_isStarting || m_session->unfinished({"derive"})) return;
  m_isStarting = true;
  followDerive();
  m_session->startJob("derive", "derived fields", Json::object(), this, [this](const Result<std::string>& job) {
    m_isStarting = false;
    if (job.ok()) m_job->follow(*job);
    else Q_EMIT failed(job.error());
    followDerive();
  });
}

}  // namespace retort::ui
