// The help pages: see help.h.
#include "ui/shell/help.h"

#include <QDir>
#include <QFile>
#include <QHBoxLayout>
#include <QListWidget>
#include <QTextBrowser>
#include <QUrl>

#include "ui/shell/theme.h"

namespace retort::ui {

QStringList helpPages() {
  QStringList pages{QStringLiteral("logs"), QStringLiteral("filters"), QStringLiteral("datasets"), QStringLiteral("distil"), QStringLiteral("runs"),
                    QStringLiteral("evaluate"), QStringLiteral("export")};
  const QStringList last{QStringLiteral("shortcuts"), QStringLiteral("design")};
  // Pages on what the command line does stand between those of the window and the lists.
  for (QString name : QDir(QStringLiteral(":/help")).entryList({QStringLiteral("*.md")}, QDir::Files, QDir::Name)) {
    name.chop(3);
    if (!pages.contains(name) && !last.contains(name)) pages << name;
  }
  return pages + last;
}

QString helpText(const QString& name) {
  QFile file(QStringLiteral(":/help/%1.md").arg(name));
  return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

HelpWindow::HelpWindow(QWidget* parent) : QDialog(parent) {
  setObjectName(QStringLiteral("help"));
  setWindowTitle(tr("Help"));
  resize(820, 600);
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  row->setSpacing(0);
  m_list = new QListWidget(this);
  m_list->setObjectName(QStringLiteral("helpPages"));
  m_list->setAccessibleName(tr("Help pages"));
  m_list->setFixedWidth(180);
  for (const QString& name : helpPages()) {
    QString title = helpText(name).section(QLatin1Char('\n'), 0, 0);
    title.remove(QStringLiteral("# "));
    auto* item = new QListWidgetItem(title, m_list);
    item->setData(Qt::UserRole, name);
  }
  m_text = new QTextBrowser(this);
  m_text->setObjectName(QStringLiteral("helpText"));
  m_text->setAccessibleName(tr("Help text"));
  m_text->setOpenLinks(false);
  m_text->setFrameShape(QFrame::NoFrame);
  m_text->document()->setDocumentMargin(24);
  m_text->document()->setDefaultFont(Theme::instance().font(Type::Body));
  row->addWidget(m_list);
  row->addWidget(m_text, 1);
  connect(m_list, &QListWidget::currentItemChanged, this, [this](QListWidgetItem* item) {
    if (item) m_text->setMarkdown(helpText(item->data(Qt::UserRole).toString()));
  });
  // Links lead to other pages of the help; nothing is fetched.
  connect(m_text, &QTextBrowser::anchorClicked, this, [this](const QUrl& url) {
    QString name = url.fileName();
    name.remove(QStringLiteral(".md"));
    if (helpPages().contains(name)) showPage(name);
  });
}

void HelpWindow::showPage(const QString& name) {
  int at = 0;
  for (int i = 0; i < m_list->count(); ++i)
    if (m_list->item(i)->data(Qt::UserRole) == name) at = i;
  m_list->setCurrentRow(at);
  show();
  raise();
  activateWindow();
  m_text->setFocus(Qt::OtherFocusReason);
}

QString HelpWindow::page() const { return m_list->currentItem() ? m_list->currentItem()->data(Qt::UserRole).toString() : QString(); }

}  // namespace retort::ui
