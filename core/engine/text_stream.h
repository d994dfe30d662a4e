// An answer's text as it grows: whole UTF-8 only, nothing that may be the beginning of a stop string, cut where one is complete.
#pragma once
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace retort::engine {

class TextStream {
 public:
  TextStream(const text::Tokenizer* tokenizer, std::vector<std::string> stops) : m_tokenizer(tokenizer), m_stops(std::move(stops)) {}
  /// Takes a token in; returns what may be shown now beyond what was returned before.
  std::string add(text::TokenId id);
  /// The end: what was held back, with incomplete UTF-8 repaired.
  std::string finish();
  [[nodiscard]] bool stopped() const { return m_stopped; }       ///< a stop string is complete
  /// All text so far: up to the stop string once stopped, else including what is held back.
  [[nodiscard]] const std::string& text() const { return m_text; }

 private:
  const text::Tokenizer* m_tokenizer;
  std::vector<std::string> m_stops;
  std::vector<text::TokenId> m_ids;
  std::string m_text;
  std::size_t m_given = 0;
  bool m_stopped = false;
};

/// Length of the longest prefix of `text` that does not end inside a UTF-8 sequence.
[[nodiscard]] std::size_t wholeUtf8(std::string_view text);

}  // namespace retort::engine
