// The Distil… assistant: see assistant.h.
#include "ui/assistant/assistant.h"

#include <QStackedWidget>

#include "ui/assistant/logs_step.h"
#include "ui/assistant/review_step.h"
#include "ui/assistant/student_step.h"
#include "ui/assistant/teacher_step.h"
#include "ui/shell/icons.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/text.h"

namespace retort::ui {

Assistant::Assistant(Session* session, const QString& filter, QWidget* parent) : QDialog(parent), m_session(session) {
  setObjectName(QStringLiteral("assistant"));
  setWindowTitle(tr("Distil"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(940, 640);
  m_stack = new QStackedWidget(this);
  m_steps = {new LogsStep(session, filter, m_stack), new TeacherStep(session, m_stack), new StudentStep(session, m_stack), new ReviewStep(session, m_stack)};
  for (AssistantStep* step : m_steps) m_stack->addWidget(step);
  auto* outer = new QHBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->setSpacing(0);
  outer->addWidget(makeSteps());
  auto* column = new QVBoxLayout;
  column->setContentsMargins(24, 20, 24, 20);
  column->setSpacing(12);
  m_title = new PlainLabel({}, Type::Title, this);
  m_title->setObjectName(QStringLiteral("assistantTitle"));
  column->addWidget(m_title);
  m_lead = new PlainLabel({}, Type::Body, this);
  m_lead->setMuted(true);
  m_lead->setWordWrap(true);
  column->addWidget(m_lead);
  m_banner = new Banner(this);
  m_banner->setObjectName(QStringLiteral("assistantBanner"));
  column->addWidget(m_banner);
  column->addSpacing(4);
  column->addWidget(m_stack, 1);
  column->addSpacing(4);
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  row->addStretch();
  m_cancel = button(tr("Cancel"), QStringLiteral("assistantCancel"), {}, this);
  m_back = button(tr("&Back"), QStringLiteral("assistantBack"), {}, this);
  m_next = primaryButton(tr("&Next"), QStringLiteral("assistantNext"), {}, this);
  m_next->setDefault(true);
  for (QPushButton* b : {m_cancel, m_back, m_next}) row->addWidget(b);
  column->addLayout(row);
  outer->addLayout(column, 1);
  connect(m_cancel, &QPushButton::clicked, this, &QDialog::reject);
  connect(m_back, &QPushButton::clicked, this, [this] { go(m_at - 1); });
  connect(m_next, &QPushButton::clicked, this, &Assistant::next);
  go(0);
}

/// The four steps at the left: where one is, and a way back to those done.
QWidget* Assistant::makeSteps() {
  auto* rail = new QFrame(this);
  rail->setObjectName(QStringLiteral("rail"));
  rail->setAccessibleName(tr("Steps"));
  rail->setFixedWidth(190);
  auto* column = new QVBoxLayout(rail);
  column->setContentsMargins(8, 20, 8, 12);
  column->setSpacing(4);
  for (int i = 0; i < m_steps.size(); ++i) {
    auto* mark = new QToolButton(rail);
    mark->setObjectName(QStringLiteral("assistantStep%1").arg(i + 1));
    mark->setText(QStringLiteral(" ") + tr("%1  %2", "number and name of a step").arg(i + 1).arg(m_steps[i]->title()));
    mark->setAccessibleName(tr("Step %1 of %2: %3").arg(i + 1).arg(m_steps.size()).arg(m_steps[i]->title()));
    mark->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    mark->setCheckable(true);
    mark->setFocusPolicy(Qt::TabFocus);
    mark->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(mark, &QToolButton::clicked, this, [this, i] { go(i); });
    column->addWidget(mark);
    m_marks << mark;
  }
  column->addStretch();
  return rail;
}

line::DistilRequest Assistant::request() const {
  line::DistilRequest request;
  for (const AssistantStep* step : m_steps) step->write(request);
  return request;
}

void Assistant::go(int to) {
  if (to < 0 || to >= m_steps.size()) return;
  m_at = to;
  m_banner->clear();
  line::DistilRequest soFar;
  for (int i = 0; i < to; ++i) m_steps[i]->write(soFar);
  m_steps[to]->enter(soFar);
  m_stack->setCurrentWidget(m_steps[to]);
  m_title->setText(m_steps[to]->title());
  m_lead->setText(m_steps[to]->lead());
  for (int i = 0; i < m_marks.size(); ++i) {
    m_marks[i]->setChecked(i == to);
    m_marks[i]->setEnabled(i <= to);
    m_marks[i]->setIcon(icon(i < to ? QStringLiteral("tick") : i == to ? QStringLiteral("play") : QStringLiteral("clock"), i < to ? Role::Good : Role::Muted, Role::Accent));
  }
  m_back->setEnabled(to > 0);
  const bool last = to == m_steps.size() - 1;
  m_next->setText(last ? tr("&Start distilling") : tr("&Next"));
  m_next->setAccessibleName(last ? tr("Start distilling") : tr("Next"));
  if (QWidget* field = m_steps[to]->firstField()) field->setFocus(Qt::OtherFocusReason);
}

void Assistant::next() {
  m_next->setEnabled(false);
  const int asked = m_at;
  m_steps[asked]->check([this, asked](const std::optional<AssistantStep::Problem>& problem) {
    m_next->setEnabled(true);
    if (m_at != asked) return;   // gone back meanwhile
    if (problem) {
      m_banner->show(problem->error);
      if (problem->field) problem->field->setFocus(Qt::OtherFocusReason);
      return;
    }
    if (asked + 1 < m_steps.size()) return go(asked + 1);
    start();
  });
}

void Assistant::start() {
  m_next->setEnabled(false);
  const line::DistilRequest made = request();
  m_session->startJob("distil", made.name, line::toJson(made), this, [this](Result<std::string> id) {
    m_next->setEnabled(true);
    if (!id.ok()) return m_banner->show(id.error());
    Q_EMIT started(qs(*id));
    accept();
  });
}

}  // namespace retort::ui
