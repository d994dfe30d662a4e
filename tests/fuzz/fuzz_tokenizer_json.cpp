// Fuzz target: any bytes as a tokenizer.json; what loads must encode and decode without harm, and offsets must stay in order.
// links: text
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace retort::text;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto vocabulary = ggufFromTokenizerJson(bytes, "fuzz"); vocabulary.ok()) {
    (void)tokenizerFromGguf(*vocabulary, "fuzz");
    (void)tokenizerJsonFromGguf(*vocabulary);
  }
  const auto tokenizer = tokenizerFromJson(bytes, "fuzz");
  if (!tokenizer.ok()) return 0;
  static constexpr std::string_view text = "Hello  world\r\n it's 1234 \xC3\xA9 e\xCC\x81 \xE4\xB8\xAD\xF0\x9F\x98\x80 \xFF </s><mask> [UNK]\t";
  const Piece pieces[] = {{text.substr(0, 20), true}, {text.substr(20), false}, {text, true}};
  std::vector<std::size_t> ends;
  const auto ids = (*tokenizer)->encodePieces(pieces, &ends);
  if (!ids.ok()) return 0;
  if (ends.size() != ids->size()) std::abort();
  for (std::size_t i = 0; i < ends.size(); ++i)
    if (ends[i] > text.size() * 2 || (i > 0 && ends[i] < ends[i - 1])) std::abort();
  for (const TokenId id : *ids)
    if (id < 0 || static_cast<std::size_t>(id) >= (*tokenizer)->size()) std::abort();
  (void)(*tokenizer)->decode(*ids, true);
  return 0;
}
