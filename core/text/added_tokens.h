// Added tokens: found in the text before anything else, leftmost and longest first; the special ones only where they are allowed.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/trie.h"

namespace retort::text {

struct AddedToken {
  TokenId id = -1;
  std::string content;             ///< as it is looked for: normalised where `normalized`
  bool special = false, singleWord = false, leftStrip = false, rightStrip = false, normalized = false;
};

/// A stretch of text, and the token it is (-1: text to be tokenised).
struct Section {
  std::size_t begin = 0, end = 0;
  TokenId token = -1;
};

class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);
  AddedTokenFinder(const AddedTokenFinder&) = delete;   // the trie is built from views of the tokens' texts
  AddedTokenFinder& operator=(const AddedTokenFinder&) = delete;
  [[nodiscard]] bool empty() const { return m_tokens.empty(); }
  /// True when every token is special, so that text without allowed places needs no search.
  [[nodiscard]] bool onlySpecial() const { return m_onlySpecial; }
  /// Cuts `text` into sections. `allowed(begin, end)` says whether a special token may be recognised there.
  template <typename Allowed>
  std::vector<Section> cut(std::string_view text, Allowed&& allowed) const {
    std::vector<Section> sections;
    std::size_t done = 0;
    for (std::size_t i = 0; i < text.size();) {
      if (!m_trie.startsWith(static_cast<unsigned char>(text[i]))) {
        ++i;
        continue;
      }
      std::size_t length = 0;
      const AddedToken* best = nullptr;
      m_trie.prefixes(text.substr(i), [&](std::size_t n, std::int32_t index) {
        const AddedToken& token = m_tokens[static_cast<std::size_t>(index)];
        if (token.special && !allowed(i, i + n)) return;
        length = n;
        best = &token;
      });
      if (!best) {
        ++i;
        continue;
      }
      const std::size_t begin = i, end = i + length;
      i = end;
      if (best->singleWord && !standsAlone(text, begin, end)) continue;
      const Section found = widen(text, *best, begin, end, done);
      if (found.begin > done) sections.push_back({done, found.begin, -1});
      sections.push_back(found);
      done = i = found.end;
    }
    if (done < text.size()) sections.push_back({done, text.size(), -1});
    return sections;
  }

 private:
  static bool standsAlone(std::string_view text, std::size_t begin, std::size_t end);
  /// The match with the white space that lstrip and rstrip take, not before `done`.
  static Section widen(std::string_view text, const AddedToken& token, std::size_t begin, std::size_t end, std::size_t done);

  std::vector<AddedToken> m_tokens;
  Trie m_trie;
  bool m_onlySpecial = true;
};

}  // namespace retort::text
