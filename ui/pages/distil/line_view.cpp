// One job of the whole line: see line_view.h.
#include "ui/pages/distil/line_view.h"

#include <QGridLayout>
#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/charts/loss_chart.h"
#include "ui/models/run_table_model.h"
#include "ui/shell/icons.h"
#include "ui/shell/jobs_dock.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

Json member(const Json& json, const char* key) { return json.is_object() ? json.value(key, Json()) : Json(); }
QString textOf(const Json& json, const char* key) {
  const Json value = member(json, key);
  return value.is_string() ? qs(value.get<std::string>()) : QString();
}

}  // namespace

LineView::LineView(Session* session, QWidget* parent) : QWidget(parent), m_session(session) {
  setObjectName(QStringLiteral("lineView"));
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->setSpacing(12);
  outer->addWidget(makeHead());
  m_banner = new Banner(this);
  outer->addWidget(m_banner);
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);   // what is inside is reached by Tab and comes into view
  auto* holder = new QWidget(scroll);
  auto* column = new QVBoxLayout(holder);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(12);
  auto* row = new QHBoxLayout;
  row->setSpacing(12);
  auto* steps = new Card(holder);
  auto* stepColumn = new QVBoxLayout(steps);
  stepColumn->setContentsMargins(16, 12, 16, 12);
  stepColumn->setSpacing(8);
  stepColumn->addWidget(section(tr("The line"), steps));
  m_stepBox = new QWidget(steps);
  m_grid = new QGridLayout(m_stepBox);
  m_grid->setContentsMargins(0, 0, 0, 0);
  m_grid->setHorizontalSpacing(8);
  m_grid->setVerticalSpacing(4);
  m_grid->setColumnStretch(2, 1);
  stepColumn->addWidget(m_stepBox);
  stepColumn->addStretch();
  row->addWidget(steps, 3);
  m_chartCard = new Card(holder);
  auto* chartColumn = new QVBoxLayout(m_chartCard);
  chartColumn->setContentsMargins(12, 12, 12, 12);
  m_chartTitle = caption(tr("The curve appears when training begins."), m_chartCard);
  m_chartTitle->setElided(Qt::ElideRight);
  m_chart = new LossChart(m_chartCard);
  m_chart->setMinimumHeight(220);
  chartColumn->addWidget(m_chartTitle);
  chartColumn->addWidget(m_chart, 1);
  row->addWidget(m_chartCard, 4);
  column->addLayout(row, 1);
  m_result = new Card(holder);
  auto* resultColumn = new QVBoxLayout(m_result);
  resultColumn->setContentsMargins(16, 12, 16, 12);
  resultColumn->setSpacing(8);
  m_verdict = section({}, m_result);
  m_verdict->setObjectName(QStringLiteral("lineVerdict"));
  m_verdict->setWordWrap(true);
  resultColumn->addWidget(m_verdict);
  m_models = new PlainTable({tr("Model"), tr("Accuracy"), tr("95 % interval"), tr("p50, ms"), tr("Tokens/s"), tr("Size")}, tr("Models"), QStringLiteral("lineModels"), m_result);
  m_models->setNumeric({1, 2, 3, 4, 5});
  m_models->setWidths({0, 96, 128, 84, 88, 96});
  resultColumn->addWidget(m_models);
  m_fileBox = new QWidget(m_result);
  m_files = new QGridLayout(m_fileBox);
  m_files->setContentsMargins(0, 0, 0, 0);
  m_files->setHorizontalSpacing(8);
  m_files->setVerticalSpacing(4);
  m_files->setColumnStretch(2, 1);
  resultColumn->addWidget(m_fileBox);
  m_result->hide();
  column->addWidget(m_result);
  scroll->setWidget(holder);
  outer->addWidget(scroll, 1);
  connect(session, &Session::runsChanged, this, &LineView::refresh);
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    m_resultShown = false;   // cells and icons keep the colours they were given
    refresh();
  });
}

QWidget* LineView::makeHead() {
  auto* head = new QWidget(this);
  auto* column = new QVBoxLayout(head);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(8);
  auto [row, phase, about] = phaseRow(QStringLiteral("linePhase"), head);
  m_phase = phase;
  m_about = about;
  m_resume = button(tr("&Resume"), QStringLiteral("resumeLine"), QStringLiteral("resume"), head);
  m_stop = button(tr("S&top"), QStringLiteral("stopLine"), QStringLiteral("stop"), head);
  m_stop->setToolTip(tr("What is finished stays; Resume goes on from there"));
  row->addWidget(m_resume);
  row->addWidget(m_stop);
  connect(m_resume, &QPushButton::clicked, this, [this] { send("resume"); });
  connect(m_stop, &QPushButton::clicked, this, [this] { send("stop-save"); });
  column->addLayout(row);
  m_progress = new ProgressLine(head);
  m_progress->setObjectName(QStringLiteral("lineProgress"));
  column->addWidget(m_progress);
  return head;
}

void LineView::show(const std::string& jobId) {
  if (m_feed && m_id == jobId) return;
  m_id = jobId;
  m_runId.clear();
  m_run.reset();
  m_chart->clearData();
  m_chartTitle->setText(tr("The curve appears when training begins."));
  m_result->hide();
  m_resultShown = false;
  m_banner->clear();
  m_steps.clear();
  m_feed = std::make_unique<LineFeed>(m_session->workspace().jobs() / jobId);
  connect(m_feed.get(), &LineFeed::changed, this, &LineView::refresh);
  connect(m_feed.get(), &LineFeed::failed, this, [this](const Error& error) { m_banner->show(error); });
}

// The steps of this kind of job, as rows; which there are does not change while it goes on.
void LineView::makeSteps() {
  while (QLayoutItem* item = m_grid->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
  const bool demo = textOf(m_feed->spec(), "kind") == QLatin1String("demo");
  const Json params = member(m_feed->spec(), "params");
  auto add = [this](const QString& name, const char* key, const char* page) {
    Step step;
    step.name = name, step.key = QLatin1String(key), step.page = QLatin1String(page);
    m_steps << step;
  };
  add(demo ? tr("Sample logs") : tr("Logs"), "import", "logs");
  add(tr("Dataset"), demo ? "golden" : "dataset", "datasets");
  if (demo) add(tr("Teacher, tuned"), "teacher.started", "runs");
  if (demo || textOf(params, "use") == QLatin1String("prompts")) add(tr("Teacher's answers"), "answers", "datasets");
  add(tr("Student"), "student.started", "runs");
  if (demo) add(tr("Answers only"), "answers_only.started", "runs"), add(tr("Golden labels only"), "gold_only.started", "runs");
  add(tr("Evaluation"), "evaluate", "evaluate");
  add(tr("Verified files"), "export", "export");
  int row = 0;
  for (Step& step : m_steps) {
    step.icon = new QLabel(m_stepBox);
    step.title = new PlainLabel(step.name, Type::Body, m_stepBox);
    step.title->setObjectName(QStringLiteral("step_") + step.key);
    step.note = caption({}, m_stepBox);
    step.note->setElided(Qt::ElideRight);
    step.note->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    step.open = linkButton(tr("Open"), QStringLiteral("open_") + step.key, m_stepBox);
    step.open->setAccessibleName(tr("Open %1").arg(step.name));
    const QString key = step.key;
    connect(step.open, &QPushButton::clicked, this, [this, key] {
      for (const Step& s : m_steps)
        if (s.key == key) Q_EMIT navigate(s.page, s.argument);
    });
    m_grid->addWidget(step.icon, row, 0);
    m_grid->addWidget(step.title, row, 1);
    m_grid->addWidget(step.note, row, 2);
    m_grid->addWidget(step.open, row, 3);
    m_grid->setRowMinimumHeight(row++, 28);
  }
}

const RunEntry* LineView::runOf(const Step& step) const {
  const QString id = textOf(member(m_feed->steps(), step.key.toUtf8().constData()), "run");
  for (const RunEntry& r : m_session->inventory().runs)
    if (!id.isEmpty() && qs(r.summary.id) == id) return &r;
  return nullptr;
}

// A started run is done when it says so, or when something behind it was recorded.
bool LineView::isDone(const Step& step, int index) const {
  if (!m_feed->steps().contains(ss(step.key))) return false;
  if (!step.key.endsWith(QLatin1String(".started"))) return true;
  for (int i = index + 1; i < m_steps.size(); ++i)
    if (m_feed->steps().contains(ss(m_steps[i].key))) return true;
  const RunEntry* run = runOf(step);
  return run && run->summary.state.phase == job::Phase::done;
}

void LineView::refreshStep(Step& step, bool isCurrent) {
  const Theme& theme = Theme::instance();
  const int index = static_cast<int>(&step - m_steps.data());
  const Json result = member(m_feed->steps(), step.key.toUtf8().constData());
  const bool done = isDone(step, index), active = isCurrent && !job::isFinal(m_feed->state().phase), failed = isCurrent && m_feed->state().phase == job::Phase::failed;
  const QString look = done ? QStringLiteral("tick") : failed ? QStringLiteral("bad") : active ? QStringLiteral("play") : QStringLiteral("clock");
  const Role role = done ? Role::Good : failed ? Role::Bad : active ? Role::Accent : Role::Muted;
  step.icon->setPixmap(drawing(look, 14, theme.color(role), devicePixelRatioF()));
  step.icon->setAccessibleName(done ? tr("done") : failed ? tr("failed") : active ? tr("under way") : tr("waiting"));
  step.title->setMuted(!done && !active && !failed);
  QStringList words;
  if (step.key == QLatin1String("import") && result.is_object()) {
    const auto n = static_cast<qint64>(numberOf(result.contains("records") ? result["records"] : member(result, "accepted"), 0));
    words << tr("%1 records").arg(countText(n));
  }
  if (const RunEntry* run = runOf(step)) {
    if (!done && run->summary.state.of > 0) words << tr("step %1 of %2").arg(countText(run->summary.state.step), countText(run->summary.state.of));
    if (done && run->summary.bestNll) words << tr("best NLL %1").arg(numberText(*run->summary.bestNll, 3));
    if (done) words << durationText(secondsTaken(run->summary.state));
    step.argument = qs(run->summary.id);
  } else if (done && member(result, "seconds").is_number()) {
    words << durationText(numberOf(result["seconds"], 0));
  }
  if (step.argument.isEmpty()) step.argument = !textOf(result, "report").isEmpty() ? textOf(result, "report") : textOf(result, "dataset");
  if (active && words.isEmpty()) words << tr("under way");
  step.note->setText(words.join(QStringLiteral(" · ")));
  step.open->setVisible(done || runOf(step) != nullptr);
}

void LineView::refresh() {
  if (!m_feed || !m_feed->spec().is_object()) return;
  if (m_steps.isEmpty()) makeSteps();
  const job::State& s = m_feed->state();
  const PhaseLook look = phaseLook(s.phase);
  m_phase->set(s.phase == job::Phase::preparing && !s.stage.empty() ? tr("Running") : look.text, look.icon, look.role);
  const Json params = member(m_feed->spec(), "params");
  const QString student = textOf(params, "student"), teacher = textOf(params, "teacher");
  m_about->setText(student.isEmpty() ? tr("The whole line on sample logs") : teacher.isEmpty() ? student : tr("%1 from %2").arg(student, teacher));
  const QString name = textOf(m_feed->spec(), "name");
  Q_EMIT titleChanged(name.isEmpty() ? qs(m_id) : name);
  const bool final = job::isFinal(s.phase), halted = !final && !job::isActive(s.phase) && s.phase != job::Phase::queued;
  m_progress->setVisible(!final);
  m_progress->set(s.step, s.of > 0 || halted || s.phase == job::Phase::queued ? std::max<std::int64_t>(s.of, 1) : 0, stateLine(s));
  m_stop->setVisible(!final && !halted);
  m_resume->setVisible(halted || s.phase == job::Phase::stopped || s.phase == job::Phase::failed);
  bool current = true;
  for (int i = 0; i < m_steps.size(); ++i) {
    const bool done = isDone(m_steps[i], i);
    refreshStep(m_steps[i], current && !done);
    if (!done) current = false;
  }
  if (s.phase == job::Phase::failed && s.error.is_object()) m_banner->show(job::errorFromJson(s.error));
  else if (s.phase == job::Phase::stopped) m_banner->show(Banner::Kind::Info, tr("Stopped"), tr("What is finished stays. Resume goes on from there."));
  else m_banner->clear();
  followRun();
  if (s.phase == job::Phase::done && !m_resultShown) showResult();
}

// The curve of the run that was started last.
void LineView::followRun() {
  QString id, name;
  for (const Step& step : m_steps)
    if (const QString run = textOf(member(m_feed->steps(), step.key.toUtf8().constData()), "run"); !run.isEmpty()) id = run, name = step.name;
  // At the end the student's curve is the one that counts.
  if (m_feed->state().phase == job::Phase::done)
    if (const QString run = textOf(member(m_feed->steps(), "student.started"), "run"); !run.isEmpty()) id = run, name = tr("Student");
  if (id.isEmpty() || ss(id) == m_runId) return;
  m_runId = ss(id);
  m_chart->clearData();
  m_chartTitle->setText(name);
  m_run = std::make_unique<RunFeed>(m_session->workspace().runs() / m_runId);
  connect(m_run.get(), &RunFeed::specRead, this, [this] {
    std::int64_t steps = 0;
    const Json methods = member(m_run->spec(), "methods");
    for (const Json& method : methods.is_array() ? methods : Json::array()) steps += static_cast<std::int64_t>(numberOf(member(method, "steps"), 0));
    m_chart->setSteps(steps);
  });
  connect(m_run.get(), &RunFeed::events, this, [this](const std::vector<job::Event>& events) {
    for (const job::Event& event : events) m_chart->take(event);
  });
  connect(m_run.get(), &RunFeed::rewound, m_chart, &LineChart::clearData);
}

void LineView::showResult() {
  m_resultShown = true;
  const Json& summary = m_feed->state().extra;
  if (!summary.is_object()) return;
  m_models->setRowCount(0);
  auto add = [this](const QString& name, const Json& m, int series, bool strong) {
    if (!m.is_object()) return;
    const int row = m_models->rowCount();
    m_models->insertRow(row);
    const Json interval = member(m, "interval");
    const bool has = interval.is_array() && interval.size() == 2 && interval[0].is_number();
    auto number = [&m](const char* key, auto text) { return member(m, key).is_number() ? text(numberOf(m[key], 0)) : QStringLiteral("–"); };
    const QString cells[] = {name, number("accuracy", [](double v) { return percentText(v); }),
                             has ? tr("%1 to %2").arg(numberText(numberOf(interval[0], 0) * 100, 1), numberText(numberOf(interval[1], 0) * 100, 1)) : QStringLiteral("–"),
                             number("p50_ms", [](double v) { return numberText(v, 1); }), number("tokens_per_s", [](double v) { return numberText(v, 0); }), number("bytes", [](double v) { return bytesText(v); })};
    const char* keys[] = {"", "accuracy", "", "p50_ms", "tokens_per_s", "bytes"};
    for (int c = 0; c < 6; ++c) {
      auto* item = m_models->set(row, c, cells[c], c == 0 ? QVariant() : c == 2 ? QVariant(has ? numberOf(interval[0], 0) : -1) : QVariant(numberOf(member(m, keys[c]), -1)));
      if (c == 0 && series >= 0) item->setForeground(Theme::instance().series(series));
      if (!strong) continue;
      QFont bold = item->font();
      bold.setWeight(QFont::DemiBold);
      item->setFont(bold);
    }
  };
  add(tr("Teacher"), member(summary, "teacher"), kTeacherSeries, false);
  add(tr("Base model"), member(summary, "base"), kBaseSeries, false);
  add(tr("Student"), member(summary, "student"), kStudentSeries, true);
  const Json also = member(summary, "also");
  for (const Json& m : also.is_array() ? also : Json::array()) add(textOf(m, "name"), m, -1, false);
  m_models->fitRows();
  m_models->resort();
  QStringList words;
  const Json verdict = member(summary, "verdict");
  if (verdict.is_string()) words << qs(verdict.get<std::string>());
  else if (!textOf(verdict, "sentence").isEmpty()) words << textOf(verdict, "sentence");
  if (member(summary, "speedup_p50").is_number()) words << tr("The student answers %1 times as fast as its teacher (p50, this machine).").arg(numberText(numberOf(summary["speedup_p50"], 0), 2));
  m_verdict->setText(words.isEmpty() ? tr("The student is trained, judged and exported") : words.join(QLatin1Char(' ')));
  showFiles(member(summary, "exports"));
  m_result->show();
}

void LineView::showFiles(const Json& exports) {
  while (QLayoutItem* item = m_files->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
  int row = 0;
  for (const Json& e : exports.is_array() ? exports : Json::array()) {
    const bool ok = e.value("verified", false);
    auto* chip = new Chip(m_fileBox);
    chip->setObjectName(QStringLiteral("lineFile"));
    chip->set(ok ? tr("Verified") : tr("Not verified"), ok ? QStringLiteral("shield") : QStringLiteral("caution"), ok ? Role::Good : Role::Bad);
    m_files->addWidget(chip, row, 0);
    m_files->addWidget(new PlainLabel(textOf(e, "format"), Type::Body, m_fileBox), row, 1);
    auto* path = new PlainLabel(textOf(e, "path"), Type::MonoCaption, m_fileBox);
    path->setMuted(true);
    path->setSelectable();
    path->setElided(Qt::ElideMiddle);
    path->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    m_files->addWidget(path, row++, 2);
  }
}

void LineView::send(const char* word) {
  m_session->control(m_feed->folder(), word, this, [this](const Status& status) {
    if (!status.ok()) return m_banner->show(status.error());
    if (m_feed) m_feed->poll();
  });
}

}  // namespace retort::ui
