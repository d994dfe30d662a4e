// Joining the texts of a call.
#include "logs/decoded_text.h"

#include "logs/call.h"

namespace retort::logs {

void DecodedText::read(const Call& call) {
  m_buffer.clear();
  const auto add = [&](const Message& message) {
    if (!m_buffer.empty()) m_buffer += '\n';
    bool hasText = false;
    const auto part = [&](auto&&... pieces) {
      if (hasText) m_buffer += '\n';
      (m_buffer.append(pieces), ...);
      hasText = true;
    };
    if (!message.text.empty()) part(message.text);
    for (const auto& tool : message.toolCalls) part(tool.name, std::string_view("("), tool.arguments, std::string_view(")"));
  };
  for (const auto& message : call.messages) add(message);
  m_answerAt = m_buffer.size();
  if (call.answer) {
    if (m_answerAt > 0) ++m_answerAt;    // behind the line break
    add(*call.answer);
  }
  m_size = m_buffer.size();
}

void DecodedText::read(const Record& record) {
  m_buffer.clear();
  const auto add = [&](const Json& message) {
    if (!m_buffer.empty()) m_buffer += '\n';
    m_buffer += messageText(message);
  };
  for (const auto& message : record.messages) add(message);
  m_answerAt = m_buffer.size();
  if (!record.answer.is_null()) {
    if (m_answerAt > 0) ++m_answerAt;
    add(record.answer);
  }
  m_size = m_buffer.size();
}

}  // namespace retort::logs
