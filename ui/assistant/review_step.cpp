// Step 4 of the assistant: see review_step.h.
#include "ui/assistant/review_step.h"

#include <QCheckBox>

#include "ui/widgets/text.h"

namespace retort::ui {

ReviewStep::ReviewStep(Session* session, QWidget* parent)
    : AssistantStep(session, QStringLiteral("reviewStep"), tr("Review and start"), tr("It runs in the background, goes on when this window is closed, and can be stopped and resumed at any time."), parent) {
  auto* form = addForm();
  m_name = addLine(form, tr("Name"), "stepName", tr("By which you will find it again"));
  m_name->setText(tr("student"));
  m_out = addPath(form, tr("Folder of the files"), "stepOut", tr("In the project, under exports"), true);
  auto* formats = new QHBoxLayout;
  formats->setSpacing(16);
  for (const auto& [name, format] : {std::pair<QString, const char*>{tr("&Hugging Face"), "hf"}, {tr("GGUF F&16"), "gguf:f16"}, {tr("GGUF Q&8_0"), "gguf:q8_0"}}) {
    auto* box = new QCheckBox(name, this);
    box->setObjectName(QStringLiteral("stepFormat_") + QLatin1String(format));
    box->setProperty("format", QLatin1String(format));
    box->setChecked(true);
    formats->addWidget(box);
    m_formats << box;
  }
  formats->addStretch();
  auto* label = new PlainLabel(tr("Files"));
  label->setMuted(true);
  form->addRow(label, formats);
  column()->addWidget(hairline(this));
  m_facts = new KeyValues(this);
  m_facts->setObjectName(QStringLiteral("reviewFacts"));
  column()->addWidget(m_facts);
  column()->addStretch();
}

QWidget* ReviewStep::firstField() const { return m_name; }

void ReviewStep::enter(const line::DistilRequest& request) {
  m_facts->clear();
  m_facts->add(tr("Records"), request.where.empty() ? tr("all records of this project") : qs(request.where), !request.where.empty());
  m_facts->add(tr("Teacher"), request.use == "responses" ? tr("%1, its logged answers").arg(qs(request.teacher)) : tr("%1, answering on this machine").arg(qs(request.teacher)));
  m_facts->add(tr("System prompt"), request.system == "keep" ? tr("as it was logged") : request.system == "none" ? tr("none") : qs(request.system));
  m_facts->add(tr("Golden examples"), request.golden.empty() ? tr("none") : qs(request.golden), !request.golden.empty());
  m_facts->add(tr("Reference labels"), request.references.empty() ? tr("none: the student is held against the teacher's answers") : qs(request.references), !request.references.empty());
  m_facts->add(tr("Student"), qs(request.student));
  m_facts->add(tr("Recipe"), request.recipe == "fast" ? tr("Fast: SFT") : request.recipe == "better" ? tr("Better: logit KD") : tr("Best: logit KD, more time"));
  QStringList set;
  for (const auto& field : request.set) set << qs(field);
  if (!set.isEmpty()) m_facts->add(tr("Changed settings"), set.join(QStringLiteral(", ")));
  m_facts->add(tr("Split"), tr("%1, whole prompt groups on one side").arg(qs(request.split)));
}

void ReviewStep::write(line::DistilRequest& request) const {
  request.name = ss(m_name->text().trimmed());
  request.out = ss(m_out->text().trimmed());
  request.formats.clear();
  for (const QCheckBox* box : m_formats)
    if (box->isChecked()) request.formats.push_back(ss(box->property("format").toString()));
}

void ReviewStep::check(Told then) {
  if (m_name->text().trimmed().isEmpty())
    return then(Problem{fieldError("ui.distil.name", tr("The student has no name"), tr("Name"), {}, tr("Give it a name by which you will find it again.")), m_name});
  if (std::none_of(m_formats.begin(), m_formats.end(), [](const QCheckBox* box) { return box->isChecked(); }))
    return then(Problem{fieldError("ui.distil.formats", tr("No file would be written"), tr("Files"), tr("no format is chosen"), tr("Choose at least one.")), m_formats.front()});
  const std::filesystem::path out = ss(m_out->text().trimmed());
  if (out.empty()) return then({});
  m_checking.ask(this, [out](std::stop_token) -> std::optional<Error> {
    std::error_code ignored;
    if (!out.is_absolute()) return Error{"ui.distil.out", "The folder is not named whole", out.string(), "a job works elsewhere, so the path must begin with /", "Choose the folder with the button.", {}, {}};
    if (std::filesystem::exists(out, ignored) && !std::filesystem::is_empty(out, ignored))
      return Error{"ui.distil.out", "The folder is not empty", out.string(), "files of an export are never mixed with others", "Choose a new or an empty folder.", {}, {}};
    if (!std::filesystem::is_directory(out.parent_path(), ignored)) return Error{"ui.distil.out", "The folder cannot be made", out.string(), "the folder above it does not exist", "Choose another place.", {}, {}};
    return {};
  }, [this, then = std::move(then)](const std::optional<Error>& error) {
    if (!error) return then({});
    then(Problem{*error, m_out});
  });
}

}  // namespace retort::ui
