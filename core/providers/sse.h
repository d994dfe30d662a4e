// Server-sent events and JSON lines out of a byte stream cut anywhere.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort::providers {

/// Caps of one stream; beyond them a typed error "providers.stream.long".
struct StreamLimits {
  std::size_t line = 4u << 20, event = 16u << 20, total = 64u << 20;
};

struct SseEvent {
  std::string type, data, id;
  bool isAtEnd = false;            ///< ended by the end of input, not by a blank line: counts only as a terminal marker
};

/// The event-stream format of HTML: lines end in CR, LF or CRLF; data lines join with LF; a blank line dispatches.
class SseParser {
 public:
  explicit SseParser(std::function<Status(const SseEvent&)> event, std::function<void()> comment = {}, StreamLimits limits = {});
  Status feed(std::string_view bytes);
  /// End of input: what was not dispatched is given with isAtEnd.
  Status finish();

 private:
  Status line(std::string_view text);
  Status dispatch(bool isAtEnd);
  std::function<Status(const SseEvent&)> m_event;
  std::function<void()> m_comment;
  StreamLimits m_limits;
  std::string m_line, m_data, m_type, m_id;
  std::size_t m_total = 0;
  bool m_hasData = false, m_lastWasCr = false, m_isFirst = true;
};

/// Lines of a stream, without their LF or CRLF; empty ones are left out. A last line without an end is given by finish().
class LineFramer {
 public:
  explicit LineFramer(std::function<Status(std::string_view)> line, StreamLimits limits = {}) : m_line(std::move(line)), m_limits(limits) {}
  Status feed(std::string_view bytes);
  Status finish();

 private:
  Status give();
  std::function<Status(std::string_view)> m_line;
  StreamLimits m_limits;
  std::string m_rest;
  std::size_t m_total = 0;
};

[[nodiscard]] Error tooLongError(std::string_view what, std::size_t limit);

}  // namespace retort::providers
