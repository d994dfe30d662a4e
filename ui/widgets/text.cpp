// Words and numbers for the screen: see text.h.
#include "ui/widgets/text.h"

#include <QCoreApplication>
#include <QLocale>
#include <cmath>

namespace retort::ui {
namespace {
struct Words {
  Q_DECLARE_TR_FUNCTIONS(retort::ui::Words)
};
}  // namespace

QString countText(qint64 n) { return QLocale().toString(n); }

QString bytesText(double bytes) {
  const QLocale locale;
  if (bytes < 1000) return Words::tr("%1 B").arg(locale.toString(bytes, 'f', 0));
  if (bytes < 1e6) return Words::tr("%1 kB").arg(locale.toString(bytes / 1e3, 'f', 1));
  if (bytes < 1e9) return Words::tr("%1 MB").arg(locale.toString(bytes / 1e6, 'f', 1));
  return Words::tr("%1 GB").arg(locale.toString(bytes / 1e9, 'f', 2));
}

QString durationText(double seconds) {
  if (!(seconds >= 0)) return Words::tr("unknown");
  if (seconds < 1) return Words::tr("%1 s").arg(QLocale().toString(seconds, 'f', 1));
  const auto s = static_cast<qint64>(std::llround(seconds));
  if (s < 60) return Words::tr("%1 s").arg(s);
  if (s < 3600) return Words::tr("%1 min %2 s").arg(s / 60).arg(s % 60);
  if (s < 86400) return Words::tr("%1 h %2 min").arg(s / 3600).arg(s % 3600 / 60);
  return Words::tr("%1 d %2 h").arg(s / 86400).arg(s % 86400 / 3600);
}

QString numberText(double value, int decimals) { return QLocale().toString(value, 'f', decimals); }

QString significantText(double value, int digits) {
  if (std::isnan(value)) return Words::tr("not a number");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
  if (value == 0) return QStringLiteral("0");
  const double magnitude = std::floor(std::log10(std::fabs(value)));
  if (magnitude < -2) {
    const auto power = static_cast<int>(magnitude);
    return QStringLiteral("%1e%2").arg(QLocale().toString(value / std::pow(10, magnitude), 'g', digits > 2 ? 3 : digits)).arg(power);
  }
  const int decimals = std::max(0, digits - 1 - static_cast<int>(magnitude));
  return QLocale().toString(value, 'f', std::min(decimals, 6));
}

QString percentText(double share, int decimals) { return Words::tr("%1 %").arg(QLocale().toString(share * 100, 'f', decimals)); }

QString whenText(qint64 utcMillis) {
  if (utcMillis <= 0) return {};
  return QDateTime::fromMSecsSinceEpoch(utcMillis).toString(QStringLiteral("yyyy-MM-dd HH:mm"));
}

QString agoText(qint64 utcMillis) {
  if (utcMillis <= 0) return {};
  const double seconds = static_cast<double>(QDateTime::currentMSecsSinceEpoch() - utcMillis) / 1000;
  if (seconds < 5) return Words::tr("just now");
  if (seconds < 60) return Words::tr("%n s ago", nullptr, static_cast<int>(seconds));
  if (seconds < 3600) return Words::tr("%n min ago", nullptr, static_cast<int>(seconds / 60));
  if (seconds < 86400) return Words::tr("%n h ago", nullptr, static_cast<int>(seconds / 3600));
  return whenText(utcMillis);
}

QString progressText(qint64 done, qint64 of, const QString& unit, double secondsLeft) {
  QString text = of > 0 ? Words::tr("%1 of %2 %3", "done of total unit").arg(countText(done), countText(of), unit)
                        : Words::tr("%1 %2", "done unit").arg(countText(done), unit);
  text = text.trimmed();
  if (secondsLeft >= 0) text += QStringLiteral(" · ") + Words::tr("%1 left").arg(durationText(secondsLeft));
  return text;
}

PhaseLook phaseLook(job::Phase phase) {
  using job::Phase;
  switch (phase) {
    case Phase::queued: return {Words::tr("Queued"), QStringLiteral("clock"), Role::Muted};
    case Phase::preparing: return {Words::tr("Preparing"), QStringLiteral("clock"), Role::Link};
    case Phase::caching: return {Words::tr("Caching teacher"), QStringLiteral("play"), Role::Link};
    case Phase::training: return {Words::tr("Training"), QStringLiteral("play"), Role::Accent};
    case Phase::evaluating: return {Words::tr("Evaluating"), QStringLiteral("evaluate"), Role::Link};
    case Phase::saving: return {Words::tr("Saving"), QStringLiteral("export"), Role::Link};
    case Phase::paused: return {Words::tr("Paused"), QStringLiteral("pause"), Role::Caution};
    case Phase::waiting: return {Words::tr("Waiting"), QStringLiteral("clock"), Role::Caution};
    case Phase::interrupted: return {Words::tr("Not responding"), QStringLiteral("caution"), Role::Caution};
    case Phase::stopped: return {Words::tr("Stopped"), QStringLiteral("stop"), Role::Muted};
    case Phase::failed: return {Words::tr("Failed"), QStringLiteral("bad"), Role::Bad};
    case Phase::done: return {Words::tr("Done"), QStringLiteral("tick"), Role::Good};
  }
  return {Words::tr("Unknown"), QStringLiteral("question"), Role::Muted};
}

ErrorWords errorWords(const Error& error) {
  ErrorWords words;
  words.what = qs(error.what);
  if (!error.where.empty()) words.what += words.what.isEmpty() ? qs(error.where) : QStringLiteral(" — ") + qs(error.where);
  words.why = qs(error.why);
  if (!error.detail.empty() && error.detail.size() < 200) words.why += (words.why.isEmpty() ? QString() : QStringLiteral(" ")) + QStringLiteral("(%1)").arg(qs(error.detail));
  words.next = qs(error.next);
  return words;
}

}  // namespace retort::ui
