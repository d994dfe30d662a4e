// The diagnostics sink.
#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

namespace retort {
namespace {

LogLevel fromEnvironment() {
  const char* text = std::getenv("RETORT_LOG");
  const std::string_view name = text ? text : "";
  return name == "debug" ? LogLevel::debug : name == "info" ? LogLevel::info : name == "error" ? LogLevel::error : LogLevel::warning;
}

struct Sink {
  std::atomic<LogLevel> level{fromEnvironment()};
  std::mutex mutex;
  std::function<void(LogLevel, std::string_view, std::string_view)> write;
};

Sink& sink() {
  static Sink s;
  return s;
}

}  // namespace

void setLogLevel(LogLevel level) { sink().level = level; }

void setLogSink(std::function<void(LogLevel, std::string_view, std::string_view)> write) {
  const std::lock_guard lock(sink().mutex);
  sink().write = std::move(write);
}

void log(LogLevel level, std::string_view category, std::string_view text) {
  if (level < sink().level.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(sink().mutex);
  if (sink().write) return sink().write(level, category, text);
  std::fprintf(stderr, "%.*s: %.*s\n", int(category.size()), category.data(), int(text.size()), text.data());
}

}  // namespace retort
