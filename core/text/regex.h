// A regular expression from a tokenizer file, run by PCRE2 (JIT where there is one) under limits of steps and memory.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace retort::text {

class Regex {
 public:
  /// Compiles a pattern in the dialect of Hugging Face's tokenizers (Oniguruma); `where` names the file in errors.
  static Result<std::shared_ptr<const Regex>> compile(std::string_view pattern, std::string_view where);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  struct Match {
    bool found = false;
    std::size_t begin = 0, end = 0;
  };
  /// The first match at or behind `from`. `text` must be valid UTF-8. Error "text.tokenizer.limit" when the limits are hit.
  [[nodiscard]] Result<Match> find(std::string_view text, std::size_t from) const;
  [[nodiscard]] const std::string& pattern() const { return m_pattern; }

 private:
  Regex() = default;
  std::string m_pattern, m_where;
  void* m_code = nullptr;   // pcre2_code, kept out of the header
  bool m_jit = false;
};

/// The pattern with \s, \w, \p{L}, \p{N} and \p{M} spelt out, so that PCRE2 means by them what Oniguruma means: no U+180E among
/// the spaces, marks and connectors among the word characters, and the characters of Unicode 16.
[[nodiscard]] std::string spellOutClasses(std::string_view pattern);

}  // namespace retort::text
