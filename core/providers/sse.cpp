// The parser keeps only the current line and the current event; it works byte by byte over line ends.
#include "providers/sse.h"

#include "base/format.h"

namespace retort::providers {

Error tooLongError(std::string_view what, std::size_t limit) {
  return Error{"providers.stream.long", "The answer has " + std::string(what) + " longer than " + formatBytes(limit), {}, "a server that sends so much is broken or hostile", "Check the address of the teacher.", {}, {}};
}

SseParser::SseParser(std::function<Status(const SseEvent&)> event, std::function<void()> comment, StreamLimits limits)
    : m_event(std::move(event)), m_comment(std::move(comment)), m_limits(limits) {}

Status SseParser::feed(std::string_view bytes) {
  m_total += bytes.size();
  if (m_total > m_limits.total) return tooLongError("a body", m_limits.total);
  while (!bytes.empty()) {
    if (m_lastWasCr) {
      m_lastWasCr = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const auto end = bytes.find_first_of("\r\n");
    m_line.append(bytes.substr(0, end));
    if (m_line.size() > m_limits.line) return tooLongError("a line", m_limits.line);
    if (end == std::string_view::npos) return {};
    m_lastWasCr = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    const std::string text = std::exchange(m_line, {});
    RETORT_CHECK(line(text));
  }
  return {};
}

Status SseParser::line(std::string_view text) {
  if (m_isFirst && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  m_isFirst = false;
  if (text.empty()) return dispatch(false);
  const auto colon = text.find(':');
  if (colon == 0) {
    if (m_comment) m_comment();
    return {};
  }
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(" ")) value.remove_prefix(1);
  if (field == "data") {
    if (m_hasData) m_data.push_back('\n');
    m_data.append(value);
    m_hasData = true;
    if (m_data.size() > m_limits.event) return tooLongError("an event", m_limits.event);
  } else if (field == "event") {
    m_type = value;
  } else if (field == "id") {
    if (value.find('\0') == std::string_view::npos) m_id = value;
  }
  return {};   // retry and unknown fields: we never reconnect by ourselves
}

Status SseParser::dispatch(bool isAtEnd) {
  SseEvent event{std::exchange(m_type, {}), std::exchange(m_data, {}), m_id, isAtEnd};
  if (!std::exchange(m_hasData, false)) return {};
  return m_event(event);
}

Status SseParser::finish() {
  if (!m_line.empty()) {
    const std::string text = std::exchange(m_line, {});
    RETORT_CHECK(line(text));
  }
  return dispatch(true);
}

Status LineFramer::feed(std::string_view bytes) {
  m_total += bytes.size();
  if (m_total > m_limits.total) return tooLongError("a body", m_limits.total);
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    m_rest.append(bytes.substr(0, end));
    if (m_rest.size() > m_limits.event) return tooLongError("a line", m_limits.event);
    if (end == std::string_view::npos) return {};
    bytes.remove_prefix(end + 1);
    RETORT_CHECK(give());
  }
  return {};
}

Status LineFramer::give() {
  std::string text = std::exchange(m_rest, {});
  if (text.ends_with('\r')) text.pop_back();
  return trimmed(text).empty() ? Status() : m_line(text);
}

Status LineFramer::finish() { return m_rest.empty() ? Status() : give(); }

}  // namespace retort::providers
