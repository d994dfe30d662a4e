// What tells whether a run fits: a chip, the reason why not, memory as a bar, facts; shared by the Distil page and the assistant.
#pragma once
#include <QCoreApplication>

#include "run/estimate.h"
#include "ui/widgets/controls.h"
#include "ui/widgets/text.h"

class QHBoxLayout;

namespace retort::ui {

struct ForecastParts {
  Q_DECLARE_TR_FUNCTIONS(ForecastParts)
 public:
  Chip* ready = nullptr;
  PlainLabel *why = nullptr, *memoryText = nullptr;
  ShareBar* memory = nullptr;
  KeyValues* facts = nullptr;

  /// Makes the parts; the caller lays them out. `why` begins hidden.
  static ForecastParts make(const char* chipName, const char* whyName, QWidget* parent);
  /// A title with the chip at its end.
  QHBoxLayout* head(const QString& title, QWidget* parent) const;
  /// "Not ready", what is wrong in lines, and nothing else.
  void showProblem(const ErrorWords& words) const;
  /// The bar and its caption.
  void showMemory(const run::Forecast& forecast) const;
  void addStudentFact(const run::Forecast& forecast) const;
  void addDiskFact(const run::Forecast& forecast) const;
};

}  // namespace retort::ui
