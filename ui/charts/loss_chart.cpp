// The loss of one run: see loss_chart.h.
#include "ui/charts/loss_chart.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "ui/shell/theme.h"
#include "ui/widgets/text.h"

namespace retort::ui {
namespace {
constexpr int kValidationSeries = 3, kKdSeries = 2;
}

double smoothingFor(std::int64_t steps) { return std::clamp(1.0 - 10.0 / static_cast<double>(std::max<std::int64_t>(steps, 20)), 0.5, 0.95); }

double eventNumber(const job::Event& event, const char* key) {
  return event.body.contains(key) ? numberOf(event.body[key], std::nan("")) : std::nan("");
}

LossChart::LossChart(QWidget* parent) : LineChart(tr("Loss"), tr("Step"), tr("Nats per token"), parent) {
  setObjectName(QStringLiteral("lossChart"));
  m_training = addLine(tr("Training"), Style::Smoothed, kStudentSeries);
  m_validation = addLine(tr("Validation"), Style::Markers, kValidationSeries);
}

void LossChart::setSteps(std::int64_t steps) { setSmoothing(smoothingFor(steps)); }

void LossChart::take(const job::Event& event) {
  const double step = eventNumber(event, "step");
  if (event.type == "metric") {
    append(m_training, step, eventNumber(event, "loss"));
    if (!event.body.contains("kd")) return;
    if (m_kd < 0) m_kd = addLine(tr("KD"), Style::Smoothed, kKdSeries);
    append(m_kd, step, eventNumber(event, "kd"));
  } else if (event.type == "eval") {
    append(m_validation, step, eventNumber(event, "nll"));
    if (step == 0) setLevel(tr("Base model"), eventNumber(event, "nll"), kBaseSeries);   // the student before training, on the same rows
  } else if (event.type == "level" && event.body.contains("name") && event.body["name"].is_string()) {
    // "teacher", or "teacher NAME" where there are several
    const QString name = qs(event.body["name"].get<std::string>());
    if (name.startsWith(QLatin1String("teacher"))) setLevel((tr("Teacher") + QLatin1Char(' ') + name.mid(8)).trimmed(), eventNumber(event, "nll"), kTeacherSeries);
  } else if (event.type == "restart" && event.body.contains("from_step")) {
    truncateAfter(eventNumber(event, "from_step"));
  }
}

}  // namespace retort::ui
