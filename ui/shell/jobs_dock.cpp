// What runs, waits and has ended: see jobs_dock.h.
#include "ui/shell/jobs_dock.h"

#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr std::size_t kEnded = 6;

/// The page that shows a job of `kind`.
QString pageOf(const std::string& kind) {
  if (kind == "import" || kind == "sample" || kind == "derive" || kind == "index") return QStringLiteral("logs");
  if (kind == "dataset") return QStringLiteral("datasets");
  if (kind == "evaluate" || kind == "export") return qs(kind);
  return kind == "distil" || kind == "demo" ? QStringLiteral("distil") : QString();
}

}  // namespace

QString jobTitle(const run::JobSummary& job) {
  const QString name = job.name.empty() ? qs(job.id) : qs(job.name);
  if (job.kind == "import") return JobsDock::tr("Import: %1").arg(name);
  if (job.kind == "sample") return JobsDock::tr("Sample logs");
  if (job.kind == "derive") return JobsDock::tr("Derived fields");
  if (job.kind == "index") return JobsDock::tr("Text index");
  if (job.kind == "dataset") return JobsDock::tr("Dataset: %1").arg(name);
  if (job.kind == "evaluate") return JobsDock::tr("Evaluation: %1").arg(name);
  if (job.kind == "export") return JobsDock::tr("Export: %1").arg(name);
  if (job.kind == "distil") return JobsDock::tr("Distil: %1").arg(name);
  if (job.kind == "demo") return JobsDock::tr("Demo: %1").arg(name);
  return qs(job.kind) + QStringLiteral(": ") + name;
}

QString stateLine(const job::State& s) {
  if (s.phase == job::Phase::queued) return JobsDock::tr("waiting for its turn");
  if (s.phase == job::Phase::interrupted) return JobsDock::tr("interrupted; it can go on from where it was");
  const QString words = s.step > 0 || s.of > 0 ? progressText(s.step, s.of, {}, s.secondsLeft) : QString();
  if (s.stage.empty()) return words.isEmpty() ? phaseLook(s.phase).text : words;
  return words.isEmpty() ? qs(s.stage) : qs(s.stage) + QStringLiteral(" · ") + words;
}

JobsDock::JobsDock(QWidget* parent) : QDockWidget(tr("Jobs"), parent) {
  setObjectName(QStringLiteral("jobsDock"));
  setAccessibleName(tr("Jobs"));
  setAllowedAreas(Qt::RightDockWidgetArea | Qt::BottomDockWidgetArea);
  setFeatures(DockWidgetClosable | DockWidgetMovable);
  auto* bar = new QFrame(this);
  bar->setObjectName(QStringLiteral("dockTitle"));
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(16, 6, 8, 6);
  row->addWidget(section(tr("Jobs"), bar), 1);
  auto* shut = iconButton(QStringLiteral("cross"), tr("Hide jobs"), QStringLiteral("hideJobs"), bar);
  row->addWidget(shut);
  connect(shut, &QToolButton::clicked, this, &QDockWidget::hide);
  setTitleBarWidget(bar);
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setMinimumWidth(300);
  m_inside = new QWidget(scroll);
  m_column = new QVBoxLayout(m_inside);
  m_column->setContentsMargins(16, 12, 16, 12);
  m_column->setSpacing(8);
  scroll->setWidget(m_inside);
  setWidget(scroll);
  connect(this, &QDockWidget::visibilityChanged, this, &JobsDock::refresh);
}

void JobsDock::setSession(Session* session) {
  m_session = session;
  if (session) {
    connect(session, &Session::jobsChanged, this, &JobsDock::refresh);
    connect(session, &Session::runsChanged, this, &JobsDock::refresh);
  }
  refresh();
}

/// A button that asks the item's process; out of use once pressed.
QToolButton* JobsDock::asker(const Item& item, const QString& iconName, const QString& name, const char* word, QWidget* box) {
  auto* b = iconButton(iconName, name, QString::fromLatin1(word), box);
  connect(b, &QToolButton::clicked, this, [this, folder = item.folder, word, b] {
    b->setEnabled(false);
    if (m_session) m_session->control(folder, word, b, [](const Status&) {});
  });
  return b;
}

QWidget* JobsDock::makeItem(const Item& item) {
  auto* box = new QWidget(m_inside);
  auto* column = new QVBoxLayout(box);
  column->setContentsMargins(0, 2, 0, 8);
  column->setSpacing(4);
  auto* row = new QHBoxLayout;
  row->setSpacing(6);
  auto* title = new PlainLabel(item.title, Type::Body, box);
  title->setElided(Qt::ElideRight);
  title->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  row->addWidget(title, 1);
  const job::Phase phase = item.state.phase;
  if (!job::isActive(phase) && phase != job::Phase::done && phase != job::Phase::queued) row->addWidget(asker(item, QStringLiteral("resume"), tr("Resume %1").arg(item.title), "resume", box));
  if (!job::isFinal(phase)) row->addWidget(asker(item, QStringLiteral("stop"), tr("Stop %1").arg(item.title), "stop-save", box));
  if (!item.page.isEmpty()) {
    auto* open = iconButton(QStringLiteral("chevron-right"), tr("Open %1").arg(item.title), QStringLiteral("openJob"), box);
    const QString argument = item.page == QLatin1String("runs") ? qs(item.id) : item.page == QLatin1String("distil") ? QStringLiteral("job:") + qs(item.id) : QString();
    connect(open, &QToolButton::clicked, this, [this, page = item.page, argument] { Q_EMIT navigate(page, argument); });
    row->addWidget(open);
  }
  column->addLayout(row);
  const PhaseLook look = phaseLook(item.state.phase);
  auto* chip = new Chip(box);
  chip->set(look.text, look.icon, look.role);
  column->addWidget(chip, 0, Qt::AlignLeft);
  if (!job::isFinal(phase)) {
    auto* line = new ProgressLine(box);
    line->set(item.state.step, item.state.of > 0 ? item.state.of : 1, stateLine(item.state));
    column->addWidget(line);
  } else if (item.state.error.is_object() && phase == job::Phase::failed) {
    auto* why = caption(qs(job::errorFromJson(item.state.error).text()), box);
    why->setWordWrap(true);
    column->addWidget(why);
  }
  return box;
}

void JobsDock::refresh() {
  if (!isVisible()) return;
  while (QLayoutItem* item = m_column->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
  std::vector<Item> running, waiting, halted, ended;
  auto sort = [&](Item item) {
    if (job::isFinal(item.state.phase)) {
      if (ended.size() < kEnded) ended.push_back(std::move(item));
    } else if (item.state.phase == job::Phase::queued) {
      waiting.push_back(std::move(item));
    } else if (job::isActive(item.state.phase)) {
      running.push_back(std::move(item));
    } else {
      halted.push_back(std::move(item));
    }
  };
  if (m_session) {
    const Workspace& w = m_session->workspace();
    for (const auto& r : m_session->inventory().runs)
      sort({r.summary.id, r.summary.name.empty() ? qs(r.summary.id) : tr("Run: %1").arg(qs(r.summary.name)), QStringLiteral("runs"), r.summary.state, w.runs() / r.summary.id});
    for (const auto& j : m_session->inventory().jobs)
      sort({j.id, jobTitle(j), pageOf(j.kind), j.state, w.jobs() / j.id});
  }
  auto group = [this](const QString& name, const std::vector<Item>& items) {
    if (items.empty()) return;
    m_column->addWidget(section(name, m_inside));
    for (const Item& item : items) m_column->addWidget(makeItem(item));
  };
  group(tr("Running"), running);
  group(tr("Halted"), halted);
  group(tr("Queued"), waiting);
  group(tr("Ended"), ended);
  if (running.empty() && waiting.empty() && halted.empty() && ended.empty()) {
    auto* none = new PlainLabel(tr("Nothing runs and nothing waits."), Type::Body, m_inside);
    none->setMuted(true);
    m_column->addWidget(none);
  }
  m_column->addStretch();
}

}  // namespace retort::ui
