// Datasets as a list with the card of one beside it: see datasets_page.h.
#include "ui/pages/datasets/datasets_page.h"

#include <QScrollArea>
#include <QSplitter>

#include "ui/pages/datasets/build_panel.h"
#include "ui/pages/job_bar.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {

DatasetsPage::DatasetsPage(Session* session, QWidget* parent) : Page(session, QStringLiteral("datasets"), tr("Datasets"), parent) {
  m_new = primaryButton(tr("&Build dataset"), QStringLiteral("newDataset"), QStringLiteral("add"), this);
  addAction(m_new);
  connect(m_new, &QPushButton::clicked, this, [this] { build({}); });
  m_job = new JobBar(session, {"dataset"}, this);
  column()->insertWidget(2, m_job);
  connect(m_job, &JobBar::ended, this, &DatasetsPage::built);
  m_empty = new EmptyState(QStringLiteral("draw-data"), tr("No datasets yet"), tr("A dataset is a fixed set of prompts and answers, split for training and for a fair test."), tr("Build dataset"), {}, this);
  addBody(m_empty);
  connect(m_empty, &EmptyState::actionTriggered, this, [this] {
    if (this->session()->logs()) build({});
    else Q_EMIT navigate(QStringLiteral("logs"), {});
  });
  m_skeleton = new Skeleton(this);
  addBody(m_skeleton);
  auto* split = new QSplitter(this);
  split->setHandleWidth(12);
  split->setObjectName(QStringLiteral("datasetSplitter"));
  split->setStyleSheet(QStringLiteral("QSplitter#datasetSplitter::handle { background: transparent; }"));
  auto* listCard = new Card(split);
  auto* inside = new QVBoxLayout(listCard);
  inside->setContentsMargins(1, 1, 1, 1);
  m_table = new PlainTable({tr("Name"), tr("Train, rows"), tr("Test, rows"), tr("Teacher"), tr("Made")}, tr("Datasets"), QStringLiteral("datasetTable"), listCard);
  m_table->setNumeric({1, 2});
  m_table->setWidths({170, 100, 100, 0, 150});
  inside->addWidget(m_table);
  setFirstFocus(m_table);
  split->addWidget(listCard);
  split->addWidget(makeCard());
  split->setStretchFactor(0, 1);
  split->setSizes({640, 420});
  m_list = split;
  addBody(m_list);
  connect(m_table, &QTableWidget::currentCellChanged, this, [this](int row, int, int, int) { show(m_table->rowTag(row)); });
  connect(session, &Session::datasetsChanged, this, &DatasetsPage::reload);
  connect(session, &Session::loaded, this, &DatasetsPage::reload);
  connect(session, &Session::logsChanged, this, [this] { m_new->setEnabled(this->session()->logs() != nullptr); });
  reload();
}

QWidget* DatasetsPage::makeCard() {
  m_card = new Card(this);
  m_card->setMinimumWidth(320);
  auto* column = new QVBoxLayout(m_card);
  column->setContentsMargins(16, 14, 16, 16);
  column->setSpacing(12);
  auto* head = new QHBoxLayout;
  m_name = section({}, m_card);
  m_name->setObjectName(QStringLiteral("datasetTitle"));
  m_name->setElided(Qt::ElideRight);
  m_name->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  head->addWidget(m_name, 1);
  m_distil = button(tr("&Distil from it"), QStringLiteral("distilDataset"), QStringLiteral("distil"), m_card);
  head->addWidget(m_distil);
  column->addLayout(head);
  m_split = new ShareBar(m_card);
  m_split->setObjectName(QStringLiteral("splitBar"));
  column->addWidget(m_split);
  column->addWidget(hairline(m_card));
  m_facts = new KeyValues(m_card);
  auto* scroll = new QScrollArea(m_card);
  scroll->setWidgetResizable(true);
  auto* holder = new QWidget(scroll);
  auto* inner = new QVBoxLayout(holder);
  inner->setContentsMargins(0, 0, 8, 0);
  inner->setSpacing(12);
  inner->addWidget(m_facts);
  m_notes = new PlainLabel({}, Type::Caption, holder);
  m_notes->setMuted(true);
  m_notes->setWordWrap(true);
  inner->addWidget(m_notes);
  inner->addStretch();
  scroll->setWidget(holder);
  column->addWidget(scroll, 1);
  connect(m_distil, &QPushButton::clicked, this, [this] {
    const int row = m_table->rowTag(m_table->currentRow());
    if (row >= 0) Q_EMIT navigate(QStringLiteral("distil"), qs(m_datasets[static_cast<std::size_t>(row)].id));
  });
  return m_card;
}

void DatasetsPage::open(const QString& argument) {
  if (argument.startsWith(QLatin1String("build:"))) return build(argument.mid(6));
  m_wanted = argument;
  reload();
}

void DatasetsPage::build(const QString& filter) {
  auto* panel = new BuildPanel(session(), filter, this);
  connect(panel, &BuildPanel::started, this, [this](const QString& job) {
    banner()->clear();
    m_job->follow(ss(job));
  });
  panel->open();
}

void DatasetsPage::built(const job::State& state) {
  if (state.error.is_object()) return banner()->show(job::errorFromJson(state.error));
  if (state.phase != job::Phase::done || !state.extra.is_object()) return;
  const QString id = qs(state.extra.value("dataset", std::string()));
  m_wanted = id;
  banner()->show(Banner::Kind::Good, tr("The dataset is built"));
  banner()->setAction(tr("Distil from it"), [this, id] { Q_EMIT navigate(QStringLiteral("distil"), id); });
  reload();
}

void DatasetsPage::reload() {
  if (!session()->isLoaded()) return setBody(m_skeleton);
  m_query.ask(this, [workspace = session()->workspace()](std::stop_token) { return data::listDatasets(workspace); },
              [this](std::vector<data::Dataset> datasets) { fill(std::move(datasets)); });
}

void DatasetsPage::fill(std::vector<data::Dataset> datasets) {
  m_datasets = std::move(datasets);
  std::sort(m_datasets.begin(), m_datasets.end(), [](const auto& a, const auto& b) { return a.id > b.id; });
  m_new->setVisible(!m_datasets.empty());
  setState(m_datasets.empty() ? QString() : tr("%n dataset(s)", nullptr, static_cast<int>(m_datasets.size())));
  m_table->setRowCount(static_cast<int>(m_datasets.size()));
  int chosen = m_datasets.empty() ? -1 : 0;
  for (std::size_t i = 0; i < m_datasets.size(); ++i) {
    const auto& d = m_datasets[i];
    const QString cells[] = {d.name.empty() ? qs(d.id) : qs(d.name), countText(d.train), countText(d.test), qs(d.teacher), qs(d.created).left(16).replace(QLatin1Char('T'), QLatin1Char(' '))};
    const QVariant keys[] = {{}, QVariant::fromValue(qint64(d.train)), QVariant::fromValue(qint64(d.test)), {}, {}};
    for (int c = 0; c < 5; ++c) m_table->set(static_cast<int>(i), c, cells[c], keys[c]);
    m_table->setRowTag(static_cast<int>(i), static_cast<int>(i));
    if (qs(d.id) == m_wanted) chosen = static_cast<int>(i);
  }
  m_wanted.clear();
  setBody(m_datasets.empty() ? static_cast<QWidget*>(m_empty) : m_list);
  m_table->resort();
  for (int row = 0; row < m_table->rowCount(); ++row)
    if (m_table->rowTag(row) == chosen) m_table->setCurrentCell(row, 0), show(chosen);
}

void DatasetsPage::show(int row) {
  if (row < 0 || static_cast<std::size_t>(row) >= m_datasets.size()) return;
  const data::Dataset& d = m_datasets[static_cast<std::size_t>(row)];
  m_name->setText(d.name.empty() ? qs(d.id) : qs(d.name));
  QList<ShareBar::Part> parts{{tr("Train"), double(d.train), countText(d.train), 0}, {tr("Validation"), double(d.validation), countText(d.validation), 1}, {tr("Test"), double(d.test), countText(d.test), 2}};
  if (d.golden > 0) parts << ShareBar::Part{tr("Golden"), double(d.golden), countText(d.golden), 4};
  m_split->setParts(parts);
  m_facts->clear();
  m_facts->add(tr("Id"), qs(d.id), true);
  m_facts->add(tr("Use"), d.use == "responses" ? tr("the teacher's logged answers") : tr("prompts to be answered"));
  if (!d.teacher.empty()) m_facts->add(tr("Teacher"), qs(d.teacher));
  auto fact = [&](const QString& name, const char* key) {
    if (!d.card.contains(key)) return;
    const Json& v = d.card[key];
    const QString text = v.is_string() ? qs(v.get<std::string>()) : v.is_null() ? QString() : qs(dumpJson(v));
    if (!text.isEmpty()) m_facts->add(name, text, v.is_object());
  };
  if (d.card.contains("filter")) m_facts->add(tr("Filter"), d.card["filter"].is_string() && !d.card["filter"].get<std::string>().empty() ? qs(d.card["filter"].get<std::string>()) : tr("all records"), true);
  fact(tr("Split"), "split");
  fact(tr("Group key"), "group");
  fact(tr("Seed"), "seed");
  if (d.references > 0) m_facts->add(tr("References"), countText(d.references));
  m_facts->add(tr("Made"), qs(d.created));
  m_facts->add(tr("SHA-256"), qs(d.sha256), true);
  QStringList notes;
  for (const char* key : {"offered", "left_out"})
    if (d.card.contains(key) && d.card[key].is_object())
      for (const auto& [what, n] : d.card[key].items())
        if (n.is_number()) notes << (std::string_view(key) == "offered" ? tr("Answers of %1 not used: %2") : tr("Left out, %1: %2")).arg(qs(what), countText(n.get<std::int64_t>()));
  if (d.card.contains("notes") && d.card["notes"].is_array())
    for (const auto& note : d.card["notes"])
      if (note.is_string()) notes << qs(note.get<std::string>());
  m_notes->setText(notes.join(QLatin1Char('\n')));
  m_distil->setEnabled(d.state != "purged");
  m_distil->setToolTip(d.state == "purged" ? tr("Its rows were purged") : QString());
}

}  // namespace retort::ui
