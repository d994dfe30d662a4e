// Test help: small tokenizer.json files of our own, for every model and the parts around it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/byte_alphabet.h"

namespace retort::test {

inline Json sampleDocument(Json model) {
  return {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", Json::array()}, {"normalizer", nullptr}, {"pre_tokenizer", nullptr}, {"post_processor", nullptr}, {"decoder", nullptr}, {"model", std::move(model)}};
}

inline void addToken(Json& document, int id, std::string content, bool special, bool lstrip = false, bool rstrip = false, bool singleWord = false, bool normalized = false) {
  document["added_tokens"].push_back({{"id", id}, {"content", std::move(content)}, {"single_word", singleWord}, {"lstrip", lstrip}, {"rstrip", rstrip}, {"normalized", normalized}, {"special", special}});
}

/// A vocabulary of the given entries in order, and merges of neighbours given as "a b".
inline Json bpeModel(const std::vector<std::string>& entries, const std::vector<std::string>& merges) {
  Json vocabulary = Json::object();
  for (const std::string& entry : entries) vocabulary[entry] = vocabulary.size();
  Json list = Json::array();
  for (const std::string& merge : merges) {
    const std::size_t space = merge.find(' ');
    const std::string joined = merge.substr(0, space) + merge.substr(space + 1);
    if (!vocabulary.contains(joined)) vocabulary[joined] = vocabulary.size();
    list.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  return {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr}, {"end_of_word_suffix", nullptr}, {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false}, {"vocab", vocabulary}, {"merges", list}};
}

inline std::vector<std::string> byteLetters() {
  std::vector<std::string> out;
  for (unsigned b = 0; b < 256; ++b) out.emplace_back(text::letterOfByte(static_cast<unsigned char>(b)));
  return out;
}

inline const std::vector<std::string> kEnglishMerges = {"h e", "l l", "he ll", "hell o", "\xC4\xA0 t", "\xC4\xA0t he", "o r", "W or", "l d", "Wor ld", "1 2", "\xC4\xA0 \xC4\xA0", "\xC4\x8A \xC4\x8A", "o f", "\xC4\xA0 of", "' s", "i z"};

inline std::string byteBpeWithPattern(const std::string& pattern) {
  Json document = sampleDocument(bpeModel(byteLetters(), kEnglishMerges));
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}};
  document["decoder"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  return document.dump();
}

inline std::vector<std::pair<std::string, std::string>> byteLevelSamples() {
  std::vector<std::pair<std::string, std::string>> out;
  const Json decoder = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  Json document = sampleDocument(bpeModel(byteLetters(), kEnglishMerges));
  document["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
  document["decoder"] = decoder;
  const int next = static_cast<int>(document["model"]["vocab"].size());
  addToken(document, next, "</s>", true);
  addToken(document, next + 1, "<mask>", true, true);
  addToken(document, next + 2, "model", false, false, true, true);
  document["post_processor"] = {{"type", "RobertaProcessing"}, {"sep", {"</s>", next}}, {"cls", {"<mask>", next + 1}}, {"trim_offsets", true}, {"add_prefix_space", true}};
  out.emplace_back("byte level with prefix and added tokens", document.dump());
  // o200k-like regular expression, which has no scanner
  out.emplace_back("byte level with a regular expression of its own",
                   byteBpeWithPattern(R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"));
  out.emplace_back("byte level with words of letters and marks", byteBpeWithPattern(R"(\p{N}| ?[\p{L}\p{M}]+| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\w+|\W|\s+)"));
  for (const char* behavior : {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"})
    for (const bool invert : {false, true}) {
      Json split = sampleDocument(bpeModel(byteLetters(), kEnglishMerges));
      split["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Replace"}, {"pattern", {{"Regex", "o+"}}}, {"content", "0 0"}}, {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}}}}};
      split["pre_tokenizer"] = {{"type", "Sequence"},
                                {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", R"(\s|[0-9]{2})"}}}, {"behavior", behavior}, {"invert", invert}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}}}};
      split["decoder"] = decoder;
      out.emplace_back(std::string("split ") + behavior + (invert ? " inverted" : ""), split.dump());
    }
  Json literal = sampleDocument(bpeModel(byteLetters(), kEnglishMerges));
  literal["normalizer"] = {{"type", "NFKC"}};
  literal["pre_tokenizer"] = {{"type", "Sequence"},
                              {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"String", "el"}}}, {"behavior", "MergedWithNext"}, {"invert", false}}, {{"type", "Digits"}, {"individual_digits", false}},
                                                 {{"type", "Punctuation"}, {"behavior", "Contiguous"}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}}}}};
  literal["decoder"] = decoder;
  out.emplace_back("literal split, digits, punctuation", literal.dump());
  return out;
}

inline std::vector<std::pair<std::string, std::string>> sentencePieceSamples() {
  std::vector<std::pair<std::string, std::string>> out;
  const std::string bar = "\xE2\x96\x81";
  std::vector<std::string> entries = {"<unk>", "<s>", "</s>"};
  for (unsigned b = 0; b < 256; ++b) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", b);
    entries.emplace_back(name);
  }
  for (const char c : std::string("abcdefghijklmnoprstuvwxyzHWT0123456789.'")) entries.emplace_back(1, c);
  entries.push_back(bar);
  entries.push_back("\xC3\xA9");
  const std::vector<std::string> merges = {bar + " t", "h e", bar + "t he", "l l", "l o", "he l", "hel lo", bar + " " + bar, bar + bar + " " + bar + bar, "o r", "W or", "1 2"};
  for (const bool fallback : {true, false}) {
    Json document = sampleDocument(bpeModel(entries, merges));
    document["model"]["unk_token"] = "<unk>";
    document["model"]["byte_fallback"] = fallback;
    document["model"]["fuse_unk"] = fallback;
    document["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", bar}}, {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", bar}}}}};
    document["decoder"] = {{"type", "Sequence"},
                           {"decoders", {{{"type", "Replace"}, {"pattern", {{"String", bar}}}, {"content", " "}}, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}, {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
    addToken(document, 0, "<unk>", true);
    addToken(document, 1, "<s>", true, false, false, false, true);
    addToken(document, 2, "</s>", true);
    out.emplace_back(fallback ? "sentencepiece bpe with byte fallback" : "sentencepiece bpe with unknown tokens", document.dump());
    for (const char* scheme : {"always", "first", "never"}) {
      Json metaspace = document;
      metaspace["normalizer"] = nullptr;
      metaspace["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", bar}, {"prepend_scheme", scheme}, {"split", fallback}};
      metaspace["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Metaspace"}, {"replacement", bar}, {"prepend_scheme", scheme}, {"split", true}}}}};
      out.emplace_back(std::string("metaspace ") + scheme + (fallback ? "" : " without fallback"), metaspace.dump());
    }
  }
  Json vocabulary = Json::array({{"<unk>", 0.0}, {"<s>", 0.0}, {"</s>", 0.0}, {bar, -2.0}, {bar + "the", -3.0}, {bar + "hello", -6.5}, {"hell", -5.0}, {"o", -4.0}, {"lo", -4.5}, {"he", -4.2}, {"l", -4.1}, {"h", -5.1}, {"e", -3.9},
                                 {"wor", -7.0}, {"W", -6.0}, {"or", -5.0}, {"ld", -5.2}, {"d", -4.4}, {"r", -4.3}, {"t", -4.0}, {"s", -4.0}, {"'", -5.0}, {"1", -5.0}, {"12", -6.0}, {"2", -5.0}, {"3", -5.5}, {"\xC3\xA9", -6.0}, {"\xE4\xB8\xAD", -8.0}, {"a", -3.5}, {"m", -4.8}});
  for (const bool fallback : {false, true}) {
    if (fallback)
      for (unsigned b = 0; b < 256; ++b) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", b);
        vocabulary.push_back({name, -12.0});
      }
    Json document = sampleDocument({{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocabulary}, {"byte_fallback", fallback}});
    document["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFKC"}}, {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}}}}};
    document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, {{"type", "Metaspace"}, {"replacement", bar}, {"prepend_scheme", "always"}, {"split", true}}}}};
    document["decoder"] = {{"type", "Metaspace"}, {"replacement", bar}, {"prepend_scheme", "always"}, {"split", true}};
    if (fallback) document["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, document["decoder"]}}};
    addToken(document, 1, "<s>", true);
    addToken(document, 2, "</s>", true, false, true);
    document["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}}}, {"pair", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "B"}, {"type_id", 1}}}}}},
                                  {"special_tokens", {{"</s>", {{"id", "</s>"}, {"ids", {2}}, {"tokens", {"</s>"}}}}}}};
    out.emplace_back(fallback ? "unigram with byte fallback" : "unigram", document.dump());
  }
  return out;
}

inline std::vector<std::pair<std::string, std::string>> wordPieceSamples() {
  std::vector<std::pair<std::string, std::string>> out;
  std::vector<std::string> entries = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##llo", "he", "world", "the", "to", "##ken", "##izers", "of", "model", "i", "##s", "e", "##e", "a", "s", "##m", "42", "123", "##45", "##67", ".", "!", "?", ",", "'", "_", "\xE4\xB8\xAD", "\xE6\x96\x87", "x", "world", "World", "Hello"};
  Json vocabulary = Json::object();
  for (const std::string& entry : entries)
    if (!vocabulary.contains(entry)) vocabulary[entry] = vocabulary.size();
  for (const bool lowercase : {true, false}) {
    Json document = sampleDocument({{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 20}, {"vocab", vocabulary}});
    document["normalizer"] = {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"strip_accents", nullptr}, {"lowercase", lowercase}};
    document["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
    document["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", lowercase}};
    document["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
    for (int id = 0; id < 5; ++id) addToken(document, id, entries[static_cast<std::size_t>(id)], true);
    out.emplace_back(lowercase ? "wordpiece lower case" : "wordpiece", document.dump());
  }
  Json plain = sampleDocument({{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100}, {"vocab", vocabulary}});
  plain["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFD"}}, {{"type", "Lowercase"}}, {{"type", "StripAccents"}}}}};
  plain["pre_tokenizer"] = {{"type", "Whitespace"}};
  plain["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  addToken(plain, 1, "[UNK]", true);
  out.emplace_back("wordpiece with whitespace and stripped accents", plain.dump());
  return out;
}

inline std::vector<std::pair<std::string, std::string>> tokenizerSamples() {
  auto out = byteLevelSamples();
  for (auto& sample : sentencePieceSamples()) out.push_back(std::move(sample));
  for (auto& sample : wordPieceSamples()) out.push_back(std::move(sample));
  return out;
}

}  // namespace retort::test
