// Step 1 of the assistant: see logs_step.h.
#include "ui/assistant/logs_step.h"

#include <QFileDialog>

#include "ui/pages/job_bar.h"
#include "ui/widgets/text.h"

namespace retort::ui {

LogsStep::LogsStep(Session* session, const QString& filter, QWidget* parent)
    : AssistantStep(session, QStringLiteral("logsStep"), tr("Records"), tr("Which requests shall the student learn to answer? Choose among the records of this project, or import logs first."), parent) {
  m_have = section({}, this);
  m_have->setObjectName(QStringLiteral("stepRecords"));
  column()->addWidget(m_have);
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  m_files = button(tr("Import &files…"), QStringLiteral("stepFiles"), QStringLiteral("logs"), this);
  m_folder = button(tr("Import fol&der…"), QStringLiteral("stepFolder"), QStringLiteral("folder"), this);
  m_sample = button(tr("&Sample logs"), QStringLiteral("stepSample"), QStringLiteral("distil"), this);
  for (QPushButton* b : {m_files, m_folder, m_sample}) row->addWidget(b);
  row->addStretch();
  column()->addLayout(row);
  m_job = new JobBar(session, {"import", "sample"}, this);
  column()->addWidget(m_job);
  column()->addSpacing(8);
  auto* form = addForm();
  m_filter = addLine(form, tr("Filter"), "stepFilter", tr("All records, or for example: env = \"prod\" and @status = \"ok\""));
  m_filter->setFont(Theme::instance().font(Type::Mono));
  m_filter->setText(filter);
  m_count = caption({}, this);
  m_count->setObjectName(QStringLiteral("stepCount"));
  m_count->setWordWrap(true);
  form->addRow(QString(), m_count);
  column()->addStretch();
  connect(m_files, &QPushButton::clicked, this, [this] { chooseFiles(false); });
  connect(m_folder, &QPushButton::clicked, this, [this] { chooseFiles(true); });
  connect(m_sample, &QPushButton::clicked, this, [this] { this->session()->importSample(this, [this](const Result<std::string>& job) { started(job); }); });
  connect(m_filter, &QLineEdit::textChanged, this, &LogsStep::count);
  connect(m_job, &JobBar::ended, this, [this](const job::State& state) {
    m_error.reset();
    if (state.error.is_object() && state.phase == job::Phase::failed) m_error = job::errorFromJson(state.error);
    this->session()->refresh();
    refresh();
  });
  connect(session, &Session::logsChanged, this, &LogsStep::refresh);
  connect(session, &Session::jobsChanged, this, [this] {
    const bool busy = this->session()->isImporting();
    for (QPushButton* b : {m_files, m_folder, m_sample}) b->setEnabled(!busy), b->setToolTip(busy ? tr("An import is under way") : QString());
  });
  refresh();
}

QWidget* LogsStep::firstField() const { return session()->logs() ? static_cast<QWidget*>(m_filter) : m_files; }

void LogsStep::chooseFiles(bool folder) {
  auto* dialog = new QFileDialog(this, folder ? tr("Import a folder of logs") : tr("Import log files"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFiles);
  connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& paths) { session()->importLogs(paths, this, [this](const Result<std::string>& job) { started(job); }); });
  dialog->open();
}

void LogsStep::started(const Result<std::string>& job) {
  if (job.ok()) return m_job->follow(*job);
  m_count->setTint(Role::Bad);
  m_count->setText(qs(job.error().text()));
}

void LogsStep::refresh() {
  const auto store = session()->logs();
  const bool any = store && store->size() > 0;
  m_have->setText(any ? tr("%1 records in this project").arg(countText(static_cast<qint64>(store->size()))) : tr("No records yet"));
  m_filter->setEnabled(any);
  count();
}

void LogsStep::count() {
  m_matches = -1;
  const auto store = session()->logs();
  if (!store) {
    m_count->setTint(m_error ? Role::Bad : Role::Muted);
    m_count->setText(m_error ? qs(m_error->text()) : tr("Bedrock invocation logs: files, gzip files or whole folders."));
    Q_EMIT changed();
    return;
  }
  m_counting.ask(this, [store, text = ss(m_filter->text())](std::stop_token stop) -> Result<std::pair<std::uint64_t, std::string>> {
    RETORT_TRY(const auto filter, logs::parseFilter(text));
    RETORT_TRY(const auto n, store->count(filter, stop));
    return std::pair{n, filter.matchesAll() ? std::string() : logs::filterInWords(filter)};
  }, [this](Result<std::pair<std::uint64_t, std::string>> counted) {
    m_error.reset();
    if (!counted.ok()) m_error = counted.error();
    else m_matches = static_cast<qint64>(counted->first);
    const bool bad = m_error.has_value();
    if (m_filter->property("invalid").toBool() != bad) m_filter->setProperty("invalid", bad), repolish(m_filter);
    m_count->setTint(bad ? Role::Bad : Role::Muted);
    if (bad) m_count->setText(qs(m_error->text()));
    else m_count->setText(counted->second.empty() ? tr("%1 records match").arg(countText(m_matches)) : tr("%1 records match: %2").arg(countText(m_matches), qs(counted->second)));
    Q_EMIT changed();
  });
}

void LogsStep::write(line::DistilRequest& request) const { request.where = ss(m_filter->text().trimmed()); }

void LogsStep::check(Told then) {
  if (session()->isImporting())
    return then(Problem{fieldError("ui.distil.importing", tr("The import has not ended yet"), tr("Records"), tr("teachers and counts are known when it has"), tr("Wait for it to end, or stop it: what was read stays.")), m_job});
  if (!session()->logs() || session()->logs()->size() == 0)
    return then(Problem{fieldError("ui.distil.records", tr("There are no records to learn from"), tr("Records"), tr("nothing was imported into this project yet"), tr("Import log files or a folder, or try the sample logs.")), m_files});
  if (m_error) return then(Problem{*m_error, m_filter});
  if (m_matches == 0)
    return then(Problem{fieldError("ui.distil.filter", tr("No record matches the filter"), tr("Filter"), tr("%1 records are there, none of them like this").arg(countText(static_cast<qint64>(session()->logs()->size()))), tr("Widen the filter, or clear it.")), m_filter});
  then({});
}

}  // namespace retort::ui
