// The first page of all: see start_page.h.
#include "ui/pages/start/start_page.h"

#include <QDir>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/shell/icons.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/controls.h"

namespace retort::ui {

StartPage::StartPage(const QStringList& recent, QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("start"));
  setAccessibleName(tr("Start"));
  auto* outer = new QHBoxLayout(this);
  outer->addStretch(1);
  auto* column = new QVBoxLayout;
  column->setSpacing(8);
  outer->addLayout(column, 0);
  outer->addStretch(1);
  column->addStretch(2);
  auto* picture = new QLabel(this);
  auto paint = [picture] { picture->setPixmap(drawing(QStringLiteral("draw-still"), 96, Theme::instance().color(Role::Accent), picture->devicePixelRatioF())); };
  paint();
  connect(&Theme::instance(), &Theme::changed, picture, paint);
  column->addWidget(picture);
  column->addSpacing(8);
  column->addWidget(new PlainLabel(tr("Retort"), Type::Title, this));
  auto* words = new PlainLabel(tr("Turns the logs of a large model into a small one of your own: import, choose, distil, prove, export. Everything stays on this machine."), Type::Body, this);
  words->setMuted(true);
  words->setWordWrap(true);
  words->setFixedWidth(520);
  column->addWidget(words);
  m_banner = new Banner(this);
  m_banner->setFixedWidth(520);
  column->addWidget(m_banner);
  column->addSpacing(16);
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  auto* sample = primaryButton(tr("Open the &sample project"), QStringLiteral("openSample"), {}, this);
  auto* folder = button(tr("&Open a folder…"), QStringLiteral("openFolder"), QStringLiteral("folder"), this);
  auto* distil = button(tr("&Distil your logs…"), QStringLiteral("startDistil"), QStringLiteral("distil"), this);
  distil->setToolTip(tr("Makes a new project and goes the whole way in four steps (Ctrl+Shift+D)"));
  row->addWidget(sample);
  row->addWidget(distil);
  row->addWidget(folder);
  row->addStretch();
  column->addLayout(row);
  connect(sample, &QPushButton::clicked, this, &StartPage::sampleWanted);
  connect(distil, &QPushButton::clicked, this, &StartPage::distilWanted);
  connect(folder, &QPushButton::clicked, this, &StartPage::folderWanted);
  if (!recent.isEmpty()) {
    column->addSpacing(16);
    column->addWidget(section(tr("Opened before"), this));
    for (const QString& path : recent) {
      auto* link = linkButton(QDir::toNativeSeparators(path), QStringLiteral("recent"), this);
      column->addWidget(link);
      connect(link, &QPushButton::clicked, this, [this, path] { Q_EMIT projectWanted(path); });
    }
  }
  column->addStretch(3);
}

}  // namespace retort::ui
