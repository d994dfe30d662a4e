// Pre-tokenizers: cut normalised text into the words that the model encodes, as tokenizer.json lists them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/aligned_text.h"
#include "text/regex.h"
#include "text/scanner.h"

namespace retort::text {

/// What becomes of the separators of a split.
enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

/// Receives the words in order.
class WordSink {
 public:
  virtual ~WordSink() = default;
  virtual Status word(const AlignedText& word) = 0;
};

class PreTokenizer {
 public:
  /// From the "pre_tokenizer" of a tokenizer.json (null: the text is one word). `rawBytes`: the model wants bytes, so that a
  /// ByteLevel at the end does not map them to letters. Parts that are not supported are named errors.
  static Result<PreTokenizer> fromJson(const Json& json, bool rawBytes, std::string_view where);
  /// True when the last step maps bytes to letters.
  [[nodiscard]] static bool endsInByteLevel(const Json& json);

  /// Cuts `text` and hands the words to `sink`; `track`: rewritten text keeps its places in the source.
  Status run(const AlignedText& text, bool track, WordSink& sink) const { return step(0, text, track, sink); }

 private:
  enum class Kind { Scan, Pattern, Literal, Flags, Words, PrefixSpace, MapBytes, Metaspace };
  struct Step {
    Kind kind = Kind::Scan;
    SplitBehavior behavior = SplitBehavior::Isolated;
    bool invert = false;
    ScanRule rule = ScanRule::Gpt2;
    std::shared_ptr<const Regex> regex;
    std::string literal;              ///< Literal: what to find; Metaspace: the replacement
    unsigned flags = 0;               ///< Flags: characters with any of these CharFlag bits are separators
    enum class Prepend { Always, First, Never } prepend = Prepend::Never;
    bool split = true;                ///< Metaspace
  };
  friend class PreTokenizerReader;

  Status step(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const;
  Status split(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const;
  Status rewrite(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const;
  Status metaspace(std::size_t k, const AlignedText& text, bool track, WordSink& sink) const;

  std::vector<Step> m_steps;
};

}  // namespace retort::text
