// Tokenizers from a tokenizer.json: each part is read by its own reader, and the model is built here.
#include "text/bpe.h"
#include "text/json_fields.h"
#include "text/tokenizer_error.h"
#include "text/tokenizer_file.h"
#include "text/tokenizer_pipeline.h"
#include "text/unigram.h"
#include "text/wordpiece.h"

namespace retort::text {
namespace {

/// Tokens that text may become: all but the special ones, which only a template may write.
std::vector<bool> dataTokens(const TokenizerFile& file) {
  std::vector<bool> data(file.tokens.size(), true);
  for (const AddedToken& token : file.added)
    if (token.special) data[static_cast<std::size_t>(token.id)] = false;
  return data;
}

Result<std::unique_ptr<TokenizerModel>> bpeModel(const TokenizerFile& file, const TokenTable& tokens, bool rawBytes, std::string_view where) {
  const Json& model = file.model();
  if (const Json* dropout = fieldOf(model, "dropout"); dropout && dropout->is_number() && dropout->get<double>() > 0)
    return unsupportedPart("BPE field", "dropout", where);
  for (const std::string_view field : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!stringField(model, field).empty()) return unsupportedPart("BPE field", field, where);
  std::vector<Merge> merges;
  merges.reserve(file.merges.size());
  for (const auto& [left, right] : file.merges) {
    Merge merge;
    if (!mergeOf(tokens, left, right, static_cast<std::uint32_t>(merges.size()), merge))
      return badTokenizer("the merge of " + shown(left) + " and " + shown(right) + " is not in its vocabulary", where);
    merges.push_back(merge);
  }
  const std::string unknown = stringField(model, "unk_token");
  BpeOptions options{.byteLevel = rawBytes,
                     .ignoreMerges = boolField(model, "ignore_merges", false),
                     .byteFallback = boolField(model, "byte_fallback", false),
                     .fuseUnknown = boolField(model, "fuse_unk", false),
                     .unknown = unknown.empty() ? -1 : tokens.find(unknown)};
  return std::unique_ptr<TokenizerModel>(std::make_unique<BpeModel>(tokens, merges, dataTokens(file), options));
}

Result<std::unique_ptr<TokenizerModel>> makeModel(const TokenizerFile& file, const TokenTable& tokens, bool rawBytes, std::string_view where) {
  const Json& model = file.model();
  if (file.modelType == "BPE") return bpeModel(file, tokens, rawBytes, where);
  if (file.modelType == "Unigram") {
    const Json* unknown = fieldOf(model, "unk_id");
    const bool known = unknown && unknown->is_number_unsigned() && unknown->get<std::uint64_t>() < file.tokens.size();
    if (unknown && !known) return badTokenizer("its unk_id is no token", where);
    return std::unique_ptr<TokenizerModel>(std::make_unique<UnigramModel>(tokens, file.scores, file.scores.size(), dataTokens(file),
                                                                         known ? unknown->get<TokenId>() : -1, boolField(model, "byte_fallback", false)));
  }
  if (file.modelType == "WordPiece") {
    const Json* most = fieldOf(model, "max_input_chars_per_word");
    const std::size_t limit = most && most->is_number_unsigned() ? most->get<std::size_t>() : 100;
    return std::unique_ptr<TokenizerModel>(std::make_unique<WordPieceModel>(tokens, dataTokens(file), tokens.find(stringField(model, "unk_token", "[UNK]")),
                                                                           stringField(model, "continuing_subword_prefix", "##"), std::min<std::size_t>(limit, 1000)));
  }
  return unsupportedPart("model", file.modelType, where);
}

/// The post-processor adds tokens around a text, which encode() never does; it must still be one we know.
Status checkPostProcessor(const Json& json, std::string_view where) {
  if (json.is_null()) return {};
  std::vector<const Json*> todo{&json};
  while (!todo.empty()) {
    const Json* part = todo.back();
    todo.pop_back();
    const std::string type = typeOf(*part);
    if (type == "Sequence") {
      if (const Json* list = fieldOf(*part, "processors"); list && list->is_array())
        for (const Json& inner : *list) todo.push_back(&inner);
    } else if (type != "TemplateProcessing" && type != "ByteLevel" && type != "BertProcessing" && type != "RobertaProcessing") {
      return unsupportedPart("post-processor", type, where);
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> tokenizerFromJson(std::string_view json, std::string_view where) {
  RETORT_TRY(TokenizerFile file, readTokenizerFile(json, where));
  TokenizerParts parts;
  parts.where = where;
  const Json& pre = file.part("pre_tokenizer");
  const bool rawBytes = file.modelType == "BPE" && !boolField(file.model(), "byte_fallback", false) && PreTokenizer::endsInByteLevel(pre);
  RETORT_TRY(parts.normalizer, Normalizer::fromJson(file.part("normalizer"), where));
  RETORT_TRY(parts.preTokenizer, PreTokenizer::fromJson(pre, rawBytes, where));
  RETORT_TRY(parts.decoder, TokenDecoder::fromJson(file.part("decoder"), where));
  RETORT_CHECK(checkPostProcessor(file.part("post_processor"), where));
  parts.tokens = std::make_unique<TokenTable>(file.tokens);
  RETORT_TRY(parts.model, makeModel(file, *parts.tokens, rawBytes, where));
  parts.added = std::move(file.added);
  return makeTokenizer(std::move(parts));
}

}  // namespace retort::text
