// The form that makes a dataset: see build_panel.h.
#include "ui/pages/datasets/build_panel.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLineEdit>
#include <QSpinBox>
#include <QVBoxLayout>

#include "data/split.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

struct Counted {
  Result<std::uint64_t> matches = std::uint64_t{0};
  std::vector<logs::FacetValue> models;
};

QLineEdit* line(const QString& name, const QString& objectName, const QString& text, QWidget* parent) {
  auto* edit = new QLineEdit(text, parent);
  edit->setObjectName(objectName);
  edit->setAccessibleName(name);
  return edit;
}

}  // namespace

BuildPanel::BuildPanel(Session* session, const QString& filter, QWidget* parent) : QDialog(parent), m_session(session) {
  setObjectName(QStringLiteral("buildPanel"));
  setWindowTitle(tr("Build dataset"));
  setAttribute(Qt::WA_DeleteOnClose);
  resize(640, 520);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(24, 20, 24, 20);
  column->setSpacing(12);
  column->addWidget(new PlainLabel(tr("Build dataset"), Type::Title, this));
  m_banner = new Banner(this);
  column->addWidget(m_banner);
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(16);
  form->setVerticalSpacing(10);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_name = line(tr("Name"), QStringLiteral("datasetName"), tr("desk"), this);
  form->addRow(tr("Name"), m_name);
  m_filter = line(tr("Filter"), QStringLiteral("datasetFilter"), filter, this);
  m_filter->setFont(Theme::instance().font(Type::Mono));
  m_filter->setPlaceholderText(tr("All records"));
  form->addRow(tr("Filter"), m_filter);
  m_count = caption(tr("Counting"), this);
  m_count->setObjectName(QStringLiteral("datasetCount"));
  form->addRow(QString(), m_count);
  m_use = new QComboBox(this);
  m_use->setObjectName(QStringLiteral("datasetUse"));
  m_use->setAccessibleName(tr("Use"));
  m_use->addItem(tr("Logged responses of the teacher"), QStringLiteral("responses"));
  m_use->addItem(tr("Prompts only, to be answered by a local teacher"), QStringLiteral("prompts"));
  form->addRow(tr("Use"), m_use);
  m_teacher = new QComboBox(this);
  m_teacher->setObjectName(QStringLiteral("datasetTeacher"));
  m_teacher->setAccessibleName(tr("Teacher"));
  form->addRow(tr("Teacher"), m_teacher);
  m_golden = addPath(form, tr("Golden examples"), QStringLiteral("datasetGolden"), tr("A file of conversations with the right answer; empty: those kept"));
  m_references = addPath(form, tr("Reference labels"), QStringLiteral("datasetReferences"), tr("A file of labels by request id, for the evaluation only (optional)"));
  m_split = line(tr("Split"), QStringLiteral("datasetSplit"), QStringLiteral("80/10/10"), this);
  m_split->setToolTip(tr("Shares for training, validation and test, or time:T1,T2"));
  form->addRow(tr("Split, train/validation/test"), m_split);
  m_group = line(tr("Group by key"), QStringLiteral("datasetGroup"), {}, this);
  m_group->setPlaceholderText(tr("A metadata key whose records stay on one side (optional)"));
  form->addRow(tr("Group by key"), m_group);
  m_seed = new QSpinBox(this);
  m_seed->setObjectName(QStringLiteral("datasetSeed"));
  m_seed->setAccessibleName(tr("Seed"));
  m_seed->setRange(0, 1'000'000'000);
  m_seed->setValue(1);
  form->addRow(tr("Seed"), m_seed);
  column->addLayout(form);
  column->addStretch();
  auto* row = new QHBoxLayout;
  row->addStretch();
  m_cancel = button(tr("Cancel"), QStringLiteral("cancelBuild"), {}, this);
  m_build = primaryButton(tr("&Build dataset"), QStringLiteral("startBuild"), {}, this);
  m_build->setDefault(true);
  row->addWidget(m_cancel);
  row->addWidget(m_build);
  column->addLayout(row);
  connect(m_cancel, &QPushButton::clicked, this, &QDialog::reject);
  connect(m_build, &QPushButton::clicked, this, &BuildPanel::build);
  connect(m_filter, &QLineEdit::textChanged, this, &BuildPanel::count);
  connect(m_use, &QComboBox::currentIndexChanged, this, [this](int index) { m_teacher->setEnabled(index == 0); });
  runAsync(queryPool(), this, [paths = {session->sampleGolden(), session->sampleReferences()}] {
    QStringList there;
    std::error_code error;
    for (const auto& path : paths) there << (std::filesystem::exists(path, error) ? qs(path.string()) : QString());
    return there;
  }, [this](const QStringList& there) {
    if (m_golden->text().isEmpty()) m_golden->setText(there[0]);
    if (m_references->text().isEmpty()) m_references->setText(there[1]);
  });
  count();
}

BuildPanel::~BuildPanel() = default;

/// A row for a file's path with a button that chooses it.
QLineEdit* BuildPanel::addPath(QFormLayout* form, const QString& name, const QString& objectName, const QString& hint) {
  QLineEdit* edit = line(name, objectName, {}, this);
  edit->setPlaceholderText(hint);
  auto* row = new QHBoxLayout;
  row->addWidget(edit, 1);
  auto* browse = button(tr("Choose…"), objectName + QStringLiteral("Choose"), {}, this);
  browse->setAccessibleName(tr("Choose %1").arg(name));
  row->addWidget(browse);
  form->addRow(name, row);
  connect(browse, &QPushButton::clicked, this, [this, edit, name] {
    auto* dialog = new QFileDialog(this, name, {}, tr("JSON lines (*.jsonl *.json)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QFileDialog::fileSelected, edit, &QLineEdit::setText);
    dialog->open();
  });
  return edit;
}

void BuildPanel::count() {
  const auto store = m_session->logs();
  if (!store) {
    m_count->setText(tr("No logs were imported yet."));
    m_build->setEnabled(false);
    return;
  }
  m_counting.ask(this, [store, text = ss(m_filter->text())](std::stop_token stop) {
    Counted counted;
    auto filter = logs::parseFilter(text);
    if (!filter.ok()) {
      counted.matches = filter.error();
      return counted;
    }
    counted.matches = store->count(*filter, stop);
    auto facets = store->facets(*filter, {"@model"}, 50, stop);
    if (facets.ok() && !facets->empty()) counted.models = facets->front().values;
    return counted;
  }, [this](Counted counted) {
    const bool ok = counted.matches.ok() && *counted.matches > 0;
    m_count->setTint(counted.matches.ok() ? Role::Muted : Role::Bad);
    m_count->setText(counted.matches.ok() ? tr("%1 records match").arg(countText(static_cast<qint64>(*counted.matches))) : errorWords(counted.matches.error()).what);
    m_build->setEnabled(ok && !m_busy);
    if (!counted.matches.ok()) return;
    const QString was = m_teacher->currentData().toString();
    m_teacher->clear();
    for (const auto& model : counted.models) m_teacher->addItem(tr("%1 (%2 records)").arg(qs(model.value), countText(static_cast<qint64>(model.count))), qs(model.value));
    const int at = m_teacher->findData(was);
    if (at >= 0) m_teacher->setCurrentIndex(at);
  });
}

data::BuildOptions BuildPanel::options() const {
  data::BuildOptions o;
  o.name = ss(m_name->text().trimmed());
  o.filter = ss(m_filter->text());
  o.use = ss(m_use->currentData().toString());
  if (o.use == "responses") o.teacher = ss(m_teacher->currentData().toString());
  o.golden = ss(m_golden->text().trimmed());
  o.references = ss(m_references->text().trimmed());
  o.split = ss(m_split->text());
  o.group = ss(m_group->text().trimmed());
  o.seed = static_cast<std::uint64_t>(m_seed->value());
  return o;
}

/// What can be told at once; the field at fault gets the focus.
bool BuildPanel::isRight(const data::BuildOptions& o) {
  auto wrong = [this](QWidget* field, const Error& error) {
    m_banner->show(error);
    field->setFocus(Qt::OtherFocusReason);
    return false;
  };
  if (o.name.empty()) return wrong(m_name, {"ui.dataset.name", ss(tr("The dataset has no name")), ss(tr("Name")), {}, ss(tr("Give it a name by which you will find it again.")), {}, {}});
  if (const auto split = data::parseSplit(o.split); !split.ok()) return wrong(m_split, split.error());
  return true;
}

// The job is checked as far as that is quick, then written; the page shows it from there on.
void BuildPanel::build() {
  m_banner->clear();
  const data::BuildOptions o = options();
  if (!isRight(o)) return;
  m_busy = true;
  m_build->setEnabled(false);
  m_checking.ask(this, [golden = o.golden, references = o.references](std::stop_token) -> Status {
    std::error_code ignored;
    const auto missing = [&](const std::filesystem::path& file) { return !file.empty() && !std::filesystem::is_regular_file(file, ignored); };
    if (missing(golden)) return Error{"ui.dataset.golden", "The golden examples cannot be read", golden.string(), "there is no such file", "Choose another file, or leave the field empty.", {}, {}};
    if (missing(references)) return Error{"ui.dataset.references", "The reference labels cannot be read", references.string(), "there is no such file", "Choose another file, or leave the field empty.", {}, {}};
    return {};
  }, [this, o](const Status& checked) {
    auto failed = [this](const Error& error) {
      m_busy = false;
      m_build->setEnabled(true);
      m_banner->show(error);
    };
    if (!checked.ok()) {
      (checked.error().code == "ui.dataset.references" ? m_references : m_golden)->setFocus(Qt::OtherFocusReason);
      return failed(checked.error());
    }
    m_session->startJob("dataset", o.name, data::toJson(o), this, [this, failed](Result<std::string> id) {
      if (!id.ok()) return failed(id.error());
      Q_EMIT started(qs(*id));
      accept();
    });
  });
}

}  // namespace retort::ui
