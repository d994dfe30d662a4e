// The newest unfinished job of some kinds: see job_bar.h.
#include "ui/pages/job_bar.h"

#include <QHBoxLayout>
#include <algorithm>

#include "ui/shell/jobs_dock.h"
#include "ui/widgets/text.h"

namespace retort::ui {

JobBar::JobBar(Session* session, std::vector<std::string> kinds, QWidget* parent) : QWidget(parent), m_session(session), m_kinds(std::move(kinds)) {
  setObjectName(QStringLiteral("jobBar"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(8);
  auto* column = new QVBoxLayout;
  column->setSpacing(4);
  m_title = new PlainLabel({}, Type::Body, this);
  m_title->setObjectName(QStringLiteral("jobBarTitle"));
  m_line = new ProgressLine(this);
  column->addWidget(m_title);
  column->addWidget(m_line);
  row->addLayout(column, 1);
  row->addSpacing(8);
  m_open = button({}, QStringLiteral("openJob"), QStringLiteral("chevron-right"), this);
  m_open->hide();
  m_resume = button(tr("Resume"), QStringLiteral("resumeJob"), QStringLiteral("resume"), this);
  m_stop = button(tr("Stop"), QStringLiteral("stopJob"), QStringLiteral("stop"), this);
  for (QPushButton* b : {m_open, m_resume, m_stop}) row->addWidget(b, 0, Qt::AlignVCenter);
  connect(m_stop, &QPushButton::clicked, this, [this] { send("stop-save"); });
  connect(m_resume, &QPushButton::clicked, this, [this] { send("resume"); });
  connect(m_open, &QPushButton::clicked, this, [this] { Q_EMIT openWanted(qs(m_id)); });
  connect(session, &Session::jobsChanged, this, &JobBar::refresh);
  refresh();
}

void JobBar::setOpen(const QString& text) {
  m_open->setText(text);
  m_open->setAccessibleName(text);
  m_open->setVisible(!text.isEmpty());
}

void JobBar::send(const char* word) {
  m_asked = true;
  refresh();
  m_session->control(m_session->workspace().jobs() / m_id, word, this, [this](const Status& status) {
    if (status.ok()) return;
    m_asked = false;
    m_line->set(0, 1, qs(status.error().text()));
  });
}

void JobBar::follow(const std::string& id) {
  m_waited.push_back(id);
  refresh();
}

void JobBar::setShownElsewhere(const std::string& id) {
  m_elsewhere = id;
  refresh();
}

void JobBar::refresh() {
  const run::JobSummary* active = m_session->unfinished(m_kinds);
  if (active && std::find(m_waited.begin(), m_waited.end(), active->id) == m_waited.end()) m_waited.push_back(active->id);
  std::vector<job::State> over;
  for (const auto& j : m_session->inventory().jobs)
    if (job::isFinal(j.state.phase) && std::erase(m_waited, j.id) > 0) over.push_back(j.state);
  setVisible(active && active->id != m_elsewhere);
  if (active) show(*active);
  for (const job::State& state : over) Q_EMIT ended(state);
}

void JobBar::show(const run::JobSummary& active) {
  if (m_id != active.id) m_asked = false;
  m_id = active.id;
  const job::State& s = active.state;
  const bool halted = s.phase == job::Phase::interrupted || s.phase == job::Phase::paused || s.phase == job::Phase::waiting;
  m_title->setText(jobTitle(active));
  m_line->set(s.step, s.of > 0 || halted || s.phase == job::Phase::queued ? std::max<std::int64_t>(s.of, 1) : 0, stateLine(s));
  m_resume->setVisible(halted);
  m_resume->setEnabled(!m_asked);
  m_stop->setVisible(!halted);
  m_stop->setEnabled(!m_asked);
  m_stop->setText(m_asked && !halted ? tr("Stopping…") : tr("Stop"));
}

}  // namespace retort::ui
