// Tokenizers from GGUF vocabularies: byte-level BPE by the name of its pre-tokenizer, and SentencePiece by its scores.
#include <cmath>

#include "text/bpe.h"
#include "text/gguf_parts.h"
#include "text/gguf_pretokenizers.h"
#include "text/tokenizer_error.h"
#include "text/tokenizer_pipeline.h"

namespace retort::text {

Status checkGgufVocabulary(const GgufVocabulary& v, std::string_view where) {
  if (v.tokens.empty()) return badTokenizer("its vocabulary is empty", where);
  if (v.tokens.size() > kMaxTokens) return badTokenizer("its vocabulary has more than 4 million tokens", where);
  if (!v.types.empty() && v.types.size() != v.tokens.size()) return badTokenizer("it has not as many token types as tokens", where);
  if (!v.scores.empty() && v.scores.size() != v.tokens.size()) return badTokenizer("it has not as many scores as tokens", where);
  if (v.merges.size() > kMaxTokens * 2) return badTokenizer("it has more than 8 million merges", where);
  for (std::size_t i = 0; i < v.tokens.size(); ++i)
    if (v.tokens[i].size() > kMaxTokenBytes) return badTokenizer("token " + std::to_string(i) + " is longer than 64 KiB", where);
  for (const float score : v.scores)
    if (!std::isfinite(score)) return badTokenizer("a score is not a finite number", where);
  return {};
}

int ggufTokenType(const GgufVocabulary& v, std::size_t id) {
  if (!v.types.empty()) return v.types[id];
  const auto is = [&](TokenId token) { return token >= 0 && static_cast<std::size_t>(token) == id; };
  return is(v.unknown) ? kGgufUnknown : is(v.bos) || is(v.eos) || is(v.padding) ? kGgufControl : kGgufNormal;
}

std::vector<AddedToken> ggufAddedTokens(const GgufVocabulary& v) {
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < v.tokens.size(); ++i) {
    const int type = ggufTokenType(v, i);
    if (type != kGgufUnknown && type != kGgufControl && type != kGgufUser) continue;
    if (!v.tokens[i].empty()) added.push_back({.id = static_cast<TokenId>(i), .content = v.tokens[i], .special = type != kGgufUser});
  }
  return added;
}

Json spmNormalizer(bool addSpacePrefix) {
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}};
  if (!addSpacePrefix) return replace;
  return {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}}, replace}}};
}

Json spmDecoder(bool addSpacePrefix) {
  Json steps = Json::array({{{"type", "Replace"}, {"pattern", {{"String", "\xE2\x96\x81"}}}, {"content", " "}}, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  if (addSpacePrefix) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", steps}};
}

namespace {

/// Tokens that text may become: not control, unknown or unused ones, and not the byte tokens, which only stand in.
std::vector<bool> dataTokens(const GgufVocabulary& v) {
  std::vector<bool> data(v.tokens.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const int type = ggufTokenType(v, i);
    data[i] = type == kGgufNormal || type == kGgufUser;
  }
  return data;
}

Result<TokenizerParts> byteBpe(const GgufVocabulary& v, TokenizerParts parts) {
  const auto pre = ggufPreTokenizer(v.pre);
  if (!pre) return unsupportedPart("GGUF pre-tokenizer", v.pre, parts.where);
  RETORT_TRY(parts.normalizer, Normalizer::fromJson(pre->normalizer, parts.where));
  RETORT_TRY(parts.preTokenizer, PreTokenizer::fromJson(pre->preTokenizer, true, parts.where));
  RETORT_TRY(parts.decoder, TokenDecoder::fromJson({{"type", "ByteLevel"}}, parts.where));
  std::vector<Merge> merges;
  merges.reserve(v.merges.size());
  for (const std::string& text : v.merges) {
    const std::size_t space = text.find(' ', 1);
    Merge merge;
    if (space == text.npos) return badTokenizer("the merge " + shown(text) + " has no space between its two parts", parts.where);
    const std::string_view view = text;
    if (mergeOf(*parts.tokens, view.substr(0, space), view.substr(space + 1), static_cast<std::uint32_t>(merges.size()), merge)) merges.push_back(merge);
  }
  BpeOptions options{.byteLevel = true, .ignoreMerges = pre->ignoreMerges};
  parts.model = std::make_unique<BpeModel>(*parts.tokens, merges, dataTokens(v), options);
  return parts;
}

Result<TokenizerParts> sentencePiece(const GgufVocabulary& v, TokenizerParts parts) {
  if (v.scores.empty()) return badTokenizer("its SentencePiece vocabulary has no scores", parts.where);
  RETORT_TRY(parts.normalizer, Normalizer::fromJson(spmNormalizer(v.addSpacePrefix), parts.where));
  RETORT_TRY(parts.decoder, TokenDecoder::fromJson(spmDecoder(v.addSpacePrefix), parts.where));
  const std::vector<bool> data = dataTokens(v);
  RETORT_TRY(const std::vector<Merge> merges, mergesByScore(*parts.tokens, v.scores, data));
  const TokenId unknown = v.unknown >= 0 && static_cast<std::size_t>(v.unknown) < v.tokens.size() ? v.unknown : -1;
  BpeOptions options{.byteFallback = true, .fuseUnknown = true, .unknown = unknown};
  parts.model = std::make_unique<BpeModel>(*parts.tokens, merges, data, options);
  return parts;
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> tokenizerFromGguf(const GgufVocabulary& vocabulary, std::string_view where) {
  RETORT_CHECK(checkGgufVocabulary(vocabulary, where));
  TokenizerParts parts;
  parts.where = where;
  parts.tokens = std::make_unique<TokenTable>(vocabulary.tokens);
  parts.added = ggufAddedTokens(vocabulary);
  if (vocabulary.model != "gpt2" && vocabulary.model != "llama") return unsupportedPart("GGUF vocabulary type", vocabulary.model, where);
  RETORT_TRY(TokenizerParts whole, vocabulary.model == "gpt2" ? byteBpe(vocabulary, std::move(parts)) : sentencePiece(vocabulary, std::move(parts)));
  return makeTokenizer(std::move(whole));
}

}  // namespace retort::text
