// Words and numbers for the screen: conversions from the core's UTF-8, and translated sizes, counts, durations.
#pragma once
#include <QDateTime>
#include <QString>
#include <string>
#include <string_view>

#include "base/error.h"
#include "job/job_folder.h"
#include "ui/shell/theme.h"

namespace retort::ui {

[[nodiscard]] inline QString qs(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }
[[nodiscard]] inline std::string ss(const QString& text) { return text.toStdString(); }

[[nodiscard]] QString countText(qint64 n);                       ///< "1,204,778" in the user's locale
[[nodiscard]] QString bytesText(double bytes);                   ///< "92.9 MB" (decimal)
[[nodiscard]] QString durationText(double seconds);              ///< "2 min 10 s"
[[nodiscard]] QString numberText(double value, int decimals);
[[nodiscard]] QString significantText(double value, int digits = 4);   ///< "0.0213", "8,412"; "not a number" stays a word
[[nodiscard]] QString percentText(double share, int decimals = 1);     ///< 0.912 -> "91.2 %"
[[nodiscard]] QString whenText(qint64 utcMillis);                ///< local date and time, short
[[nodiscard]] QString agoText(qint64 utcMillis);                 ///< "3 min ago"

/// "340 of 1,200 steps · 2 min 10 s left"; unknown parts are left out.
[[nodiscard]] QString progressText(qint64 done, qint64 of, const QString& unit, double secondsLeft);

/// Name of a phase in the user's words, with the role of its colour and the icon that says the same.
struct PhaseLook {
  QString text, icon;
  Role role;
};
[[nodiscard]] PhaseLook phaseLook(job::Phase phase);

/// One error as sentences for a banner: what and where, why, what to do next.
struct ErrorWords {
  QString what, why, next;
};
[[nodiscard]] ErrorWords errorWords(const Error& error);

}  // namespace retort::ui
