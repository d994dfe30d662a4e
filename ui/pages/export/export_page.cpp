// Exporting a student: see export_page.h.
#include "ui/pages/export/export_page.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDesktopServices>
#include <QGridLayout>
#include <QGuiApplication>
#include <QScrollArea>
#include <QUrl>

#include "base/files.h"
#include "models/library.h"
#include "ui/pages/job_bar.h"
#include "ui/shell/icons.h"
#include "ui/widgets/empty_state.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr std::size_t kShown = 20;

QString formatText(const QString& format) {
  if (format == QLatin1String("hf")) return ExportPage::tr("Hugging Face folder");
  if (format == QLatin1String("adapter")) return ExportPage::tr("LoRA adapter");
  if (format.startsWith(QLatin1String("gguf:"))) return ExportPage::tr("GGUF %1").arg(format.mid(5).toUpper());
  return format;
}

QString purposeText(const QString& format) {
  if (format == QLatin1String("hf")) return ExportPage::tr("for transformers, vLLM and further training");
  if (format == QLatin1String("adapter")) return ExportPage::tr("only what a LoRA run added to its base model");
  if (format == QLatin1String("gguf:f16")) return ExportPage::tr("for llama.cpp, nothing lost");
  if (format == QLatin1String("gguf:q8_0")) return ExportPage::tr("for llama.cpp and Ollama, recommended");
  return ExportPage::tr("for llama.cpp, smaller, some loss");
}

QString checkText(const QString& name) {
  if (name == QLatin1String("greedy")) return ExportPage::tr("same greedy tokens");
  if (name == QLatin1String("files")) return ExportPage::tr("files");
  if (name == QLatin1String("opens")) return ExportPage::tr("opens");
  if (name == QLatin1String("tokens")) return ExportPage::tr("vocabulary");
  if (name == QLatin1String("bos")) return ExportPage::tr("BOS");
  if (name == QLatin1String("stop")) return ExportPage::tr("stop ids");
  if (name == QLatin1String("kl")) return ExportPage::tr("divergence");
  return name;
}

}  // namespace

ExportPage::ExportPage(Session* session, QWidget* parent) : Page(session, QStringLiteral("export"), tr("Export"), parent) {
  m_start = primaryButton(tr("Export"), QStringLiteral("startExport"), QStringLiteral("export"), this);
  m_start->setEnabled(false);
  addAction(m_start);
  connect(m_start, &QPushButton::clicked, this, &ExportPage::start);
  m_job = new JobBar(session, {"export"}, this);
  column()->insertWidget(2, m_job);
  m_empty = new EmptyState(QStringLiteral("draw-export"), tr("Nothing to export yet"), tr("A finished run's student can be exported. Each file is read again and held against the student before it gets its tick."), tr("Go to runs"), {}, this);
  connect(m_empty, &EmptyState::actionTriggered, this, [this] { Q_EMIT navigate(QStringLiteral("runs"), {}); });
  addBody(m_empty);
  m_body = new QWidget(this);
  auto* row = new QHBoxLayout(m_body);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(16);
  row->addWidget(makeForm(), 2);
  row->addWidget(makeList(), 3);
  addBody(m_body);
  connect(session, &Session::runsChanged, this, [this] {
    int done = 0;
    for (const auto& r : this->session()->inventory().runs) done += r.summary.state.phase == job::Phase::done;
    if (property("doneRuns").toInt() != done) setProperty("doneRuns", done), reload();
  });
  connect(session, &Session::exportsChanged, this, &ExportPage::refresh);
  connect(m_job, &JobBar::ended, this, [this](const job::State& state) {
    if (state.error.is_object()) return banner()->show(job::errorFromJson(state.error));
    refresh();
  });
  reload();
  refresh();
}

QWidget* ExportPage::makeForm() {
  auto* card = new Card(m_body);
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(16, 14, 16, 16);
  column->setSpacing(10);
  column->addWidget(section(tr("What is exported"), card));
  m_source = new QComboBox(card);
  m_source->setObjectName(QStringLiteral("exportSource"));
  m_source->setAccessibleName(tr("Run or model"));
  m_source->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  column->addWidget(m_source);
  column->addSpacing(8);
  column->addWidget(section(tr("Formats"), card));
  auto* grid = new QGridLayout;
  grid->setHorizontalSpacing(12);
  grid->setVerticalSpacing(2);
  grid->setColumnStretch(0, 1);
  QStringList formats{QStringLiteral("hf"), QStringLiteral("adapter")};
  for (const std::string& type : exports::ggufTypeNames()) formats << QStringLiteral("gguf:") + qs(type);
  int row = 0;
  for (const QString& format : formats) {
    auto* box = new QCheckBox(formatText(format), card);
    box->setObjectName(QStringLiteral("format_") + format);
    box->setAccessibleName(formatText(format));
    box->setAccessibleDescription(purposeText(format));
    box->setProperty("format", format);
    box->setToolTip(purposeText(format));
    box->setChecked(format == QLatin1String("hf") || format == QLatin1String("gguf:q8_0"));
    auto* size = new PlainLabel({}, Type::MonoCaption, card);
    size->setMuted(true);
    grid->addWidget(box, row, 0);
    grid->addWidget(size, row, 1, Qt::AlignRight | Qt::AlignVCenter);
    const bool main = format == QLatin1String("hf") || format == QLatin1String("adapter") || format == QLatin1String("gguf:f16") || format == QLatin1String("gguf:q8_0");
    if (main) {
      auto* purpose = caption(purposeText(format), card);
      purpose->setIndent(28);
      purpose->setWordWrap(true);
      grid->addWidget(purpose, ++row, 0, 1, 2);
      grid->setRowMinimumHeight(++row, 4);
    }
    ++row;
    m_formats << box;
    m_sizes << size;
    connect(box, &QCheckBox::toggled, this, &ExportPage::plan);
  }
  auto* holder = new QWidget(card);
  holder->setLayout(grid);
  grid->setContentsMargins(0, 0, 8, 0);
  auto* scroll = new QScrollArea(card);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);   // what is inside is reached by Tab and comes into view
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* inner = new QWidget(scroll);
  auto* innerColumn = new QVBoxLayout(inner);
  innerColumn->setContentsMargins(0, 0, 0, 0);
  innerColumn->addWidget(holder);
  innerColumn->addStretch();
  scroll->setWidget(inner);
  column->addWidget(scroll, 1);
  column->addWidget(hairline(card));
  m_need = new PlainLabel({}, Type::Body, card);
  m_need->setObjectName(QStringLiteral("exportNeeds"));
  m_need->setWordWrap(true);
  column->addWidget(m_need);
  m_why = new PlainLabel({}, Type::Body, card);
  m_why->setTint(Role::Bad);
  m_why->setWordWrap(true);
  m_why->hide();
  column->addWidget(m_why);
  connect(m_source, &QComboBox::currentIndexChanged, this, &ExportPage::plan);
  return card;
}

QWidget* ExportPage::makeList() {
  auto* holder = new QWidget(m_body);
  auto* outer = new QVBoxLayout(holder);
  outer->setContentsMargins(0, 0, 0, 0);
  auto* scroll = new QScrollArea(holder);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);   // what is inside is reached by Tab and comes into view
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_list = new QWidget(scroll);
  m_cards = new QVBoxLayout(m_list);
  m_cards->setContentsMargins(0, 0, 0, 0);
  m_cards->setSpacing(12);
  scroll->setWidget(m_list);
  outer->addWidget(scroll);
  m_none = nullptr;
  return holder;
}

void ExportPage::open(const QString& argument) {
  m_wanted = argument.startsWith(QLatin1String("run:")) ? argument.mid(4) : argument;
  if (const int at = m_source->findData(m_wanted); at >= 0) m_source->setCurrentIndex(at), m_wanted.clear();
  else reload();
}

void ExportPage::reload() {
  m_loading.ask(this, [root = session()->workspace().root()](std::stop_token) { return models::Library(root).list(); }, [this](const std::vector<models::LibraryEntry>& models) {
    const QString was = m_wanted.isEmpty() ? m_source->currentData().toString() : m_wanted;
    {
      const QSignalBlocker quiet(m_source);
      m_source->clear();
      for (const auto& r : session()->inventory().runs)
        if (r.summary.state.phase == job::Phase::done) m_source->addItem(tr("Run: %1").arg(r.summary.name.empty() ? qs(r.summary.id) : qs(r.summary.name)), qs(r.summary.id));
      const bool anyRun = m_source->count() > 0;
      for (const auto& m : models) m_source->addItem(tr("Model: %1").arg(qs(m.name)), qs(m.name));
      if (const int at = m_source->findData(was); at >= 0) m_source->setCurrentIndex(at), m_wanted.clear();
      const bool anything = anyRun || !session()->inventory().exports.empty();
      setBody(anything ? m_body : static_cast<QWidget*>(m_empty));
      m_start->setVisible(anything);
    }
    plan();
  });
}

std::string ExportPage::targets() const {
  QStringList chosen;
  for (const QCheckBox* box : m_formats)
    if (box->isChecked()) chosen << box->property("format").toString();
  return ss(chosen.join(QLatin1Char(',')));
}

void ExportPage::plan() {
  const std::string source = ss(m_source->currentData().toString()), chosen = targets();
  m_start->setEnabled(false);
  if (source.empty() || chosen.empty()) {
    m_planning.cancel();
    m_need->show();
    m_need->setText(source.empty() ? tr("Choose a run.") : tr("Choose at least one format."));
    m_why->hide();
    return;
  }
  m_need->setText(tr("Reading the model"));
  m_planning.ask(this, [root = session()->workspace().root(), source, chosen](std::stop_token) -> Result<Planned> {
    Planned planned;
    RETORT_TRY(const auto student, exports::findStudent(root, source));
    RETORT_TRY(const auto list, exports::parseTargets(chosen));
    RETORT_TRY(planned.plan, exports::planExport(student, list));
    RETORT_TRY(planned.free, freeSpace(root));
    return planned;
  }, [this](Result<Planned> planned) {
    if (planned.ok()) return show(*planned);
    const ErrorWords words = errorWords(planned.error());
    m_need->hide();
    m_why->setText(words.what + QLatin1Char('\n') + words.why + (words.next.isEmpty() ? QString() : QLatin1Char('\n') + words.next));
    m_why->show();
  });
}

void ExportPage::show(const Planned& planned) {
  m_why->hide();
  m_need->show();
  for (int i = 0; i < m_formats.size(); ++i) {
    m_sizes[i]->setText({});
    for (const auto& t : planned.plan.targets)
      if (qs(t.target.format()) == m_formats[i]->property("format").toString()) m_sizes[i]->setText(bytesText(static_cast<double>(t.bytes)));
  }
  const bool fits = planned.plan.bytes < planned.free;
  m_need->setText(tr("Needs %1, %2 free").arg(bytesText(static_cast<double>(planned.plan.bytes)), bytesText(static_cast<double>(planned.free))));
  m_need->setTint(fits ? Role::Text : Role::Bad);
  m_start->setEnabled(fits);
  m_start->setText(tr("Export %n file(s)", nullptr, static_cast<int>(planned.plan.targets.size())));
}

void ExportPage::start() {
  m_start->setEnabled(false);
  const std::string source = ss(m_source->currentData().toString());
  session()->startJob("export", ss(m_source->currentText()), {{"student", source}, {"to", targets()}}, this, [this](Result<std::string> id) {
    m_start->setEnabled(true);
    if (!id.ok()) return banner()->show(id.error());
    banner()->clear();
    m_job->follow(*id);
  });
}

void ExportPage::refresh() {
  setState(session()->inventory().exports.empty() ? QString() : tr("%n export(s)", nullptr, static_cast<int>(session()->inventory().exports.size())));
  m_listing.ask(this, [root = session()->workspace().root()](std::stop_token) {
    std::vector<Shown> out;
    for (auto& entry : exports::listExports(root)) {
      if (out.size() == kShown) break;
      Shown shown{std::move(entry), {}};
      auto verify = readJsonFile(shown.entry.folder / "verify.json");
      if (verify.ok()) shown.verify = std::move(*verify);
      out.push_back(std::move(shown));
    }
    return out;
  }, [this](const std::vector<Shown>& list) { showExports(list); });
}

void ExportPage::showExports(const std::vector<Shown>& list) {
  while (QLayoutItem* item = m_cards->takeAt(0)) {
    if (item->widget()) item->widget()->deleteLater();
    delete item;
  }
  if (list.empty()) {
    auto* none = new PlainLabel(tr("No exports yet. What you export appears here, with its checks."), Type::Body, m_list);
    none->setMuted(true);
    none->setAlignment(Qt::AlignCenter);
    m_cards->addWidget(none, 1);
    return;
  }
  for (const Shown& shown : list) m_cards->addWidget(cardOf(shown));
  m_cards->addStretch();
  if (m_source->count() > 0) setBody(m_body), m_start->show();
}

QWidget* ExportPage::cardOf(const Shown& shown) {
  auto* card = new Card(m_list);
  card->setObjectName(QStringLiteral("exportCard"));
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(16, 12, 16, 12);
  column->setSpacing(8);
  auto* head = new QHBoxLayout;
  auto* name = section(shown.entry.name.empty() ? qs(shown.entry.id) : qs(shown.entry.name), card);
  name->setElided(Qt::ElideRight);
  name->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  head->addWidget(name, 1);
  auto* chip = new Chip(card);
  chip->setObjectName(QStringLiteral("verifiedChip"));
  chip->set(shown.entry.verified ? tr("Verified") : tr("Not verified"), shown.entry.verified ? QStringLiteral("shield") : QStringLiteral("caution"), shown.entry.verified ? Role::Good : Role::Bad);
  head->addWidget(chip);
  auto* open = iconButton(QStringLiteral("folder"), tr("Open folder"), QStringLiteral("openExport"), card);
  connect(open, &QToolButton::clicked, this, [folder = shown.entry.folder] { QDesktopServices::openUrl(QUrl::fromLocalFile(qs(folder.string()))); });
  head->addWidget(open);
  column->addLayout(head);
  column->addWidget(caption(QStringLiteral("%1 · %2").arg(qs(shown.entry.created).left(16).replace(QLatin1Char('T'), QLatin1Char(' ')), bytesText(static_cast<double>(shown.entry.bytes))), card));
  if (!shown.verify.contains("artefacts") || !shown.verify["artefacts"].is_array()) return card;
  for (const auto& artefact : shown.verify["artefacts"]) {
    column->addWidget(hairline(card));
    const bool ok = artefact.value("verified", false);
    auto* row = new QHBoxLayout;
    row->setSpacing(8);
    auto* tick = new QLabel(card);
    auto paint = [tick, ok] { tick->setPixmap(drawing(ok ? QStringLiteral("tick") : QStringLiteral("bad"), 16, Theme::instance().color(ok ? Role::Good : Role::Bad), tick->devicePixelRatioF())); };
    paint();
    connect(&Theme::instance(), &Theme::changed, tick, paint);
    tick->setAccessibleName(ok ? tr("verified") : tr("not verified"));
    row->addWidget(tick);
    row->addWidget(new PlainLabel(formatText(qs(artefact.value("format", std::string()))), Type::Body, card));
    auto* path = caption(qs(artefact.value("path", std::string())), card);
    path->setElided(Qt::ElideMiddle);
    path->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    row->addWidget(path, 1);
    column->addLayout(row);
    QStringList good;
    if (artefact.contains("checks"))
      for (const auto& check : artefact["checks"]) {
        const QString label = checkText(qs(check.value("name", std::string())));
        if (check.value("ok", false)) {
          good << label;
          continue;
        }
        auto* red = new PlainLabel(tr("%1: %2").arg(label, qs(check.value("detail", std::string()))), Type::Caption, card);
        red->setTint(Role::Bad);
        red->setWordWrap(true);
        red->setIndent(24);
        column->addWidget(red);
      }
    if (!good.isEmpty()) {
      auto* checks = caption(tr("Checked: %1").arg(good.join(QStringLiteral(", "))), card);
      checks->setWordWrap(true);
      checks->setIndent(24);
      column->addWidget(checks);
    }
    // The weights' hash is what people compare; the other files' hashes stand in verify.json.
    if (!artefact.contains("sha256") || !artefact["sha256"].is_object()) continue;
    for (const auto& [file, hash] : artefact["sha256"].items()) {
      if (!hash.is_string() || !(qs(file).endsWith(QLatin1String(".gguf")) || qs(file).endsWith(QLatin1String(".safetensors")))) continue;
      auto* hashRow = new QHBoxLayout;
      hashRow->setContentsMargins(24, 0, 0, 0);
      const QString text = qs(hash.get<std::string>());
      auto* label = new PlainLabel(QStringLiteral("SHA-256 ") + text, Type::MonoCaption, card);
      label->setMuted(true);
      label->setSelectable();
      label->setElided(Qt::ElideMiddle);
      label->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
      hashRow->addWidget(label, 1);
      auto* copy = iconButton(QStringLiteral("copy"), tr("Copy SHA-256 of %1").arg(qs(file)), QStringLiteral("copyHash"), card);
      connect(copy, &QToolButton::clicked, this, [text] { QGuiApplication::clipboard()->setText(text); });
      hashRow->addWidget(copy);
      column->addLayout(hashRow);
    }
  }
  return card;
}

}  // namespace retort::ui
