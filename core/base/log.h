// Diagnostics for developers and log files: named categories, one atomic level, one sink. Users see Errors, not these.
#pragma once
#include <functional>
#include <string_view>

namespace retort {

enum class LogLevel { debug, info, warning, error };

/// Level from $RETORT_LOG (debug, info, warning, error), default warning; sink: stderr.
void setLogLevel(LogLevel level);
void setLogSink(std::function<void(LogLevel, std::string_view category, std::string_view text)> sink);
void log(LogLevel level, std::string_view category, std::string_view text);

}  // namespace retort
