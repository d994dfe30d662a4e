// Words of a text exactly as SQLite's full-text index sees them (unicode61, diacritics removed): by its own tokenizer.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace retort::store {

/// The tokenizer that word indexes are made with, and words are looked for with.
inline constexpr const char* kWordTokenizer = "unicode61 remove_diacritics 2";

/// Not for two threads at once.
class WordTokenizer {
 public:
  /// Error "store.words" where SQLite was built without full-text search.
  static Result<WordTokenizer> create();
  ~WordTokenizer();
  WordTokenizer(WordTokenizer&&) noexcept;
  WordTokenizer& operator=(WordTokenizer&&) noexcept;
  /// Calls `token` with each word as it is indexed, and where it stands.
  void read(std::string_view text, const std::function<void(std::string_view word, std::size_t begin, std::size_t end)>& token) const;

 private:
  struct State;
  explicit WordTokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace retort::store
