// Prompt and answer of a record as one text, messages joined by line breaks: what searches look through.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace retort::logs {

struct Call;
struct Record;

/// The same text as searchableText() gives of the record; its memory is kept from one record to the next.
class DecodedText {
 public:
  [[nodiscard]] std::string_view text() const { return {m_buffer.data(), m_size}; }
  [[nodiscard]] std::string_view prompt() const { return text().substr(0, m_answerAt); }
  [[nodiscard]] std::string_view answer() const { return text().substr(m_answerAt); }
  void read(const Call& call);
  void read(const Record& record);

  /// For readers that write it themselves: room for `size` bytes and 64 more that may be scribbled on.
  char* begin(std::size_t size) {
    if (m_buffer.size() < size + 64) m_buffer.resize(size + 64);
    return m_buffer.data();
  }
  void end(std::size_t size, std::size_t answerAt) { m_size = size, m_answerAt = answerAt; }

 private:
  std::string m_buffer;
  std::size_t m_size = 0, m_answerAt = 0;
};

}  // namespace retort::logs
