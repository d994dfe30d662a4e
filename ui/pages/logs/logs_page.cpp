// The log browser: see logs_page.h.
#include "ui/pages/logs/logs_page.h"

#include <QDialog>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLineEdit>
#include <QMenu>
#include <QMimeData>
#include <QSplitter>
#include <QTabBar>

#include "ui/pages/job_bar.h"
#include "ui/pages/logs/facet_panel.h"
#include "ui/pages/logs/record_pane.h"
#include "ui/pages/logs/stats_strip.h"
#include "ui/pages/logs/worth_view.h"
#include "ui/shell/icons.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/tables.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
constexpr int kTypingMs = 200;
enum View { Worth, Records };
}

LogsPage::LogsPage(Session* session, QWidget* parent) : Page(session, QStringLiteral("logs"), tr("Logs"), parent) {
  setAcceptDrops(true);
  m_import = button(tr("&Import logs"), QStringLiteral("importLogs"), QStringLiteral("import"), this);
  auto* menu = new QMenu(m_import);
  menu->addAction(icon(QStringLiteral("logs")), tr("Files…"), this, [this] { chooseFiles(false); });
  menu->addAction(icon(QStringLiteral("folder")), tr("Folder…"), this, [this] { chooseFiles(true); });
  menu->addSeparator();
  menu->addAction(icon(QStringLiteral("distil")), tr("Sample logs"), this, &LogsPage::importSample);
  m_import->setMenu(menu);
  m_import->setProperty("menu", true);
  addAction(m_import);
  m_distil = button(tr("&Distil…"), QStringLiteral("distilLogs"), QStringLiteral("distil"), this);
  m_distil->setToolTip(tr("The whole line in four steps: from the records that match to verified files (Ctrl+Shift+D)"));
  addAction(m_distil);
  connect(m_distil, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("assistant"), m_box->text()); });
  m_dataset = primaryButton(tr("&Build dataset"), QStringLiteral("buildDataset"), QStringLiteral("datasets"), this);
  m_dataset->setToolTip(tr("Makes a dataset of the records that match"));
  addAction(m_dataset);
  connect(m_dataset, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("datasets"), QStringLiteral("build:") + m_box->text()); });
  m_job = new JobBar(session, {"import", "sample"}, this);
  column()->insertWidget(2, m_job);
  build();
  connect(session, &Session::logsChanged, this, &LogsPage::refresh);
  connect(session, &Session::loaded, this, &LogsPage::refresh);
  connect(session, &Session::jobsChanged, this, [this] {
    const bool busy = this->session()->isImporting();
    if (m_import->isEnabled() != busy) return;
    m_import->setEnabled(!busy);
    m_import->setToolTip(busy ? tr("An import is under way") : QString());
    refresh();
  });
  connect(m_job, &JobBar::ended, this, &LogsPage::importEnded);
  refresh();
}

void LogsPage::build() {
  m_empty = new EmptyState(QStringLiteral("draw-logs"), tr("No logs yet"),
                           tr("Import invocation logs of Bedrock, OpenAI, Langfuse and others: files, gzip files or whole folders. You can also drop them here."), tr("Import logs"),
                           tr("Try with sample data"), this);
  addBody(m_empty);
  connect(m_empty, &EmptyState::actionTriggered, this, [this] { m_import->menu()->popup(m_empty->action()->mapToGlobal(QPoint(0, m_empty->action()->height()))); });
  connect(m_empty, &EmptyState::linkTriggered, this, &LogsPage::importSample);
  m_skeleton = new Skeleton(this);
  addBody(m_skeleton);

  m_browser = new QWidget(this);
  auto* column = new QVBoxLayout(m_browser);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  auto* tools = new QHBoxLayout;
  tools->setSpacing(8);
  m_views = new QTabBar(m_browser);
  m_views->setObjectName(QStringLiteral("logsView"));
  m_views->setAccessibleName(tr("View"));
  m_views->setDrawBase(false);
  m_views->setExpanding(false);
  m_views->addTab(tr("&Worth distilling"));
  m_views->addTab(tr("&Records"));
  tools->addWidget(m_views);
  m_box = new QLineEdit(m_browser);
  m_box->setObjectName(QStringLiteral("filterBox"));
  m_box->setAccessibleName(tr("Filter"));
  m_box->setPlaceholderText(tr("Filter, for example: env = \"prod\" and @status = \"ok\""));
  m_box->setClearButtonEnabled(true);
  m_box->addAction(icon(QStringLiteral("filter")), QLineEdit::LeadingPosition);
  m_box->setFont(Theme::instance().font(Type::Mono));
  tools->addWidget(m_box, 1);
  auto* help = iconButton(QStringLiteral("question"), tr("How to write filters"), QStringLiteral("filterHelp"), m_browser);
  tools->addWidget(help);
  m_rejects = iconButton(QStringLiteral("caution"), tr("Rejected lines"), QStringLiteral("showRejects"), m_browser);
  tools->addWidget(m_rejects);
  column->addLayout(tools);
  m_reading = caption({}, m_browser);
  m_reading->setObjectName(QStringLiteral("filterReading"));
  m_reading->setWordWrap(true);
  m_reading->hide();
  column->addWidget(m_reading);
  m_lists = new QStackedWidget(m_browser);
  m_worth = new WorthView(session(), m_browser);
  m_lists->addWidget(m_worth);
  buildRecords();
  column->addWidget(m_lists, 1);
  addBody(m_browser);

  m_typing.setSingleShot(true);
  m_typing.setInterval(kTypingMs);
  connect(m_box, &QLineEdit::textChanged, &m_typing, qOverload<>(&QTimer::start));
  connect(m_box, &QLineEdit::returnPressed, this, &LogsPage::textEdited);
  connect(&m_typing, &QTimer::timeout, this, &LogsPage::textEdited);
  connect(m_views, &QTabBar::currentChanged, this, &LogsPage::showView);
  connect(m_worth, &WorthView::familyChosen, this, [this](const std::string& family) {
    setFilter(withValues(m_filter, "@family", {family}));
    showView(Records);
    m_table->setFocus();
  });
  connect(m_worth, &WorthView::failed, this, [this](const Error& error) { banner()->show(error); });
  connect(m_stats, &StatsStrip::failed, this, [this](const Error& error) { banner()->show(error); });
  connect(m_facets, &FacetPanel::filterChosen, this, &LogsPage::setFilter);
  connect(m_pane, &RecordPane::valueChosen, this, [this](const std::string& key, const std::string& value) { setFilter(withValues(m_filter, key, {value})); });
  connect(m_pane, &RecordPane::failed, this, [this](const Error& error) { banner()->show(error); });
  connect(m_model, &LogTableModel::failed, this, [this](const Error& error) { banner()->show(error); });
  connect(m_model, &LogTableModel::counted, this, [this](quint64 matches, quint64 total) {
    setState(matches == total ? tr("%1 records").arg(countText(static_cast<qint64>(total)))
                              : tr("%1 of %2 records match").arg(countText(static_cast<qint64>(matches)), countText(static_cast<qint64>(total))));
    m_dataset->setEnabled(matches > 0);
    if (matches == 0) m_pane->clear();
    // After a change of the filter the record that was shown stays in sight, or the nearest one.
    const int row = m_shownId ? m_model->rowNear(*m_shownId) : 0;
    if (row >= 0 && m_model->rowCount() > 0 && !m_table->currentIndex().isValid()) m_table->setCurrentIndex(m_model->index(row, 0));
  });
  connect(m_table, &TableView::rowShown, this, [this](int row) {
    if (const auto id = m_model->idAt(row)) {
      m_shownId = id;
      m_pane->show(this->session()->logs(), *id);
    }
  });
  connect(m_rejects, &QToolButton::clicked, this, &LogsPage::showRejects);
  showView(Worth);
  connect(help, &QToolButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("help"), QStringLiteral("filters")); });
}

void LogsPage::buildRecords() {
  m_split = new QSplitter(m_lists);
  m_split->setObjectName(QStringLiteral("logsSplit"));
  m_split->setChildrenCollapsible(true);
  m_facets = new FacetPanel(m_split);
  m_model = new LogTableModel(this);
  m_table = new TableView(tr("Records"), QStringLiteral("recordTable"), m_split);
  m_table->setModel(m_model);
  m_table->setWidths({142, 240, 140, 66, 72, 100, 84});
  m_table->setStretchColumn(LogTableModel::Prompt, 200);
  m_table->setGivingWay({LogTableModel::Latency, LogTableModel::OutTokens, LogTableModel::InTokens, LogTableModel::Status, LogTableModel::Model});
  m_table->setSortable();
  m_pane = new RecordPane(m_split);
  m_pane->setMinimumWidth(220);
  m_split->addWidget(m_facets);
  m_split->addWidget(m_table);
  m_split->addWidget(m_pane);
  m_split->setStretchFactor(0, 0);
  m_split->setStretchFactor(1, 1);
  m_split->setStretchFactor(2, 0);
  m_split->setSizes({204, 620, 306});
  auto* records = new QWidget(m_lists);
  auto* column = new QVBoxLayout(records);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  m_stats = new StatsStrip(records);
  column->addWidget(m_stats);
  auto* frame = new Card(records);
  auto* inside = new QVBoxLayout(frame);
  inside->setContentsMargins(1, 1, 1, 1);
  inside->addWidget(m_split);
  column->addWidget(frame, 1);
  m_lists->addWidget(records);
}

void LogsPage::showView(int view) {
  m_views->setCurrentIndex(view);
  m_lists->setCurrentIndex(view);
  setFirstFocus(view == Worth ? m_worth->list() : m_table);
}

void LogsPage::open(const QString& filterText) {
  if (filterText.isEmpty()) return;
  m_box->setText(filterText);
  showView(Records);
}

void LogsPage::chooseFiles(bool folder) {
  auto* dialog = new QFileDialog(this, folder ? tr("Import a folder of logs") : tr("Import log files"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFiles);
  if (!folder) dialog->setNameFilters({tr("Log files (*.json *.jsonl *.gz *.log *.ndjson)"), tr("All files (*)")});
  connect(dialog, &QFileDialog::filesSelected, this, &LogsPage::importPaths);
  dialog->open();
}

void LogsPage::importPaths(const QStringList& paths) {
  if (session()->isImporting()) return banner()->show(Banner::Kind::Caution, tr("An import is under way"), tr("Wait for it to end, or stop it first."));
  m_import->setEnabled(false);
  session()->importLogs(paths, this, [this](const Result<std::string>& job) { follow(job); });
}

void LogsPage::importSample() {
  if (session()->isImporting()) return;
  m_import->setEnabled(false);
  session()->importSample(this, [this](const Result<std::string>& job) { follow(job); });
}

void LogsPage::follow(const Result<std::string>& job) {
  if (!job.ok()) {
    m_import->setEnabled(true);
    return banner()->show(job.error());
  }
  banner()->clear();
  m_job->follow(*job);
  refresh();
}

void LogsPage::importEnded(const job::State& state) {
  m_import->setEnabled(true);
  session()->refresh();
  if (state.phase == job::Phase::stopped)
    return banner()->show(Banner::Kind::Info, tr("Import stopped"), tr("What was read so far stays. Import the same source again to go on from there."));
  if (state.error.is_object()) return banner()->show(job::errorFromJson(state.error));
  const auto number = [&](const char* key) { return state.extra.is_object() ? static_cast<qint64>(numberOf(state.extra.value(key, Json(0)), 0)) : 0; };
  QStringList parts{tr("%1 lines in %2 files").arg(countText(number("lines")), countText(number("files"))), tr("%1 accepted").arg(countText(number("accepted")))};
  if (number("duplicates")) parts << tr("%1 duplicates").arg(countText(number("duplicates")));
  if (number("filtered")) parts << tr("%1 filtered").arg(countText(number("filtered")));
  parts << tr("%1 rejected").arg(countText(number("rejected")));
  const double seconds = state.extra.is_object() ? numberOf(state.extra.value("seconds", Json(0)), 0) : 0;
  banner()->show(number("rejected") ? Banner::Kind::Caution : Banner::Kind::Good, tr("Imported in %1").arg(durationText(seconds)), parts.join(QStringLiteral(", ")));
  if (number("rejected")) banner()->setAction(tr("Show rejected lines"), [this] { showRejects(); });
}

void LogsPage::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void LogsPage::dropEvent(QDropEvent* event) {
  QStringList paths;
  for (const QUrl& url : event->mimeData()->urls())
    if (url.isLocalFile()) paths << url.toLocalFile();
  if (!paths.isEmpty()) importPaths(paths);
}

void LogsPage::setFilter(const logs::Filter& filter) {
  m_box->setText(filter.matchesAll() ? QString() : qs(logs::printFilter(filter)));
  textEdited();
}

void LogsPage::textEdited() {
  m_typing.stop();
  auto filter = logs::parseFilter(ss(m_box->text()));
  const bool bad = !filter.ok();
  if (m_box->property("invalid").toBool() != bad) {
    m_box->setProperty("invalid", bad);
    repolish(m_box);
  }
  if (bad) {
    const ErrorWords words = errorWords(filter.error());
    m_reading->setTint(Role::Bad);
    m_reading->setText(words.what + QStringLiteral(". ") + words.why + (words.next.isEmpty() ? QString() : QStringLiteral(" ") + words.next));
    m_reading->show();
    return;   // the rows of the last good filter stay
  }
  m_reading->setTint(Role::Muted);
  m_reading->setVisible(!filter->matchesAll());
  if (!filter->matchesAll()) m_reading->setText(tr("Shows records where %1.").arg(qs(logs::filterInWords(*filter))));
  m_filter = *filter;
  query();
}

void LogsPage::query() {
  m_model->query(session()->logs(), m_filter);
  m_facets->query(session()->logs(), m_filter);
  m_worth->query(m_filter);
  m_stats->query(session()->logs(), m_filter);
}

void LogsPage::refresh() {
  if (session()->logsError()) {
    banner()->show(*session()->logsError());
    banner()->setAction(tr("Try again"), [this] { banner()->clear(), session()->refresh(); });
  }
  const auto store = session()->logs();
  if (!session()->isLoaded() || (!store && session()->isImporting())) {
    setBody(m_skeleton);
    setState(session()->isImporting() ? tr("importing") : tr("loading"));
  } else if (!store || store->size() == 0) {
    setBody(m_empty);
    setState({});
  } else {
    setBody(m_browser);
    query();
  }
  m_dataset->setVisible(store != nullptr);
  m_distil->setVisible(store != nullptr);
}

void LogsPage::showRejects() {
  const auto store = session()->logs();
  if (!store) return;
  auto* dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("Rejected lines"));
  dialog->setObjectName(QStringLiteral("rejectsDialog"));
  dialog->resize(820, 460);
  auto* layout = new QVBoxLayout(dialog);
  auto* state = caption(tr("Loading"), dialog);
  layout->addWidget(state);
  auto* table = new PlainTable({tr("File"), tr("Line"), tr("Byte"), tr("Reason"), tr("Detail")}, tr("Rejected lines"), QStringLiteral("rejectsTable"), dialog);
  table->setNumeric({1, 2});
  table->setColumnWidth(0, 320);
  table->setTextElideMode(Qt::ElideLeft);
  layout->addWidget(table);
  using Answer = std::pair<Result<std::vector<logs::Reject>>, Result<std::uint64_t>>;
  runAsync(queryPool(), dialog, [store]() -> Answer { return {store->rejects(0, 1000), store->rejectCount()}; }, [state, table](Answer answer) {
    if (!answer.first.ok()) return state->setText(qs(answer.first.error().text()));
    const auto& rejects = *answer.first;
    const auto total = answer.second.ok() ? *answer.second : rejects.size();
    state->setText(rejects.size() < total ? LogsPage::tr("The first %1 of %2 rejected lines").arg(countText(static_cast<qint64>(rejects.size())), countText(static_cast<qint64>(total)))
                                          : LogsPage::tr("%n rejected line(s)", nullptr, static_cast<int>(total)));
    table->setRowCount(static_cast<int>(rejects.size()));
    int r = 0;
    for (const auto& reject : rejects) {
      const QString cells[] = {qs(reject.file), countText(reject.line), countText(reject.byteOffset), qs(logs::rejectWord(reject.reason)), qs(reject.detail)};
      for (int c = 0; c < 5; ++c) table->set(r, c, cells[c], c == 1 ? QVariant::fromValue(qint64(reject.line)) : c == 2 ? QVariant::fromValue(qint64(reject.byteOffset)) : QVariant());
      ++r;
    }
  });
  dialog->show();
}

}  // namespace retort::ui
