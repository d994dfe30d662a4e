// The form that makes a dataset: see build_panel.h.
#include "ui/pages/datasets/build_panel.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLineEdit>
#include <QSpinBox>
#include <QVBoxLayout>

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
  auto* goldenRow = new QHBoxLayout;
  m_golden = line(tr("Golden examples"), QStringLiteral("datasetGolden"), {}, this);
  m_golden->setPlaceholderText(tr("A file of conversations with the right answer (optional)"));
  std::error_code ignored;
  goldenRow->addWidget(m_golden, 1);
  auto* browse = button(tr("Choose…"), QStringLiteral("chooseGolden"), {}, this);
  goldenRow->addWidget(browse);
  form->addRow(tr("Golden examples"), goldenRow);
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
  m_progress = new ProgressLine(this);
  m_progress->hide();
  column->addWidget(m_progress);
  auto* row = new QHBoxLayout;
  row->addStretch();
  m_cancel = button(tr("Cancel"), QStringLiteral("cancelBuild"), {}, this);
  m_build = primaryButton(tr("Build dataset"), QStringLiteral("startBuild"), {}, this);
  m_build->setDefault(true);
  row->addWidget(m_cancel);
  row->addWidget(m_build);
  column->addLayout(row);
  connect(m_cancel, &QPushButton::clicked, this, [this] {
    if (!m_busy) return reject();
    m_building.cancel();
    m_busy = false;
    m_progress->hide();
    m_build->setEnabled(true);
  });
  connect(m_build, &QPushButton::clicked, this, &BuildPanel::build);
  connect(m_filter, &QLineEdit::textChanged, this, &BuildPanel::count);
  connect(m_use, &QComboBox::currentIndexChanged, this, [this](int index) { m_teacher->setEnabled(index == 0); });
  connect(browse, &QPushButton::clicked, this, [this] {
    auto* dialog = new QFileDialog(this, tr("Choose golden examples"), {}, tr("Conversations (*.jsonl *.json)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &QFileDialog::fileSelected, m_golden, &QLineEdit::setText);
    dialog->open();
  });
  runAsync(queryPool(), this, [path = session->sampleGolden()] {
    std::error_code error;
    return std::filesystem::exists(path, error) ? qs(path.string()) : QString();
  }, [this](const QString& path) {
    if (m_golden->text().isEmpty()) m_golden->setText(path);
  });
  count();
}

BuildPanel::~BuildPanel() = default;

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
  o.golden = ss(m_golden->text());
  o.split = ss(m_split->text());
  o.group = ss(m_group->text().trimmed());
  o.seed = static_cast<std::uint64_t>(m_seed->value());
  return o;
}

void BuildPanel::build() {
  m_banner->clear();
  if (m_name->text().trimmed().isEmpty()) {
    m_banner->show(Banner::Kind::Bad, tr("The dataset has no name"), tr("Give it a name by which you will find it again."));
    m_name->setFocus();
    return;
  }
  m_busy = true;
  m_build->setEnabled(false);
  m_progress->show();
  m_progress->set(0, 0, tr("Starting"));
  const ProgressFn progress = progressTo(this, [this](const Progress& p) {
    if (m_busy) m_progress->set(p.done, p.of, qs(p.stage) + QStringLiteral(" · ") + progressText(p.done, p.of, qs(p.unit), p.secondsLeft));
  });
  m_building.ask(this, [workspace = m_session->workspace(), o = options(), progress](std::stop_token stop) { return data::buildDataset(workspace, o, stop, progress); },
                 [this](Result<data::Dataset> result) {
                   m_busy = false;
                   m_progress->hide();
                   m_build->setEnabled(true);
                   if (!result.ok()) return m_banner->show(result.error());
                   m_session->refresh();
                   Q_EMIT built(qs(result->id));
                   accept();
                 }, taskPool());
}

}  // namespace retort::ui
