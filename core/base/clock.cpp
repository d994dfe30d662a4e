// UTC and monotonic time; ISO 8601.
#include "base/clock.h"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace retort {

using namespace std::chrono;

std::int64_t utcMicros() { return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count(); }

double monotonicSeconds() { return duration<double>(steady_clock::now().time_since_epoch()).count(); }

std::string isoUtc(std::int64_t micros, bool withMillis) {
  const sys_time<microseconds> at{microseconds(micros)};
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss time(floor<milliseconds>(at - day));
  char text[48];
  const int n = withMillis
      ? std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()), unsigned(date.month()), unsigned(date.day()),
                      int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()), int(time.subseconds().count()))
      : std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()), unsigned(date.month()), unsigned(date.day()),
                      int(time.hours().count()), int(time.minutes().count()), int(time.seconds().count()));
  return std::string(text, static_cast<std::size_t>(n));
}

namespace {

/// Takes exactly `n` digits from the front of `text`.
bool takeDigits(std::string_view& text, std::size_t n, int& out) {
  if (text.size() < n) return false;
  for (std::size_t i = 0; i < n; ++i)
    if (text[i] < '0' || text[i] > '9') return false;
  std::from_chars(text.data(), text.data() + n, out);
  text.remove_prefix(n);
  return true;
}

bool takeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> parseIsoTime(std::string_view text) {
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
  if (!takeDigits(text, 4, y) || !takeChar(text, '-') || !takeDigits(text, 2, mo) || !takeChar(text, '-') || !takeDigits(text, 2, d)) return {};
  const year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
  if (!date.ok()) return {};
  std::int64_t micros = duration_cast<microseconds>(sys_days(date).time_since_epoch()).count();
  if (text.empty()) return micros;
  if (!takeChar(text, 'T') && !takeChar(text, ' ') && !takeChar(text, 't')) return {};
  if (!takeDigits(text, 2, h) || !takeChar(text, ':') || !takeDigits(text, 2, mi)) return {};
  if (takeChar(text, ':') && !takeDigits(text, 2, s)) return {};
  if (h > 23 || mi > 59 || s > 60) return {};
  std::int64_t fraction = 0;
  if (takeChar(text, '.') || takeChar(text, ',')) {
    std::int64_t unit = 100'000;
    std::size_t digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), ++digits, unit /= 10) fraction += unit * (text.front() - '0');
    if (digits == 0) return {};
  }
  std::int64_t offsetMinutes = 0;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    int oh = 0, om = 0;
    if (!takeDigits(text, 2, oh)) return {};
    takeChar(text, ':');
    if (!text.empty() && !takeDigits(text, 2, om)) return {};
    if (oh > 23 || om > 59) return {};
    offsetMinutes = sign * (oh * 60 + om);
  } else if (!text.empty() && !takeChar(text, 'Z') && !takeChar(text, 'z')) {
    return {};
  }
  if (!text.empty()) return {};
  micros += ((h * 60LL + mi) * 60 + s - offsetMinutes * 60) * 1'000'000LL + fraction;
  return micros;
}

}  // namespace retort
