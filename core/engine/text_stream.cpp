// Growing text with held-back stop strings.
#include "engine/text_stream.h"

#include <algorithm>

#include "base/format.h"

namespace retort::engine {

std::size_t wholeUtf8(std::string_view text) {
  // Look back over at most three continuation bytes for the byte that leads them.
  for (std::size_t back = 1; back <= std::min<std::size_t>(4, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? text.size() - back : text.size();
  }
  return text.size();
}

std::string TextStream::add(text::TokenId id) {
  m_ids.push_back(id);
  if (!m_tokenizer || m_stopped) return {};
  m_text = m_tokenizer->decode(m_ids);
  std::size_t safe = wholeUtf8(m_text);
  for (const auto& stop : m_stops) {
    if (stop.empty()) continue;
    const std::size_t from = m_given > stop.size() ? m_given - stop.size() : 0;
    if (const std::size_t at = m_text.find(stop, from); at != std::string::npos) {
      m_text.resize(at);
      safe = std::min(safe, at);
      m_stopped = true;
      continue;
    }
    // Hold back the longest end of the text that begins a stop string.
    for (std::size_t n = std::min(stop.size() - 1, m_text.size()); n > 0; --n)
      if (m_text.ends_with(std::string_view(stop).substr(0, n))) {
        safe = std::min(safe, m_text.size() - n);
        break;
      }
  }
  if (m_stopped) safe = m_text.size();
  if (safe <= m_given) return {};
  std::string out = m_text.substr(m_given, safe - m_given);
  m_given = safe;
  return out;
}

std::string TextStream::finish() {
  m_text = repairUtf8(m_text);
  std::string out = m_given < m_text.size() ? m_text.substr(m_given) : std::string();
  m_given = m_text.size();
  return out;
}

}  // namespace retort::engine
