// Reports: see evaluate_page.h.
#include "ui/pages/evaluate/evaluate_page.h"

#include <QComboBox>
#include <QDesktopServices>
#include <QScrollArea>
#include <QUrl>
#include <algorithm>
#include <cmath>

#include "ui/charts/interval_plot.h"
#include "ui/pages/evaluate/evaluate_dialog.h"
#include "ui/pages/job_bar.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kMaxRows = 500;

QString roleText(const std::string& role) {
  if (role == "teacher") return EvaluatePage::tr("Teacher");
  if (role == "base") return EvaluatePage::tr("Base model");
  if (role == "student") return EvaluatePage::tr("Student");
  return EvaluatePage::tr("Other");
}

Card* titled(const QString& title, QWidget* inside, QWidget* parent) {
  auto* card = new Card(parent);
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(16, 12, 16, 12);
  column->setSpacing(8);
  column->addWidget(section(title, card));
  column->addWidget(inside, 1);
  return card;
}

}  // namespace

int seriesOf(const std::string& role, int other) {
  if (role == "student") return kStudentSeries;
  if (role == "teacher") return kTeacherSeries;
  if (role == "base") return kBaseSeries;
  return 2 + other % 5;
}

EvaluatePage::EvaluatePage(Session* session, QWidget* parent) : Page(session, QStringLiteral("evaluate"), tr("Evaluate"), parent) {
  m_choice = new QComboBox(this);
  m_choice->setObjectName(QStringLiteral("reportChoice"));
  m_choice->setAccessibleName(tr("Report"));
  m_choice->setMinimumWidth(240);
  addAction(m_choice);
  m_html = button(tr("Open &report"), QStringLiteral("openReport"), {}, this);
  m_html->setToolTip(tr("Opens report.html in the browser"));
  addAction(m_html);
  m_new = primaryButton(tr("&New evaluation"), QStringLiteral("newEvaluation"), QStringLiteral("evaluate"), this);
  addAction(m_new);
  m_job = new JobBar(session, {"evaluate"}, this);
  column()->insertWidget(2, m_job);
  m_empty = new EmptyState(QStringLiteral("draw-scale"), tr("No reports yet"), tr("An evaluation holds student, teacher and base model against the same rows that no training has seen."), tr("New evaluation"), {}, this);
  addBody(m_empty);
  m_skeleton = new Skeleton(this);
  addBody(m_skeleton);
  m_body = makeReport();
  addBody(m_body);
  setFirstFocus(m_models);
  connect(m_empty, &EmptyState::actionTriggered, this, [this] { newEvaluation({}); });
  connect(m_new, &QPushButton::clicked, this, [this] { newEvaluation({}); });
  connect(m_choice, &QComboBox::activated, this, [this] { load(m_choice->currentData().toString()); });
  connect(m_html, &QPushButton::clicked, this, [this] {
    QDesktopServices::openUrl(QUrl::fromLocalFile(qs((this->session()->workspace().reports() / ss(m_shownId) / "report.html").string())));
  });
  connect(m_job, &JobBar::ended, this, [this](const job::State& state) {
    if (state.error.is_object()) return banner()->show(job::errorFromJson(state.error));
    if (state.phase == job::Phase::done) m_shownId.clear(), refresh();
  });
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    if (!m_shownId.isEmpty()) load(m_shownId);   // cells keep the colours they were given
  });
  connect(session, &Session::reportsChanged, this, &EvaluatePage::refresh);
  connect(session, &Session::loaded, this, &EvaluatePage::refresh);
  refresh();
}

QWidget* EvaluatePage::makeReport() {
  auto* scroll = new QScrollArea(this);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);   // what is inside is reached by Tab and comes into view
  auto* holder = new QWidget(scroll);
  auto* column = new QVBoxLayout(holder);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(12);
  auto* top = new Card(holder);
  auto* words = new QVBoxLayout(top);
  words->setContentsMargins(16, 12, 16, 12);
  words->setSpacing(4);
  m_verdict = section({}, top);
  m_verdict->setObjectName(QStringLiteral("verdict"));
  m_verdict->setWordWrap(true);
  m_verdict->setSelectable();
  m_basis = caption({}, top);
  m_basis->setWordWrap(true);
  words->addWidget(m_verdict);
  words->addWidget(m_basis);
  m_models = new PlainTable({tr("Role"), tr("Model"), tr("Accuracy"), tr("95 % interval"), tr("Right of rows"), tr("Agreement"), tr("p50, ms"), tr("p95, ms"), tr("Tokens/s"), tr("Size")}, tr("Models"), QStringLiteral("modelTable"), top);
  m_models->setNumeric({2, 3, 4, 5, 6, 7, 8, 9});
  m_models->setWidths({96, 0, 84, 116, 112, 136, 76, 76, 80, 88});
  words->addSpacing(4);
  words->addWidget(m_models);
  column->addWidget(top);
  auto* plots = new QHBoxLayout;
  plots->setSpacing(12);
  auto* left = new QWidget(holder);
  auto* leftColumn = new QVBoxLayout(left);
  leftColumn->setContentsMargins(0, 0, 0, 0);
  m_intervals = new IntervalPlot(left);
  m_intervals->setObjectName(QStringLiteral("intervalPlot"));
  m_differences = caption({}, left);
  m_differences->setWordWrap(true);
  m_differences->setObjectName(QStringLiteral("differences"));
  leftColumn->addWidget(m_intervals);
  leftColumn->addSpacing(8);
  leftColumn->addWidget(m_differences);
  leftColumn->addStretch();
  plots->addWidget(titled(tr("Accuracy"), left, holder), 3);
  m_scatter = new ScatterPlot(holder);
  m_scatter->setObjectName(QStringLiteral("scatterPlot"));
  m_scatter->setMinimumHeight(200);
  plots->addWidget(titled(tr("Accuracy against latency"), m_scatter, holder), 2);
  column->addLayout(plots);
  auto* bottom = new Card(holder);
  auto* rows = new QVBoxLayout(bottom);
  rows->setContentsMargins(16, 12, 16, 12);
  rows->setSpacing(8);
  m_rowsTitle = section({}, bottom);
  rows->addWidget(m_rowsTitle);
  m_rows = new PlainTable({tr("Prompt"), tr("Reference"), tr("Student says"), tr("Teacher says")}, tr("Rows where the student is wrong"), QStringLiteral("wrongRows"), bottom);
  m_rows->setWidths({0, 190, 190, 190});
  m_rows->setMinimumHeight(220);
  rows->addWidget(m_rows);
  column->addWidget(bottom, 1);
  scroll->setWidget(holder);
  return scroll;
}

void EvaluatePage::open(const QString& argument) {
  if (argument.startsWith(QLatin1String("run:"))) return newEvaluation(argument.mid(4));
  load(argument);
}

void EvaluatePage::newEvaluation(const QString& run) {
  auto* dialog = new EvaluateDialog(session(), run, this);
  connect(dialog, &EvaluateDialog::started, this, [this](const QString& job) {
    banner()->clear();
    m_job->follow(ss(job));
  });
  dialog->open();
}

void EvaluatePage::refresh() {
  const auto& reports = session()->inventory().reports;
  if (!session()->isLoaded()) return setBody(m_skeleton);
  const bool none = reports.empty();
  for (QWidget* w : {static_cast<QWidget*>(m_choice), static_cast<QWidget*>(m_html), static_cast<QWidget*>(m_new)}) w->setVisible(!none);
  if (none) {
    setState({});
    return setBody(m_empty);
  }
  m_choice->clear();
  for (const std::string& id : reports) {
    const QString when = qs(id).left(15);   // YYYYMMDD-HHMMSS
    m_choice->addItem(tr("%1-%2-%3 %4:%5").arg(when.mid(0, 4), when.mid(4, 2), when.mid(6, 2), when.mid(9, 2), when.mid(11, 2)), qs(id));
  }
  const int at = m_choice->findData(m_shownId);
  if (at >= 0) m_choice->setCurrentIndex(at);
  else load(qs(reports.front()));
}

void EvaluatePage::load(const QString& id) {
  m_shownId = id;
  if (const int at = m_choice->findData(id); at >= 0) m_choice->setCurrentIndex(at);
  if (m_models->rowCount() == 0) setBody(m_skeleton);
  m_query.ask(this, [workspace = session()->workspace(), id = ss(id)](std::stop_token) -> Result<Loaded> {
    Loaded loaded;
    RETORT_TRY(loaded.report, report::loadReport(workspace, id));
    auto rows = report::loadRows(workspace, id);
    if (rows.ok()) loaded.rows = std::move(*rows);
    return loaded;
  }, [this](Result<Loaded> loaded) {
    if (!loaded.ok()) {
      banner()->show(loaded.error());
      return setBody(m_empty);
    }
    show(*loaded);
    setBody(m_body);
    Q_EMIT shown(m_shownId);
  });
}

void EvaluatePage::show(const Loaded& loaded) {
  const report::Report& r = loaded.report;
  setState(tr("%1 held-out rows").arg(countText(r.rows)));
  m_verdict->setText(r.verdict ? qs(r.verdict->sentence) : tr("No verdict: it needs a teacher and a student"));
  QString basis = r.source == "annotation" ? tr("Reference: labels of the dataset.") : tr("Reference: the teacher's own answers, so this tells agreement and not quality.");
  basis += QLatin1Char(' ') + tr("Dataset %1, part %2.").arg(qs(r.dataset), qs(r.part));
  if (r.verdict) basis += QLatin1Char(' ') + tr("Margin %1, alpha %2.").arg(percentText(r.verdict->margin, 0), numberText(r.verdict->alpha, 2));
  if (r.verdict && r.verdict->rowsNeeded > 0) basis += QLatin1Char(' ') + tr("About %1 more rows would decide it.").arg(countText(r.verdict->rowsNeeded));
  if (r.gapRecovered) basis += QLatin1Char(' ') + tr("The student has %1 of the gap between base model and teacher.").arg(percentText(*r.gapRecovered, 0));
  if (r.opening > 1) basis += QLatin1Char(' ') + tr("These rows were looked at %n time(s) before; a fresh test set would be stronger.", nullptr, static_cast<int>(r.opening - 1));
  for (const std::string& alarm : r.alarms) basis += QLatin1Char('\n') + qs(alarm);
  m_basis->setText(basis);
  m_models->setRowCount(static_cast<int>(r.models.size()));
  QList<IntervalPlot::Row> intervals;
  QList<ScatterPlot::Dot> dots;
  QList<PlotLevel> levels;
  double least = 1, biggest = 1;
  for (const auto& m : r.models) biggest = std::max(biggest, static_cast<double>(m.bytes));
  int other = 0, row = 0;
  for (const auto& m : r.models) {
    const int series = seriesOf(m.role, m.role == "other" ? other++ : 0);
    const QString range = tr("%1 to %2").arg(numberText(m.interval.low * 100, 1), numberText(m.interval.high * 100, 1));
    const QString cells[] = {roleText(m.role), qs(m.name), percentText(m.accuracy), range, tr("%1 of %2").arg(countText(m.right), countText(r.rows)), m.agreement ? percentText(*m.agreement) : QStringLiteral("–"),
                             m.latency ? numberText(m.latency->requestP50, 1) : QStringLiteral("–"), m.latency ? numberText(m.latency->requestP95, 1) : QStringLiteral("–"),
                             m.latency ? numberText(m.latency->tokensPerSecond, 0) : QStringLiteral("–"), bytesText(static_cast<double>(m.bytes))};
    const double none = -1;
    const double keys[] = {0, 0, m.accuracy, m.interval.low, static_cast<double>(m.right), m.agreement.value_or(none), m.latency ? m.latency->requestP50 : none, m.latency ? m.latency->requestP95 : none,
                           m.latency ? m.latency->tokensPerSecond : none, static_cast<double>(m.bytes)};
    for (int c = 0; c < 10; ++c) {
      auto* item = m_models->set(row, c, cells[c], c >= 2 ? QVariant(keys[c]) : QVariant());
      if (c == 0) item->setForeground(Theme::instance().series(series));
      if (m.role == "student") {
        QFont bold = c >= 2 ? Theme::instance().font(Type::Mono) : Theme::instance().font(Type::Body);
        bold.setWeight(QFont::DemiBold);
        item->setFont(bold);
      }
      if (c >= 6 && c <= 8 && m.latency) item->setToolTip(qs(m.latency->definition).toHtmlEscaped());
    }
    ++row;
    const QString label = m.role == "other" ? qs(m.name) : roleText(m.role);
    intervals << IntervalPlot::Row{label, m.accuracy, m.interval.low, m.interval.high, QStringLiteral("%1 [%2, %3]").arg(percentText(m.accuracy), numberText(m.interval.low * 100, 1), numberText(m.interval.high * 100, 1)), series};
    if (m.role == "teacher" || m.role == "base") levels << PlotLevel{label, m.accuracy, series};
    least = std::min(least, m.interval.low);
    if (m.latency) dots << ScatterPlot::Dot{label, m.latency->requestP50, m.accuracy, static_cast<double>(m.bytes) / biggest, series, m.interval.low, m.interval.high};
  }
  m_models->horizontalHeaderItem(5)->setToolTip(tr("Share of rows on which it says what the teacher says"));
  m_models->fitRows();
  m_models->resort();
  m_intervals->setRows(intervals, tr("Accuracy, Wilson 95 % interval, n = %1").arg(countText(r.rows)), std::max(0.0, std::floor(least * 10 - 0.5) / 10), 1, true);
  std::sort(levels.begin(), levels.end(), [](const PlotLevel& a, const PlotLevel& b) { return a.value < b.value; });
  m_intervals->setLevels(levels);
  m_scatter->setLevels(levels);
  m_scatter->setDots(dots, tr("p50 of a whole request, ms; bubble: size"), tr("Accuracy"), true);
  QStringList differences;
  for (const auto& d : r.differences)
    differences << tr("%1 − %2: %3 points (%4 to %5), p = %6").arg(qs(d.first), qs(d.second), numberText(d.counts.difference() * 100, 1), numberText(d.interval.low * 100, 1), numberText(d.interval.high * 100, 1), significantText(d.p, 2));
  m_differences->setText(differences.join(QLatin1Char('\n')));
  showRows(loaded);
}

void EvaluatePage::showRows(const Loaded& loaded) {
  int student = -1, teacher = -1;
  for (std::size_t i = 0; i < loaded.report.models.size(); ++i) {
    if (loaded.report.models[i].role == "student") student = static_cast<int>(i);
    if (loaded.report.models[i].role == "teacher") teacher = static_cast<int>(i);
  }
  m_rows->setRowCount(0);
  int wrong = 0;
  for (const auto& answer : loaded.rows) {
    if (student < 0 || static_cast<std::size_t>(student) >= answer.right.size() || answer.right[static_cast<std::size_t>(student)]) continue;
    if (++wrong > kMaxRows) continue;
    const int row = m_rows->rowCount();
    m_rows->insertRow(row);
    auto said = [&](int model) { return model >= 0 && static_cast<std::size_t>(model) < answer.answers.size() ? qs(answer.answers[static_cast<std::size_t>(model)]).simplified() : QString(); };
    const QString cells[] = {qs(answer.prompt).simplified(), qs(answer.reference).simplified(), said(student), said(teacher)};
    for (int c = 0; c < 4; ++c) {
      auto* item = m_rows->set(row, c, cells[c]);
      if (c == 2) item->setForeground(Theme::instance().color(Role::Bad));
    }
  }
  m_rowsTitle->setText(student < 0 ? tr("No student in this report") : tr("Rows where the student is wrong: %1 of %2").arg(countText(wrong), countText(loaded.report.rows)));
}

}  // namespace retort::ui
