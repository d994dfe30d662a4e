// The parts of a forecast.
#include "ui/widgets/forecast_parts.h"

#include <QHBoxLayout>

namespace retort::ui {

ForecastParts ForecastParts::make(const char* chipName, const char* whyName, QWidget* parent) {
  ForecastParts p;
  p.ready = new Chip(parent);
  p.ready->setObjectName(QLatin1String(chipName));
  p.why = new PlainLabel({}, Type::Body, parent);
  p.why->setObjectName(QLatin1String(whyName));
  p.why->setWordWrap(true);
  p.why->setSelectable();
  p.why->hide();
  p.memoryText = caption({}, parent);
  p.memory = new ShareBar(parent);
  p.facts = new KeyValues(parent);
  return p;
}

QHBoxLayout* ForecastParts::head(const QString& title, QWidget* parent) const {
  auto* row = new QHBoxLayout;
  row->addWidget(section(title, parent));
  row->addStretch();
  row->addWidget(ready);
  return row;
}

void ForecastParts::showProblem(const ErrorWords& words) const {
  ready->set(tr("Not ready"), QStringLiteral("caution"), Role::Caution);
  QStringList text{words.what};
  for (const QString& more : {words.why, words.next})
    if (!more.isEmpty()) text << more;
  why->setText(text.join(QLatin1Char('\n')));
  why->show();
  facts->clear();
  memory->setParts({});
  memoryText->setText({});
}

void ForecastParts::showMemory(const run::Forecast& f) const {
  QList<ShareBar::Part> parts;
  int colour = 0;
  for (const auto& [name, bytes] : f.memory)
    if (bytes > 0) parts << ShareBar::Part{qs(name), static_cast<double>(bytes), bytesText(static_cast<double>(bytes)), colour++};
  memory->setParts(parts, static_cast<double>(f.memoryFree));
  memoryText->setText(tr("Memory: %1 of %2 free").arg(bytesText(static_cast<double>(f.memoryTotal)), bytesText(static_cast<double>(f.memoryFree))));
}

void ForecastParts::addStudentFact(const run::Forecast& f) const {
  facts->add(tr("Student"), tr("%1 M parameters, %2 M trained").arg(numberText(static_cast<double>(f.parameters) / 1e6, 1), numberText(static_cast<double>(f.trainable) / 1e6, 1)));
}

void ForecastParts::addDiskFact(const run::Forecast& f) const {
  facts->add(tr("Disk"), tr("%1 of %2 free").arg(bytesText(static_cast<double>(f.disk)), bytesText(static_cast<double>(f.diskFree))));
}

}  // namespace retort::ui
