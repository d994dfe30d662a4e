// Setting up a run: see distil_page.h.
#include "ui/pages/distil/distil_page.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QFormLayout>
#include <QLineEdit>
#include <QRadioButton>
#include <QScrollArea>
#include <QSpinBox>

#include "base/paths.h"
#include "models/model_source.h"
#include "run/recipes.h"
#include "run/start.h"
#include "ui/pages/distil/line_view.h"
#include "ui/pages/job_bar.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kTypingMs = 250;
constexpr const char* kRecipes[] = {"fast", "better", "best"};

QComboBox* combo(const QString& name, const QString& objectName, QWidget* parent) {
  auto* box = new QComboBox(parent);
  box->setObjectName(objectName);
  box->setAccessibleName(name);
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumContentsLength(18);
  return box;
}

QFormLayout* formOf(QVBoxLayout* column) {
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(16);
  form->setVerticalSpacing(10);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  column->addLayout(form);
  return form;
}

QLabel* label(const QString& text) {
  auto* l = new PlainLabel(text);
  l->setMuted(true);
  l->setMinimumWidth(110);
  return l;
}

struct Wish {
  run::RecipeInput input;
  bool half = false;
  double rate = 0;
  std::int64_t steps = 0;
  int batch = 0;
  int seed = 1;
};

Result<job::RunSpec> specOf(const Workspace& workspace, const Wish& wish) {
  RETORT_TRY(job::RunSpec spec, run::specFromRecipe(workspace, wish.input));
  if (wish.half) {
    RETORT_TRY(const auto source, models::openModel(spec.student.model.path));
    spec.student.layers = run::everySecondLayer(source->config().layers);
    if (spec.student.tuning == "full")
      for (auto& m : spec.methods) m.learningRate = run::fullLearningRate(source->config(), true);
  }
  for (auto& m : spec.methods) {
    if (wish.rate > 0) m.learningRate = wish.rate;
    if (wish.steps > 0) m.steps = wish.steps;
  }
  if (wish.steps > 0) spec.eval.every = spec.train.checkpointEvery = static_cast<int>(std::max<std::int64_t>(1, wish.steps / 10));
  if (wish.batch > 0) spec.train.batchRows = wish.batch;
  spec.seed = static_cast<std::uint64_t>(wish.seed);
  return spec;
}

}  // namespace

DistilPage::DistilPage(Session* session, QWidget* parent) : Page(session, QStringLiteral("distil"), tr("Distil"), parent) {
  m_back = iconButton(QStringLiteral("chevron-left"), tr("Set up a run (Alt+Left)"), QStringLiteral("backToForm"), this);
  m_back->setShortcut(QKeySequence(Qt::ALT | Qt::Key_Left));
  leading()->addWidget(m_back);
  m_back->hide();
  connect(m_back, &QToolButton::clicked, this, &DistilPage::showForm);
  m_job = new JobBar(session, {"distil", "demo"}, this);
  m_job->setOpen(tr("Watch"));
  column()->insertWidget(2, m_job);
  connect(m_job, &JobBar::openWanted, this, [this](const QString& id) { open(QStringLiteral("job:") + id); });
  m_assistant = button(tr("&Distil…"), QStringLiteral("openAssistant"), QStringLiteral("distil"), this);
  m_assistant->setToolTip(tr("The whole line in four steps, from records to verified files (Ctrl+Shift+D)"));
  addAction(m_assistant);
  connect(m_assistant, &QPushButton::clicked, this, [this] { Q_EMIT navigate(QStringLiteral("assistant"), {}); });
  m_start = primaryButton(tr("&Start run"), QStringLiteral("startRun"), QStringLiteral("play"), this);
  m_start->setEnabled(false);
  addAction(m_start);
  connect(m_start, &QPushButton::clicked, this, &DistilPage::start);
  auto* empty = new EmptyState(QStringLiteral("draw-still"), tr("No dataset to distil from yet"), tr("The assistant goes the whole way in four steps: records, teacher, student, start. Or build a dataset first and set up the run yourself."), tr("Distil…"),
                               tr("Go to datasets"), this);
  connect(empty, &EmptyState::actionTriggered, this, [this] { Q_EMIT navigate(QStringLiteral("assistant"), {}); });
  connect(empty, &EmptyState::linkTriggered, this, [this] { Q_EMIT navigate(QStringLiteral("datasets"), {}); });
  m_empty = empty;
  addBody(empty);
  m_body = new QWidget(this);
  auto* row = new QHBoxLayout(m_body);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(16);
  row->addWidget(makeForm(), 3);
  row->addWidget(makePreview(), 2);
  addBody(m_body);
  m_line = new LineView(session, this);
  addBody(m_line);
  connect(m_line, &LineView::navigate, this, &Page::navigate);
  connect(m_line, &LineView::titleChanged, this, [this](const QString& title) {
    if (m_inLine) setTitle(title);
  });
  m_typing.setSingleShot(true);
  m_typing.setInterval(kTypingMs);
  connect(&m_typing, &QTimer::timeout, this, &DistilPage::plan);
  connect(session, &Session::datasetsChanged, this, &DistilPage::reload);
  connect(session, &Session::runsChanged, this, [this] {
    // A finished run is a possible teacher; the list is read again only when the number of those changes.
    int done = 0;
    for (const auto& r : this->session()->inventory().runs) done += r.summary.state.phase == job::Phase::done;
    if (property("doneRuns").toInt() != done) setProperty("doneRuns", done), reload();
  });
  reload();
}

QWidget* DistilPage::makeForm() {
  auto* card = new Card(m_body);
  auto* outer = new QVBoxLayout(card);
  outer->setContentsMargins(1, 1, 1, 1);
  auto* scroll = new QScrollArea(card);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);   // what is inside is reached by Tab and comes into view
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* holder = new QWidget(scroll);
  auto* column = new QVBoxLayout(holder);
  column->setContentsMargins(16, 14, 16, 16);
  column->setSpacing(10);
  column->addWidget(section(tr("What is distilled"), holder));
  auto* what = formOf(column);
  m_dataset = combo(tr("Dataset"), QStringLiteral("distilDatasetBox"), holder);
  m_student = combo(tr("Student"), QStringLiteral("studentBox"), holder);
  m_layers = combo(tr("Layers"), QStringLiteral("layersBox"), holder);
  m_layers->addItem(tr("All layers"), false);
  m_layers->addItem(tr("Every second layer, for about half the time per token"), true);
  m_teacher = combo(tr("Teacher"), QStringLiteral("teacherBox"), holder);
  what->addRow(label(tr("Dataset")), m_dataset);
  what->addRow(label(tr("Student")), m_student);
  what->addRow(label(tr("Layers")), m_layers);
  what->addRow(label(tr("Teacher")), m_teacher);
  column->addSpacing(8);
  column->addWidget(section(tr("Recipe"), holder));
  m_recipe = new QButtonGroup(this);
  const QString names[] = {tr("Fast"), tr("Better"), tr("Best")};
  const QString words[] = {tr("SFT on the teacher's answers. Works with any teacher, local or not."),
                           tr("Logit KD: also learns the teacher's probabilities. Needs a local teacher with the same vocabulary."),
                           tr("As Better, with the settings that gave the best students, at more time.")};
  for (int i = 0; i < 3; ++i) {
    auto* radio = new QRadioButton(names[i], holder);
    radio->setObjectName(QStringLiteral("recipe_%1").arg(QLatin1String(kRecipes[i])));
    radio->setAccessibleName(names[i]);
    radio->setAccessibleDescription(words[i]);
    m_recipe->addButton(radio, i);
    auto* choice = new QVBoxLayout;
    choice->setSpacing(0);
    choice->addWidget(radio);
    auto* note = caption(words[i], holder);
    note->setWordWrap(true);
    note->setIndent(26);
    choice->addWidget(note);
    column->addLayout(choice);
  }
  m_recipe->button(0)->setChecked(true);
  column->addSpacing(8);
  column->addWidget(section(tr("Settings"), holder));
  auto* settings = formOf(column);
  m_name = new QLineEdit(holder);
  m_rate = new QLineEdit(holder);
  m_steps = new QLineEdit(holder);
  m_batch = new QSpinBox(holder);
  m_batch->setRange(0, 4096);
  m_batch->setSpecialValueText(tr("as the recipe says"));
  m_seed = new QSpinBox(holder);
  m_seed->setRange(0, 1'000'000'000);
  m_seed->setValue(1);
  for (auto [edit, objectName, name] : {std::tuple<QLineEdit*, const char*, QString>{m_name, "runName", tr("Name")}, {m_rate, "learningRate", tr("Learning rate")}, {m_steps, "steps", tr("Steps")}}) {
    edit->setObjectName(QLatin1String(objectName));
    edit->setAccessibleName(name);
    edit->setPlaceholderText(edit == m_name ? tr("as the dataset and method") : tr("as the recipe says"));
    settings->addRow(label(name), edit);
    connect(edit, &QLineEdit::textChanged, this, &DistilPage::edited);
  }
  m_batch->setObjectName(QStringLiteral("batchRows"));
  m_batch->setAccessibleName(tr("Rows a step"));
  m_seed->setObjectName(QStringLiteral("runSeed"));
  m_seed->setAccessibleName(tr("Seed"));
  settings->addRow(label(tr("Rows a step")), m_batch);
  settings->addRow(label(tr("Seed")), m_seed);
  column->addStretch();
  scroll->setWidget(holder);
  outer->addWidget(scroll);
  for (QComboBox* box : {m_dataset, m_student, m_layers, m_teacher}) connect(box, &QComboBox::currentIndexChanged, this, &DistilPage::edited);
  connect(m_recipe, &QButtonGroup::idClicked, this, &DistilPage::edited);
  connect(m_batch, &QSpinBox::valueChanged, this, &DistilPage::edited);
  connect(m_seed, &QSpinBox::valueChanged, this, &DistilPage::edited);
  return card;
}

QWidget* DistilPage::makePreview() {
  auto* card = new Card(m_body);
  card->setObjectName(QStringLiteral("preview"));
  card->setMinimumWidth(300);
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(16, 14, 16, 16);
  column->setSpacing(12);
  m_needs = ForecastParts::make("readyChip", "whyNotReady", card);
  column->addLayout(m_needs.head(tr("What it needs"), card));
  column->addWidget(m_needs.why);
  m_needs.memoryText->setText(tr("Memory"));
  column->addWidget(m_needs.memoryText);
  m_needs.memory->setObjectName(QStringLiteral("memoryBar"));
  column->addWidget(m_needs.memory);
  column->addWidget(hairline(card));
  column->addWidget(m_needs.facts);
  column->addStretch();
  auto* note = caption(tr("The first steps are a dry run: one batch through training, saving and loading, so that a long run cannot fail at its end for a reason known at its start."), card);
  note->setWordWrap(true);
  column->addWidget(note);
  return card;
}

void DistilPage::open(const QString& argument) {
  if (argument.startsWith(QLatin1String("job:"))) {
    m_inLine = true;
    m_line->show(ss(argument.mid(4)));
    return arrange();
  }
  m_inLine = false;
  m_wanted = argument;
  const int at = m_dataset->findData(argument);
  if (at >= 0) m_dataset->setCurrentIndex(at), m_wanted.clear();
  else reload();
  arrange();
}

void DistilPage::showForm() {
  m_inLine = false;
  setTitle(tr("Distil"));
  arrange();
}

/// Shows the job that is watched, the form, or what leads to it.
void DistilPage::arrange() {
  const bool any = m_dataset->count() > 0;
  setBody(m_inLine ? static_cast<QWidget*>(m_line) : any ? m_body : m_empty);
  m_job->setShownElsewhere(m_inLine ? m_line->jobId() : std::string());
  m_back->setVisible(m_inLine);
  m_start->setVisible(any && !m_inLine);
  m_assistant->setVisible(any && !m_inLine);
}

void DistilPage::reload() {
  m_loading.ask(this, [workspace = session()->workspace()](std::stop_token) {
    return Choices{data::listDatasets(workspace), models::Library(workspace.root()).list()};
  }, [this](const Choices& choices) { fill(choices); });
}

void DistilPage::fill(const Choices& choices) {
  m_filling = true;
  const QVariant dataset = m_wanted.isEmpty() ? m_dataset->currentData() : QVariant(m_wanted), student = m_student->currentData(), teacher = m_teacher->currentData();
  m_dataset->clear();
  m_student->clear();
  m_teacher->clear();
  auto sorted = choices.datasets;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  for (const auto& d : sorted)
    if (d.state != "purged") m_dataset->addItem(tr("%1 (%2 rows)").arg(d.name.empty() ? qs(d.id) : qs(d.name), countText(d.train)), qs(d.id));
  m_teacher->addItem(tr("None here: learn from the answers in the dataset"), QString());
  for (const auto& m : choices.models) {
    const QString words = m.parameters > 0 ? tr("%1 (%2 M parameters)").arg(qs(m.name), numberText(static_cast<double>(m.parameters) / 1e6, m.parameters < 10'000'000 ? 1 : 0)) : qs(m.name);
    m_student->addItem(words, qs(m.name));
    m_teacher->addItem(words, qs(m.name));
  }
  for (const auto& r : session()->inventory().runs) {
    if (r.summary.state.phase != job::Phase::done) continue;
    const QString words = tr("Run: %1").arg(r.summary.name.empty() ? qs(r.summary.id) : qs(r.summary.name));
    m_student->addItem(words, qs(r.summary.id));
    m_teacher->addItem(words, qs(r.summary.id));
  }
  for (auto [box, was] : {std::pair<QComboBox*, QVariant>{m_dataset, dataset}, {m_student, student}, {m_teacher, teacher}})
    if (const int at = box->findData(was); at >= 0) box->setCurrentIndex(at);
  if (m_dataset->findData(m_wanted) >= 0) m_wanted.clear();
  m_filling = false;
  arrange();
  if (m_dataset->count() > 0 && m_student->count() == 0) {
    banner()->show(Banner::Kind::Caution, tr("No model is in the library"), tr("Add a GGUF file or a Hugging Face folder: put it into %1, or run retort-cli model add.").arg(qs((userDataFolder() / "models").string())));
    banner()->setAction(tr("Look again"), [this] { banner()->clear(), reload(); });
  }
  edited();
}

void DistilPage::edited() {
  if (m_filling) return;
  m_plan.reset();
  m_start->setEnabled(false);
  m_start->setToolTip(tr("The forecast is being made"));
  m_typing.start();
}

void DistilPage::plan() {
  if (m_dataset->count() == 0 || m_student->count() == 0) return;
  Wish wish;
  wish.input.dataset = ss(m_dataset->currentData().toString());
  wish.input.student = ss(m_student->currentData().toString());
  wish.input.teacher = ss(m_teacher->currentData().toString());
  wish.input.recipe = kRecipes[std::clamp(m_recipe->checkedId(), 0, 2)];
  wish.input.name = ss(m_name->text().trimmed());
  wish.half = m_layers->currentData().toBool();
  bool rateOk = true, stepsOk = true;
  wish.rate = m_rate->text().isEmpty() ? 0 : QLocale::c().toDouble(m_rate->text(), &rateOk);
  wish.steps = m_steps->text().isEmpty() ? 0 : m_steps->text().toLongLong(&stepsOk);
  wish.batch = m_batch->value();
  wish.seed = m_seed->value();
  for (auto [edit, ok] : {std::pair<QLineEdit*, bool>{m_rate, rateOk && wish.rate >= 0}, {m_steps, stepsOk && wish.steps >= 0}})
    if (edit->property("invalid").toBool() == ok) edit->setProperty("invalid", !ok), repolish(edit);
  if (!rateOk || !stepsOk || wish.rate < 0 || wish.steps < 0) {
    m_needs.ready->set(tr("Not ready"), QStringLiteral("caution"), Role::Caution);
    m_needs.why->setText(rateOk && wish.rate >= 0 ? tr("Steps must be a whole number.") : tr("The learning rate must be a number such as 2e-4."));
    m_needs.why->show();
    return;
  }
  m_needs.ready->set(tr("Reading the models"), QStringLiteral("clock"), Role::Muted);
  m_planning.ask(this, [workspace = session()->workspace(), wish](std::stop_token) -> Result<Plan> {
    Plan made;
    RETORT_TRY(made.spec, specOf(workspace, wish));
    RETORT_TRY(made.forecast, run::estimate(made.spec));
    return made;
  }, [this](Result<Plan> result) {
    if (result.ok()) {
      show(*result);
    } else {
      const ErrorWords words = errorWords(result.error());
      m_needs.showProblem(words);
      m_start->setToolTip(words.what);
    }
    Q_EMIT planned();
  });
}

void DistilPage::show(const Plan& plan) {
  const run::Forecast& f = plan.forecast;
  if (f.blocker) {
    const ErrorWords words = errorWords(*f.blocker);
    m_needs.ready->set(tr("Does not fit"), QStringLiteral("bad"), Role::Bad);
    m_needs.why->setText(words.what + QLatin1Char('\n') + words.why + QLatin1Char('\n') + words.next);
    m_start->setToolTip(words.what);
  } else {
    m_needs.ready->set(tr("Ready"), QStringLiteral("tick"), Role::Good);
    m_plan = plan;
    m_start->setToolTip(tr("Starts in the background; it goes on when this window is closed"));
  }
  m_needs.why->setVisible(f.blocker.has_value());
  m_start->setEnabled(!f.blocker);
  m_needs.showMemory(f);
  const job::RunSpec& s = plan.spec;
  m_needs.facts->clear();
  m_needs.facts->add(tr("Time"), f.secondsHigh > 0 ? tr("%1 to %2").arg(durationText(f.secondsLow), durationText(f.secondsHigh)) : tr("not known yet"));
  m_needs.addDiskFact(f);
  m_needs.addStudentFact(f);
  if (!s.student.layers.empty()) m_needs.facts->add(tr("Layers kept"), countText(static_cast<qint64>(s.student.layers.size())));
  m_needs.facts->add(tr("Rows"), countText(f.rows));
  m_needs.facts->add(tr("Steps"), tr("%1, of %2 rows each").arg(countText(f.steps), countText(s.train.batchRows)));
  QStringList methods;
  for (const auto& m : s.methods) methods << (m.kind == "sft" ? tr("SFT") : m.kind == "logit-kd" ? tr("logit KD") : qs(m.kind));
  m_needs.facts->add(tr("Method"), methods.join(QStringLiteral(", ")));
  if (!s.methods.empty()) m_needs.facts->add(tr("Learning rate"), significantText(s.methods.front().learningRate, 3));
  m_needs.facts->add(tr("Name"), qs(s.name));
}

void DistilPage::start() {
  if (!m_plan) return;
  m_start->setEnabled(false);
  m_starting.ask(this, [workspace = session()->workspace(), spec = m_plan->spec](std::stop_token) { return run::startRun(workspace, spec); },
                 [this](Result<std::string> id) {
                   m_start->setEnabled(true);
                   session()->refresh();
                   if (!id.ok()) return banner()->show(id.error());
                   banner()->clear();
                   Q_EMIT navigate(QStringLiteral("runs"), qs(*id));
                 });
}

}  // namespace retort::ui
