// The form that starts an evaluation: see evaluate_dialog.h.
#include "ui/pages/evaluate/evaluate_dialog.h"

#include <QComboBox>
#include <QFormLayout>
#include <QSpinBox>
#include <QVBoxLayout>

#include "job/run_spec.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

namespace retort::ui {

EvaluateDialog::EvaluateDialog(Session* session, const QString& run, QWidget* parent) : QDialog(parent), m_session(session), m_run(run) {
  setObjectName(QStringLiteral("evaluateDialog"));
  setWindowTitle(tr("New evaluation"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(560, 360);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(24, 20, 24, 20);
  column->setSpacing(12);
  column->addWidget(new PlainLabel(tr("New evaluation"), Type::Title, this));
  auto* words = caption(tr("All models answer the dataset's test rows, which no training has seen. Latency is measured on this machine."), this);
  words->setWordWrap(true);
  column->addWidget(words);
  m_banner = new Banner(this);
  column->addWidget(m_banner);
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(16);
  form->setVerticalSpacing(10);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  auto combo = [&](const QString& name, const char* objectName) {
    auto* box = new QComboBox(this);
    box->setObjectName(QLatin1String(objectName));
    box->setAccessibleName(name);
    box->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    form->addRow(name, box);
    return box;
  };
  m_dataset = combo(tr("Dataset"), "evalDataset");
  m_student = combo(tr("Student"), "evalStudent");
  m_teacher = combo(tr("Teacher"), "evalTeacher");
  m_base = combo(tr("Base model"), "evalBase");
  m_base->setToolTip(tr("The student before training"));
  m_rows = new QSpinBox(this);
  m_rows->setObjectName(QStringLiteral("evalRows"));
  m_rows->setAccessibleName(tr("Rows at most"));
  m_rows->setRange(0, 1'000'000);
  m_rows->setSpecialValueText(tr("all"));
  form->addRow(tr("Rows at most"), m_rows);
  column->addLayout(form);
  column->addStretch();
  auto* row = new QHBoxLayout;
  row->addStretch();
  auto* cancel = button(tr("Cancel"), QStringLiteral("cancelEvaluate"), {}, this);
  m_start = primaryButton(tr("&Start evaluation"), QStringLiteral("startEvaluate"), {}, this);
  m_start->setDefault(true);
  m_start->setEnabled(false);
  row->addWidget(cancel);
  row->addWidget(m_start);
  column->addLayout(row);
  connect(cancel, &QPushButton::clicked, this, &QDialog::reject);
  connect(m_start, &QPushButton::clicked, this, &EvaluateDialog::start);
  struct Choices {
    std::vector<data::Dataset> datasets;
    std::vector<models::LibraryEntry> models;
  };
  runAsync(queryPool(), this, [workspace = session->workspace()] { return Choices{data::listDatasets(workspace), models::Library(workspace.root()).list()}; },
           [this](const Choices& choices) { fill(choices.datasets, choices.models); });
}

void EvaluateDialog::fill(const std::vector<data::Dataset>& datasets, const std::vector<models::LibraryEntry>& models) {
  for (auto it = datasets.rbegin(); it != datasets.rend(); ++it)
    m_dataset->addItem(tr("%1 (%2 test rows)").arg(it->name.empty() ? qs(it->id) : qs(it->name), countText(it->test)), qs(it->id));
  m_teacher->addItem(tr("None"), QString());
  m_base->addItem(tr("None"), QString());
  // The run this was opened for is offered even where the inventory has not heard of its end yet.
  for (const auto& r : m_session->inventory().runs)
    if (r.summary.state.phase == job::Phase::done || qs(r.summary.id) == m_run) {
      const QString text = tr("Run: %1").arg(r.summary.name.empty() ? qs(r.summary.id) : qs(r.summary.name));
      for (QComboBox* box : {m_student, m_teacher}) box->addItem(text, qs(r.summary.id));
    }
  if (!m_run.isEmpty() && m_student->findData(m_run) < 0) m_student->addItem(tr("Run: %1").arg(m_run), m_run);
  for (const auto& m : models)
    for (QComboBox* box : {m_student, m_teacher, m_base}) box->addItem(qs(m.name), qs(m.name));
  m_start->setEnabled(m_dataset->count() > 0 && m_student->count() > 0);
  if (m_dataset->count() == 0) m_banner->show(Banner::Kind::Caution, tr("There is no dataset to judge on"), tr("Build one first."));
  connect(m_student, &QComboBox::currentIndexChanged, this, &EvaluateDialog::suggest);
  if (const int at = m_student->findData(m_run); at >= 0) m_student->setCurrentIndex(at);
  suggest();
}

// What the run's spec names: its dataset, its teacher, its student before training (where that is a file as it stands).
void EvaluateDialog::suggest() {
  const std::string run = ss(m_student->currentData().toString());
  const auto file = m_session->workspace().runs() / run / "spec.json";
  runAsync(queryPool(), this, [file]() -> Result<job::RunSpec> {
    RETORT_TRY(const Json json, readJsonFile(file));
    return job::runSpecFromJson(json, "spec.json");
  }, [this](Result<job::RunSpec> spec) {
    if (!spec.ok()) return;
    if (const int at = m_dataset->findData(qs(spec->data.dataset)); at >= 0) m_dataset->setCurrentIndex(at);
    auto choose = [](QComboBox* box, const job::ModelRef& model) {
      int at = box->findData(qs(model.path));
      if (at < 0) box->addItem(model.name.empty() ? qs(model.path) : qs(model.name), qs(model.path)), at = box->count() - 1;
      box->setCurrentIndex(at);
    };
    if (!spec->teachers.empty()) choose(m_teacher, spec->teachers.front().model);
    if (spec->student.layers.empty()) choose(m_base, spec->student.model);
  });
}

void EvaluateDialog::start() {
  Json models = Json::array();
  auto add = [&](const QComboBox* box, const char* role) {
    const std::string path = ss(box->currentData().toString());
    if (path.empty()) return;
    std::string name = ss(box->currentText());
    models.push_back({{"name", name}, {"path", path}, {"role", role}});
  };
  add(m_teacher, "teacher");
  add(m_base, "base");
  add(m_student, "student");
  Json params = {{"dataset", ss(m_dataset->currentData().toString())}, {"models", models}};
  if (m_rows->value() > 0) params["max_rows"] = m_rows->value();
  m_start->setEnabled(false);
  m_session->startJob("evaluate", ss(m_student->currentText()), params, this, [this](Result<std::string> id) {
    m_start->setEnabled(true);
    if (!id.ok()) return m_banner->show(id.error());
    Q_EMIT started(qs(*id));
    accept();
  });
}

}  // namespace retort::ui
