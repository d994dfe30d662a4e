// One run, live or past: see run_view.h.
#include "ui/pages/runs/run_view.h"

#include <QMenu>
#include <QPlainTextEdit>
#include <QRegularExpression>
#include <QScrollArea>
#include <QScrollBar>
#include <QSplitter>
#include <QStyledItemDelegate>
#include <QTabBar>
#include <QTabWidget>
#include <QVBoxLayout>
#include <cmath>

#include "ui/charts/loss_chart.h"
#include "ui/models/run_table_model.h"
#include "ui/shell/icons.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

QString text(const job::Event& event, const char* key) {
  return event.body.contains(key) && event.body[key].is_string() ? qs(event.body[key].get<std::string>()) : QString();
}

// A rendered prompt tells most at its end, where the user speaks.
class CutLeft : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    option->textElideMode = Qt::ElideLeft;
  }
};

Card* framed(QWidget* inside, int margin) {
  auto* card = new Card;
  auto* layout = new QVBoxLayout(card);
  layout->setContentsMargins(margin, margin, margin, margin);
  layout->addWidget(inside);
  return card;
}

}  // namespace

RunView::RunView(Session* session, QWidget* parent) : QWidget(parent), m_session(session) {
  setObjectName(QStringLiteral("runView"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(12);
  column->addWidget(makeHead());
  m_banner = new Banner(this);
  column->addWidget(m_banner);
  auto* split = new QSplitter(Qt::Vertical, this);
  split->setObjectName(QStringLiteral("runSplit"));
  split->setHandleWidth(12);
  split->setStyleSheet(QStringLiteral("QSplitter#runSplit::handle { background: transparent; }"));
  split->addWidget(makeCharts());
  split->addWidget(makeTabs());
  split->setStretchFactor(0, 3);
  split->setStretchFactor(1, 2);
  column->addWidget(split, 1);
}

QWidget* RunView::makeHead() {
  auto* head = new QWidget(this);
  auto* column = new QVBoxLayout(head);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(10);
  auto [row, phase, about] = phaseRow(QStringLiteral("runPhase"), head);
  m_phase = phase;
  m_about = about;
  m_pause = button(tr("&Pause"), QStringLiteral("pauseRun"), QStringLiteral("pause"), head);
  m_resume = button(tr("&Resume"), QStringLiteral("resumeRun"), QStringLiteral("resume"), head);
  m_stop = button(tr("S&top"), QStringLiteral("stopRun"), QStringLiteral("stop"), head);
  auto* menu = new QMenu(m_stop);
  menu->addAction(tr("Stop and save (can be resumed)"), this, [this] { send("stop-save"); })->setObjectName(QStringLiteral("stopSave"));
  menu->addAction(tr("Stop without saving (goes back to the last checkpoint)"), this, [this] { send("stop-discard"); })->setObjectName(QStringLiteral("stopDiscard"));
  m_stop->setMenu(menu);
  m_stop->setProperty("menu", true);
  m_evaluate = button(tr("&Evaluate"), QStringLiteral("evaluateRun"), QStringLiteral("evaluate"), head);
  m_export = button(tr("E&xport"), QStringLiteral("exportRun"), QStringLiteral("export"), head);
  for (QPushButton* b : {m_pause, m_resume, m_stop, m_evaluate, m_export}) row->addWidget(b);
  connect(m_pause, &QPushButton::clicked, this, [this] { send("pause"); });
  connect(m_resume, &QPushButton::clicked, this, [this] { send("resume"); });
  connect(m_evaluate, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("evaluate"), QStringLiteral("run:") + qs(m_id)); });
  connect(m_export, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("export"), QStringLiteral("run:") + qs(m_id)); });
  column->addLayout(row);
  m_progress = new ProgressLine(head);
  m_progress->setObjectName(QStringLiteral("runProgress"));
  column->addWidget(m_progress);
  auto* tiles = new QHBoxLayout;
  tiles->setSpacing(24);
  m_lossTile = new NumberTile(tr("Loss, nats/token"), QStringLiteral("tileLoss"), head);
  m_nllTile = new NumberTile(tr("Validation NLL, nats/token"), QStringLiteral("tileNll"), head);
  m_rateTile = new NumberTile(tr("Learning rate"), QStringLiteral("tileRate"), head);
  m_speedTile = new NumberTile(tr("Speed, tokens/s"), QStringLiteral("tileSpeed"), head);
  m_timeTile = new NumberTile(tr("Elapsed"), QStringLiteral("tileTime"), head);
  for (NumberTile* tile : {m_lossTile, m_nllTile, m_rateTile, m_speedTile, m_timeTile}) tiles->addWidget(tile, 1);
  column->addLayout(tiles);
  m_stage = nullptr;
  return head;
}

QWidget* RunView::makeCharts() {
  auto* box = new QWidget(this);
  auto* row = new QHBoxLayout(box);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(12);
  m_loss = new LossChart(box);
  m_speed = new LineChart(tr("Speed"), tr("Step"), tr("Tokens per second"), box);
  m_speed->setObjectName(QStringLiteral("speedChart"));
  m_speedLine = m_speed->addLine(tr("Tokens/s"), LineChart::Style::Smoothed, 5);
  m_speed->setZeroIncluded(true);
  connect(m_loss, &LineChart::crosshairMoved, m_speed, &LineChart::showCrosshair);
  connect(m_speed, &LineChart::crosshairMoved, m_loss, &LineChart::showCrosshair);
  row->addWidget(framed(m_loss, 12), 2);
  row->addWidget(framed(m_speed, 12), 1);
  return box;
}

QWidget* RunView::makeTabs() {
  m_tabs = new QTabWidget(this);
  m_tabs->setObjectName(QStringLiteral("runTabs"));
  m_tabs->setDocumentMode(true);
  m_tabs->tabBar()->setAccessibleName(tr("Details of the run"));
  m_samples = new PlainTable({tr("Step"), tr("Prompt"), tr("Student says"), tr("Target")}, tr("Samples"), QStringLiteral("samplesTable"), this);
  m_samples->setNumeric({0});
  m_samples->setItemDelegateForColumn(1, new CutLeft(m_samples));
  m_samples->setColumnWidth(0, 60);
  m_samples->setColumnWidth(1, 420);
  m_samples->setColumnWidth(2, 260);
  m_tabs->addTab(m_samples, tr("Samples"));
  auto* configBox = new QWidget(this);
  auto* configColumn = new QVBoxLayout(configBox);
  configColumn->setContentsMargins(12, 12, 12, 12);
  m_config = new KeyValues(configBox);
  configColumn->addWidget(m_config);
  configColumn->addStretch();
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setWidget(configBox);
  m_tabs->addTab(scroll, tr("Settings"));
  m_log = new QPlainTextEdit(this);
  m_log->setObjectName(QStringLiteral("workerLog"));
  m_log->setAccessibleName(tr("Log of the worker"));
  m_log->setReadOnly(true);
  m_log->setFont(Theme::instance().font(Type::MonoCaption));
  m_log->setFrameShape(QFrame::NoFrame);
  m_log->setPlaceholderText(tr("The worker has written nothing."));
  m_tabs->addTab(m_log, tr("Log"));
  m_events = new PlainTable({tr("Time"), tr("Event"), tr("What")}, tr("Events"), QStringLiteral("eventsTable"), this);
  m_events->setColumnWidth(0, 150);
  m_events->setColumnWidth(1, 110);
  m_tabs->addTab(m_events, tr("Events"));
  return framed(m_tabs, 1);
}

void RunView::show(const std::string& runId) {
  if (runId == m_id && m_feed) return;
  m_id = runId;
  reset();
  m_feed = std::make_unique<RunFeed>(m_session->workspace().runs() / runId);
  connect(m_feed.get(), &RunFeed::specRead, this, &RunView::showSpec);
  connect(m_feed.get(), &RunFeed::stateChanged, this, &RunView::showState);
  connect(m_feed.get(), &RunFeed::events, this, &RunView::take);
  connect(m_feed.get(), &RunFeed::rewound, this, &RunView::reset);
  connect(m_feed.get(), &RunFeed::failed, this, [this](const Error& error) { m_banner->show(error); });
  connect(m_feed.get(), &RunFeed::logChanged, this, [this] {
    const bool atEnd = m_log->verticalScrollBar()->value() >= m_log->verticalScrollBar()->maximum() - 4;
    m_log->setPlainText(m_feed->logTail().join(QLatin1Char('\n')));
    if (atEnd) m_log->verticalScrollBar()->setValue(m_log->verticalScrollBar()->maximum());
  });
  connect(m_feed.get(), &RunFeed::caughtUp, this, &RunView::settled);
}

void RunView::reset() {
  m_loss->clearData();
  m_speed->clearData();
  m_samples->setRowCount(0);
  m_events->setRowCount(0);
  m_log->clear();
  m_lastSample.clear();
  m_hasNll = false;
  for (NumberTile* tile : {m_lossTile, m_nllTile, m_rateTile, m_speedTile, m_timeTile}) tile->setValue({});
  m_banner->clear();
}

void RunView::takeMetric(const job::Event& event) {
  const double step = eventNumber(event, "step");
  const double loss = eventNumber(event, "loss");
  m_speed->append(m_speedLine, step, eventNumber(event, "tokens_per_s"));
  if (!std::isfinite(loss))
    m_banner->show(Banner::Kind::Bad, tr("The loss was not a number at step %1").arg(countText(static_cast<qint64>(step))), tr("The spec says what happens then (stop, skip or lower the rate). A lower learning rate usually helps."));
  m_lossTile->setValue(significantText(loss, 4));
  m_rateTile->setValue(significantText(eventNumber(event, "lr"), 3));
  m_speedTile->setValue(significantText(eventNumber(event, "tokens_per_s"), 3));
}

void RunView::takeEval(const job::Event& event) {
  const double nll = eventNumber(event, "nll");
  if (!std::isfinite(nll)) return;
  if (!m_hasNll || nll < m_bestNll) m_bestNll = nll, m_hasNll = true;
  m_nllTile->setValue(significantText(nll, 4), nll > m_bestNll ? tr("best %1").arg(significantText(m_bestNll, 4)) : tr("the best so far"));
}

// Newest first; the row is marked when the same prompt got another answer than at the measurement before.
void RunView::takeSample(const job::Event& event) {
  constexpr int kMost = 400;
  static const QRegularExpression marks(QStringLiteral("<\\|[^|>]*\\|>"));   // turn marks of chat templates
  QString prompt = text(event, "prompt").replace(marks, QStringLiteral(" ")).simplified();
  if (prompt.endsWith(QLatin1String(" assistant"))) prompt.chop(10);
  if (prompt.size() > 400) prompt = QStringLiteral("… ") + prompt.right(400);
  const QString said = text(event, "text").simplified();
  const std::string row = ss(text(event, "row"));
  const auto last = m_lastSample.find(row);
  const bool changed = last != m_lastSample.end() && last->second != said;
  m_lastSample[row] = said;
  QString target = text(event, "target");
  if (event.body.contains("target") && event.body["target"].is_object()) target = qs(event.body["target"].value("content", std::string()));
  m_samples->insertRow(0);
  const QString cells[] = {countText(static_cast<qint64>(eventNumber(event, "step"))), prompt, said, target.simplified()};
  for (int c = 0; c < 4; ++c) {
    auto* item = m_samples->set(0, c, cells[c], c == 0 ? QVariant(eventNumber(event, "step")) : QVariant());
    if (c == 2 && changed) {
      QFont bold = item->font();
      bold.setWeight(QFont::DemiBold);
      item->setFont(bold);
      item->setToolTip(tr("Changed since the measurement before: %1").arg(cells[c].toHtmlEscaped()));
    }
  }
  if (m_samples->rowCount() > kMost) m_samples->removeRow(m_samples->rowCount() - 1);
}

void RunView::take(const std::vector<job::Event>& events) {
  for (const job::Event& event : events) {
    m_loss->take(event);
    if (event.type == "metric") takeMetric(event);
    else if (event.type == "eval") takeEval(event);
    else if (event.type == "sample") takeSample(event);
    if (event.type == "restart" && event.body.contains("from_step")) m_speed->truncateAfter(eventNumber(event, "from_step"));
    if (event.type == "metric" || event.type == "sample" || event.type == "progress") continue;
    constexpr int kMost = 500;
    Json rest = event.body;
    for (const char* key : {"seq", "attempt", "ts", "t", "type"}) rest.erase(key);
    m_events->insertRow(0);
    m_events->set(0, 0, QDateTime::fromMSecsSinceEpoch(event.ts).toString(QStringLiteral("yyyy-MM-dd HH:mm:ss")));
    m_events->set(0, 1, qs(event.type));
    QStringList words;
    for (const auto& [key, value] : rest.items()) words << qs(key) + QLatin1Char(' ') + (value.is_string() ? qs(value.get<std::string>()) : qs(dumpJson(value)).left(200));
    m_events->set(0, 2, words.join(QStringLiteral(", ")));
    if (m_events->rowCount() > kMost) m_events->removeRow(m_events->rowCount() - 1);
  }
}

void RunView::showState() {
  const job::State& s = m_feed->state();
  using job::Phase;
  const PhaseLook look = phaseLook(s.phase);
  m_phase->set(look.text, look.icon, look.role);
  QString words = progressText(s.step, s.of, tr("steps"), job::isFinal(s.phase) ? -1 : s.secondsLeft);
  if (!s.stage.empty() && !job::isFinal(s.phase)) words = qs(s.stage) + QStringLiteral(" · ") + words;
  m_progress->set(s.step, s.of > 0 ? s.of : 1, words);
  m_timeTile->setValue(s.started > 0 ? durationText(secondsTaken(s)) : QString());
  const bool runs = job::isActive(s.phase), paused = s.phase == Phase::paused || s.phase == Phase::waiting;
  m_pause->setVisible(runs);
  m_stop->setVisible(runs || paused || s.phase == Phase::queued);
  m_resume->setVisible(paused || s.phase == Phase::interrupted || s.phase == Phase::failed || s.phase == Phase::stopped);
  m_evaluate->setVisible(s.phase == Phase::done);
  m_export->setVisible(s.phase == Phase::done);
  if (s.error.is_object() && (s.phase == Phase::failed || s.phase == Phase::interrupted)) {
    const Error error = job::errorFromJson(s.error);
    if (m_banner->isHidden() || m_banner->what() != errorWords(error).what) {
      m_banner->show(error);
      m_banner->setAction(tr("Resume from the last checkpoint"), [this] { send("resume"); });
    }
  } else if (s.phase == Phase::interrupted && m_banner->isHidden()) {
    m_banner->show(Banner::Kind::Caution, tr("The worker of this run is not responding"), tr("It was ended or the machine restarted. The last checkpoint is kept."));
    m_banner->setAction(tr("Resume from the last checkpoint"), [this] { send("resume"); });
  } else if (runs && !m_banner->isHidden() && s.error.is_null()) {
    m_banner->clear();
  }
}

void RunView::showSpec() {
  m_config->clear();
  auto spec = job::runSpecFromJson(m_feed->spec(), "spec.json");
  if (!spec.ok()) return m_banner->show(spec.error());
  const job::RunSpec& s = *spec;
  Q_EMIT titleChanged(s.name.empty() ? qs(m_id) : qs(s.name));
  std::int64_t steps = 0;
  for (const auto& m : s.methods) steps += m.steps;
  m_loss->setSteps(steps);
  m_speed->setSmoothing(smoothingFor(steps));
  QString about = qs(s.student.model.name);
  if (!s.teachers.empty()) about = tr("%1 from %2").arg(about, qs(s.teachers.front().model.name));
  m_about->setText(about);
  m_config->add(tr("Run"), qs(m_id), true);
  m_config->add(tr("Student"), qs(s.student.model.name + " · " + s.student.tuning));
  m_config->add(tr("Layers kept"), s.student.layers.empty() ? tr("all") : tr("%n layer(s)", nullptr, static_cast<int>(s.student.layers.size())));
  for (const auto& t : s.teachers) m_config->add(tr("Teacher"), qs(t.model.name));
  for (const auto& m : s.methods)
    m_config->add(tr("Method"), m.kind == "sft" ? tr("SFT on teacher responses, learning rate %1").arg(significantText(m.learningRate, 3))
                                                : tr("%1, learning rate %2, KD weight %3, temperature %4").arg(qs(m.kind), significantText(m.learningRate, 3), significantText(m.loss.kdWeight, 3), significantText(m.loss.temperature, 3)));
  m_config->add(tr("Dataset"), qs(s.data.dataset), true);
  m_config->add(tr("Rows a step"), countText(s.train.batchRows));
  m_config->add(tr("Precision"), qs(s.train.precision));
  m_config->add(tr("Checkpoint every"), tr("%n step(s)", nullptr, s.train.checkpointEvery));
  m_config->add(tr("Seed"), QString::number(s.seed));
  m_config->add(tr("Folder"), qs(m_feed->folder().string()), true);
}

void RunView::send(const std::string& word) {
  m_session->control(m_session->workspace().runs() / m_id, word, this, [this, word](Status status) {
    if (!status.ok()) return m_banner->show(status.error());
    if (word == "pause") m_banner->show(Banner::Kind::Info, tr("Pausing at the end of this step"));
    else if (word == "resume") m_banner->show(Banner::Kind::Info, tr("Resuming"), tr("The run goes on from its last checkpoint as soon as a worker is free."));
    else m_banner->show(Banner::Kind::Info, tr("Stopping at the end of this step"));
    if (m_feed) m_feed->poll();
  });
}

}  // namespace retort::ui
