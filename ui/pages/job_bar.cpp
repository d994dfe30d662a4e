// The newest unfinished job of one kind: see job_bar.h.
#include "ui/pages/job_bar.h"

#include <QHBoxLayout>

#include "ui/shell/jobs_dock.h"
#include "ui/widgets/text.h"

namespace retort::ui {

JobBar::JobBar(Session* session, std::string kind, QWidget* parent) : QWidget(parent), m_session(session), m_kind(std::move(kind)) {
  setObjectName(QStringLiteral("jobBar"));
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(12);
  auto* column = new QVBoxLayout;
  column->setSpacing(4);
  m_title = new PlainLabel({}, Type::Body, this);
  m_line = new ProgressLine(this);
  column->addWidget(m_title);
  column->addWidget(m_line);
  row->addLayout(column, 1);
  m_stop = button(tr("Stop"), QStringLiteral("stopJob"), QStringLiteral("stop"), this);
  row->addWidget(m_stop);
  connect(m_stop, &QPushButton::clicked, this, [this] {
    m_stop->setEnabled(false);
    m_session->control(m_session->workspace().jobs() / m_id, "stop-save", this, [](Status) {});
  });
  connect(session, &Session::jobsChanged, this, &JobBar::refresh);
  refresh();
}

void JobBar::refresh() {
  const run::JobSummary* active = nullptr;
  for (const auto& j : m_session->inventory().jobs) {
    if (j.id == m_id && job::isFinal(j.state.phase)) {
      m_id.clear();
      Q_EMIT ended(j.state);
    }
    if (j.kind == m_kind && !job::isFinal(j.state.phase) && !active) active = &j;
  }
  setVisible(active != nullptr);
  if (!active) return;
  if (m_id != active->id) m_stop->setEnabled(true);
  m_id = active->id;
  m_title->setText(jobTitle(*active));
  const job::State& s = active->state;
  QString words = s.phase == job::Phase::queued ? tr("waiting for its turn") : progressText(s.step, s.of, {}, s.secondsLeft);
  if (!s.stage.empty()) words = qs(s.stage) + QStringLiteral(" · ") + words;
  m_line->set(s.step, s.of > 0 ? s.of : 1, words);
}

}  // namespace retort::ui
