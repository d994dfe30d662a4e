// Step 3 of the assistant: see student_step.h.
#include "ui/assistant/student_step.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QRadioButton>

#include "models/model_source.h"
#include "run/recipes.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr int kTypingMs = 250;
constexpr const char* kRecipes[] = {"fast", "better", "best"};

struct Wish {
  line::DistilRequest request;
  bool half = false;
  std::int64_t steps = 0;
};

/// The fields of the run that the form changes, as `--set` writes them.
Result<std::vector<std::string>> fieldsOf(const Workspace& workspace, const Wish& wish) {
  std::vector<std::string> set;
  if (wish.half) {
    RETORT_TRY(const auto path, models::Library(workspace.root()).resolve(wish.request.student));
    RETORT_TRY(const auto source, models::openModel(path));
    set.push_back("student.layers=" + dumpJson(Json(run::everySecondLayer(source->config().layers))));
    if (source->config().parameters() < 200'000'000) set.push_back("methods.0.learning_rate=" + dumpJson(Json(run::fullLearningRate(source->config(), true))));
  }
  if (wish.steps > 0) {
    const auto every = std::to_string(std::max<std::int64_t>(1, wish.steps / 10));
    set.push_back("methods.0.steps=" + std::to_string(wish.steps));
    set.push_back("eval.every=" + every);
    set.push_back("train.checkpoint_every=" + every);
  }
  return set;
}

}  // namespace

StudentStep::StudentStep(Session* session, QWidget* parent)
    : AssistantStep(session, QStringLiteral("studentStep"), tr("Student"), tr("Which model shall learn, and how? The dry run counts what it takes on this machine before anything is started."), parent) {
  setLabelWidth(60);
  auto* row = new QHBoxLayout;
  row->setSpacing(24);
  row->addWidget(makeForm(), 1);
  row->addWidget(makePreview(), 1);
  column()->addLayout(row, 1);
  m_typing.setSingleShot(true);
  m_typing.setInterval(kTypingMs);
  connect(&m_typing, &QTimer::timeout, this, &StudentStep::plan);
}

QWidget* StudentStep::makeForm() {
  auto* box = new QWidget(this);
  auto* side = new QVBoxLayout(box);
  side->setContentsMargins(0, 0, 0, 0);
  side->setSpacing(8);
  auto* form = addForm();
  column()->removeItem(form);
  side->addLayout(form);
  m_student = addCombo(form, tr("Student"), "stepStudent");
  m_layers = addCombo(form, tr("Layers"), "stepLayers");
  m_layers->addItem(tr("All layers"), false);
  m_layers->addItem(tr("Every second layer"), true);
  m_layers->setToolTip(tr("A student of half the layers takes about half the time per token"));
  side->addSpacing(8);
  side->addWidget(section(tr("Recipe"), box));
  m_recipe = new QButtonGroup(this);
  const QString names[] = {tr("&Fast"), tr("Bette&r"), tr("Bes&t")};
  const QString words[] = {tr("SFT on the teacher's answers; fits any teacher"), tr("Logit KD; needs a local teacher with the same vocabulary"), tr("As Better, with more time")};
  for (int i = 0; i < 3; ++i) {
    auto* radio = new QRadioButton(names[i], box);
    radio->setObjectName(QStringLiteral("stepRecipe_%1").arg(QLatin1String(kRecipes[i])));
    radio->setAccessibleDescription(words[i]);
    m_recipe->addButton(radio, i);
    auto* choice = new QVBoxLayout;
    choice->setSpacing(0);
    choice->addWidget(radio);
    auto* note = caption(words[i], box);
    note->setIndent(26);
    note->setWordWrap(true);
    choice->addWidget(note);
    side->addLayout(choice);
  }
  m_recipe->button(0)->setChecked(true);
  side->addSpacing(8);
  auto* more = addForm();
  column()->removeItem(more);
  side->addLayout(more);
  m_steps = addLine(more, tr("Steps"), "stepSteps", tr("as the recipe says"));
  side->addStretch();
  connect(m_student, &QComboBox::currentIndexChanged, this, &StudentStep::edited);
  connect(m_layers, &QComboBox::currentIndexChanged, this, &StudentStep::edited);
  connect(m_recipe, &QButtonGroup::idClicked, this, &StudentStep::edited);
  connect(m_steps, &QLineEdit::textChanged, this, &StudentStep::edited);
  return box;
}

QWidget* StudentStep::makePreview() {
  auto* card = new Card(this);
  auto* side = new QVBoxLayout(card);
  side->setContentsMargins(16, 12, 16, 12);
  side->setSpacing(8);
  m_needs = ForecastParts::make("dryRunChip", "dryRunWhy", card);
  side->addLayout(m_needs.head(tr("Dry run"), card));
  m_progress = new ProgressLine(card);
  m_progress->hide();
  side->addWidget(m_progress);
  side->addWidget(m_needs.why);
  m_needs.facts->setObjectName(QStringLiteral("dryRunFacts"));
  side->addWidget(m_needs.facts);
  side->addWidget(m_needs.memoryText);
  side->addWidget(m_needs.memory);
  side->addStretch();
  return card;
}

QWidget* StudentStep::firstField() const { return m_student; }

void StudentStep::enter(const line::DistilRequest& request) {
  m_request = request;
  m_loading.ask(this, [workspace = session()->workspace()](std::stop_token) { return models::Library(workspace.root()).list(); }, [this](const std::vector<models::LibraryEntry>& models) {
    m_filling = true;
    const QVariant was = m_student->currentData();
    m_student->clear();
    for (const auto& m : models)
      m_student->addItem(m.parameters > 0 ? tr("%1 · %2 M", "name and size of a model").arg(qs(m.name), numberText(static_cast<double>(m.parameters) / 1e6, m.parameters < 10'000'000 ? 1 : 0)) : qs(m.name), qs(m.name));
    if (const int at = m_student->findData(was); at >= 0) m_student->setCurrentIndex(at);
    m_filling = false;
    edited();
  });
}

void StudentStep::edited() {
  if (m_filling) return;
  m_plan.reset();
  m_problem.reset();
  m_planning.cancel();
  m_needs.ready->set(tr("Counting"), QStringLiteral("clock"), Role::Muted);
  m_typing.start();
}

void StudentStep::plan() {
  if (m_student->count() == 0)
    return showProblem(fieldError("ui.distil.student", tr("No model is in the library"), tr("Student"), tr("a model must be there that learns"), tr("Add a GGUF file or a Hugging Face folder with retort-cli model add, or run packaging/setup.")));
  bool ok = true;
  Wish wish{m_request, m_layers->currentData().toBool(), m_steps->text().isEmpty() ? 0 : m_steps->text().toLongLong(&ok)};
  const bool bad = !ok || wish.steps < 0;
  if (m_steps->property("invalid").toBool() != bad) m_steps->setProperty("invalid", bad), repolish(m_steps);
  if (bad) return showProblem(fieldError("ui.distil.steps", tr("\"%1\" is no number of steps").arg(m_steps->text()), tr("Steps"), {}, tr("Write a whole number, or leave the field empty.")));
  write(wish.request);
  wish.request.set.clear();
  m_progress->show();
  m_progress->set(0, 0, tr("Starting"));
  const ProgressFn progress = progressTo(this, [this](const Progress& p) {
    if (m_progress->isVisible()) m_progress->set(p.done, p.of, qs(p.stage) + QStringLiteral(" · ") + progressText(p.done, p.of, qs(p.unit), p.secondsLeft));
  });
  m_planning.ask(this, [workspace = session()->workspace(), wish, progress](std::stop_token stop) mutable -> Result<Plan> {
    Plan plan;
    RETORT_TRY(plan.set, fieldsOf(workspace, wish));
    wish.request.set = plan.set;
    RETORT_TRY(plan.dry, line::dryRun(wish.request, progress, stop, &workspace));
    return plan;
  }, [this](Result<Plan> plan) {
    if (plan.ok()) show(*plan);
    else if (!isCancelled(plan.error())) showProblem(plan.error());
  }, taskPool());
}

void StudentStep::showProblem(const Error& error) {
  m_problem = error;
  m_progress->hide();
  m_needs.showProblem(errorWords(error));
  Q_EMIT planned();
  if (auto then = std::exchange(m_waiting, {})) then(Problem{error, m_student});
}

void StudentStep::show(const Plan& plan) {
  m_plan = plan;
  m_progress->hide();
  const run::Forecast& f = plan.dry.forecast;
  m_needs.facts->clear();
  const Json counts = plan.dry.dataset.is_object() ? plan.dry.dataset.value("counts", Json::object()) : Json::object();
  const auto rows = [&](const char* part) { return countText(static_cast<qint64>(numberOf(counts.value(part, Json(0)), 0))); };
  m_needs.facts->add(tr("Rows"), tr("%1 training, %2 validation, %3 test").arg(rows("train"), rows("validation"), rows("test")));
  m_needs.facts->add(tr("Tokens"), tr("about %1 in %2 steps").arg(countText(f.tokensPerStep * f.steps), countText(f.steps)));
  m_needs.addStudentFact(f);
  m_needs.facts->add(tr("Training"), f.secondsHigh > 0 ? tr("%1 to %2").arg(durationText(f.secondsLow), durationText(f.secondsHigh)) : tr("time not known yet"));
  m_needs.addDiskFact(f);
  m_needs.showMemory(f);
  m_needs.why->setVisible(f.blocker.has_value());
  if (f.blocker) {
    m_problem = f.blocker;
    m_needs.ready->set(tr("Does not fit"), QStringLiteral("bad"), Role::Bad);
    m_needs.why->setText(qs(f.blocker->text()));
  } else {
    m_needs.ready->set(tr("Ready"), QStringLiteral("tick"), Role::Good);
  }
  Q_EMIT planned();
  if (auto then = std::exchange(m_waiting, {})) check(std::move(then));
}

void StudentStep::write(line::DistilRequest& request) const {
  request.student = ss(m_student->currentData().toString());
  request.recipe = kRecipes[std::clamp(m_recipe->checkedId(), 0, 2)];
  request.set = m_plan ? m_plan->set : std::vector<std::string>();
}

void StudentStep::check(Told then) {
  if (m_problem) return then(Problem{*m_problem, m_problem->code == "ui.distil.steps" ? static_cast<QWidget*>(m_steps) : m_student});
  if (m_plan) return then({});
  m_waiting = std::move(then);   // answered when the dry run ends
}

}  // namespace retort::ui
