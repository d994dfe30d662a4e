// What `@text match "…"` looks for: words, "phrases" and beginnings*, all of them, in any order; tested on a text or asked of the text index.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/word_tokens.h"

namespace retort::logs {

/// Not for two threads at once.
class WordQuery {
 public:
  /// Blanks divide words; what stands in quotes, or is one word to the eye and several to the index (foo-bar), must stand together; a * behind
  /// it takes words that begin so. Error "filter.words" without a word, or with more than 64 in a phrase.
  static Result<WordQuery> parse(std::string_view text);
  /// Each phrase lies in the prompt or in the answer. Place (in the prompt, or behind it in the answer) and length of the first word found.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> find(std::string_view prompt, std::string_view answer) const;
  /// The same for an FTS5 table.
  [[nodiscard]] std::string ftsExpression() const;

 private:
  struct Phrase {
    std::vector<std::string> words;
    bool isPrefix = false;             ///< the last word may go on
  };
  explicit WordQuery(store::WordTokenizer tokenizer) : m_tokenizer(std::move(tokenizer)) {}
  Status add(std::string_view text, bool isPrefix);
  void look(std::string_view text, std::size_t offset, std::vector<std::optional<std::pair<std::size_t, std::size_t>>>& found) const;
  store::WordTokenizer m_tokenizer;
  std::vector<Phrase> m_phrases;
};

}  // namespace retort::logs
