// The table of pre-tokenizer names that GGUF files use.
#include "text/gguf_pretokenizers.h"

#include <array>

#include "base/format.h"
#include "text/scanner.h"

namespace retort::text {
namespace {

struct Name {
  std::string_view alias, name;
};
constexpr std::array kNames = {
    Name{"gpt-2", "gpt-2"}, Name{"gpt2", "gpt-2"}, Name{"phi-2", "gpt-2"}, Name{"jina-es", "gpt-2"}, Name{"jina-de", "gpt-2"}, Name{"mpt", "gpt-2"},
    Name{"olmo", "gpt-2"}, Name{"jais", "gpt-2"}, Name{"exaone4", "gpt-2"},
    Name{"smollm", "smollm"}, Name{"starcoder", "smollm"}, Name{"refact", "smollm"}, Name{"command-r", "smollm"}, Name{"codeshell", "smollm"}, Name{"exaone", "smollm"},
    Name{"llama-bpe", "llama-bpe"}, Name{"llama3", "llama-bpe"}, Name{"llama-v3", "llama-bpe"}, Name{"falcon3", "llama-bpe"},
    Name{"dbrx", "dbrx"}, Name{"smaug-bpe", "dbrx"},
    Name{"qwen2", "qwen2"}, Name{"default", "default"},
};

Json split(std::string_view pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", std::string(pattern)}}}, {"behavior", "Isolated"}, {"invert", false}};
}
Json byteLevel(bool useRegex) { return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", useRegex}}; }
Json sequence(std::vector<Json> parts) { return {{"type", "Sequence"}, {"pretokenizers", std::move(parts)}}; }

}  // namespace

std::optional<GgufPreTokenizer> ggufPreTokenizer(std::string_view alias) {
  std::string name;
  for (const Name& known : kNames)
    if (known.alias == alias) name = known.name;
  if (name == "gpt-2") return GgufPreTokenizer{name, nullptr, byteLevel(true), false};
  if (name == "smollm") return GgufPreTokenizer{name, nullptr, sequence({{{"type", "Digits"}, {"individual_digits", true}}, byteLevel(true)}), false};
  if (name == "llama-bpe") return GgufPreTokenizer{name, nullptr, sequence({split(patternOf(ScanRule::Llama3)), byteLevel(false)}), true};
  if (name == "dbrx") return GgufPreTokenizer{name, nullptr, sequence({split(patternOf(ScanRule::Llama3)), byteLevel(false)}), false};
  if (name == "qwen2") return GgufPreTokenizer{name, {{"type", "NFC"}}, sequence({split(patternOf(ScanRule::Qwen2)), byteLevel(false)}), false};
  if (name == "default")
    return GgufPreTokenizer{name, nullptr,
                            sequence({split(R"([\p{P}\$\+<=>\^~\|]+)"),
                                      split(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"), split(R"(\p{N}+)"),
                                      split("[0-9][0-9][0-9]"), byteLevel(false)}),
                            false};
  return std::nullopt;
}

std::vector<std::string> ggufPreTokenizerNames() { return {"smollm", "gpt-2", "llama-bpe", "dbrx", "qwen2"}; }

}  // namespace retort::text
