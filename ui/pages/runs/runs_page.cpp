// All runs as a table; opening one shows it live: see runs_page.h.
#include "ui/pages/runs/runs_page.h"

#include <QHeaderView>
#include <algorithm>

#include "ui/pages/runs/run_view.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

namespace retort::ui {

RunsPage::RunsPage(Session* session, QWidget* parent) : Page(session, QStringLiteral("runs"), tr("Runs"), parent) {
  m_back = iconButton(QStringLiteral("chevron-left"), tr("All runs"), QStringLiteral("backToRuns"), this);
  m_back->setShortcut(QKeySequence(Qt::ALT | Qt::Key_Left));
  leading()->addWidget(m_back);
  m_back->hide();
  connect(m_back, &QToolButton::clicked, this, &RunsPage::showList);
  m_new = primaryButton(tr("&New run"), QStringLiteral("newRun"), QStringLiteral("distil"), this);
  addAction(m_new);
  connect(m_new, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("distil"), {}); });

  m_empty = new EmptyState(QStringLiteral("draw-runs"), tr("No runs yet"), tr("A run trains a student on a dataset. It goes on when this window is closed."), tr("Set up a run"), {}, this);
  addBody(m_empty);
  connect(m_empty, &EmptyState::actionTriggered, this, [this] { Q_EMIT navigate(QStringLiteral("distil"), {}); });
  m_skeleton = new Skeleton(this);
  addBody(m_skeleton);
  auto* card = new Card(this);
  auto* inside = new QVBoxLayout(card);
  inside->setContentsMargins(1, 1, 1, 1);
  m_model = new RunTableModel(session, this);
  m_table = new TableView(tr("Runs"), QStringLiteral("runTable"), card);
  m_table->setModel(m_model);
  m_table->setItemDelegate(new RunCellDelegate(m_table));
  m_table->verticalHeader()->setDefaultSectionSize(32);
  m_table->setWidths({140, 142, 104, 84, 96, 136, 96, 82, 104, 150});
  m_table->setStretchColumn(RunTableModel::Name, 126);
  m_table->setGivingWay({RunTableModel::Method, RunTableModel::Teacher, RunTableModel::Started, RunTableModel::Time, RunTableModel::Student});
  m_table->setSortable();
  inside->addWidget(m_table);
  setFirstFocus(m_table);
  m_list = card;
  addBody(m_list);
  m_view = new RunView(session, this);
  addBody(m_view);
  connect(m_table, &TableView::rowActivated, this, [this](int row) {
    if (const RunEntry* entry = m_model->at(row)) open(qs(entry->summary.id));
  });
  connect(m_view, &RunView::navigate, this, &Page::navigate);
  connect(m_view, &RunView::titleChanged, this, [this](const QString& title) {
    if (m_inRun) setTitle(title);
  });
  connect(session, &Session::runsChanged, this, &RunsPage::refresh);
  connect(session, &Session::loaded, this, &RunsPage::refresh);
  refresh();
}

void RunsPage::open(const QString& runId) {
  if (runId.isEmpty()) return;
  m_inRun = true;
  m_view->show(ss(runId));
  setBody(m_view);
  setState({});
  m_back->show();
  m_new->hide();
}

void RunsPage::showList() {
  m_inRun = false;
  m_back->hide();
  m_new->show();
  setTitle(tr("Runs"));
  refresh();
  m_table->setFocus();
}

void RunsPage::refresh() {
  if (m_inRun) return;
  const auto& runs = session()->inventory().runs;
  if (!session()->isLoaded()) return setBody(m_skeleton);
  setBody(runs.empty() ? static_cast<QWidget*>(m_empty) : m_list);
  m_new->setVisible(!runs.empty());
  const auto active = std::count_if(runs.begin(), runs.end(), [](const RunEntry& r) { return job::isActive(r.summary.state.phase); });
  setState(runs.empty() ? QString() : active ? tr("%1 runs, %2 running").arg(countText(static_cast<qint64>(runs.size())), countText(active)) : tr("%n run(s)", nullptr, static_cast<int>(runs.size())));
}

}  // namespace retort::ui
