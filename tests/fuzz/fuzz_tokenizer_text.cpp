// Fuzz target: any bytes as text for a byte-level tokenizer (the first byte picks its regular expression, the second a cut into
// pieces): decoding gives the bytes back, pieces give the ids of the whole, offsets are those of the tokens' bytes.
// links: text
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "text/bpe_trainer.h"
#include "text/tokenizer.h"

namespace {

using namespace retort;
using namespace retort::text;

std::shared_ptr<const Tokenizer> make(std::string_view pre) {
  const auto json = trainByteBpe({"the cat sat on the mat", "it's 1234 o'clock\r\n\r\n", "we'll see   the end ..."}, 300, {"<|end|>"});
  if (!json.ok()) std::abort();
  auto vocabulary = ggufFromTokenizerJson(*json, "fuzz");
  if (!vocabulary.ok()) std::abort();
  vocabulary->pre = pre;
  auto made = tokenizerFromGguf(*vocabulary, "fuzz");
  if (!made.ok()) std::abort();
  return std::move(made).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array tokenizers = {make("gpt-2"), make("smollm"), make("llama-bpe"), make("default")};
  if (size < 2) return 0;
  const Tokenizer& tokenizer = *tokenizers[data[0] % tokenizers.size()];
  const std::string_view text(reinterpret_cast<const char*>(data + 2), size - 2);
  const std::size_t cut = text.empty() ? 0 : data[1] % text.size();
  const Piece pieces[] = {{text.substr(0, cut), false}, {text.substr(cut), false}};
  std::vector<std::size_t> ends;
  const auto whole = tokenizer.encode(text);
  const auto parts = tokenizer.encodePieces(pieces, &ends);
  if (!whole.ok() || !parts.ok() || *whole != *parts || ends.size() != parts->size()) std::abort();
  if (tokenizer.decode(*whole) != text) std::abort();
  std::size_t offset = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    offset += tokenizer.tokenBytes((*parts)[i]).size();
    if (offset != ends[i] || tokenizer.isSpecial((*parts)[i])) std::abort();
  }
  const auto special = tokenizer.encode(text, {.special = true});
  if (!special.ok() || tokenizer.decode(*special, true) != text) std::abort();
  return 0;
}
