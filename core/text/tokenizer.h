// Text to token ids and back, as the model's own tokenizer file says; interpreted, never guessed by family.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace retort::text {

using TokenId = std::int32_t;

/// A GGUF vocabulary (tokenizer.ggml.*), as core/models reads it.
struct GgufVocabulary {
  std::string model;                       ///< "gpt2" (byte-level BPE) | "llama" (SentencePiece)
  std::string pre;                         ///< name of the pre-tokenizer: "smollm", "llama-bpe", "qwen2" …
  std::vector<std::string> tokens;
  std::vector<float> scores;               ///< may be empty
  std::vector<std::int32_t> types;         ///< 1 normal 2 unknown 3 control 4 user 5 unused 6 byte; may be empty
  std::vector<std::string> merges;         ///< "a b"
  TokenId bos = -1, eos = -1, unknown = -1, padding = -1;
  bool addSpacePrefix = true;              ///< of "llama"
};

struct EncodeOptions {
  bool special = false;                    ///< true: special (control) tokens written in the text count as such; false: text is data
};

/// A stretch of text and whether a template wrote it. Only template bytes may become special tokens.
struct Piece {
  std::string_view text;
  bool fromTemplate = false;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Ids without BOS/EOS. Error "text.tokenizer.limit" when the text is too long (256 MiB) or a regular expression hits its limits.
  [[nodiscard]] virtual Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options = {}) const = 0;
  /// The ids of the pieces' concatenation, tokenised as one text, where special tokens are recognised only inside template
  /// pieces; `ends` (if given) receives for each id the byte offset in the concatenation where it ends.
  [[nodiscard]] virtual Result<std::vector<TokenId>> encodePieces(std::span<const Piece> pieces, std::vector<std::size_t>* ends = nullptr) const = 0;
  /// Bytes of the ids; special tokens left out unless `special`. May end inside a UTF-8 sequence.
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> ids, bool special = false) const = 0;
  /// The bytes one token stands for in the middle of a text (specials: their name).
  [[nodiscard]] virtual std::string tokenBytes(TokenId id) const = 0;
  /// The token as its vocabulary writes it ("Ġthe", "<|im_end|>").
  [[nodiscard]] virtual std::string_view tokenText(TokenId id) const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  [[nodiscard]] virtual bool isSpecial(TokenId id) const = 0;
  [[nodiscard]] virtual TokenId idOf(std::string_view tokenText) const = 0;   ///< -1 when absent
};

/// From the bytes of a tokenizer.json (Hugging Face). A part that is not supported is named.
Result<std::shared_ptr<const Tokenizer>> tokenizerFromJson(std::string_view json, std::string_view where);
Result<std::shared_ptr<const Tokenizer>> tokenizerFromGguf(const GgufVocabulary& vocabulary, std::string_view where);
/// A tokenizer.json that means the same as a GGUF vocabulary (transformers loads it and gives the same ids).
Result<std::string> tokenizerJsonFromGguf(const GgufVocabulary& vocabulary);
/// The reverse: the GGUF vocabulary of a byte-level BPE or SentencePiece tokenizer.json; `pre` is found from its regular expression.
Result<GgufVocabulary> ggufFromTokenizerJson(std::string_view json, std::string_view where);

}  // namespace retort::text
