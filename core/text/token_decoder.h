// Decoders: token texts back to the bytes of the text, as tokenizer.json lists the steps.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/regex.h"

namespace retort::text {

class TokenDecoder {
 public:
  /// From the "decoder" of a tokenizer.json (null: tokens are joined by spaces). Unsupported parts are named errors.
  static Result<TokenDecoder> fromJson(const Json& json, std::string_view where);

  /// What one token adds to a text; `first`: it is the text's first token.
  [[nodiscard]] std::string part(std::string_view token, bool first) const;
  /// True when a first token is written otherwise than the same token later on.
  [[nodiscard]] bool firstDiffers() const { return m_firstDiffers; }
  /// The steps that act on the joined text.
  void finish(std::string& text) const;
  /// What stands between a special token and the token before it (" " for decoders that put spaces between words).
  [[nodiscard]] std::string_view joiner() const { return m_joiner; }
  /// True when added tokens stay as they are, since their texts are not written in the byte alphabet.
  [[nodiscard]] bool keepsAdded() const { return !m_each.empty() && m_each.front().kind == Kind::Bytes; }

 private:
  enum class Kind { Bytes, Metaspace, Fallback, Strip, Literal, Pattern, WordPiece };
  struct Step {
    Kind kind = Kind::Bytes;
    std::string find = {}, content = {};       ///< Literal; Metaspace: replacement; Strip: character; WordPiece: prefix
    std::shared_ptr<const Regex> regex = {};
    std::size_t start = 0, stop = 0;           ///< Strip: at most so many at each end
    bool flag = false;                         ///< Metaspace: drops the first; WordPiece: cleans up
  };
  friend class TokenDecoderReader;
  static void apply(const Step& step, std::string& token, bool first);

  std::vector<Step> m_each, m_whole;           ///< before and after Fuse
  bool m_firstDiffers = false;
  std::string m_joiner;
};

}  // namespace retort::text
