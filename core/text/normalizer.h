// Normalizers: rewrite text before it is cut into words, as tokenizer.json lists them.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/aligned_text.h"
#include "text/regex.h"

namespace retort::text {

class Normalizer {
 public:
  /// From the "normalizer" of a tokenizer.json (null: none). Parts that are not supported are named errors.
  static Result<Normalizer> fromJson(const Json& json, std::string_view where);

  [[nodiscard]] bool empty() const { return m_steps.empty(); }
  /// True when it is certain, from the bytes alone, that run() would give the text back as it is.
  [[nodiscard]] bool leavesAlone(std::string_view text) const;
  /// The rewritten text; `track`: with the places of its bytes in the source.
  [[nodiscard]] Result<OwnedText> run(const AlignedText& text, bool track) const;

 private:
  enum class Kind { Compose, Lowercase, StripAccents, Strip, Literal, Pattern, Prepend, BertClean, BertChinese, BertAccents };
  struct Step {
    Kind kind = Kind::Compose;
    int options = 0;                       ///< Compose: options of utf8proc
    bool left = true, right = true;        ///< Strip
    std::string find = {}, content = {};   ///< Literal, Prepend
    std::shared_ptr<const Regex> regex = {};
  };
  friend class NormalizerReader;
  static Status apply(const Step& step, const AlignedText& in, OwnedText& out);

  std::vector<Step> m_steps;
};

/// NFC, NFD, NFKC or NFKD of text; invalid bytes stay. `options` are utf8proc's. Works on one base with its marks at a time.
void normalizeForm(const AlignedText& in, int options, OwnedText& out);

}  // namespace retort::text
