// Step 2 of the assistant: see teacher_step.h.
#include "ui/assistant/teacher_step.h"

#include <QComboBox>
#include <QRadioButton>

#include "data/dataset.h"
#include "logs/filter.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

struct Choices {
  std::vector<logs::FacetValue> logged;
  std::vector<models::LibraryEntry> local;
  QString golden, references;
};

/// The file's lines as examples: it must be there, and each example must end with an answer.
std::optional<Error> goldenProblem(const std::filesystem::path& file) {
  if (file.empty()) return {};
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    return Error{"ui.distil.golden", "The golden examples cannot be read", file.string(), "there is no such file", "Choose another file, or leave the field empty.", {}, {}};
  const auto report = data::validateRows(file);
  if (!report.ok()) return report.error();
  if (report->bad > 0 || report->withAnswer < report->rows)
    return Error{"ui.distil.golden", "Some golden examples cannot be used", file.string(), report->problems.empty() ? "their last message is not an answer" : report->problems.front(),
                 "Each example needs the right answer as its last message.", {}, {}};
  return {};
}

}  // namespace

TeacherStep::TeacherStep(Session* session, QWidget* parent)
    : AssistantStep(session, QStringLiteral("teacherStep"), tr("Teacher"), tr("Whose answers shall the student learn? Logged answers cost nothing; a local model can answer the prompts anew, and then its probabilities can be learnt too."), parent) {
  m_useLogged = new QRadioButton(tr("&Logged answers of one model"), this);
  m_useLogged->setObjectName(QStringLiteral("useLogged"));
  m_useLocal = new QRadioButton(tr("A local &model answers the prompts"), this);
  m_useLocal->setObjectName(QStringLiteral("useLocal"));
  m_useLogged->setChecked(true);
  column()->addWidget(m_useLogged);
  m_logged = addCombo(addForm(), tr("Logged model"), "loggedTeacher");
  column()->addWidget(m_useLocal);
  m_local = addCombo(addForm(), tr("Local model"), "localTeacher");
  column()->addSpacing(8);
  column()->addWidget(section(tr("Examples and prompt"), this));
  auto* form = addForm();
  m_golden = addPath(form, tr("Golden examples"), "stepGolden", tr("Conversations with the right answer (optional)"));
  m_references = addPath(form, tr("Reference labels"), "stepReferences", tr("Labels by request id, for the evaluation only (optional)"));
  m_system = addCombo(form, tr("System prompt"), "stepSystem");
  m_system->addItem(tr("As it was logged"), QStringLiteral("keep"));
  m_system->addItem(tr("None: shorter and faster prompts"), QStringLiteral("none"));
  m_system->addItem(tr("Another one"), QStringLiteral("text"));
  m_systemText = addLine(form, tr("Its text"), "stepSystemText", tr("For example: Name the service."));
  column()->addStretch();
  connect(m_useLogged, &QRadioButton::toggled, this, &TeacherStep::arrange);
  connect(m_system, &QComboBox::currentIndexChanged, this, &TeacherStep::arrange);
  arrange();
}

void TeacherStep::arrange() {
  m_logged->setEnabled(m_useLogged->isChecked());
  m_local->setEnabled(m_useLocal->isChecked());
  m_systemText->setEnabled(m_system->currentData() == QStringLiteral("text"));
}

QWidget* TeacherStep::firstField() const { return m_useLogged->isChecked() ? static_cast<QWidget*>(m_useLogged) : m_useLocal; }

void TeacherStep::enter(const line::DistilRequest& request) {
  m_asking.ask(this, [store = session()->logs(), workspace = session()->workspace(), where = request.where, golden = session()->sampleGolden(), references = session()->sampleReferences()](std::stop_token stop) {
    Choices out;
    if (const auto filter = logs::parseFilter(where); filter.ok() && store)
      if (auto facets = store->facets(*filter, {"@model"}, 50, stop); facets.ok() && !facets->empty()) out.logged = facets->front().values;
    out.local = models::Library(workspace.root()).list();
    std::error_code ignored;
    if (std::filesystem::exists(golden, ignored)) out.golden = qs(golden.string());
    if (std::filesystem::exists(references, ignored)) out.references = qs(references.string());
    return out;
  }, [this](const Choices& choices) {
    const QVariant logged = m_logged->currentData(), local = m_local->currentData();
    m_logged->clear();
    m_local->clear();
    for (const auto& v : choices.logged) m_logged->addItem(tr("%1 (%2 records)").arg(qs(v.value), countText(static_cast<qint64>(v.count))), qs(v.value));
    for (const auto& r : session()->inventory().runs)
      if (r.summary.state.phase == job::Phase::done) m_local->addItem(tr("Run: %1").arg(r.summary.name.empty() ? qs(r.summary.id) : qs(r.summary.name)), qs(r.summary.id));
    for (const auto& m : choices.local) m_local->addItem(qs(m.name), qs(m.name));
    for (auto [box, was] : {std::pair<QComboBox*, QVariant>{m_logged, logged}, {m_local, local}})
      if (const int at = box->findData(was); at >= 0) box->setCurrentIndex(at);
    if (m_golden->text().isEmpty()) m_golden->setText(choices.golden);
    if (m_references->text().isEmpty()) m_references->setText(choices.references);
  });
}

void TeacherStep::write(line::DistilRequest& request) const {
  const bool logged = m_useLogged->isChecked();
  request.use = logged ? "responses" : "prompts";
  request.teacher = ss((logged ? m_logged : m_local)->currentData().toString());
  request.golden = ss(m_golden->text().trimmed());
  request.references = ss(m_references->text().trimmed());
  const QString system = m_system->currentData().toString();
  request.system = system == QLatin1String("text") ? ss(m_systemText->text().trimmed()) : ss(system);
}

void TeacherStep::check(Told then) {
  QComboBox* teacher = m_useLogged->isChecked() ? m_logged : m_local;
  if (m_asking.isBusy()) return then(Problem{fieldError("ui.distil.busy", tr("The teachers are still being counted"), tr("Teacher"), {}, tr("Try again in a moment.")), teacher});
  if (teacher->count() == 0 && teacher == m_logged)
    return then(Problem{fieldError("ui.distil.teacher", tr("No model answered under this filter"), tr("Logged model"), tr("no record that matches has an answer"), tr("Go back and widen the filter, or let a local model answer.")), m_useLocal});
  if (teacher->count() == 0)
    return then(Problem{fieldError("ui.distil.teacher", tr("There is no local model"), tr("Local model"), tr("the library holds none and no run has ended"), tr("Add one with retort-cli model add, or use logged answers.")), m_useLogged});
  if (m_systemText->isEnabled() && m_systemText->text().trimmed().isEmpty())
    return then(Problem{fieldError("ui.distil.system", tr("The system prompt is empty"), tr("Its text"), {}, tr("Write it, or choose None.")), m_systemText});
  m_checking.ask(this, [golden = std::filesystem::path(ss(m_golden->text().trimmed())), references = std::filesystem::path(ss(m_references->text().trimmed()))](std::stop_token) -> std::pair<int, std::optional<Error>> {
    if (auto problem = goldenProblem(golden)) return {0, problem};
    std::error_code ignored;
    if (!references.empty() && !std::filesystem::is_regular_file(references, ignored))
      return {1, Error{"ui.distil.references", "The reference labels cannot be read", references.string(), "there is no such file", "Choose another file, or leave the field empty.", {}, {}}};
    return {0, {}};
  }, [this, then = std::move(then)](const std::pair<int, std::optional<Error>>& found) {
    if (!found.second) return then({});
    then(Problem{*found.second, found.first == 0 ? m_golden : m_references});
  });
}

}  // namespace retort::ui
