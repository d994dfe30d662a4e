// One record beside the list: see record_pane.h.
#include "ui/pages/logs/record_pane.h"

#include <QPlainTextEdit>
#include <QTabBar>
#include <QTabWidget>
#include <QVBoxLayout>

#include "ui/widgets/controls.h"
#include "ui/widgets/conversation.h"
#include "ui/widgets/plain_table.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

constexpr std::size_t kRawBytes = 2u << 20;

struct Shown {
  logs::Record record;
  QString raw;
};

QString indented(const std::string& line) {
  if (line.size() > kRawBytes) return qs(line).left(static_cast<qsizetype>(kRawBytes));
  auto json = parseJson(line, "record", 1024);
  return json.ok() ? qs(json->dump(2, ' ', false, Json::error_handler_t::replace)) : qs(line);
}

}  // namespace

RecordPane::RecordPane(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("recordPane"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(2);
  auto* head = new QVBoxLayout;
  head->setContentsMargins(12, 8, 12, 6);
  head->setSpacing(2);
  m_title = new PlainLabel({}, Type::Mono, this);
  m_title->setObjectName(QStringLiteral("recordId"));
  m_title->setElided(Qt::ElideMiddle);
  head->addWidget(m_title);
  m_facts = caption({}, this);
  m_facts->setElided(Qt::ElideRight);
  head->addWidget(m_facts);
  column->addLayout(head);
  m_none = new PlainLabel(tr("Choose a record to read it."), Type::Body, this);
  m_none->setMuted(true);
  m_none->setAlignment(Qt::AlignCenter);
  column->addWidget(m_none, 1);
  m_tabs = new QTabWidget(this);
  m_tabs->setObjectName(QStringLiteral("recordTabs"));
  m_tabs->setDocumentMode(true);
  m_tabs->tabBar()->setExpanding(false);
  m_tabs->tabBar()->setAccessibleName(tr("Views of the record"));
  m_conversation = new ConversationView(this);
  m_tabs->addTab(m_conversation, tr("Conversation"));
  m_raw = new QPlainTextEdit(this);
  m_raw->setObjectName(QStringLiteral("rawJson"));
  m_raw->setAccessibleName(tr("Raw JSON"));
  m_raw->setReadOnly(true);
  m_raw->setFont(Theme::instance().font(Type::MonoCaption));
  m_raw->setLineWrapMode(QPlainTextEdit::WidgetWidth);
  m_raw->setFrameShape(QFrame::NoFrame);
  m_tabs->addTab(m_raw, tr("Raw JSON"));
  m_metadata = new PlainTable({tr("Key"), tr("Value")}, tr("Metadata"), QStringLiteral("metadata"), this);
  m_metadata->setColumnWidth(0, 150);
  m_metadata->setToolTip(tr("Press Enter or double-click to filter by a value"));
  m_tabs->addTab(m_metadata, tr("Metadata"));
  column->addWidget(m_tabs, 1);
  connect(m_metadata, &QTableWidget::itemActivated, this, [this](QTableWidgetItem* item) {
    const QTableWidgetItem* key = m_metadata->item(item->row(), 0);
    if (key && key->data(Qt::UserRole).isValid()) Q_EMIT valueChosen(ss(key->data(Qt::UserRole).toString()), ss(m_metadata->item(item->row(), 1)->text()));
  });
  clear();
}

void RecordPane::clear() {
  m_query.cancel();
  m_title->setText({});
  m_facts->setText({});
  m_tabs->hide();
  m_none->show();
}

void RecordPane::show(std::shared_ptr<logs::LogStore> store, std::uint32_t id) {
  m_query.ask(this, [store, id](std::stop_token) -> Result<Shown> {
    Shown shown;
    RETORT_TRY(shown.record, store->record(id));
    RETORT_TRY(const std::string line, store->rawLine(id));
    shown.raw = indented(line);
    return shown;
  }, [this](Result<Shown> result) {
    if (!result.ok()) {
      Q_EMIT failed(result.error());
      return;
    }
    const logs::Record& record = result->record;
    m_none->hide();
    m_tabs->show();
    m_title->setText(qs(record.requestId));
    QStringList facts{qs(record.model)};
    if (record.inputTokens) facts << tr("%1 tokens in").arg(countText(*record.inputTokens));
    if (record.outputTokens) facts << tr("%1 out").arg(countText(*record.outputTokens));
    if (record.latencyMs) facts << tr("%1 ms").arg(countText(*record.latencyMs));
    if (!record.stop.empty()) facts << tr("ended: %1").arg(qs(record.stop));
    m_facts->setText(facts.join(QStringLiteral(" · ")));
    m_conversation->show(record.messages, record.answer);
    m_raw->setPlainText(result->raw);
    m_metadata->setRowCount(0);
    auto row = [this](const QString& key, const QString& value, const QVariant& filterKey) {
      const int r = m_metadata->rowCount();
      m_metadata->insertRow(r);
      m_metadata->set(r, 0, key)->setData(Qt::UserRole, filterKey);
      m_metadata->set(r, 1, value);
    };
    for (const auto& [key, value] : record.metadata) row(qs(key), qs(value), qs(key));
    row(tr("Model"), qs(record.model), QStringLiteral("@model"));
    row(tr("Status"), qs(record.status), QStringLiteral("@status"));
    if (!record.region.empty()) row(tr("Region"), qs(record.region), QStringLiteral("@region"));
    if (!record.operation.empty()) row(tr("Operation"), qs(record.operation), {});
    for (const auto& [key, value] : record.parameters.items()) row(qs(key), qs(dumpJson(value)), {});
    for (const auto word : logs::flagWords(record.flags)) row(tr("Flag"), qs(word), {});
  });
}

}  // namespace retort::ui
